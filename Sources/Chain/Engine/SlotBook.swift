internal import MeshCrypto
public import Wire

/// The accepted messages of the height that is being decided, by slot and signer: at most two different ones each.
/// It answers a peer's digest with what that peer lacks.
public struct SlotBook: Sendable {
    public enum Insertion: Sendable, Equatable {
        case new
        case duplicate
        /// The second, different message of its signer in its slot: both together are evidence.
        case conflict
        /// Two messages of this slot are here, or its signer has as many as one may have.
        case full
    }

    private struct Place: Hashable, Comparable, Sendable {
        let slot: Slot
        let signer: NodeID
        static func < (lhs: Place, rhs: Place) -> Bool { (lhs.slot, lhs.signer) < (rhs.slot, rhs.signer) }
    }

    private struct Entry: Sendable {
        let envelope: Envelope
        /// Stands for what was signed, in the fingerprint of its group.
        let mark: [UInt8]
        /// What goes later than others of its signer is worth more: 2 for a precommit for a block, which a certificate may need, 1
        /// for a prevote for one, without which others do not follow a re-proposal.
        let worth: Int

        init(_ envelope: Envelope) {
            self.envelope = envelope
            mark = Transcript.hash("meshnode/mark/1", envelope.signer.bytes, envelope.payload)
            let isVote = envelope.slot.kind == .prevote || envelope.slot.kind == .precommit
            let isForBlock = isVote && (try? Vote(wireBytes: envelope.payload))?.block != nil
            worth = !isForBlock ? 0 : envelope.slot.kind == .prevote ? 1 : 2
        }
    }

    private var messages: [Place: [Entry]] = [:]
    /// What digests say of each slot of `messages`, kept so that nobody who is told or asked sorts and hashes all of them.
    private var slots: [Slot: SlotSummary] = [:]
    /// What each signer has here: whoever signs for hundreds of views fills its own share only, and what a message in its
    /// name costs is looked for there alone.
    private var shares: [NodeID: Share] = [:]

    private struct Share: Sendable {
        var messages = 0
        var places: Set<Place> = []
    }

    public init() {}

    /// Messages kept.
    public private(set) var count = 0

    /// Whether `insert` would take it: asked before the signature is checked, charged only after.
    public func outcome(of envelope: Envelope) -> Insertion { judge(envelope).outcome }

    /// - Returns: also what goes for it.
    private func judge(_ envelope: Envelope) -> (outcome: Insertion, displaces: Place?) {
        let present = messages[Place(slot: envelope.slot, signer: envelope.signer)] ?? []
        // What was signed counts: Ed25519 lets its signer make several signatures of one message.
        if present.contains(where: { $0.envelope.payload == envelope.payload }) { return (.duplicate, nil) }
        guard present.count < 2 else { return (.full, nil) }
        let outcome = present.isEmpty ? Insertion.new : .conflict
        guard (shares[envelope.signer]?.messages ?? 0) >= ChainTables.slots.quota else { return (outcome, nil) }
        guard let oldest = oldest(before: envelope) else { return (.full, nil) }
        return (outcome, oldest)
    }

    /// What goes for a signer's message of a view when it has its share: its message of the lowest view before, a vote for a
    /// block only where it has nothing else there. What it said about the attempt, once, stays.
    private func oldest(before envelope: Envelope) -> Place? {
        guard Self.isOfView(envelope.slot.kind) else { return nil }
        var oldest: (worth: Int, place: Place)?
        for place in shares[envelope.signer]?.places ?? [] where Self.isOfView(place.slot.kind) {
            guard place.slot.minor < envelope.slot.minor else { continue }
            let worth = messages[place]?.map(\.worth).max() ?? 0
            if let known = oldest, (known.worth, known.place.slot.minor, known.place) < (worth, place.slot.minor, place)
            {
                continue
            }
            oldest = (worth, place)
        }
        return oldest?.place
    }

    private static func isOfView(_ kind: MessageKind) -> Bool {
        kind == .proposal || kind == .prevote || kind == .precommit || kind == .candidate
    }

    /// - Parameter isOwn: of this node itself, which never forgets what it signed.
    @discardableResult
    public mutating func insert(_ envelope: Envelope, isOwn: Bool = false) -> Insertion {
        var gone: [Envelope] = []
        return insert(envelope, isOwn: isOwn, gone: &gone)
    }

