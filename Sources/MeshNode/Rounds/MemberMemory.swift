internal import Learn
internal import Wire

/// What this node keeps of its own between the rounds of a task: the residual of compressed rounds, or SCAFFOLD's c_i.
///
/// A round's training leaves both futures, one for a result that contains this node and one for a result without it; the
/// next training takes the one that the chain decided. So nothing has to happen at the moment of the decision, and a crash
/// between any two steps loses nothing. A rejected round leaves nothing. A training that a crash cut short has left a mark
/// with everything that it depended on; where its round was decided without this node, it is done again first, so that the
/// residual is the one of a node that never crashed.
struct MemberMemory: Sendable {
    enum Outcome: Sendable { case contained, missed, rejected }

    /// What a training depends on besides rows, memory and policy.
    struct Begun: Equatable, Sendable {
        let round: UInt32
        let seed: Digest
        let model: ContentReference
    }

    let files: VectorFiles
    let chain: ChainID

    private var settledName: String { "memory-\(chain.hex)" }
    private func name(_ round: UInt32) -> String { "memory-\(chain.hex)-\(round)" }
    private var begunPrefix: String { "memory-begun-\(chain.hex)-" }

    /// Rounds before `round` whose outcome is needed, cut short or not.
    func open(before round: UInt32) throws(StorageError) -> [UInt32] {
        Set(try rounds(settledName + "-") + rounds(begunPrefix)).filter { $0 < round }.sorted()
    }

    private func rounds(_ prefix: String) throws(StorageError) -> [UInt32] {
        try files.list().compactMap { $0.hasPrefix(prefix) ? UInt32($0.dropFirst(prefix.count)) : nil }
    }

    /// Before a training that will leave a memory begins.
    func begin(_ begun: Begun) throws(StorageError) {
        var encoder = WireEncoder(reservingCapacity: 80)
        encoder.value(begun.seed)
        encoder.value(begun.model)
        try files.write(encoder.bytes, name: begunPrefix + "\(begun.round)")
    }

    /// The training of a round that left no memory; nil when it left one or never began.
    func cutShort(_ round: UInt32) throws(StorageError) -> Begun? {
        guard try files.read(name: name(round)) == nil, let bytes = try files.read(name: begunPrefix + "\(round)")
        else {
            return nil
        }
        var decoder = WireDecoder(bytes)
        guard let seed = try? Digest(from: &decoder), let model = try? ContentReference(from: &decoder),
            (try? decoder.finish()) != nil
        else { return nil }
        return Begun(round: round, seed: seed, model: model)
    }

    /// The memory with which round `round` trains, after `settle` and whatever had been cut short.
    /// - Parameters:
    ///   - outcomes: of the rounds that `open` names, in order.
    ///   - retrain: does a training again from the memory before it.
    func current(
        _ outcomes: [(round: UInt32, outcome: Outcome)], count: Int,
        retrain: (Begun, [Float]?) throws(RoundError) -> LocalUpdate.Kept?
    ) throws(RoundError) -> [Float]? {
        func stored<Value>(_ body: () throws(StorageError) -> Value) throws(RoundError) -> Value {
            do { return try body() } catch { throw .failed("\(error)") }
        }
        var own = try stored { () throws(StorageError) in try settle([], count: count) }
        for (round, outcome) in outcomes {
            let begun = try stored { () throws(StorageError) in outcome == .missed ? try cutShort(round) : nil }
            if let begun, let kept = try retrain(begun, own) {
                try stored { () throws(StorageError) in try keep(kept, round: round) }
            }
            own = try stored { () throws(StorageError) in try settle([(round, outcome)], count: count) }
        }
        return own
    }

    /// The memory with which the next round trains; nil before anything was kept.
    /// - Parameter outcomes: of the rounds that `open` names; one that is missing counts as rejected.
    func settle(_ outcomes: [(round: UInt32, outcome: Outcome)], count: Int) throws(StorageError) -> [Float]? {
        for (round, outcome) in outcomes {
            if outcome != .rejected, let bytes = try files.read(name: name(round)), bytes.count == 8 * count {
                let half = outcome == .missed ? bytes[..<(4 * count)] : bytes[(4 * count)...]
                try files.write(Array(half), name: settledName)
            }
            try files.remove(name: name(round))
            try files.remove(name: begunPrefix + "\(round)")
        }
        guard let bytes = try files.read(name: settledName), bytes.count == 4 * count else { return nil }
        return Self.floats(bytes)
    }

    /// Before the integers of the round are stored.
    func keep(_ kept: LocalUpdate.Kept, round: UInt32) throws(StorageError) {
        var encoder = WireEncoder(reservingCapacity: 8 * kept.ifMissed.count)
        for value in kept.ifMissed { encoder.u32(value.bitPattern) }
        for value in kept.ifContained { encoder.u32(value.bitPattern) }
        try files.write(encoder.bytes, name: name(round))
    }

    /// When the task has ended.
    func forget() throws(StorageError) {
        for name in try files.list()
        where name == settledName || name.hasPrefix(settledName + "-") || name.hasPrefix(begunPrefix) {
            try files.remove(name: name)
        }
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            var word: UInt32 = 0
            for offset in (0..<4).reversed() { word = word << 8 | UInt32(bytes[start + offset]) }
            return Float(bitPattern: word)
        }
    }
}
