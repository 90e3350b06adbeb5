internal import Chain
internal import Foundation
internal import Gossip
internal import Wire

/// Where a model file comes from: every accepted round that decided exactly these bytes.
public struct ModelOrigin: Codable, Equatable, Sendable {
    public var task: String
    public var name: String
    /// 0: the initial weights, which nobody has voted for.
    public var round: UInt32
    public var height: UInt64?
    public var block: String?
    /// Members of the sum, ascending.
    public var contributors: [String]
    public var aggregator: String?
    /// Weight of the precommits of its block, of the whole.
    public var votedWeight: UInt64
    public var totalWeight: UInt64
    public var accuracy: Double?

    /// - Returns: in order of task and round; empty when no chain of this home knows the file.
    /// - Throws: `StorageError`, `NodeError` for a home whose chains do not hold.
    public static func find(_ model: [UInt8], home: HomeDirectory) throws -> [ModelOrigin] {
        let wanted = ContentReference.of(model, kind: .model)
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let replay = try ChainReplay(store: store, genesis: try Genesis.read(bytes))
        var found: [ModelOrigin] = []
        for genesis in replay.registry.openedTasks() {
            let electorate = genesis.electorate
            func origin(_ round: UInt32) -> ModelOrigin {
                ModelOrigin(
                    task: genesis.task.hex, name: genesis.spec.name, round: round, height: nil, block: nil,
                    contributors: [], aggregator: nil, votedWeight: 0, totalWeight: electorate.totalWeight,
                    accuracy: nil)
            }
            if genesis.spec.model.initial == wanted { found.append(origin(0)) }
            var state = Chain.TaskState(genesis: genesis)
            try ChainReplay.forEach(store, genesis.task) { block in
                let before = state
                let content = try TaskRules.check(header: block.header, body: block.body, state: state)
                state.apply(content, header: block.header, block: block.header.id)
                guard case .result(let result, let accuracy) = content, !result.rejected, result.model == wanted,
                    case .aggregating(_, let set) = before.phase
                else { return }
                var one = origin(before.round)
                one.height = block.header.height
                one.block = block.header.id.hex
                one.contributors = set.map(\.node.hex)
                one.aggregator = block.header.author.hex
                one.votedWeight = block.certificate.precommits.reduce(0) {
                    $0 + electorate.members[Int($1.voter)].weight
                }
                one.accuracy = Double(accuracy) / 1e6
                found.append(one)
            }
        }
        return found
    }
}
