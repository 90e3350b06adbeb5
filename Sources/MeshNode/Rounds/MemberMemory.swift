internal import Learn
internal import Wire

/// What this node keeps of its own between the rounds of a task: the residual of compressed rounds, or SCAFFOLD's c_i.
///
/// A round's training leaves both futures, one for a result that contains this node and one for a result without it; the
/// next training takes the one that the chain decided. So nothing has to happen at the moment of the decision, and a crash
/// between any two steps loses nothing. A rejected round leaves nothing.
struct MemberMemory: Sendable {
    enum Outcome: Sendable { case contained, missed, rejected }

    let files: VectorFiles
    let chain: ChainID

    private var settledName: String { "memory-\(chain.hex)" }
    private func name(_ round: UInt32) -> String { "memory-\(chain.hex)-\(round)" }

    /// Rounds before `round` whose outcome is needed.
    func open(before round: UInt32) throws(StorageError) -> [UInt32] {
        let prefix = settledName + "-"
        return try files.list().compactMap { $0.hasPrefix(prefix) ? UInt32($0.dropFirst(prefix.count)) : nil }
            .filter { $0 < round }.sorted()
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
        for name in try files.list() where name == settledName || name.hasPrefix(settledName + "-") {
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
