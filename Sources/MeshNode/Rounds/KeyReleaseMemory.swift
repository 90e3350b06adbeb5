internal import Chain
internal import MeshCrypto
internal import Wire

/// A holder's own memory of the sets that it released keys for: a second wall behind MANIFEST validity.
///
/// Every admitted request is durable before a vector is derived for it, and the gate is built again from these when the
/// node starts. It refuses what the chain's rules would have to let through for a single update to be exposed: a set below
/// n_min, one that is not nested, one that the beacon has not drawn, a small atom of all sets on one base model, a submission twice,
/// a second set an attempt.
struct KeyReleaseMemory: Sendable {
    private var gate: KeyReleaseGate
    private let space: String

    /// - Throws: `StorageError`, or `RoundError` for a record that does not decode or that the gate itself refuses.
    init(durable: DurableStore, chain: ChainID, smallestSet: UInt32) throws {
        gate = KeyReleaseGate(minimumMembers: Int(smallestSet))
        space = "key-release-\(chain.hex)"
        for stored in try durable.values(space: space) {
            do {
                _ = try gate.admit(try Record(wireBytes: stored.bytes).request)
            } catch { throw RoundError.failed("the memory of released keys is damaged: \(error)") }
        }
    }

    /// Admits a decided set, durably, or says why its keys stay here.
    mutating func admit(_ job: KeyJob, chain: ChainID, evicted: [NodeID], durable: DurableStore) throws(RoundError) {
        let record = Record(
            task: chain, baseModel: job.model.id, manifest: job.manifest, round: job.round, attempt: job.attempt,
            members: job.set, sums: job.sums, evicted: evicted,
            presence: job.presence)
        var next = gate
        let admission: KeyReleaseGate.Admission
        do { admission = try next.admit(record.request) } catch {
            throw .rejected("this holder releases no key for round \(job.round), attempt \(job.attempt): \(error)")
        }
        if admission == .first {
            var key = WireEncoder()
            key.u32(job.round.byteSwapped)
            key.u32(UInt32(job.attempt).byteSwapped)
            do {
                try durable.commit([.value(space: space, key: key.bytes, bytes: record.wireBytes)])
            } catch { throw .failed("\(error)") }
        }
        gate = next
    }

    /// A request as it is stored.
    private struct Record: WireCodable {
        let task: ChainID
        let baseModel: ContentID
        let manifest: BlockID
        let round: UInt32
        let attempt: UInt16
        let members: [Chain.TaskState.SetMember]
        /// Places in `members`.
        let sums: [[Int]]
        let evicted: [NodeID]
        let presence: Chain.TaskState.SetPresence

        init(
            task: ChainID, baseModel: ContentID, manifest: BlockID, round: UInt32, attempt: UInt16,
            members: [Chain.TaskState.SetMember], sums: [[Int]], evicted: [NodeID],
            presence: Chain.TaskState.SetPresence
        ) {
            self.task = task
            self.baseModel = baseModel
            self.manifest = manifest
            self.round = round
            self.attempt = attempt
            self.members = members
            self.sums = sums
            self.evicted = evicted
            self.presence = presence
        }

        func encode(into encoder: inout WireEncoder) {
            encoder.value(task)
            encoder.value(baseModel)
            encoder.value(manifest)
            encoder.u32(round)
            encoder.u16(attempt)
            encoder.list(members)
            encoder.list(sums) { encoder, sum in
                encoder.list(sum) { encoder, place in encoder.u16(UInt16(place)) }
            }
            encoder.list(evicted)
            encoder.list(presence.submitters)
            encoder.value(presence.beacon)
            encoder.list(presence.previous)
            encoder.list(presence.dropped)
        }

        init(from decoder: inout WireDecoder) throws(WireError) {
            task = try decoder.value()
            baseModel = try decoder.value()
            manifest = try decoder.value()
            round = try decoder.u32("round")
            attempt = try decoder.u16("attempt")
            members = try decoder.list(limit: Limits.submitters, "members")
            let count = members.count
            sums = try decoder.list(limit: Limits.buckets, "sums") { (decoder: inout WireDecoder) throws(WireError) in
                try decoder.list(limit: Limits.submitters, "sum") { (decoder: inout WireDecoder) throws(WireError) in
                    let place = Int(try decoder.u16("place"))
                    guard place < count else { throw .invalid(field: "sum", reason: "no member has place \(place)") }
                    return place
                }
            }
            evicted = try decoder.list(limit: Limits.evictions, "evicted")
            presence = .init(
                submitters: try decoder.list(limit: Limits.submitters, "submitters"), beacon: try decoder.value(),
                previous: try decoder.list(limit: Limits.submitters, "previous"),
                dropped: try decoder.list(limit: Limits.submitters, "dropped"))
        }

        var request: KeyReleaseGate.Request {
            KeyReleaseGate.Request(
                task: task.bytes, baseModel: baseModel.bytes, manifest: manifest.bytes, round: UInt64(round),
                attempt: UInt32(attempt), manifestIsDecided: true,
                members: members.map { ($0.node.bytes, $0.submission.bytes) },
                buckets: sums.map { $0.map { members[$0].node.bytes } }, provenBad: evicted.map(\.bytes),
                present: presence.submitters.map(\.bytes), beacon: presence.beacon.bytes,
                previous: presence.previous.map(\.bytes), dropped: presence.dropped.map(\.bytes))
        }
    }
}
