internal import MeshCrypto
public import Wire

/// Who has signed in a slot, and the fingerprint of it all: written once a message, read by every digest that is sent or
/// answered, which is many times as often.
struct SlotSummary: Sendable {
    /// Ascending, with whose each is.
    private(set) var marks: [(mark: [UInt8], signer: NodeID)] = []
    /// Messages of each signer.
    private(set) var signers: [NodeID: Int] = [:]
    private(set) var fingerprint = SlotFingerprint(ascending: EmptyCollection<[UInt8]>())

    mutating func add(_ mark: [UInt8], of signer: NodeID) {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].mark.lexicographicallyPrecedes(mark) { low = middle + 1 } else { high = middle }
        }
        marks.insert((mark, signer), at: low)
        signers[signer, default: 0] += 1
        fingerprint = SlotFingerprint(ascending: marks.lazy.map(\.mark))
    }

    /// All messages of a signer.
    mutating func remove(_ signer: NodeID) {
        guard signers.removeValue(forKey: signer) != nil else { return }
        marks.removeAll { $0.signer == signer }
        fingerprint = SlotFingerprint(ascending: marks.lazy.map(\.mark))
    }

    /// The fingerprint of the messages of some signers alone.
    func fingerprintOnly(of isCounted: (NodeID) -> Bool) -> SlotFingerprint {
        SlotFingerprint(ascending: marks.filter { isCounted($0.signer) }.map(\.mark))
    }
}

/// 128 bits of a hash over the marks of all messages of a slot, in order. A sum of marks, XOR or other, could be made equal by
/// signers who choose among two messages each.
public struct SlotFingerprint: WireCodable, Hashable {
    private let high: UInt64
    private let low: UInt64

    public init(marks: [[UInt8]]) {
        self.init(ascending: marks.sorted { $0.lexicographicallyPrecedes($1) })
    }

    init(ascending marks: some Sequence<[UInt8]>) {
        var transcript = Transcript("meshnode/group/1")
        for mark in marks { transcript.append(mark) }
        let hash = transcript.hash()
        high = hash[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = hash[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.u64(high)
        encoder.u64(low)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        high = try decoder.u64("fingerprint")
        low = try decoder.u64("fingerprint")
    }
}
