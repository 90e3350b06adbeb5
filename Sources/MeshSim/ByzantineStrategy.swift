internal import Chain
internal import MeshCrypto
internal import Wire

/// How a node breaks the protocol. It runs the real machines; what leaves it is changed, held back or added to.
public enum ByzantineStrategy: String, Sendable, CaseIterable {
    /// Receives, stores, never speaks.
    case silent
    /// Proposes two blocks in one view and votes for each before the peers that got it.
    case equivocatingProposer = "equivocating-proposer"
    /// Votes for a block towards some peers and for nil towards the others.
    case doubleVoter = "double-voter"
    /// Serves the bodies of its submissions and blocks to some peers only.
    case withheldBody = "withheld-body"
    /// Announces a sum that is not the sum.
    case wrongAggregate = "wrong-aggregate"
    /// Leaves a listed submission out of its manifests.
    case omittedSubmission = "omitted-submission"
    /// Sends old messages again, and copies of fresh ones with broken signatures.
    case staleReplay = "stale-replay"
    /// Proposes blocks of the far future.
    case futureTime = "future-time"
    /// Gives up at once, in the name of whoever may do so in a later view.
    case earlyVoid = "early-void"
    /// Lists submissions that do not exist.
    case garbageLister = "garbage-lister"
    /// Announces one update to some peers and another to the rest.
    case doubleSubmitter = "double-submitter"
    /// Submits a body that nobody can use.
    case badBody = "bad-body"
    /// Seals a seed that its first holder cannot open.
    case badSeeds = "bad-seeds"
    /// As a holder, states roots that its vectors do not have.
    case wrongRoots = "wrong-roots"
    /// As a holder, opens nothing and derives nothing.
    case silentHolder = "silent-holder"
    /// Votes and announces candidates for views that nobody has reached.
    case viewSpammer = "view-spammer"
    /// Speaks to one half of the mesh only.
    case splitView = "split-view"
    /// Announces the right sum with another model.
    case wrongModel = "wrong-model"
    /// Forgets its lock: votes for whatever is proposed in the view.
    case lockAmnesia = "lock-amnesia"
    /// Says that it holds every key and never gives one out.
    case falseHolder = "false-holder"
    /// As a holder, complains about boxes that open, and proposes to evict whom it accuses.
    case falseComplaint = "false-complaint"
    /// With all others of its kind: makes two blocks of a view and shows each to one half of the honest nodes, with
    /// everybody's votes for it. In odd seeds on task chains only, in even ones on the registry as well.
    case colluder
    /// Fills the places of undecided transactions with such as wait for a nonce that never comes.
    case nonceGapper = "nonce-gapper"
    /// Sends all the valid transactions that an account may have pending, again and again.
    case transactionBurst = "transaction-burst"
    /// Publishes tasks without a reward that nobody joins.
    case taskFlooder = "task-flooder"
    /// Tries to join with keys that are none, or somebody else's.
    case badKeys = "bad-keys"
    /// Changes its weight as a validator in every block.
    case bondChurner = "bond-churner"
    /// Settles the task with everything for itself.
    case payoutForger = "payout-forger"
    /// Asks everybody for old heights, several times a heartbeat.
    case digestFlooder = "digest-flooder"
    /// Announces two updates to everybody.
    case doubleAnnouncer = "double-announcer"
    /// Keeps its keys so that a keyed set ends without a result, and does not come back then: what is missing from the
    /// next set beside it shows in the difference of the two sums.
    case dropOut = "drop-out"
    /// Another one of the above for each seed.
    case every

    /// Strategies that do something of their own.
    public static var single: [ByzantineStrategy] { allCases.filter { $0 != .every } }

    func resolved(seed: UInt64) -> ByzantineStrategy {
        self == .every ? Self.single[Int(seed % UInt64(Self.single.count))] : self
    }
}

struct ByzantineMemory {
    let strategy: ByzantineStrategy
    private(set) var seen: [Envelope] = []
    /// The second block of an equivocation, by the first.
    var twins: [BlockID: BlockID] = [:]
    /// Heartbeats, accounts or tasks used up, and the nonce from which an attack goes on.
    var beats = 0
    var used = 0
    var nextNonce: UInt64 = 0
    private var keys: [SigningKey] = []

    init(strategy: ByzantineStrategy) { self.strategy = strategy }

    var flaw: UInt8 {
        switch strategy {
        case .badBody: NullScheme.flawedBody
        case .badSeeds: NullScheme.flawedSeeds
        default: NullScheme.flawless
        }
    }

    /// Keys of accounts that nobody knows yet.
    mutating func fresh(_ count: Int, seed: UInt64, node: Int) -> [SigningKey] {
        while keys.count < count {
            var encoder = WireEncoder()
            for word in [seed, UInt64(node), UInt64(keys.count)] { encoder.u64(word) }
            // A hash has the 32 bytes that a seed must have.
            keys.append(try! SigningKey(seed: SecretBytes(Transcript.hash("sim/fresh-account", encoder.bytes))))
        }
        return keys
    }

    /// Whether it keeps what a set that was decided before would need from it.
    var dropsOut: Bool { strategy == .dropOut }

    /// Keeps a sample of what passes by.
    mutating func remember(_ envelope: Envelope, _ random: inout SimulationRandom) {
        if seen.count < 300 { seen.append(envelope) } else { seen[random.below(seen.count)] = envelope }
    }

    /// What of an answer to a digest really leaves.
    func withheld(_ envelopes: [Envelope], own: NodeID, hostile: Set<NodeID>) -> [Envelope] {
        switch strategy {
        case .silent: []
        case .colluder: envelopes.filter { !hostile.contains($0.signer) }
        case .equivocatingProposer, .doubleVoter, .doubleSubmitter, .lockAmnesia: envelopes.filter { $0.signer != own }
        case .splitView: []
        case .dropOut: envelopes.filter { $0.signer != own || !Self.isKept($0) }
        case .falseHolder: envelopes.filter { $0.signer != own || $0.slot.kind != .keyStatement }
        default: envelopes
        }
    }

    /// Who drops out gives out no keys, and no update for a second attempt.
    static func isKept(_ envelope: Envelope) -> Bool {
        switch envelope.slot.kind {
        case .keyStatement: true
        case .submission: ((try? SubmissionHeader(wireBytes: envelope.payload))?.attempt ?? 0) > 0
        default: false
        }
    }

    func withholds(content: ContentID, from peer: Int) -> Bool {
        switch strategy {
        case .silent: true
        case .withheldBody: peer.isMultiple(of: 2)
        default: false
        }
    }
}
