public import Wire

/// Decides one block at one height of one chain: Tendermint's two-phase vote with locks.
///
/// Source: Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus", arXiv 1807.04938, algorithm 1; comments
/// name its lines. Deviations, each with its reason:
/// - One instance decides one height. The next height is a new instance, because electorate and order change.
/// - View 0 starts when the chain's rules say that there is something to decide, not when the last height ends;
///   a quorum of precommits decides whether started or not.
/// - A quorum of prevotes is acted on at once (lines 36 and 44), without waiting for the prevote timeout.
/// - Validity (`validated`) arrives as an input, because checking a body takes time. A fresh proposal whose check
///   has not ended when the propose timeout fires gets a nil prevote; a missing body is never "invalid". For a
///   re-proposal with a quorum of prevotes at its valid view the lock rule alone decides (line 28): at least a third
///   of honest weight has validated the block.
/// - More than a third of the weight in a higher view moves this instance there (line 55), with one count over
///   proposals, prevotes and precommits of that view.
/// - A proposer that holds a valid value re-proposes it (line 16), also one that was made by another author.
public struct ConsensusMachine: Sendable {
    public let chain: ChainID
    public let height: UInt64
    public let electorate: Electorate
    /// View v belongs to `order[v mod count]`.
    public let order: [NodeID]
    /// This node, if it votes at this height.
    public let me: NodeID?
    public let timing: ConsensusTiming

    public private(set) var view: UInt32 = 0
    public private(set) var step = VoteState.Step.propose
    public private(set) var isStarted = false
    public private(set) var decision: BlockID?
    var locked: VoteState.Value?
    var valid: VoteState.Value?

    var proposals: [UInt32: Proposal] = [:]
    var prevotes: [UInt32: Ballots] = [:]
    var precommits: [UInt32: Ballots] = [:]
    /// Of this height's proposals, whoever made them.
    var headers = Bounded<NodeID, BlockID, BlockHeader>(ChainTables.headers)
    private var validity: [BlockID: Bool] = [:]
    private var requested: Set<BlockID> = []
    private var prevoteTimers: Set<UInt32> = []
    private var precommitTimers: Set<UInt32> = []
    /// What this node signed in a view before a crash: it is repeated, never replaced.
    private var signedBefore: [Key: BlockID?] = [:]
    private var proposedViews: Set<UInt32> = []

    private struct Key: Hashable, Sendable {
        let kind: MessageKind
        let view: UInt32
    }

    public init(
        chain: ChainID, height: UInt64, electorate: Electorate, order: [NodeID], me: NodeID?, timing: ConsensusTiming
    ) {
        precondition(!order.isEmpty, "a height without proposers cannot be decided")
        self.chain = chain
        self.height = height
        self.electorate = electorate
        self.order = order
        self.me = me.flatMap { electorate.contains($0) ? $0 : nil }
        self.timing = timing
    }

    public func proposer(view: UInt32) -> NodeID { order[Int(view) % order.count] }
    public var isProposer: Bool { me != nil && proposer(view: view) == me }
    /// Whether this node can propose in the present view and has not yet.
    public var awaitsProposal: Bool {
        isStarted && isProposer && step == .propose && proposals[view] == nil && !proposedViews.contains(view)
    }
    /// The value that this node must propose if it is the proposer, because a quorum prevoted it.
    public var mustPropose: BlockHeader? { valid?.header }
    public var voteState: VoteState {
        VoteState(height: height, view: view, step: step, locked: locked, valid: valid)
    }
    /// The header of a block of this height. One whose place went to others of its proposer is still known where it is
    /// locked, must be proposed again, or was the first of a view: a quorum may come for it at any time.
    public func header(of block: BlockID) -> BlockHeader? {
        if let known = headers[block] { return known }
        for value in [locked, valid] {
            if let header = value?.header, header.id == block { return header }
        }
        return proposals.values.first { $0.header.id == block }?.header
    }
    /// The headers whose bodies this node cannot go on without: of the decided block, of the present view's proposal, of what
    /// it is locked on and of what it must propose again. Four at most.
    var neededHeaders: [BlockHeader] {
        let decided = decision.flatMap { header(of: $0) }
        return [decided, proposals[view]?.header, locked?.header, valid?.header].compactMap { $0 }
    }
    /// Whether this node has voted or proposed at this height, perhaps before a crash.
    public var hasSigned: Bool { !signedBefore.isEmpty || !proposedViews.isEmpty }

