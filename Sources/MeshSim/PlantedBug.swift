internal import Wire

/// A bug on purpose. Each must be caught by an invariant; a gate that was never seen to fail does not count.
public enum PlantedBug: String, Sendable, CaseIterable {
    /// Votes are kept, locks are not: every node drops its lock whenever it enters a view.
    case noLock = "no-lock"
    /// A restart forgets votes and own messages.
    case amnesia
    /// Own messages are sent without being made durable.
    case noDurableSlots = "no-durable-slots"
    /// Votes are durable before they leave, the blocks and bodies that they rest on are not.
    case lateSync = "late-sync"
    /// A holder derives its keys anew after a restart, with other roots.
    case doubleKeyStatement = "double-key-statement"
    /// A node decides on two thirds rounded down.
    case lowQuorum = "low-quorum"
    /// A node lists submissions whose bodies it has not stored.
    case listsUnstored = "lists-unstored"
    /// Nobody lists the submissions of node 1, though everybody stores them.
    case omitsStored = "omits-stored"
    /// Every node adds a credit to an account when a task is settled.
    case mint
    /// The sets that were decided on a base model are forgotten with a VOID block.
    case forgetsSets = "forgets-sets"
    /// A member falls out of the sets that were decided on a base model, and no proof says why: the next set is the
    /// last one less that member.
    case forgetsMember = "forgets-member"
    /// Voters accept every candidate unseen.
    case blindVoters = "blind-voters"
    /// Messages of any view ahead are kept.
    case endlessViews = "endless-views"
    /// Nobody tells its neighbours what it lacks.
    case noDigests = "no-digests"
    /// The deadline of a phase never comes.
    case noDeadlines = "no-deadlines"
    /// What only time makes due begins no height of the registry.
    case noTimers = "no-timers"
    /// One node's account of the ledger drifts from the others'.
    case divergentState = "divergent-state"
    /// A transaction that has become impossible keeps its nonce.
    case stuckNonce = "stuck-nonce"
    /// The registry pays out a task but for one member.
    case lostPayout = "lost-payout"
    /// A node with eight undecided transactions of others takes none of its own.
    case fullTable = "full-table"
    /// Nobody hands the registry's orders to the task's chain.
    case deafTasks = "deaf-tasks"
    /// A message of another height is rejected, as if no state made it right.
    case rejectsLate = "rejects-late"
    /// Messages of decided heights are kept.
    case keepsDecided = "keeps-decided"
    /// The anchor of a task's proofs never moves.
    case fixedAnchor = "fixed-anchor"
    /// Whoever dropped out of a keyed set counts among those who left the next one.
    case countsDropouts = "counts-dropouts"
    /// An enrolment is believed its sealing key.
    case believesKeys = "believes-keys"
    /// A list names both announcements of a member.
    case listsBoth = "lists-both"
    /// An accusation is proof enough.
    case believesComplaints = "believes-complaints"
    /// A task's place in the registry costs nothing.
    case freePlaces = "free-places"
    /// A digest is answered whatever was answered before.
    case boundlessAnswers = "boundless-answers"

    /// What must catch it.
    public var caughtBy: Violation.Invariant {
        switch self {
        case .noLock: .oneBlockPerHeight
        case .amnesia, .doubleKeyStatement: .oneMessagePerSlot
        case .noDurableSlots, .lateSync: .durableBeforeSent
        case .lowQuorum: .certificate
        case .listsUnstored: .storedBeforeListed
        case .omitsStored: .listedSubmissions
        case .mint: .credits
        case .forgetsSets, .forgetsMember, .countsDropouts: .nestedSets
        case .blindVoters: .exactSum
        case .endlessViews, .keepsDecided: .boundedQueues
        case .noDigests: .progress
        case .noDeadlines, .noTimers: .ending
        case .divergentState: .noHalt
        case .stuckNonce: .ordersArrive
        case .lostPayout: .payouts
        case .fullTable: .places
        case .deafTasks, .fixedAnchor: .ordersFollowed
        case .rejectsLate: .honestRejected
        case .believesKeys: .heldKeys
        case .listsBoth: .listedOnce
        case .believesComplaints: .innocence
        case .freePlaces: .paidPlaces
        case .boundlessAnswers: .boundedAnswers
        }
    }

