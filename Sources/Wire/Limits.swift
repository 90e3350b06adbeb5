/// Every length and count that a peer can influence, in one place, with its reason.
public enum Limits {
    /// A gossiped message travels in one link frame of 64 KiB; the rest is frame overhead.
    public static let envelopePayload = 60_000
    /// Voters of a task: certificates, lists and opinions of a block stay below one message.
    public static let voters = 32
    /// Submitters of one round. Lists and manifests name every one of them.
    public static let submitters = 256
    /// Announcements of one round that lists may name: one a member in each list, but two lists may name different ones of a
    /// member that announced two. Nobody announces a third: the slot is full.
    public static let announcements = 2 * submitters
    /// Components of the largest holder profile, C(7,3).
    public static let components = 35
    public static let holders = 7
    /// Buckets of one round: 256 submitters in buckets of 4.
    public static let buckets = 64
    /// Elements of one update: 2^26 in the 64-byte form is 4 GiB, beyond any node of ours.
    public static let elements = 1 << 26
    public static let name = 255
    public static let reason = 512
    /// Words of a person in an opinion: 32 of them stay small in a block.
    public static let remark = 255
    public static let layers = 16
    /// Named feature columns, and figures of their normalisation.
    public static let columns = 4_096
    public static let decisionProof = 80
    /// Bodies of blocks: a manifest of 256 headers with 35 components each stays below it.
    public static let blockBody = 1 << 20
    public static let transactionsPerBlock = 512
    public static let accounts = 100_000
    /// Tasks that have not left the registry. A deposit makes it impossible to fill: docs/protocol/registry.md.
    public static let tasks = 10_000
    /// Open tasks of one account: enough for a laboratory, few enough that no account crowds out the others of a block.
    public static let openTasksPerAccount = 64
    /// Heights of a registry epoch, the only times at which its electorate changes: a task chain proves 64 such steps in one
    /// block, so that a thousand blocks of somebody else's bonds do not fill one proof.
    public static let epochHeights: UInt64 = 64
    /// Bytes of memory that one round may take of a node, as summer, member or checker: half of the smallest machine
    /// that a node is meant for. A task that takes more is no valid task.
    public static let roundMemory = 2 << 30
    /// A model, an encrypted body or an aggregate.
    public static let content = 1 << 33
    public static let rounds = 1_000
    /// Places of undecided transactions at a node: eight blocks full of them, 16 MiB with the next one.
    public static let pendingPlaces = 4_096
    public static let pendingPlaceBytes = 4_096
    public static let pendingTransactionsPerSigner = 64
    /// Places for those behind a missing nonce, and how long they wait for it: what comes out of order through gossip is
    /// in order within a second, and after a digest.
    public static let gappedPlaces = 512
    public static let gappedTransactionMs: UInt64 = 10_000
    /// What an account holds for each place beyond its next nonce. All places then take 40,960 credits, and not the one
    /// credit that makes an account.
    public static let creditsPerPendingPlace: UInt64 = 10
    public static let evictions = 256
    /// Rounds of a task that may be scored, and parameters that each of them needs: an opening tells one linear
    /// functional of an update, and so few of them leave it unknown.
    public static let scoredRounds: UInt32 = 5
    public static let coordinatesPerScore = 50
    /// Registry headers in the proof of a Control: one for each change of the registry's electorate since the task chain's
    /// anchor, which moves before there are more.
    public static let proofSteps = 64
    /// A registry block's transactions: an order's proof carries all of them beside its steps (64 of at most 4.2 KB) and is
    /// a block body itself. Whoever fills a registry block must not make the orders in it unprovable.
    public static let registryBody = blockBody / 2
    /// Orders of a publisher about one task.
    public static let orders: UInt32 = 1_000
    /// Parts of a validator's bond that are on their way back.
    public static let unbondings = 64
    /// Bad boxes that a holder proves in one message: 8 submissions of 140 boxes are 55 KB.
    public static let complaints = 8
    /// Clients that one block names: each brings a chunk of 32 KiB.
    public static let named = 8
    /// Siblings of a Merkle path over 2^26 leaves.
    public static let pathLength = 26
    /// Milliseconds since 1970 at the end of the year 9999: no clock is there, and sums with windows and deadlines stay far
    /// below 2^64.
    public static let timeMs: UInt64 = 253_402_300_799_999
    /// A block may be this far ahead of a voter's clock: admission, judged on a fresh proposal only.
    public static let clockAheadMs: UInt64 = 10_000
}
