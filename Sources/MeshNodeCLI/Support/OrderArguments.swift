internal import ArgumentParser
internal import MeshNode
internal import Synchronization
internal import Wire

#if canImport(Glibc)
    internal import Glibc
#endif

/// How long a command waits for the registry block that decides its order.
struct OrderArguments: ParsableArguments {
    @Option(
        help:
            "Seconds to wait until the registry has decided it; 60 on a terminal, else 0. Exit code 75 if it has not.",
        transform: NumberArgument.seconds)
    var wait: Int?

    private var seconds: Int { wait ?? (Terminal.errorIsTerminal ? 60 : 0) }

    /// Shows the receipt of an order and, where it waits, the block that decided it.
    ///
    /// - Throws: `CommandFailure` with code 75 when it is not decided in time or cannot be any more.
    func follow(_ receipt: Receipt, _ client: NodeClient, _ output: Output) async throws {
        guard let height = receipt.height, seconds > 0 else { return output.show(receipt, text: \.text) }
        let block = try await decided(receipt.reference, after: height, client) { output.note(receipt.text) }
        guard let block else { return }
        output.show(
            Receipt(reference: receipt.reference, text: "decided in registry block \(block)", height: block),
            text: \.text)
    }

    /// Returns once a registry block holds the transaction. Whoever stops waiting, by a signal too, is told that the order stays.
    ///
    /// - Parameters:
    ///   - height: of the registry when it was sent.
    ///   - begin: called when a signal ends the waiting in order.
    /// - Returns: the block's height; nil where nobody wants to wait.
    func decided(
        _ transaction: String, after height: UInt64, _ client: NodeClient, begin: @escaping @Sendable () -> Void = {}
    ) async throws -> UInt64? {
        let seconds = seconds
        guard seconds > 0 else { return nil }
        let found = Mutex<UInt64?>(nil)
        let signal = try await SignalStop.run([SIGINT, SIGTERM, SIGHUP]) {
            begin()
            let block = try await Self.block(of: transaction, after: height, within: seconds, client)
            found.withLock { $0 = block }
        }
        if let block = found.withLock({ $0 }) { return block }
        throw CommandFailure(
            signal.map { 128 + $0 } ?? ExitStatus.temporary,
            "interrupted, and the order was given: \(Self.stays("it", client))")
    }

    private static func stays(_ what: String, _ client: NodeClient) -> String {
        "\(what) stays pending and is executed when the registry decides it, look with: "
            + "`meshnode status --home \(client.home.shellWord)`"
    }

    private static func block(
        of transaction: String, after height: UInt64, within seconds: Int, _ client: NodeClient
    ) async throws -> UInt64? {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let view = try await client.get(
                "/v1/transactions/\(transaction)?after=\(height)", as: TransactionView.self)
            switch view.state {
            case .decided: return view.height
            case .gone:
                throw CommandFailure(
                    ExitStatus.temporary,
                    "the order became impossible: another one was decided before it; give it again")
            case .pending: break
            }
            guard ContinuousClock.now < end else {
                let status = try await client.get("/v1/node", as: NodeStatus.self)
                let reason = status.obstacles.first { $0.what == .registry }?.text ?? "no registry block came"
                throw CommandFailure(
                    ExitStatus.temporary,
                    "not decided within \(seconds) s: \(reason); \(stays("the order", client))")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// Of orders that spend something each time they are given.
struct SecondOrderArguments: ParsableArguments {
    @Flag(help: "Also where the same order of this node is pending, or its task has not ended: both are meant.")
    var again = false

    var query: String { again ? "?again=1" : "" }
}
