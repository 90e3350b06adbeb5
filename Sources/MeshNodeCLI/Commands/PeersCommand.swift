internal import ArgumentParser
internal import MeshNode
internal import Wire

struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers", abstract: "Nodes that this node knows; ban, allow or name one.",
        subcommands: [List.self, Ban.self, Allow.self, Name.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Nodes that this node knows.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let peers = try await global.client.get("/v1/peers", as: [PeerView].self)
            global.output.show(peers, empty: "no peers yet") { peers in
                Table.text(
                    ["NODE", "STATE", "LINK", "RTT MS", "SCORE", "MESHES", "IN", "OUT", "ADDRESSES"],
                    peers.map { peer in
                        [
                            Text.node(peer.node), peer.state,
                            peer.direction ?? Text.unknown,
                            peer.roundTripMs.map { Text.fixed($0, 2) } ?? Text.unknown,
                            peer.score.map { Text.fixed($0, 1) } ?? Text.unknown, Text.number(peer.meshes),
                            Text.bytes(peer.bytesIn), Text.bytes(peer.bytesOut), peer.addresses.joined(separator: " "),
                        ]
                    })
            }
        }
    }

    struct Ban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cuts a node off and refuses it, also after a restart.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "The node, or the first digits of it.") var node: String

        func run() async throws {
            let receipt = try await global.client.post("/v1/peers/\(NodeClient.part(node))/ban", as: Receipt.self)
            global.output.show(receipt, text: \.text)
        }
    }

    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes a ban back.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "The node, or the first digits of it.") var node: String

        func run() async throws {
            let receipt = try await global.client.post("/v1/peers/\(NodeClient.part(node))/allow", as: Receipt.self)
            global.output.show(receipt, text: \.text)
        }
    }

    struct Name: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a node a name in what this home's commands print; without a name takes it away.",
            discussion: """
                Names stay on this machine, in the file `names` of the home. Tables and fields that are about one node then \
                say ward(8c41b044). Sentences, events, JSON and logs have ids alone: eight digits in them are no proof of a node.
                Example: meshnode peers name 8c41b044 ward
                """)
        @OptionGroup var global: GlobalArguments
        @Argument(help: "The node, or the first digits of one that is known here.") var node: String
        @Argument(help: "What it is called; 1 to 32 bytes without blanks.") var name: String?

        func run() async throws {
            if let name, let fault = NodeNames.fault(in: name) {
                throw CommandFailure(ExitStatus.usage, "\"\(name.printable)\" is no name: \(fault)")
            }
            let id = try await identifier()
            try NodeNames.set(id, to: name, in: global.homeDirectory)
            global.output.show(
                Receipt(
                    reference: id.hex,
                    text: name.map { "\(id.short) is called \($0) here" } ?? "\(id.short) has no name here any more"),
                text: \.text)
        }

        /// All 64 digits name a node that is not known here, too.
        private func identifier() async throws -> NodeID {
            if let id = NodeID(hex: node.lowercased()) { return id }
            let ledger = try await global.read("/v1/ledger", as: LedgerView.self) { $0.ledger() }
            let named = try NodeNames.read(global.homeDirectory)
            let known = ledger.accounts.map { account in
                (id: account.node, name: named.first { $0.node == account.node }?.name ?? "")
            }
            return try NameResolution.identifier(
                node, among: known, kind: "account", next: "give all 64 digits: `meshnode peers --json` has them",
                as: NodeID.self)
        }
    }
}
