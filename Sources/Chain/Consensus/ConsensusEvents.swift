public import Wire

public enum ConsensusInput: Sendable {
    /// The chain's rules say that there is something to decide.
    case start
    /// After a restart, before `start`: the durable vote state and this node's own proposals and votes.
    case restored(VoteState, own: [ConsensusInput])
    /// A proposal whose signature was verified.
    case proposal(view: UInt32, signer: NodeID, Proposal)
    /// A prevote or precommit whose signature was verified.
    case vote(MessageKind, view: UInt32, signer: NodeID, block: BlockID?)
    /// This node can propose this value in the present view.
    case proposable(BlockHeader)
    /// The answer to `validate`: validity, or admission of a fresh proposal.
    case validated(BlockID, Bool)
    case timeout(view: UInt32, step: VoteState.Step)
}

public enum ConsensusDirective: Sendable, Equatable {
    public enum Signable: Sendable, Equatable {
        case proposal(view: UInt32, Proposal)
        /// The reason belongs to nil.
        case prevote(view: UInt32, BlockID?, Vote.Reason? = nil)
        case precommit(view: UInt32, BlockID?, Vote.Reason? = nil)
    }

    /// Must be durable, together with the next `sign`, before that message leaves.
    case saveState(VoteState)
    case sign(Signable)
    /// This node proposes in this view: hand in a value with `proposable` as soon as there is one.
    case requestProposal(view: UInt32)
    /// Check a fresh proposal and answer with `validated`.
    case validate(BlockHeader, view: UInt32)
    case schedule(view: UInt32, step: VoteState.Step, delayMs: UInt64)
    case enteredView(UInt32, proposer: NodeID)
    /// `header` is nil when the certificate came before the proposal.
    case decided(block: BlockID, view: UInt32, header: BlockHeader?)
}

/// Timeouts of a height in milliseconds. Each view waits half of the first timeout longer than the one before, so
/// that views outlast any message delay sooner or later (partial synchrony).
public struct ConsensusTiming: Sendable, Equatable {
    public let proposeMs: UInt64
    public let voteMs: UInt64

    public init(proposeMs: UInt64, voteMs: UInt64) {
        self.proposeMs = proposeMs
        self.voteMs = voteMs
    }

    public func propose(view: UInt32) -> UInt64 { grown(proposeMs, view) }
    public func vote(view: UInt32) -> UInt64 { grown(voteMs, view) }

    private func grown(_ first: UInt64, _ view: UInt32) -> UInt64 { first + first / 2 * UInt64(min(view, 1_000)) }
}
