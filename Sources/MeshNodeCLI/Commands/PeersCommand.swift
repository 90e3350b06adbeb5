internal import ArgumentParser
internal import MeshNode

struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers", abstract: "Nodes that this node knows; ban or allow one.",
        subcommands: [List.self, Ban.self, Allow.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Nodes that this node knows.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let peers = try await global.client.get("/v1/peers", as: [PeerView].self)
            global.output.show(peers, empty: "no peers yet") { peers in
                Table.text(
                    ["NODE", "NAME", "STATE", "LINK", "RTT MS", "SCORE", "MESHES", "IN", "OUT", "ADDRESSES"],
                    peers.map { peer in
                        [
                            Text.short(peer.node), peer.name ?? Text.unknown, peer.state,
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
}
