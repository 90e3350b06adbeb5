internal import Wire

/// Bytes that a task moves over one node's links, told before anybody joins.
///
/// Sizes that the specification fixes are computed: bodies, key vectors, sums, models. Signed messages are few and small, but
/// gossip copies them: their share is a figure that was measured on meshes of 4 to 12 nodes, whose totals this comes within
/// 6 % of. Rounds that need another attempt, and what a node says while it waits, come on top.
struct TaskTraffic: Equatable {
    /// Of one round, of every member: its own body to all others, and theirs to it.
    let roundOut: Double
    let roundIn: Double
    /// Of one round, more than that: what a key holder sends, and what whoever sums receives.
    let holderOut: Double
    let summerIn: Double
    /// Once, in each direction: enrolment, start, settlement and payout in the registry.
    let once: Double
    /// What every member keeps of one round: the bodies of all, and the sum and the model, which stay for ever.
    let bodies: Double
    let results: Double

    /// Frames around chunks of 32 KiB, with requests and seals.
    private static let framing = 1.01
    /// Announcement, list, opinion, votes on both blocks of a round, and its part of their bodies, of one member.
    private static let messageBytes = 4_200.0
    /// Copies of a message are as many as a topic's mesh has places, as a mean.
    private static let copies = 8.0
    private static let onceBytes = 20_000.0

    /// - Parameter members: who takes part; before enrolment is closed the most who may.
    init(_ policy: RoundPolicy, members: Int) {
        let spec = policy.spec
        let count = Double(max(2, members))
        let rounds = max(1, Int(spec.rounds))
        // A mean over rounds: supports may grow or shrink.
        let elements =
            Double((1...rounds).reduce(0) { $0 + policy.elementCount(round: UInt32($1)) }) / Double(rounds)
        let sums = Double(max(1, Int(spec.training.robust.buckets)))
        let body = elements * Double(policy.encoding.width) + Double(Self.boxBytes(policy))
        // Whoever sums makes e and the model; the others fetch them from each other.
        let results = elements * sums * Double(policy.aggregateWidth) + Double(spec.model.initial.length)
        bodies = body * Double(max(1, members))
        self.results = results
        let shared = results * (count - 1) / count
        let messages = Self.messageBytes * (count - 1) * min(count - 1, Self.copies)
        roundOut = (body * (count - 1) + shared) * Self.framing + messages
        roundIn = roundOut
        let vector = elements * sums * 32 * Self.framing
        let holders = max(1, Int(spec.holders.count))
        let known = Double(policy.profile.components(of: 0).count)
        holderOut = vector * known
        summerIn = vector * known * Double(holders)
        once = Self.onceBytes * count
    }

    /// Sealed seeds of one body: 48 bytes for each component and holder that knows it.
    static func boxBytes(_ policy: RoundPolicy) -> Int { policy.profile.boxCount * 48 }

    /// Of the whole task, as a member that is no holder and never sums.
    func totalOut(rounds: UInt32) -> Double { roundOut * Double(rounds) + once }
    func totalIn(rounds: UInt32) -> Double { roundIn * Double(rounds) + once }

    /// Bytes that the task still brings to the disk of every member, by what its specification promises to keep.
    ///
    /// - Parameter done: rounds that are decided.
    func disk(_ spec: TaskSpec, done: UInt32 = 0) -> Double {
        // The round that runs and those of its retention.
        func kept(_ rounds: UInt32) -> Double { Double(min(rounds, spec.bodyRetention.clampedSum(1))) }
        let done = min(done, spec.rounds)
        return (kept(spec.rounds) - kept(done)) * bodies + Double(spec.rounds - done) * results
    }
}