    /// The simulator loses locks on purpose, to see two decided blocks at one height.
    mutating func dropLock() {
        locked = nil
        valid = nil
    }

    // MARK: Inputs

    public mutating func handle(_ input: ConsensusInput) -> [ConsensusDirective] {
        var directives: [ConsensusDirective] = []
        guard decision == nil else {
            // A certificate may come before its block: the proposal still says what was decided.
            if case .proposal(let view, let signer, let proposal) = input {
                accept(proposal, view: view, signer: signer)
            }
            return directives
        }
        switch input {
        case .start:
            if !isStarted { enter(view: view, &directives) }
        case .restored(let state, let own):
            // Nothing is concluded before the start: directives given here would reach nobody.
            restore(state, own)
            return directives
        case .proposal(let view, let signer, let proposal):
            accept(proposal, view: view, signer: signer)
        case .vote(let kind, let view, let signer, let block):
            record(kind, view: view, signer: signer, block: block)
        case .proposable(let header):
            propose(header, &directives)
        case .validated(let block, let isValid):
            validity[block] = isValid
        case .timeout(let view, let step):
            expire(view: view, step: step, &directives)
        }
        advance(&directives)
        return directives
    }

    private mutating func restore(_ state: VoteState, _ own: [ConsensusInput]) {
        precondition(!isStarted && state.height == height, "vote state belongs to the start of its own height")
        view = state.view
        step = state.step
        locked = state.locked
        valid = state.valid
        for message in own {
            switch message {
            case .proposal(let view, let signer, let proposal):
                proposedViews.insert(view)
                if signer == proposer(view: view) {
                    file(proposal.header, by: signer)
                    proposals[view] = proposal
                }
            case .vote(let kind, let view, let signer, let block):
                record(kind, view: view, signer: signer, block: block)
            default: preconditionFailure("only own proposals and votes are restored")
            }
        }
    }

    private mutating func accept(_ proposal: Proposal, view: UInt32, signer: NodeID) {
        // Also one that no rule allows: whoever has signed a proposal of this view, this key does not sign another.
        if signer == me { proposedViews.insert(view) }
        guard signer == proposer(view: view), proposal.validView < Int64(view), proposal.header.chain == chain,
            proposal.header.height == height
        else { return }
        // The second block of a proposer that made two is not voted for here, but others may have decided it.
        file(proposal.header, by: signer)
        if proposals[view] == nil { proposals[view] = proposal }
    }

    /// A header is filed under who proposed it, not under the author that it names: before a quorum speaks for it, that is
    /// its proposer's word alone, and it would take another's places.
    private mutating func file(_ header: BlockHeader, by proposer: NodeID) {
        // Refused or pushed out, it is still known as the first proposal of its view (`header(of:)`). Only the second of a
        // proposer that signed two is lost; if that is the decided one, its header comes with the block.
        _ = headers.insert(header, for: header.id, by: proposer)
    }

    /// A precommit is not kept any more: what counts towards a quorum must be there when its certificate is made.
    mutating func forgetPrecommit(of signer: NodeID, view: UInt32, block: BlockID) {
        precommits[view]?.remove(signer, weight: electorate.weight(of: signer), block: block)
    }

    private mutating func record(_ kind: MessageKind, view: UInt32, signer: NodeID, block: BlockID?) {
        let weight = electorate.weight(of: signer)
        guard weight > 0 else { return }
        // Own votes come back from peers when this node's storage was rolled back: they stand, nothing is signed anew.
        if signer == me, signedBefore[Key(kind: kind, view: view)] == nil {
            signedBefore[Key(kind: kind, view: view)] = .some(block)
        }
        if kind == .prevote {
            prevotes[view, default: Ballots()].add(signer, weight: weight, block: block)
        } else {
            precommits[view, default: Ballots()].add(signer, weight: weight, block: block)
        }
    }

    private mutating func propose(_ header: BlockHeader, _ directives: inout [ConsensusDirective]) {
        guard awaitsProposal else { return }
        // A quorum prevoted another value: only that one may be proposed now.
        let value = valid?.header ?? header
        let proposal = Proposal(header: value, validView: valid.map { Int32(clamping: $0.view) } ?? -1)
        proposedViews.insert(view)
        directives.append(.saveState(voteState))
        directives.append(.sign(.proposal(view: view, proposal)))
        proposals[view] = proposal
        file(value, by: proposer(view: view))
    }

