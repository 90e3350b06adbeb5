/// What a participant has not sent yet (variant R); private, d floats, kept across attempts and restarts.
///
/// A round goes: `adding` the fresh update, send the support's part, then take over either `confirmed` (the decided
/// result contains this participant) or the sum as it is (it does not). After a rejected round nothing is taken over:
/// the participant trains again from the same base.
public struct Residual: Equatable, Sendable {
    public private(set) var values: [Float]

    public init(count: Int) { values = [Float](repeating: 0, count: count) }

    public init(_ values: [Float]) { self.values = values }

    /// v' = decay * v + update.
    public func adding(_ update: [Float], decay: Float) throws(LearnError) -> Residual {
        guard update.count == values.count else {
            throw .mismatch(field: "update", expected: values.count, found: update.count)
        }
        if let bad = update.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "update", index: bad) }
        var next = self
        for index in values.indices { next.values[index] = decay * values[index] + update[index] }
        return next
    }

    /// The part that is sent.
    public func part(_ support: [Int]) -> [Float] { support.map { values[$0] } }

    /// v'[S] -= what the sent integers stand for, so that clipping and rounding errors stay.
    public func confirmed(support: [Int], sent: [Float]) throws(LearnError) -> Residual {
        guard support.count == sent.count else {
            throw .mismatch(field: "sent part", expected: support.count, found: sent.count)
        }
        var next = self
        for (position, index) in support.enumerated() {
            guard values.indices.contains(index) else {
                throw .invalid(
                    field: "support", reason: "index \(index) of \(values.count)", next: "recompute the support")
            }
            next.values[index] -= sent[position]
        }
        return next
    }

    private static let domain = Array("meshnode/residual/v1".utf8)

    /// Domain, u64 count, little-endian binary32.
    public var storedBytes: [UInt8] {
        var bytes = Self.domain
        bytes.appendLittleEndian(UInt64(values.count))
        for value in values { bytes.appendLittleEndian(value.bitPattern) }
        return bytes
    }

    public init(storedBytes bytes: [UInt8], count: Int) throws(LearnError) {
        var reader = ByteReader(bytes)
        guard reader.take(Self.domain.count).map(Array.init) == Self.domain, reader.u64() == UInt64(exactly: count),
            reader.remaining.isMultiple(of: 4), reader.remaining / 4 == count
        else { throw .badTensors(file: "residual", reason: "is malformed or of another model") }
        values = []
        values.reserveCapacity(count)
        while let word = reader.u32() { values.append(Float(bitPattern: word)) }
        if let bad = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "residual", index: bad) }
    }
}
