internal import MeshCrypto
public import Wire

/// What the state root is a hash of: docs/protocol/registry.md.
extension RegistryState {
    /// Hash of the state after the transactions of a block, before `finish`.
    public var root: Digest {
        var encoder = WireEncoder()
        encoder.u16(WireDomain.registryState.rawValue)
        encoder.u8(WireDomain.registryState.version)
        encoder.list(accounts.keys.sorted()) { encoder, node in
            let account = accounts[node]!
            encoder.value(node)
            encoder.u64(account.balance)
            encoder.u64(account.nonce)
            encoder.u64(account.bonded)
            encoder.u64(account.validatorBond)
            encoder.value(account.electionKey)
            encoder.list(account.unbonding) { encoder, part in
                encoder.u64(part.credits)
                encoder.u64(part.releaseMs)
            }
            encoder.u64(account.slashedBelow)
            encoder.u64(account.reserve)
        }
        encoder.u64(burned)
        encoder.u64(changeSinceMs ?? 0)
        encoder.list(tasks) { encoder, record in record.encode(into: &encoder) }
        encoder.u64(UInt64(ended.count))
        encoder.value(endedDigest)
        encoder.list(sums.keys.sorted()) { encoder, node in sums[node]!.encode(into: &encoder) }
        return Digest(Transcript.hash("meshnode/registry-state/1", encoder.bytes))
    }
}

extension RegistryState.TaskRecord {
    func encode(into encoder: inout WireEncoder) {
        encoder.value(task)
        encoder.value(spec)
        encoder.value(publisher)
        encoder.u64(publishedMs)
        encoder.u64(escrow)
        encoder.u64(deposit)
        encoder.list(enrolments) { encoder, enrolled in
            encoder.value(enrolled.node)
            encoder.u64(enrolled.height)
            encoder.value(enrolled.enrolment)
        }
        encoder.u64(closed?.height ?? 0)
        encoder.list(orders) { encoder, order in
            encoder.u64(order.height)
            encoder.value(order.action)
        }
        encoder.bool(isCancelled)
        encoder.bool(settlement != nil)
        if let settled = settlement {
            encoder.u64(settled.height)
            encoder.value(settled.block)
            encoder.value(settled.payouts)
        }
        encoder.bool(revealedTargetPpm != nil)
        encoder.u32(revealedTargetPpm ?? 0)
        encoder.u64(windowEndsMs ?? 0)
        encoder.u64(paidMs ?? 0)
        encoder.bool(bondsReleased)
        encoder.list(slashed)
        encoder.list(ratings) { encoder, rating in
            encoder.value(rating.node)
            encoder.u8(rating.stars)
        }
    }

    /// The state of a record as the root has it: what is kept of a task that has left.
    var digest: Digest {
        var encoder = WireEncoder()
        encode(into: &encoder)
        return Digest(Transcript.hash("meshnode/ended-task/1", encoder.bytes))
    }
}

extension Contributor {
    func encode(into encoder: inout WireEncoder) {
        encoder.value(node)
        for number in [tasks, rounds, offered, aggregated, credits, slashes, ratings, stars] { encoder.u64(number) }
    }
}
