public import Wire

/// A message of the present attempt: it names the attempt's context.
protocol AttemptMessage: WireCodable {
    var context: Digest { get }
}

extension Ready: AttemptMessage {}
extension Complaint: AttemptMessage {}
extension KeyStatement: AttemptMessage {}
extension BlameClaim: AttemptMessage {}
extension Disclosure: AttemptMessage {}
extension SeedOpening: AttemptMessage {}
extension SubmissionHeader: AttemptMessage {}

/// What every signed message that a task's block may carry is checked for, whatever it says.
extension TaskRules {
    enum Speaker: Sendable {
        /// Whoever holds a place now.
        case holder
        case voter
        case submitter
        case node(NodeID)
        /// Looked at by the caller.
        case anybody
    }

    /// A message's payload, after its network, slot, signer and, unless it is known to hold, its signature.
    static func read<Payload: WireCodable>(
        _ envelope: Envelope, as type: Payload.Type = Payload.self, slot: Slot, from speaker: Speaker,
        state: TaskState, signatureKnown: Bool
    ) throws(ChainError) -> Payload {
        let (kind, signer) = (name(slot.kind), envelope.signer)
        try require(
            envelope.network == state.genesis.network && envelope.slot == slot, "a \(kind) of another slot")
        switch speaker {
        case .holder:
            try require(state.holders.contains { $0.node == signer }, "\(signer.short) is not a holder")
        case .voter: try require(state.electorate.contains(signer), "\(signer.short) has no vote here")
        case .submitter: try require(state.roster.contains(signer), "\(signer.short) is not in the roster")
        case .node(let node): try require(signer == node, "a \(kind) of \(signer.short), not \(node.short)")
        case .anybody: break
        }
        let payload = try decoded(Payload.self, envelope.payload)
        if !signatureKnown {
            try require(envelope.isSignatureValid, "the \(kind) of \(signer.short) is not signed by it")
        }
        return payload
    }

    /// The same for a message of the present attempt.
    static func read<Payload: AttemptMessage>(
        _ envelope: Envelope, as type: Payload.Type = Payload.self, _ kind: MessageKind, from speaker: Speaker,
        context: RoundContext, state: TaskState, signatureKnown: Bool
    ) throws(ChainError) -> Payload {
        let slot = Slot(
            kind: kind, chain: state.chain, major: UInt64(context.round), minor: UInt32(context.attempt))
        let payload: Payload = try read(
            envelope, slot: slot, from: speaker, state: state, signatureKnown: signatureKnown)
        try require(payload.context == context.digest, "a \(name(kind)) of another context")
        return payload
    }

    private static func name(_ kind: MessageKind) -> String { kind == .keyStatement ? "key statement" : "\(kind)" }
}