    private mutating func expire(view: UInt32, step: VoteState.Step, _ directives: inout [ConsensusDirective]) {
        guard isStarted, view == self.view else { return }
        switch step {
        case .propose: if self.step == .propose { prevote(nil, .noProposal, &directives) }  // line 57
        case .prevote: if self.step == .prevote { precommit(nil, .noQuorum, &directives) }  // line 61
        case .precommit: enter(view: view.clampedSum(1), &directives)  // line 65
        }
    }

    // MARK: Rules

    /// Applies every rule whose condition holds, until none does.
    private mutating func advance(_ directives: inout [ConsensusDirective]) {
        var changed = true
        while changed, decision == nil {
            changed =
                decide(&directives) || jump(&directives) || consider(&directives) || lock(&directives)
                || giveUpView(&directives)
        }
        if decision == nil { startTimers(&directives) }
    }

    /// Line 49: a quorum of precommits for a block, in any view.
    private mutating func decide(_ directives: inout [ConsensusDirective]) -> Bool {
        for view in precommits.keys.sorted() {
            guard let ballots = precommits[view], let block = ballots.block(reaching: electorate.quorum) else {
                continue
            }
            decision = block
            directives.append(.decided(block: block, view: view, header: header(of: block)))
            return true
        }
        return false
    }

    /// Line 55: more than a third of the weight speaks in a higher view.
    private mutating func jump(_ directives: inout [ConsensusDirective]) -> Bool {
        let higher = Set(prevotes.keys).union(precommits.keys).union(proposals.keys).filter { $0 > view }.sorted()
        for candidate in higher.reversed() {
            var speakers = Set(prevotes[candidate]?.voters ?? [])
            speakers.formUnion(precommits[candidate]?.voters ?? [])
            if proposals[candidate] != nil { speakers.insert(proposer(view: candidate)) }
            if electorate.weight(of: speakers) >= electorate.third {
                enter(view: candidate, &directives)
                return true
            }
        }
        return false
    }

    /// Lines 22 and 28: what to prevote for the proposal of this view.
    private mutating func consider(_ directives: inout [ConsensusDirective]) -> Bool {
        guard isStarted, step == .propose, let proposal = proposals[view] else { return false }
        let header = proposal.header
        let block = header.id
        guard isOfItsView(proposal) else {
            prevote(nil, .notItsTurn, &directives)
            return true
        }
        if proposal.validView >= 0 {
            let validView = UInt32(proposal.validView)
            guard let ballots = prevotes[validView], ballots.weight(for: block) >= electorate.quorum else {
                return false
            }
            let free = locked.map { $0.view <= validView || $0.header.id == block } ?? true
            prevote(free ? block : nil, .locked, &directives)
            return true
        }
        if let locked, locked.header.id != block {
            prevote(nil, .locked, &directives)
            return true
        }
        guard let isValid = validity[block] else {
            if requested.insert(block).inserted { directives.append(.validate(header, view: view)) }
            return false
        }
        prevote(isValid ? block : nil, .refused, &directives)
        return true
    }

    /// A fresh block is made by the proposer of this very view; a re-proposed one in its valid view or before. Else a
    /// proposer could sign in the name of another, or claim a later view than the one it has.
    private func isOfItsView(_ proposal: Proposal) -> Bool {
        let header = proposal.header
        guard proposal.validView < 0 else { return Int64(header.originView) <= Int64(proposal.validView) }
        return header.originView == view && header.author == proposer(view: view)
    }

    /// Lines 36 and 44: a quorum of prevotes in this view, for a block or for nil.
    private mutating func lock(_ directives: inout [ConsensusDirective]) -> Bool {
        guard isStarted, let ballots = prevotes[view] else { return false }
        if let block = ballots.block(reaching: electorate.quorum), let header = header(of: block) {
            let isNew = valid?.view != view || valid?.header.id != block
            if step == .prevote {
                locked = VoteState.Value(view: view, header: header)
                valid = locked
                precommit(block, .noQuorum, &directives)
                return true
            }
            if isNew, step == .precommit {
                valid = VoteState.Value(view: view, header: header)
                directives.append(.saveState(voteState))
                return true
            }
        }
        if step == .prevote, ballots.weight(for: nil) >= electorate.quorum {
            precommit(nil, .quorumForNil, &directives)
            return true
        }
        return false
    }

