internal import Chain
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

    init(strategy: ByzantineStrategy) { self.strategy = strategy }

    var flaw: UInt8 {
        switch strategy {
        case .badBody: NullScheme.flawedBody
        case .badSeeds: NullScheme.flawedSeeds
        default: NullScheme.flawless
        }
    }

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
        case .falseHolder: envelopes.filter { $0.signer != own || $0.slot.kind != .keyStatement }
        default: envelopes
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
