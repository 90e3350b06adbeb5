import Foundation
import Learn
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a member that was never killed would have sent, from its rows and the decided chain of its home alone. A round in which
/// it was not there at all it does not train.
enum UnkilledMember {
    /// The integers of each round of the home's only task, by round.
    /// - Parameter rounds: in which it was there.
    static func updates(of home: HomeDirectory, rounds: Set<UInt32>) throws -> [UInt32: [Int32]] {
        LinearAlgebra.setThreadCount(1)
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        let network = try Genesis.read(try #require(try store.genesis()))
        let task = try #require(try ChainReplay(store: store, genesis: network).registry.everyOpenedTask().first)
        let policy = try RoundPolicy(task.spec)
        let node = try home.loadIdentity().signingKey().nodeID
        let rows = try #require(task.member(node)).enrolment.rows
        let loaded = try ConfigurationLoader(home: home, environment: [:], flags: [:]).load()
        let data = try loaded.configuration.data.fitted(.training, to: task.spec)
        let content = try ContentStore(home)
        let folder = try Folder()
        let memory = MemberMemory(files: try VectorFiles(directory: folder.path), chain: task.task)
        var outcomes: [UInt32: MemberMemory.Outcome] = [:]
        var updates: [UInt32: [Int32]] = [:]
        var state = Chain.TaskState(genesis: task)
        try ChainReplay.forEach(store, task.task) { block in
            if updates[state.round] == nil, rounds.contains(state.round) {
                let open = try memory.open(before: state.round).map { (round: $0, outcome: outcomes[$0] ?? .rejected) }
                let own = try memory.settle(open, count: policy.recipe.parameterCount)
                let update = try Submitting.train(
                    policy: policy, base: try #require(try content.get(state.model.id)), memory: own, data: data,
                    enrolledRows: rows,
                    round: state.round, seed: Submitting.trainingSeed(round: state.roundSeed, node: node))
                try memory.keep(try #require(update.kept), round: state.round)
                updates[state.round] = update.values
            }
            let before = state
            let decided = try TaskRules.check(header: block.header, body: block.body, state: state)
            state.apply(decided, header: block.header, block: block.header.id)
            if case .result(let body, _) = decided, !body.rejected, case .aggregating(_, let set) = before.phase {
                outcomes[before.round] = set.contains { $0.node == node } ? .contained : .missed
            }
        }
        return updates
    }

    /// What its node kept of its own submissions, for tests, in every attempt.
    static func sent(by home: HomeDirectory) throws -> [(round: UInt32, values: [Int32])] {
        let files = try VectorFiles(directory: home.path + "/debug")
        return try files.list().filter { $0.hasPrefix("update-") }.sorted().map { name in
            let bytes = try #require(try files.read(name: name))
            let round = try #require(name.split(separator: "-").dropFirst(2).first.flatMap { UInt32($0) })
            return (round, try #require(Node.decode(bytes, count: bytes.count / 4)))
        }
    }
}
