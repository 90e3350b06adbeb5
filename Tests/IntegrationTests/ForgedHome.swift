import Foundation
import GRDB
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// A home whose task chain somebody altered who has the keys of every member: what only the rules of a full verifier can
/// still tell.
struct ForgedHome {
    let path: String
    let genesis: TaskGenesis
    private let keys: [NodeID: NodeIdentity]

    /// - Parameters:
    ///   - source: the folder of a testnet run, with every node's home.
    ///   - path: where the copy goes.
    init(of source: String, path: String) throws {
        self.path = path
        try FileManager.default.copyItem(atPath: source + "/nodes/node2", toPath: path)
        var keys: [NodeID: NodeIdentity] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: source + "/nodes") {
            guard let identity = try? HomeDirectory(path: source + "/nodes/" + name).loadIdentity() else { continue }
            keys[identity.signingKey().nodeID] = identity
        }
        self.keys = keys
        let store = try ChainStore.openReadOnly(path: path + "/chain.sqlite")
        let bytes = try #require(try store.genesis())
        let replay = try ChainReplay(store: store, genesis: try Genesis(wireBytes: bytes))
        genesis = try #require(replay.registry.everyOpenedTask().first)
    }

    var chain: ChainID { genesis.task }

    /// Every decided block of the task, with the state before it.
    func blocks() throws -> [(state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent)] {
        let store = try ChainStore.openReadOnly(path: path + "/chain.sqlite")
        var state = Chain.TaskState(genesis: genesis)
        var found: [(state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent)] = []
        try ChainReplay.forEach(store, chain) { block in
            let content = try TaskRules.check(header: block.header, body: block.body, state: state)
            found.append((state, block, content))
            state.apply(content, header: block.header, block: block.header.id)
        }
        return found
    }

    /// The first block of a kind whose content passes.
    func block(
        _ kind: BlockKind, where isWanted: (TaskBlockContent) -> Bool = { _ in true }
    ) throws -> (state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent) {
        try #require(try blocks().first { $0.block.header.kind == kind && isWanted($0.content) })
    }

    // MARK: Signing for everybody

    func sign(_ payload: [UInt8], _ slot: Slot, by node: NodeID) throws -> Envelope {
        Envelope.signed(payload, slot: slot, network: genesis.network, by: try #require(keys[node]).signingKey())
    }

    func sign(again envelope: Envelope, payload: [UInt8]) throws -> Envelope {
        try sign(payload, envelope.slot, by: envelope.signer)
    }

    /// Puts `content` where `old` stands, signed by all; what came after is gone.
    ///
    /// - Parameters:
    ///   - view: of the block; its author is that view's.
    ///   - certified: view of the certificate.
    /// - Returns: height of the block.
    @discardableResult
    func replace(
        _ old: (state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent), with content: TaskBlockContent,
        view: UInt32? = nil, certified: UInt32? = nil, later: UInt64 = 0
    ) throws -> UInt64 {
        let proposers = old.state.nextProposers
        let view = view ?? old.block.header.originView
        let author = proposers[Int(view) % proposers.count]
        let header = TaskRules.header(
            for: content, state: old.state, author: author, view: view, timeMs: old.block.header.timeMs + later,
            electionKey: try #require(keys[author]).electionKey())
        let certified = certified ?? old.block.certificate.view
        let slot = Slot(kind: .precommit, chain: chain, major: header.height, minor: certified)
        let precommits = try old.state.electorate.members.enumerated().map { place, member in
            Certificate.Precommit(
                voter: UInt8(place),
                signature: try sign(Vote(block: header.id).wireBytes, slot, by: member.node).signature)
        }
        let certificate = Certificate(
            chain: chain, height: header.height, view: certified, block: header.id, precommits: precommits)
        let store = try ChainStore(path: path + "/chain.sqlite")
        try cut(store, from: header.height)
        try store.append(
            block: StoredBlock(
                chain: chain, height: header.height, id: header.id, header: header.wireBytes,
                body: .inline(content.bytes), certificate: certificate.wireBytes, timeStored: header.timeMs))
        return header.height
    }

    private func cut(_ store: ChainStore, from height: UInt64) throws {
        try store.file.write { db in
            try db.execute(
                sql: "DELETE FROM block WHERE chain = ? AND height >= ?",
                arguments: [Data(chain.bytes), Int64(height)])
        }
    }

    /// Leaves out the task's blocks from a height on.
    func cut(from height: UInt64) throws { try cut(try ChainStore(path: path + "/chain.sqlite"), from: height) }

    // MARK: Altered contents

    /// A MANIFEST in which one announcement says something else; lists and Readys name it, everybody signs again.
    func manifest(
        _ old: (state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent),
        _ change: (inout SubmissionHeader) throws -> Void
    ) throws -> TaskBlockContent {
        let body = try ManifestBody(wireBytes: old.block.body)
        let envelope = body.submissions[0]
        var header = try SubmissionHeader(wireBytes: envelope.payload)
        try change(&header)
        let altered = try sign(again: envelope, payload: header.wireBytes)
        func renamed(_ id: SubmissionID) -> SubmissionID { id == envelope.submissionID ? altered.submissionID : id }
        let union = body.union.map(renamed).sorted()
        let slot = Slot(kind: .received, chain: chain, major: old.block.header.height, minor: 0)
        let lists = try body.lists.map { list in
            let ids = body.union.enumerated().filter { list.bitmap[$0.offset / 8] >> UInt8($0.offset % 8) & 1 == 1 }
                .map { renamed($0.element) }.sorted()
            let signed = try sign(Received(submissions: ids).wireBytes, slot, by: list.signer)
            return ReceivedList(
                signer: list.signer, bitmap: TaskRules.bitmap(of: ids, in: union), signature: signed.signature)
        }
        let readys = try body.readys.map { envelope in
            let ready = try Ready(wireBytes: envelope.payload)
            let changed = Ready(context: ready.context, opened: ready.opened.map(renamed).sorted())
            return try sign(again: envelope, payload: changed.wireBytes)
        }
        let submissions = ([altered] + body.submissions.dropFirst())
            .sorted { ($0.signer, $0.submissionID) < ($1.signer, $1.submissionID) }
        let changed = ManifestBody(
            context: body.context, union: union, lists: lists, submissions: submissions, readys: readys,
            complaints: body.complaints, evicted: body.evicted, scores: body.scores)
        return .manifest(changed, set: try TaskRules.set(of: changed, header: old.block.header, state: old.state))
    }

    /// A RESULT with other contents or another opening, on which everybody gave an opinion.
    func result(
        _ old: (state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent),
        aggregate: ContentReference? = nil, model: ContentReference? = nil, opening: Digest? = nil
    ) throws -> TaskBlockContent {
        let body = try ResultBody(wireBytes: old.block.body)
        let (aggregate, model) = (aggregate ?? body.aggregate, model ?? body.model)
        let opening = opening ?? body.opening
        let payload = TaskRules.payloadID(
            manifest: body.manifest, aggregate: aggregate, model: model, opening: opening)
        let opinions = try body.opinions.map { envelope in
            let said = try Opinion(wireBytes: envelope.payload)
            let changed = Opinion(
                payload: payload, verdict: said.verdict, reason: said.reason, remark: said.remark,
                accuracyPpm: said.accuracyPpm, lossPpm: said.lossPpm, evaluatedRows: said.evaluatedRows)
            return try sign(again: envelope, payload: changed.wireBytes)
        }
        let changed = ResultBody(
            manifest: body.manifest, aggregate: aggregate, model: model, opening: opening, rejected: body.rejected,
            keyStatements: body.keyStatements, opinions: opinions, blame: body.blame, liars: body.liars)
        guard case .result(_, let accuracy) = old.content else { throw RoundError.failed("no result") }
        return .result(changed, accuracyPpm: accuracy)
    }

    func content(_ reference: ContentReference) throws -> [UInt8] {
        try #require(try ContentStore(HomeDirectory(path: path)).get(reference.id))
    }

    func put(_ bytes: [UInt8], _ role: ContentRole) throws -> ContentReference {
        try ContentStore(HomeDirectory(path: path)).put(bytes, kind: .init(rawValue: role.rawValue))
        return .of(bytes, kind: role)
    }

    func file(_ id: ContentID) -> String { path + "/content/\(id.hex).data" }

    /// The bodies of the set that a RESULT sums.
    func bodies(
        of result: (state: Chain.TaskState, block: DecidedBlock, content: TaskBlockContent)
    ) throws -> [ContentReference] {
        guard case .aggregating(let decided, _) = result.state.phase,
            let manifest = try blocks().first(where: { $0.block.header.id == decided })
        else { throw RoundError.failed("no set") }
        return try ManifestBody(wireBytes: manifest.block.body).submissions.map {
            try SubmissionHeader(wireBytes: $0.payload).body
        }
    }
}