    /// A quorum of nil precommits cannot become a decision in this view: go on at once.
    private mutating func giveUpView(_ directives: inout [ConsensusDirective]) -> Bool {
        guard isStarted, step == .precommit, let ballots = precommits[view],
            ballots.weight(for: nil) >= electorate.quorum
        else { return false }
        enter(view: view.clampedSum(1), &directives)
        return true
    }

    /// Lines 34 and 47: a quorum of any votes starts the clock of the step.
    private mutating func startTimers(_ directives: inout [ConsensusDirective]) {
        guard isStarted else { return }
        if step == .prevote, let ballots = prevotes[view], ballots.total >= electorate.quorum,
            prevoteTimers.insert(view).inserted
        {
            directives.append(.schedule(view: view, step: .prevote, delayMs: timing.vote(view: view)))
        }
        if let ballots = precommits[view], ballots.total >= electorate.quorum, precommitTimers.insert(view).inserted {
            directives.append(.schedule(view: view, step: .precommit, delayMs: timing.vote(view: view)))
        }
    }

    // MARK: Steps

    private mutating func enter(view newView: UInt32, _ directives: inout [ConsensusDirective]) {
        let resumes = !isStarted && newView == view
        isStarted = true
        if !resumes || step == .propose {
            view = newView
            step = .propose
            directives.append(.enteredView(view, proposer: proposer(view: view)))
            directives.append(.schedule(view: view, step: .propose, delayMs: timing.propose(view: view)))
            if isProposer, proposals[view] == nil { directives.append(.requestProposal(view: view)) }
        } else {
            // A restart in the middle of a view: the votes already given stand; the clocks start anew.
            directives.append(.enteredView(view, proposer: proposer(view: view)))
            directives.append(.schedule(view: view, step: step, delayMs: timing.vote(view: view)))
        }
    }

    /// The reason is said where `block` is nil.
    private mutating func prevote(
        _ block: BlockID?, _ reason: Vote.Reason, _ directives: inout [ConsensusDirective]
    ) {
        step = .prevote
        cast(.prevote, block, block == nil ? reason : nil, &directives)
    }

    private mutating func precommit(
        _ block: BlockID?, _ reason: Vote.Reason, _ directives: inout [ConsensusDirective]
    ) {
        step = .precommit
        cast(.precommit, block, block == nil ? reason : nil, &directives)
    }

    private mutating func cast(
        _ kind: MessageKind, _ block: BlockID?, _ reason: Vote.Reason?, _ directives: inout [ConsensusDirective]
    ) {
        guard let me else { return }
        // After a crash the same slot may come up again: the stored vote is the vote.
        guard signedBefore[Key(kind: kind, view: view)] == nil else { return }
        signedBefore[Key(kind: kind, view: view)] = .some(block)
        directives.append(.saveState(voteState))
        directives.append(
            .sign(kind == .prevote ? .prevote(view: view, block, reason) : .precommit(view: view, block, reason)))
        record(kind, view: view, signer: me, block: block)
    }
}

/// The votes of one kind in one view. Whoever votes for two blocks counts for each of them, once in the total: what
/// one node saw as a quorum must be a quorum for every node that has the same messages, in whatever order they came.
/// The quorum rule is made for this: less than a third of the weight may do so.
struct Ballots: Sendable {
    private var votes: [NodeID: [BlockID?]] = [:]
    private var weights: [BlockID?: UInt64] = [:]
    private(set) var total: UInt64 = 0

    var voters: [NodeID] { votes.keys.sorted() }

    mutating func add(_ signer: NodeID, weight: UInt64, block: BlockID?) {
        let cast = votes[signer] ?? []
        guard cast.count < 2, !cast.contains(block) else { return }
        votes[signer] = cast + [block]
        weights[block, default: 0] += weight
        if cast.isEmpty { total += weight }
    }

    mutating func remove(_ signer: NodeID, weight: UInt64, block: BlockID?) {
        guard let cast = votes[signer], cast.contains(block) else { return }
        let left = cast.filter { $0 != block }
        votes[signer] = left.isEmpty ? nil : left
        weights[block]! -= weight
        if left.isEmpty { total -= weight }
    }

    func weight(for block: BlockID?) -> UInt64 { weights[block] ?? 0 }

    /// The one block, not nil, whose weight reaches `quorum`; two cannot while faulty weight is below a third.
    func block(reaching quorum: UInt64) -> BlockID? {
        weights.compactMap { $0.value >= quorum ? $0.key : nil }.min()
    }
}