    /// - Parameter gone: gets the messages of the same signer that went for it: whoever counts them counts them no more.
    mutating func insert(_ envelope: Envelope, isOwn: Bool = false, gone: inout [Envelope]) -> Insertion {
        let (judged, displaces) = judge(envelope)
        var outcome = judged
        if isOwn, outcome == .full { outcome = .new }
        if outcome == .new || outcome == .conflict {
            if !isOwn, let place = displaces {
                let lost = messages.removeValue(forKey: place) ?? []
                count -= lost.count
                shares[envelope.signer]?.messages -= lost.count
                shares[envelope.signer]?.places.remove(place)
                gone += lost.map(\.envelope)
                slots[place.slot]?.remove(place.signer)
                if slots[place.slot]?.marks.isEmpty == true { slots[place.slot] = nil }
            }
            let entry = Entry(envelope)
            let place = Place(slot: envelope.slot, signer: envelope.signer)
            messages[place, default: []].append(entry)
            slots[envelope.slot, default: SlotSummary()].add(entry.mark, of: envelope.signer)
            count += 1
            shares[envelope.signer, default: Share()].messages += 1
            shares[envelope.signer]!.places.insert(place)
        }
        return outcome
    }

    /// The message of this slot and signer that is here and says something else.
    public func other(than envelope: Envelope) -> Envelope? {
        messages[Place(slot: envelope.slot, signer: envelope.signer)]?.first {
            $0.envelope.payload != envelope.payload
        }?.envelope
    }

    public mutating func removeAll(where shouldRemove: (Slot) -> Bool) {
        messages = messages.filter { !shouldRemove($0.key.slot) }
        slots = slots.filter { !shouldRemove($0.key) }
        count = messages.values.reduce(0) { $0 + $1.count }
        shares = [:]
        for (place, entries) in messages {
            shares[place.signer, default: Share()].messages += entries.count
            shares[place.signer]!.places.insert(place)
        }
    }

    /// The highest view of a height of which something is kept; nil where nothing of a view is.
    func highestView(of height: UInt64) -> UInt32? {
        slots.keys.lazy.filter { $0.major == height && Self.isOfView($0.kind) }.map(\.minor).max()
    }

    /// The first message of every signer in these slots, ascending by signer.
    public func first(_ kind: MessageKind, major: UInt64, minor: UInt32) -> [Envelope] {
        places(kind, major: major, minor: minor).sorted { $0.signer < $1.signer }
            .compactMap { messages[$0]?.first?.envelope }
    }

    /// Everything of one slot group, second messages included, ascending by signer and then by payload name.
    public func all(_ kind: MessageKind, major: UInt64, minor: UInt32) -> [Envelope] {
        places(kind, major: major, minor: minor).sorted().flatMap { messages[$0]?.map(\.envelope) ?? [] }
    }

    private func places(_ kind: MessageKind, major: UInt64, minor: UInt32) -> [Place] {
        slots.filter { $0.key.kind == kind && $0.key.major == major && $0.key.minor == minor }
            .flatMap { slot, summary in summary.signers.keys.map { Place(slot: slot, signer: $0) } }
    }

    public func contains(_ kind: MessageKind, major: UInt64, minor: UInt32, signer: NodeID, chain: ChainID) -> Bool {
        messages[Place(slot: Slot(kind: kind, chain: chain, major: major, minor: minor), signer: signer)] != nil
    }

    /// Which signers of `participants` are here, slot by slot; the newest `limit` slots.
    public func groups(participants: [NodeID], limit: Int = ChainDigest.entries) -> [SlotGroup] {
        groups(Self.indices(of: participants), limit: limit)
    }

    private func groups(_ indices: [NodeID: Int], limit: Int = ChainDigest.entries) -> [SlotGroup] {
        var found: [SlotGroup] = []
        for slot in slots.keys.sorted().reversed() where found.count < limit {
            var bitmap = [UInt8](repeating: 0, count: (indices.count + 7) / 8)
            var others = false
            var isEmpty = true
            for signer in slots[slot]!.signers.keys {
                guard let index = indices[signer] else {
                    others = true
                    continue
                }
                bitmap[index / 8] |= 1 << UInt8(index % 8)
                isEmpty = false
            }
            guard !isEmpty else { continue }
            // Of participants alone, whoever else has signed.
            let fingerprint =
                others
                ? slots[slot]!.fingerprintOnly(of: { indices[$0] != nil }) : slots[slot]!.fingerprint
            found.append(
                SlotGroup(
                    kind: slot.kind, major: slot.major, minor: slot.minor, bitmap: bitmap, fingerprint: fingerprint))
        }
        return found.reversed()
    }

