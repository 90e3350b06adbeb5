internal import Logging

/// Runs one node as a process does: links, API socket, orderly end.
public struct NodeRuntime: NodeRunner {
    public init() {}

    public func run(_ configuration: NodeConfiguration, home: HomeDirectory) async throws {
        let logger = Logger(label: "meshnode")
        let node = try Node(configuration: configuration, home: home, logger: logger)
        _ = try await node.start()
        let server = APIServer(service: node, socket: configuration.socket, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await node.run() }
            group.addTask { try await server.run() }
            group.addTask { await node.waitForShutdown() }
            // Whichever ends first, by request, signal or failure, ends the node.
            do {
                _ = try await group.next()
            } catch {
                await node.stop()
                group.cancelAll()
                throw error
            }
            await node.stop()
            group.cancelAll()
            while (try? await group.next()) != nil {}
        }
        if let reason = await node.haltReason { throw NodeError.halted(reason) }
    }
}
