internal import Logging

/// Runs one node as a process does: links, API socket, orderly end. After a full disk it runs a new one on the same home.
public struct NodeRuntime: NodeRunner {
    private enum End { case done, startAnew }

    private let log: LogSink?
    private let endsWithProcess: Bool

    /// - Parameters:
    ///   - log: where this process writes its log lines; the node's status counts what it lost.
    ///   - endsWithProcess: the process ends with its node, and holds the home until then.
    public init(log: LogSink? = nil, endsWithProcess: Bool = false) {
        self.log = log
        self.endsWithProcess = endsWithProcess
    }

    public func run(_ configuration: NodeConfiguration, home: HomeDirectory) async throws {
        while try await runOnce(configuration, home: home) == .startAnew {}
    }

    private func runOnce(_ configuration: NodeConfiguration, home: HomeDirectory) async throws -> End {
        let logger = Logger(label: "meshnode")
        var environment = NodeEnvironment.process
        if let log { environment.logLinesLost = { log.lost } }
        let node = try Node(configuration: configuration, home: home, logger: logger, environment: environment)
        _ = try await node.start()
        let server = APIServer(
            service: node, socket: configuration.socket, logger: logger, connections: node.files.connections)
        let end = try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                await node.run()
                // Its operator is to read why; only being asked to ends it.
                while await node.alarm != nil { try await Task.sleep(for: .seconds(3_600)) }
                guard await node.degraded != nil else { return .done }
                // The operator is still answered meanwhile.
                try await node.waitForRoom()
                return .startAnew
            }
            group.addTask {
                try await server.run()
                return .done
            }
            group.addTask {
                await node.waitForShutdown()
                return .done
            }
            // Whichever ends first, by request, signal or failure, ends the node.
            let end: End
            do {
                end = try await group.next() ?? .done
            } catch {
                await node.stop()
                group.cancelAll()
                throw error
            }
            await node.stop()
            group.cancelAll()
            while !group.isEmpty { _ = try? await group.next() }
            return end
        }
        if let reason = await node.haltReason { throw NodeError.halted(reason) }
        if end == .done, endsWithProcess { await node.keepHome() } else { await node.leaveHome() }
        return end
    }
}