    private static func indices(of participants: [NodeID]) -> [NodeID: Int] {
        Dictionary(participants.enumerated().map { ($1, $0) }) { first, _ in first }
    }

    /// Messages that are here and not in a peer's groups, the newest slots first. Where both have the same signers but
    /// not the same messages, because one of them signed two, the whole group.
    public func missing(from groups: [SlotGroup], participants: [NodeID], limit: Int) -> [Envelope] {
        let indices = Self.indices(of: participants)
        var theirs: [GroupName: SlotGroup] = [:]
        for group in groups { theirs[GroupName(group)] = group }
        var equal: Set<GroupName> = []
        var unlike: Set<GroupName> = []
        for group in self.groups(indices) {
            guard let other = theirs[GroupName(group)], other.bitmap == group.bitmap else { continue }
            if other.fingerprint == group.fingerprint {
                equal.insert(GroupName(group))
            } else {
                unlike.insert(GroupName(group))
            }
        }
        var found: [Envelope] = []
        // Between neighbours that have heard the same nothing is left of it.
        for slot in slots.keys.filter({ !equal.contains(GroupName($0)) }).sorted().reversed() {
            let name = GroupName(slot)
            let bitmap = theirs[name]?.bitmap ?? []
            for signer in slots[slot]!.signers.keys.sorted().reversed() {
                guard found.count < limit else { return found }
                guard let index = indices[signer] else { continue }
                let isKnown = index / 8 < bitmap.count && bitmap[index / 8] >> UInt8(index % 8) & 1 == 1
                guard !isKnown || unlike.contains(name) else { continue }
                found += (messages[Place(slot: slot, signer: signer)] ?? []).map(\.envelope)
            }
        }
        return found
    }

    private struct GroupName: Hashable {
        let kind: MessageKind
        let major: UInt64
        let minor: UInt32

        init(_ group: SlotGroup) { (kind, major, minor) = (group.kind, group.major, group.minor) }
        init(_ slot: Slot) { (kind, major, minor) = (slot.kind, slot.major, slot.minor) }
    }
}

/// Signers of one slot that a node has heard, a bit per participant of the chain.
public struct SlotGroup: WireCodable, Hashable {
    public let kind: MessageKind
    public let major: UInt64
    public let minor: UInt32
    public let bitmap: [UInt8]
    /// Of every message: nodes that heard different messages of a signer that signed two find out.
    public let fingerprint: SlotFingerprint

    public init(kind: MessageKind, major: UInt64, minor: UInt32, bitmap: [UInt8], fingerprint: SlotFingerprint) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.bitmap = bitmap
        self.fingerprint = fingerprint
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(kind)
        encoder.u64(major)
        encoder.u32(minor)
        encoder.data(bitmap)
        encoder.value(fingerprint)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        kind = try decoder.value()
        major = try decoder.u64("major")
        minor = try decoder.u32("minor")
        bitmap = try decoder.data(limit: Limits.accounts / 8, "bitmap")
        fingerprint = try decoder.value()
    }
}

/// What a node knows of the height that it is deciding: sent to neighbours each heartbeat, answered with what the
/// sender lacks, so that nothing that a decision needs is lost in a partition.
public struct ChainDigest: WireMessage, Hashable {
    /// Most groups, and most pending transactions, of one digest: 60 KB with 256 participants.
    public static let entries = 896

    public let chain: ChainID
    /// The height being decided: everything below it is decided here.
    public let height: UInt64
    /// The decided block below it: two nodes that decided different blocks find out.
    public let head: BlockID
    public let groups: [SlotGroup]
    /// Registry: pending transactions.
    public let pending: [TransactionID]

    public init(chain: ChainID, height: UInt64, head: BlockID, groups: [SlotGroup], pending: [TransactionID]) {
        self.chain = chain
        self.height = height
        self.head = head
        self.groups = groups
        self.pending = pending
    }

    public static var domain: WireDomain { .digest }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(chain)
        encoder.u64(height)
        encoder.value(head)
        encoder.list(groups)
        encoder.list(pending)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        chain = try decoder.value()
        height = try decoder.u64("height")
        head = try decoder.value()
        groups = try decoder.list(limit: Self.entries, "groups")
        pending = try decoder.list(limit: Self.entries, "pending")
    }
}
