internal import MeshCrypto
public import Wire

/// Everything that both sides of an encrypted round must agree on, hashed into one value: masks, proofs, headers
/// and statements are bound to it.
public struct RoundContext: Hashable, Sendable {
    public let digest: Digest
    public let round: UInt32
    public let attempt: UInt16

    /// ctx = H(network ‖ chain ‖ task ‖ round ‖ attempt ‖ roster ‖ base model ‖ policy).
    public init(_ state: TaskState) {
        let spec = state.spec
        var policy = WireEncoder()
        policy.u16(WireDomain.policy.rawValue)
        policy.u8(WireDomain.policy.version)
        policy.i64(spec.bound)
        policy.u8(spec.update.packing)
        // R = 2·n_max·B + 1.
        policy.i64(2 * Int64(spec.participants.maximum) * spec.bound + 1)
        policy.u32(UInt32(spec.coordinateCount(round: state.round)))
        policy.u32(spec.participants.maximum)
        policy.u32(spec.participants.smallestSet)
        policy.u8(spec.update.encoding.rawValue)
        policy.u64(spec.update.clipNormPpm)
        policy.u32(spec.update.rangePpm)
        policy.u8(spec.holders.threshold)
        policy.list(state.holders) { encoder, holder in
            encoder.value(holder.node)
            encoder.value(holder.key)
        }
        policy.optional(state.directionCommitment)

        var transcript = Transcript("meshnode/context/1")
        transcript.append(state.genesis.network)
        transcript.append(state.chain)
        transcript.append(Digest(Transcript.hash("meshnode/spec/1", spec.wireBytes)))
        transcript.append(UInt64(state.round))
        transcript.append(UInt64(state.attempt))
        var roster = WireEncoder()
        roster.list(state.genesis.members) { encoder, member in
            encoder.value(member.node)
            encoder.value(member.enrolment)
            encoder.bool(state.evicted.contains(member.node))
        }
        transcript.append(roster.bytes)
        transcript.append(state.model.wireBytes)
        transcript.append(policy.bytes)
        digest = transcript.identifier()
        round = state.round
        attempt = state.attempt
    }
}
