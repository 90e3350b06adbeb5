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

    /// The pairs of precommits of whoever signed both of two certificates of one height in one view. Certificates of
    /// different views prove nothing about a single voter: an honest one may vote for another block once it is unlocked.
    public static func doublePrecommits(
        _ one: Certificate, _ other: Certificate, network: NetworkID, electorate: Electorate
    ) -> [(Envelope, Envelope)] {
        guard one.chain == other.chain, one.height == other.height, one.view == other.view, one.block != other.block
        else { return [] }
        let slot = Slot(kind: .precommit, chain: one.chain, major: one.height, minor: one.view)
        func envelope(_ precommit: Certificate.Precommit, _ block: BlockID) -> Envelope {
            Envelope(
                network: network, slot: slot, signer: electorate.members[Int(precommit.voter)].node,
                payload: Vote(block: block).wireBytes, signature: precommit.signature)
        }
        return one.precommits.compactMap { first in
            other.precommits.first { $0.voter == first.voter && Int($0.voter) < electorate.members.count }.map {
                (envelope(first, one.block), envelope($0, other.block))
            }
        }
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
