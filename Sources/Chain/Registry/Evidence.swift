public import Wire

/// Two different messages that one signer put into one slot. Both are inside, so anybody can check it.
public enum Evidence {
    /// The kinds that an honest node signs once a slot, whatever happens to it: they are stored before they are sent.
    public static let kinds: Set<MessageKind> = [
        .proposal, .prevote, .precommit, .submission, .received, .opinion, .keyStatement,
    ]

    /// - Throws: what is missing for a proof.
    public static func check(_ first: Envelope, _ second: Envelope, network: NetworkID) throws(ChainError) {
        try require(first.network == network && second.network == network, "evidence of another network")
        try require(kinds.contains(first.slot.kind), "a \(first.slot.kind) may be signed again")
        try require(
            first.slot == second.slot && first.signer == second.signer, "evidence needs one signer and one slot")
        // One order, so that the same two messages make the same proof; equal payloads are no conflict.
        try require(
            first.payload.lexicographicallyPrecedes(second.payload), "the two payloads are equal or not in order")
        try require(
            first.isSignatureValid && second.isSignatureValid, "a message is not signed by \(first.signer.short)")
    }

    /// The transaction for two messages of a slot; nil if they prove nothing or are too long for one.
    public static func transaction(_ one: Envelope, _ other: Envelope) -> Transaction? {
        let isOrdered = one.payload.lexicographicallyPrecedes(other.payload)
        let (first, second) = isOrdered ? (one, other) : (other, one)
        guard (try? check(first, second, network: first.network)) != nil,
            first.payload.count + second.payload.count + 1_024 <= Limits.envelopePayload
        else { return nil }
        return .evidence(first: first, second: second)
    }
}
