internal import Chain
internal import Foundation
internal import Gossip
internal import Wire

/// Writes the chains of a home as lines of JSON that a verifier in any language can read: docs/protocol/export.md.
public struct ChainExport {
    public struct Summary: Codable, Equatable, Sendable {
        public var network: String
        public var chains: Int
        public var blocks: Int
        public var contents: Int
        /// Contents that the chains name and this home no longer holds.
        public var missing: Int
    }

    private let store: ChainStore
    private let content: ContentStore?
    private var write: ([UInt8]) throws -> Void
    private var summary = Summary(network: "", chains: 0, blocks: 0, contents: 0, missing: 0)
    private var named: [(ContentReference, ContentRole)] = []

    /// - Parameter write: takes one line, with its line feed.
    public static func run(
        home: HomeDirectory, withContents: Bool, write: @escaping ([UInt8]) throws -> Void
    ) throws -> Summary {
        var export = ChainExport(
            store: try ChainStore.openReadOnly(path: home.chainDatabase),
            content: withContents ? try ContentStore(home) : nil, write: write)
        return try export.run(home)
    }

    private init(store: ChainStore, content: ContentStore?, write: @escaping ([UInt8]) throws -> Void) {
        self.store = store
        self.content = content
        self.write = write
    }

    private mutating func run(_ home: HomeDirectory) throws -> Summary {
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let genesis = try Genesis.read(bytes)
        summary.network = genesis.networkID.hex
        try line(
            "{\"format\":\"meshnode-export/1\",\"rules\":\(RulesNumber.current),"
                + "\"network\":\"\(genesis.networkID.hex)\",\"genesis\":\"\(bytes.hex)\"}")
        // What is exported has been checked: a reader that finds a fault has found one of the format.
        let replay = try ChainReplay(store: store, genesis: genesis)
        try export(replay.registry.chain)
        for entry in replay.tasks {
            named.append((entry.state.spec.model.initial, .model))
            try export(entry.state.chain)
        }
        if content != nil { try exportContents() }
        try line(
            "{\"end\":true,\"blocks\":\(summary.blocks),\"contents\":\(summary.contents),\"missing\":\(summary.missing)}"
        )
        return summary
    }

    private mutating func export(_ chain: ChainID) throws {
        summary.chains += 1
        var blocks: [DecidedBlock] = []
        try ChainReplay.forEach(store, chain) { blocks.append($0) }
        for block in blocks {
            summary.blocks += 1
            try line(
                "{\"chain\":\"\(chain.hex)\",\"height\":\(block.header.height),\"header\":\"\(block.header.wireBytes.hex)\","
                    + "\"body\":\"\(block.body.hex)\",\"certificate\":\"\(block.certificate.wireBytes.hex)\"}")
            switch block.header.kind {
            case .manifest:
                let manifest = try ManifestBody(wireBytes: block.body)
                for envelope in manifest.submissions {
                    named.append((try SubmissionHeader(wireBytes: envelope.payload).body, .submission))
                }
                try name(manifest.scores)
            case .result:
                let result = try ResultBody(wireBytes: block.body)
                named += [(result.aggregate, .aggregate), (result.model, .model)]
            case .control:
                if case .scores(let section) = try ControlBody(wireBytes: block.body) { try name(section) }
            case .registry, .void: break
            }
        }
    }

    private mutating func name(_ scores: ScoreSection?) throws {
        guard let reveal = scores?.reveal else { return }
        named.append((try DirectionReveal(wireBytes: reveal.payload).direction, .direction))
    }

    private mutating func exportContents() throws {
        var seen: Set<ContentID> = []
        for (reference, role) in named where seen.insert(reference.id).inserted {
            guard let bytes = try content?.get(reference.id) else {
                summary.missing += 1
                continue
            }
            summary.contents += 1
            try line(
                "{\"content\":\"\(reference.id.hex)\",\"kind\":\(role.rawValue),\"bytes\":\""
                    + Data(bytes).base64EncodedString() + "\"}")
        }
    }

    private func line(_ text: String) throws { try write(Array(text.utf8) + [10]) }
}