    /// Changes a run so that the bug has something to break.
    public func prepare(_ configuration: inout SimulationConfiguration) {
        configuration.planted = self
        configuration.setFaults(.all)
        configuration.nodes = 4
        switch self {
        case .doubleKeyStatement:
            configuration.nodes = 5
            configuration.setFaults(.none)
            for node in 0..<5 {
                configuration.script.append(
                    .init(.stage(.afterKeys, round: 1), .crash(node: node, restartAfter: 50_000)))
            }
        case .lowQuorum:
            // Equal bonds of six nodes: two thirds are a whole number, and four nodes have exactly that.
            configuration.nodes = 6
            configuration.equalBonds = true
        case .noLock:
            // The run that spin finds (spin/lock.pml): node 3 does not see the first block in time and votes for none, the
            // others lock it, and only node 0 learns that all of them did. The three go on without it.
            configuration.setFaults(.none)
            configuration.equalBonds = true
            configuration.network.heartbeat = 5_000_000
            configuration.losses = [
                .init(.proposal, height: 1, view: 0, from: [0, 1, 2], to: [3]),
                .init(.prevote, height: 1, view: 0, from: [0], to: [3]),
                .init(.precommit, height: 1, view: 0, from: [0], to: [1, 2, 3]),
            ]
        case .lateSync, .omitsStored:
            configuration.nodes = 6
        case .forgetsSets, .forgetsMember:
            // Where two of three holders keep their keys a decided set ends in VOID. Who could not be heard before it is back
            // in the attempt after it.
            configuration.nodes = 7
            configuration.setFaults(.none)
            configuration.byzantine = [.init(node: 2, strategy: .falseHolder), .init(node: 5, strategy: .falseHolder)]
            configuration.script = [
                .init(.stage(.training, round: 1), .cut(from: [6], to: Array(0..<6))),
                .init(.stage(.voided, round: 1), .heal), .init(.stage(.afterKeys, round: 1), .heal),
            ]
        case .blindVoters:
            configuration.nodes = 5
            configuration.setFaults(.none)
            configuration.byzantine = [.init(node: 2, strategy: .wrongAggregate)]
        case .endlessViews:
            configuration.nodes = 5
            configuration.byzantine = [.init(node: 2, strategy: .viewSpammer)]
        case .noDeadlines:
            configuration.nodes = 5
            configuration.setFaults(.none)
            configuration.script = [.init(.stage(.training, round: 1), .crash(node: nil, restartAfter: nil))]
        case .noTimers:
            // Five members of the six that the task needs: it ends when it expires, and only time brings that about.
            configuration.nodes = 7
            configuration.setFaults(.none)
            configuration.script = [5, 6].map { .init(.at(60_000), .crash(node: $0, restartAfter: nil)) }
        case .fullTable:
            configuration.nodes = 7
            configuration.byzantine = [.init(node: 2, strategy: .transactionBurst)]
        case .keepsDecided:
            configuration.rounds = 100
            configuration.setFaults(.none)
        case .deafTasks:
            configuration.nodes = 5
            configuration.rounds = 100
            configuration.setFaults(.none)
            configuration.script = [.init(.at(8_000_000), .order(.pause)), .init(.at(12_000_000), .order(.resume))]
        case .fixedAnchor:
            // An electorate for every block: more of them than one proof has steps, before the order.
            configuration.nodes = 5
            configuration.rounds = 100
            configuration.setFaults(.none)
            configuration.timing.epochMs = 1
            configuration.byzantine = [.init(node: 2, strategy: .bondChurner)]
            configuration.script = [.init(.at(30_000_000), .order(.pause)), .init(.at(36_000_000), .order(.stop))]
        case .countsDropouts:
            configuration.nodes = 10
            configuration.setFaults(.none)
            configuration.byzantine = [1, 4, 8].map { .init(node: $0, strategy: .dropOut) }
        case .believesKeys: lone(.badKeys, in: &configuration)
        case .listsBoth: lone(.doubleAnnouncer, in: &configuration)
        case .believesComplaints: lone(.falseComplaint, in: &configuration)
        case .freePlaces: lone(.taskFlooder, in: &configuration)
        case .boundlessAnswers: lone(.digestFlooder, in: &configuration)
        case .lostPayout: lone(.payoutForger, in: &configuration)
        case .stuckNonce:
            configuration.nodes = 5
            configuration.rounds = 30
            configuration.setFaults(.loss)
            configuration.script = [.init(.at(8_000_000), .order(.pause)), .init(.at(12_000_000), .order(.resume))]
        default: break
        }
    }

    /// One hostile node of five, and no other fault.
    private func lone(_ strategy: ByzantineStrategy, in configuration: inout SimulationConfiguration) {
        configuration.nodes = 5
        configuration.setFaults(.none)
        configuration.byzantine = [.init(node: 2, strategy: strategy)]
    }
}
