/// Cuts a byte stream into packets: a `u32` little-endian length, then that many bytes.
///
/// A length is judged as soon as its four bytes are there, before anything behind it is kept.
public struct PacketReader: Sendable {
    public enum Failure: Error, Equatable, Sendable {
        case oversize(length: Int, limit: Int)
    }

    private var buffer: [UInt8] = []
    private var offset = 0
    /// Bytes behind the prefix, at most.
    public var limit: Int

    public init(limit: Int) {
        self.limit = limit
    }

    public var bufferedBytes: Int { buffer.count - offset }

    public mutating func append(_ bytes: [UInt8]) {
        if offset > 0 {
            buffer.removeFirst(offset)
            offset = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole packet, or nil until more bytes come.
    public mutating func next() throws(Failure) -> [UInt8]? {
        guard bufferedBytes >= 4 else { return nil }
        var length = 0
        for index in 0..<4 { length |= Int(buffer[offset + index]) << (8 * index) }
        guard length <= limit else { throw .oversize(length: length, limit: limit) }
        guard bufferedBytes - 4 >= length else { return nil }
        let start = offset + 4
        offset = start + length
        let packet = Array(buffer[start..<offset])
        if offset == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 4 * LinkLimits.packetBytesMax)
            offset = 0
        }
        return packet
    }

    /// The packet form of `payload`.
    public static func packet(_ payload: [UInt8]) -> [UInt8] {
        var packet: [UInt8] = []
        packet.reserveCapacity(payload.count + 4)
        packet.append(contentsOf: prefix(payload.count))
        packet.append(contentsOf: payload)
        return packet
    }

    /// The four bytes in front of a packet of `length` bytes.
    static func prefix(_ length: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } }
}
