internal import MeshCrypto
internal import Wire

/// Seeds that nobody has chosen: they follow from a word, the id of a commit for example, so that each commit is tried
/// with seeds that none before it has seen, and everybody who knows the commit gets the same ones.
public struct FreshSeeds: Sendable {
    private let word: [UInt8]

    public init(word: String) { self.word = Array(word.utf8) }

    /// The seed of the run with this number. 48 bits: a person can type it, and every reader of JSON keeps it exactly.
    public func seed(_ number: UInt64) -> UInt64 {
        var encoder = WireEncoder()
        encoder.u64(number)
        return Transcript.hash("sim/fresh-seed", word, encoder.bytes).prefix(6).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A run of the sweep over sizes and random faults, beside what the scenario files describe.
    public static func sweep(seed: UInt64) -> SimulationConfiguration {
        var random = SimulationRandom(seed: seed ^ 0x5eed_5eed)
        let nodes = 4 + random.below(6)
        let faults = FaultProfile.allCases[random.below(FaultProfile.allCases.count)]
        return SimulationConfiguration(seed: seed, nodes: nodes, rounds: 2, faults: faults)
    }
}
