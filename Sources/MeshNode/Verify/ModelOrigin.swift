internal import Chain
internal import Foundation
internal import Gossip
internal import Learn
internal import Wire

/// Where a model comes from: every accepted round that decided exactly these tensors.
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
    /// Time of its block, milliseconds since 1970.
    public var timeMs: UInt64?

    /// What looking for a model gave.
    public struct Search: Codable, Equatable, Sendable {
        public var network: String
        public var networkName: String
        /// In order of task and round; empty when no decided round has these tensors.
        public var origins: [ModelOrigin]
        /// Tasks whose models have tensors of the same names and shapes.
        public var likeTasks: [String]
        /// The decided model that shares the most values, where there is one of the same form.
        public var nearest: Nearest?
        /// Decided models that are not here, so that only their exact file could be told.
        public var modelsNotHere: Int
        /// The registry block that this is known as of.
        public var asOf: String?
        public var asOfMs: UInt64?
    }

    public struct Nearest: Codable, Equatable, Sendable {
        public var task: String
        public var round: UInt32
        public var differing: Int
        public var values: Int
    }

    /// - Parameter name: what messages call the file.
    /// - Throws: `StorageError`, `NodeError` for a home whose chains do not hold, `LearnError` for a file that is no model.
    public static func find(_ model: [UInt8], named name: String, home: HomeDirectory) throws -> Search {
        try find(model, named: name, in: try HomeSource(home))
    }

    /// The same for a file that `chain export` wrote.
    public static func find(_ model: [UInt8], named name: String, export path: String) throws -> Search {
        try find(model, named: name, in: try ExportFile(path))
    }

    private static func find(_ model: [UInt8], named name: String, in source: some ChainSource) throws -> Search {
        let wanted = try ModelTensors(model, file: name)
        guard let bytes = try source.genesis() else { throw NodeError.notInitialised(source.name) }
        let genesis = try Genesis.read(bytes)
        let registry = try ChainReplay(store: source, genesis: genesis).registry
        var search = Search(
            network: genesis.networkID.hex, networkName: genesis.name, origins: [], likeTasks: [], nearest: nil,
            modelsNotHere: 0, asOf: registry.height == 0 ? nil : "\(registry.height):\(registry.head.hex)",
            asOfMs: registry.height == 0 ? nil : registry.headTimeMs)
        for genesis in registry.everyOpenedTask() {
            var finder = Finder(wanted: wanted, genesis: genesis)
            try finder.run(source)
            search.origins += finder.origins
            if finder.isAlike { search.likeTasks.append(genesis.task.hex) }
            search.modelsNotHere += finder.modelsNotHere
            if let near = finder.nearest, search.nearest.map({ near.differing < $0.differing }) ?? true {
                search.nearest = near
            }
        }
        return search
    }
}

/// A model's tensors by name, whatever else its file says: metadata, order and padding do not count.
struct ModelTensors {
    let names: [String]
    let shapes: [[Int]]
    let values: [[Float]]
    /// The name of the canonical file of these tensors.
    let reference: ContentReference

    /// - Parameter dropsState: leaves out what server rules keep between rounds.
    init(_ bytes: [UInt8], file: String, dropsState: Bool = false) throws(LearnError) {
        let content = try Safetensors(bytes: bytes, file: file)
        let tensors = content.tensors.filter { !dropsState || !TrainingState.isState($0.name) }
        var values: [[Float]] = []
        for tensor in tensors { values.append(try content.floats(tensor)) }
        (names, shapes, self.values) = (tensors.map(\.name), tensors.map(\.shape), values)
        let file = try Safetensors.encode(
            zip(tensors, values).map { (name: $0.name, shape: $0.shape, values: $1) })
        reference = .of(file, kind: .model)
    }

    var hasState: Bool { names.contains { TrainingState.isState($0) } }

    func isAlike(_ other: ModelTensors) -> Bool { names == other.names && shapes == other.shapes }

    /// Bit for bit, so that one NaN is like another of the same bits.
    func differing(from other: ModelTensors) -> Int {
        zip(values, other.values).reduce(0) { sum, pair in
            sum + zip(pair.0, pair.1).count { $0.bitPattern != $1.bitPattern }
        }
    }

    var count: Int { values.reduce(0) { $0 + $1.count } }
}

/// Looks through one task.
private struct Finder {
    let wanted: ModelTensors
    let genesis: TaskGenesis
    var origins: [ModelOrigin] = []
    var isAlike = false
    var nearest: ModelOrigin.Nearest?
    var modelsNotHere = 0

    init(wanted: ModelTensors, genesis: TaskGenesis) {
        self.wanted = wanted
        self.genesis = genesis
    }

    mutating func run(_ source: some ChainSource) throws {
        let electorate = genesis.electorate
        if try isWanted(genesis.spec.model.initial, round: 0, source) { origins.append(origin(0)) }
        var state = Chain.TaskState(genesis: genesis)
        try ChainReplay.forEach(source, genesis.task) { block in
            let before = state
            let content = try TaskRules.check(header: block.header, body: block.body, state: state)
            state.apply(content, header: block.header, block: block.header.id)
            guard case .result(let result, let accuracy) = content, !result.rejected,
                case .aggregating(_, let set) = before.phase,
                try isWanted(result.model, round: before.round, source)
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
            one.timeMs = block.header.timeMs
            origins.append(one)
        }
    }

    private func origin(_ round: UInt32) -> ModelOrigin {
        ModelOrigin(
            task: genesis.task.hex, name: genesis.spec.name, round: round, height: nil, block: nil,
            contributors: [], aggregator: nil, votedWeight: 0, totalWeight: genesis.electorate.totalWeight,
            accuracy: nil, timeMs: nil)
    }

    /// The tensors are those of the decided file, or those of its model without the state that server rules keep in it.
    private mutating func isWanted(
        _ reference: ContentReference, round: UInt32, _ source: some ChainSource
    ) throws -> Bool {
        if reference == wanted.reference {
            isAlike = true
            return true
        }
        guard let bytes = try source.content(reference.id) else {
            modelsNotHere += 1
            return false
        }
        let decided = try ModelTensors(bytes, file: "model \(reference.id.short)", dropsState: !wanted.hasState)
        guard wanted.isAlike(decided) else { return false }
        isAlike = true
        let differing = wanted.differing(from: decided)
        if differing > 0, nearest.map({ differing < $0.differing }) ?? true {
            nearest = .init(task: genesis.task.hex, round: round, differing: differing, values: wanted.count)
        }
        return differing == 0
    }
}
