internal import ArgumentParser
internal import Chain
internal import MeshNode
internal import Wire

struct ChainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "Blocks of the registry and of tasks.",
        subcommands: [Head.self, Show.self, Verify.self, Replay.self, Export.self, Import.self])

    struct Head: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Heads of all chains; works without the node, too.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let heads: [ChainView]
            do {
                heads = try await global.client.api.get("/v1/chain", as: [ChainView].self)
            } catch APIError.unreachable {
                heads = try OfflineChains(global.homeDirectory).heads()
            }
            global.output.show(heads, empty: "no chain is stored here") { heads in
                Table.text(
                    ["CHAIN", "KIND", "NAME", "HEIGHT", "HEAD"],
                    heads.map {
                        [
                            Text.short($0.chain), $0.kind, $0.name ?? Text.unknown, Text.number($0.height),
                            $0.head ?? Text.unknown,
                        ]
                    })
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One block; works without the node, too.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "registry, or a chain by id, unique prefix of it, or name.") var chain: String
        @Argument(help: "Height.", transform: NumberArgument.height) var height: UInt64

        func run() async throws {
            let block: BlockView
            do {
                block = try await global.client.api.get(
                    "/v1/chain/\(NodeClient.part(chain))/blocks/\(height)", as: BlockView.self)
            } catch APIError.unreachable {
                block = try OfflineChains(global.homeDirectory).block(height, of: chain)
            }
            global.output.show(block, text: Self.text)
        }

        static func text(_ block: BlockView) -> String {
            Table.fields(
                [
                    ("block", block.block), ("chain", block.chain), ("height", "\(block.height)"),
                    ("kind", block.kind + (block.round.map { ", round \($0), attempt \(block.attempt ?? 0)" } ?? "")),
                    ("parent", block.parent), ("author", block.author),
                    ("views", "proposed in \(block.originView), decided in \(block.decidedView)"),
                    ("time", Text.time(block.timeMs)), ("body", block.body), ("state", block.stateRoot),
                    ("voters", block.voters.map { Text.node($0) }.joined(separator: " ")),
                ] + block.summary.map { ("", $0) })
        }
    }
}

/// Reads chains from a home's database while no node serves it.
struct OfflineChains {
    private let home: HomeDirectory
    private let store: ChainStore

    init(_ home: HomeDirectory) throws {
        self.home = home
        store = try ChainStore.openReadOnly(path: home.chainDatabase)
    }

    func heads() throws -> [ChainView] {
        var registry: ChainID?
        if let bytes = try store.genesis() { registry = try Genesis.read(bytes).networkID.registryChain }
        return try store.chains().map { record in
            let head = try store.head(chain: record.id)
            // A node calls the registry by no name either.
            let isRegistry = record.id == registry
            let name = isRegistry || record.info.isEmpty ? nil : String(decoding: record.info, as: UTF8.self)
            return ChainView(
                chain: record.id.hex, kind: isRegistry ? "registry" : "task", name: name?.printable,
                height: head?.height, head: head?.id.hex)
        }
    }

    func block(_ height: UInt64, of name: String) throws -> BlockView {
        let heads = try heads()
        let names = Dictionary(
            ((try? DecidedRounds.tasks(home: home)) ?? []).map { ($0.task.hex, $0.name) },
            uniquingKeysWith: { first, _ in first })
        let registry = heads.first { name == "registry" && $0.kind == "registry" }
        let chain = try NameResolution.identifier(
            registry?.chain ?? name, among: heads.map { (id: $0.chain, name: names[$0.chain] ?? "") }, kind: "chain",
            next: "`meshnode chain head` names them", as: ChainID.self)
        guard let block = try store.block(chain: chain, height: height) else {
            throw CommandFailure(
                ExitStatus.failed, "chain \(chain.short) has no block \(height); `meshnode chain head` tells how many")
        }
        let header = try BlockHeader(wireBytes: block.header)
        let certificate = try Certificate(wireBytes: block.certificate)
        let isRegistry = header.kind == .registry
        return BlockView(
            chain: chain.hex, height: header.height, block: block.id.hex, parent: header.parent.hex,
            timeMs: header.timeMs,
            author: header.author.hex, originView: header.originView, decidedView: certificate.view,
            kind: "\(header.kind)", round: isRegistry ? nil : header.round, attempt: isRegistry ? nil : header.attempt,
            body: header.body.id.hex, stateRoot: header.stateRoot.hex,
            voters: certificate.precommits.map { "place \($0.voter)" }, summary: [])
    }
}
