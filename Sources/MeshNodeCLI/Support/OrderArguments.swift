internal import ArgumentParser
internal import MeshNode
internal import Wire

/// How long a command waits for the registry block that decides its order.
struct OrderArguments: ParsableArguments {
    @Option(
        help: "Seconds to wait until the registry has decided it; 60 on a terminal, else 0. Exit code 75 if it has not."
    )
    var wait: Int?

    private var seconds: Int { wait ?? (Terminal.errorIsTerminal ? 60 : 0) }

    /// Shows the receipt of an order and, where it waits, the block that decided it.
    ///
    /// - Throws: `CommandFailure` with code 75 when it is not decided in time or cannot be any more.
    func follow(_ receipt: Receipt, _ client: NodeClient, _ output: Output) async throws {
        guard let height = receipt.height, seconds > 0 else { return output.show(receipt, text: \.text) }
        output.note(receipt.text)
        guard let block = try await decided(receipt.reference, after: height, client) else { return }
        output.show(
            Receipt(reference: receipt.reference, text: "decided in registry block \(block)", height: block),
            text: \.text)
    }

    /// Returns once a registry block holds the transaction.
    ///
    /// - Parameter height: of the registry when it was sent.
    /// - Returns: the block's height; nil where nobody wants to wait.
    func decided(_ transaction: String, after height: UInt64, _ client: NodeClient) async throws -> UInt64? {
        guard seconds > 0 else { return nil }
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
                    "not decided within \(seconds) s: \(reason); the order stays pending, look with: "
                        + "`meshnode status --home \(client.home.shellWord)`")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
