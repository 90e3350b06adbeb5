/// What leaves this machine in a task, and what taking part costs, before anybody joins.
public struct CostView: Codable, Equatable, Sendable {
    /// One kind of message, with who can read it.
    public struct Leaving: Codable, Equatable, Sendable {
        public var what: String
        /// Bytes each time.
        public var bytes: UInt64
        public var when: String
        public var readable: String
    }

    public var leaves: [Leaving]
    /// What is never sent.
    public var stays: [String]
    /// Measured on this machine: a share of the own rows is trained and a share of the coordinates encrypted. Absent where
    /// the own rows do not fit.
    public var trainSeconds: Double?
    public var encryptSeconds: Double?
    /// Members that the figures are for: those enrolled, the most who may before enrolment is closed.
    public var members: Int
    /// Over this node's links in one round that succeeds at its first attempt: bodies, sums, models and signed messages.
    public var megabytesOut: Double
    public var megabytesIn: Double
    /// More in a round: what a key holder sends, and what whoever sums receives.
    public var holderMegabytesOut: Double
    public var summerMegabytesIn: Double
    /// Once, in each direction: enrolment, start and settlement.
    public var onceMegabytes: Double
    /// Memory that training and checking take at most, and summing, beside the node itself.
    public var memoryBytes: UInt64
    public var summingMemoryBytes: UInt64
    /// Credits that joining without `--bond` puts up.
    public var bond: UInt64
    public var rounds: UInt32
    public var parameters: UInt64
    /// Coordinates of one round, and the mean share of the parameters over all rounds.
    public var coordinates: Int
    public var ratio: Double
    /// After the last round; absent without noise.
    public var epsilon: Double?
    public var epsilonAgainstMembers: Double?
    /// Why the owner's policy refuses the task; absent when it does not.
    public var refusal: String?
}
