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

    private let source: HomeSource
    private let withContents: Bool
    private var write: ([UInt8]) throws -> Void
    private var summary = Summary(network: "", chains: 0, blocks: 0, contents: 0, missing: 0)
    private var named = NamedContents()

    /// - Parameter write: takes one line, with its line feed.
    public static func run(
        home: HomeDirectory, withContents: Bool, write: @escaping ([UInt8]) throws -> Void
    ) throws -> Summary {
        var export = ChainExport(source: try HomeSource(home), withContents: withContents, write: write)
        return try export.run()
    }

    private init(source: HomeSource, withContents: Bool, write: @escaping ([UInt8]) throws -> Void) {
        self.source = source
        self.withContents = withContents
        self.write = write
    }

    private mutating func run() throws -> Summary {
        guard let bytes = try source.genesis() else { throw NodeError.notInitialised(source.name) }
        let genesis = try Genesis.read(bytes)
        summary.network = genesis.networkID.hex
        try line(
            "{\"format\":\"meshnode-export/1\",\"rules\":\(RulesNumber.current),"
                + "\"network\":\"\(genesis.networkID.hex)\",\"genesis\":\"\(bytes.hex)\"}")
        // What is exported has been checked: a reader that finds a fault has found one of the format.
        let replay = try ChainReplay(store: source, genesis: genesis)
        try export(replay.registry.chain)
        for entry in replay.tasks {
            named.open(entry.state.spec)
            try export(entry.state.chain)
        }
        if withContents { try exportContents() }
        try line(
            "{\"end\":true,\"blocks\":\(summary.blocks),\"contents\":\(summary.contents),\"missing\":\(summary.missing)}"
        )
        return summary
    }

    private mutating func export(_ chain: ChainID) throws {
        summary.chains += 1
        try ChainReplay.forEach(source, chain) { block in
            summary.blocks += 1
            try line(
                "{\"chain\":\"\(chain.hex)\",\"height\":\(block.header.height),\"header\":\"\(block.header.wireBytes.hex)\","
                    + "\"body\":\"\(block.body.hex)\",\"certificate\":\"\(block.certificate.wireBytes.hex)\"}")
            try named.take(block)
        }
    }

    private mutating func exportContents() throws {
        for content in named.list {
            guard let bytes = try source.content(content.reference.id) else {
                summary.missing += 1
                continue
            }
            summary.contents += 1
            try line(
                "{\"content\":\"\(content.reference.id.hex)\",\"kind\":\(content.role.rawValue),\"bytes\":\""
                    + Data(bytes).base64EncodedString() + "\"}")
        }
    }

    private func line(_ text: String) throws { try write(Array(text.utf8) + [10]) }
}

/// The contents that blocks name, each once, in the order in which an exported file has them.
struct NamedContents {
    struct Entry: Sendable {
        let reference: ContentReference
        let role: ContentRole
    }

    private(set) var list: [Entry] = []
    private var seen: Set<ContentID> = []

    private mutating func name(_ reference: ContentReference, _ role: ContentRole) {
        if seen.insert(reference.id).inserted { list.append(Entry(reference: reference, role: role)) }
    }

    /// A task chain begins.
    mutating func open(_ spec: TaskSpec) { name(spec.model.initial, .model) }

    mutating func take(_ block: DecidedBlock) throws(WireError) {
        switch block.header.kind {
        case .manifest:
            let manifest = try ManifestBody(wireBytes: block.body)
            for envelope in manifest.submissions {
                name(try SubmissionHeader(wireBytes: envelope.payload).body, .submission)
            }
            try take(manifest.scores)
        case .result:
            let result = try ResultBody(wireBytes: block.body)
            name(result.aggregate, .aggregate)
            name(result.model, .model)
        case .control:
            if case .scores(let section) = try ControlBody(wireBytes: block.body) { try take(section) }
        case .registry, .void: break
        }
    }

    private mutating func take(_ scores: ScoreSection?) throws(WireError) {
        guard let reveal = scores?.reveal else { return }
        name(try DirectionReveal(wireBytes: reveal.payload).direction, .direction)
    }
}
