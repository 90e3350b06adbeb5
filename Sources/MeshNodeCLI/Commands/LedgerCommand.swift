internal import ArgumentParser
internal import MeshNode
internal import Wire

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Credits: who has them, where they went.",
        subcommands: [Balance.self, Transfer.self, Bond.self, Unbond.self, History.self])

    static func post(
        _ path: String, _ body: LedgerBody, _ global: GlobalArguments, _ order: OrderArguments,
        query: String = ""
    ) async throws {
        let receipt = try await global.client.post(path + query, APICoding.encode(body), as: Receipt.self)
        try await order.follow(receipt, global.client, global.output)
    }

    struct LedgerBody: Encodable {
        var to: String?
        var credits: UInt64?
        var target: Double?
        var nonce: String?
        var node: String?
        var stars: Int?
    }

    struct Balance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every account and escrow; the total never changes.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let ledger = try await global.read("/v1/ledger", as: LedgerView.self) { $0.ledger() }
            global.output.show(ledger, text: LedgerText.balances)
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Moves credits of this node to another account.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @OptionGroup var second: SecondOrderArguments
        @Argument(help: "The account: a node id, or the first digits of one that is known.") var to: String
        @Argument(help: "Credits.", transform: NumberArgument.credits) var credits: UInt64

        func run() async throws {
            try await LedgerCommand.post(
                "/v1/ledger/transfer", .init(to: to, credits: credits), global, order, query: second.query)
        }
    }

    struct Bond: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Puts credits up as a validator of the registry.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @OptionGroup var second: SecondOrderArguments
        @Argument(help: "Credits.", transform: NumberArgument.credits) var credits: UInt64

        func run() async throws {
            try await LedgerCommand.post("/v1/ledger/bond", .init(credits: credits), global, order, query: second.query)
        }
    }

    struct Unbond: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a validator's credits back; they return after the network's evidence window.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @OptionGroup var second: SecondOrderArguments
        @Argument(help: "Credits.", transform: NumberArgument.credits) var credits: UInt64

        func run() async throws {
            try await LedgerCommand.post(
                "/v1/ledger/unbond", .init(credits: credits), global, order, query: second.query)
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every change of an account, oldest first.")
        @OptionGroup var global: GlobalArguments
        @Option(help: "The account, or the first digits of it; this node without it.") var node: String?

        func run() async throws {
            let query = node.map { "?node=\(NodeClient.part($0))" } ?? ""
            let lines = try await global.read("/v1/ledger/history\(query)", as: [LedgerLine].self) {
                try $0.ledgerHistory(of: node)
            }
            global.output.show(lines, empty: "nothing has changed this account yet") { lines in
                Table.text(
                    ["HEIGHT", "TIME", "WHAT", "CREDITS", "TASK", "OTHER"],
                    lines.map {
                        [
                            "\($0.height)", Text.time($0.timeMs), $0.kind, "\($0.credits)", Text.short($0.task),
                            Text.node($0.other),
                        ]
                    })
            }
        }
    }
}

struct RevealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reveal",
        abstract: "Opens the committed target of a task that this node published, after its end.")
    @OptionGroup var global: GlobalArguments
    @OptionGroup var order: OrderArguments
    @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
    @Argument(help: "The accuracy that was committed to.", transform: NumberArgument.share) var target: Double
    @Argument(help: "The nonce that `task commit` printed.") var nonce: String

    func run() async throws {
        try await LedgerCommand.post(
            "/v1/tasks/\(NodeClient.part(task))/reveal", .init(target: target, nonce: nonce), global, order)
    }
}

struct RateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rate",
        abstract: "Rates a member of a paid task that this node published; once, for everybody to see.")
    @OptionGroup var global: GlobalArguments
    @OptionGroup var order: OrderArguments
    @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
    @Argument(help: "The member, or the first digits of it.") var node: String
    @Argument(help: "1 (bad) to 5 (good).", transform: NumberArgument.stars) var stars: Int

    func run() async throws {
        try await LedgerCommand.post(
            "/v1/tasks/\(NodeClient.part(task))/ratings", .init(node: node, stars: stars), global, order)
    }
}

struct ContributorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contributors", abstract: "What each node did for all paid tasks; the same on every node.")
    @OptionGroup var global: GlobalArguments

    func run() async throws {
        let table = try await global.read("/v1/contributors", as: [ContributorView].self) { $0.contributors() }
        global.output.show(table, empty: "no task has been paid out yet") { table in
            Table.text(
                ["NODE", "TASKS", "ROUNDS", "AGGREGATED", "CREDITS", "BONDS LOST", "REPUTATION", "STARS"],
                table.map {
                    [
                        Text.node($0.node), "\($0.tasks)", "\($0.rounds)/\($0.offered)", "\($0.aggregated)",
                        "\($0.credits)", "\($0.slashes)", Text.fixed($0.reputation, 3),
                        $0.stars.map { Text.fixed($0, 1) } ?? Text.unknown,
                    ]
                })
        }
    }
}

enum LedgerText {
    static func balances(_ ledger: LedgerView) -> String {
        let accounts = Table.text(
            ["ACCOUNT", "BALANCE", "WITH TASKS", "VALIDATOR BOND", "UNBONDING", ""],
            ledger.accounts.map {
                [
                    Text.node($0.node), "\($0.balance)", "\($0.bonded)", "\($0.validatorBond)", "\($0.unbonding)",
                    $0.isSelf ? "this node" : "",
                ]
            })
        let releases = ledger.accounts.flatMap { account in
            account.releases.map {
                "unbonding of \(Text.node(account.node)): \($0.credits) come back \(CalendarText.text($0.timeMs))"
            }
        }
        let escrows = ledger.escrows.map { escrow in
            "escrow of \(Text.short(escrow.task)) \"\(escrow.name.printable)\": \(escrow.credits)"
                + (escrow.payoutMs.map {
                    ", paid out \(escrow.isDated ? "" : "at the latest ")\(CalendarText.text($0))"
                } ?? ", what is left goes back to its publisher")
        }
        let deposits = ledger.deposits.map { deposit in
            "deposit for \(Text.short(deposit.task)) \"\(deposit.name.printable)\": \(deposit.credits), goes back to "
                + "\(Text.node(deposit.publisher)) when the task leaves the registry"
        }
        let reserve = ledger.accounts.reduce(0) { $0 + $1.reserve }
        let reserves = reserve == 0 ? [] : ["kept for the places of accounts: \(reserve)"]
        return
            ([accounts] + releases + escrows + deposits + reserves + [
                "total \(ledger.total), of it lost by evidence \(ledger.burned)"
            ])
            .joined(separator: "\n")
    }
}
