public import Wire

/// Where a node listens: the same port number for links (TCP) and membership datagrams (UDP).
public struct PeerAddress: Hashable, Comparable, Sendable, WireCodable, CustomStringConvertible {
    /// A host name or an IP address without brackets, 1 to 253 bytes of visible ASCII.
    public let host: String
    /// 1 to 65535.
    public let port: UInt16

    public static var hostBytesMax: Int { 253 }

    /// - Throws: `WireError.invalid` for a host or port that no peer could have.
    public init(host: String, port: UInt16) throws(WireError) {
        let bytes = Array(host.utf8)
        guard !bytes.isEmpty else { throw .invalid(field: "host", reason: "empty; give a name or an IP address") }
        guard bytes.count <= Self.hostBytesMax else {
            throw .tooLong(field: "host", length: UInt64(bytes.count), limit: Self.hostBytesMax)
        }
        guard bytes.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x5b && $0 != 0x5d }) else {
            throw .invalid(field: "host", reason: "only visible ASCII without brackets is allowed")
        }
        guard port != 0 else { throw .invalid(field: "port", reason: "0 is no port of a peer") }
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[v6 address]:port`.
    public init(parsing text: String) throws(WireError) {
        guard let colon = text.lastIndex(of: ":") else {
            throw .invalid(field: "address", reason: "\"\(text)\" has no port; write host:port")
        }
        guard let port = UInt16(text[text.index(after: colon)...]) else {
            throw .invalid(field: "port", reason: "\"\(text)\" does not end in a port between 1 and 65535")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw .invalid(field: "host", reason: "an IPv6 address needs brackets: [\(host)]:\(port)")
        }
        try self.init(host: host, port: port)
    }

    /// An address of numbers: reaching it asks no name server.
    public var isLiteral: Bool {
        if host.utf8.contains(UInt8(ascii: ":")) {
            // No name has a colon; what is no IPv6 address fails without a question.
            return host.utf8.allSatisfy { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") || Self.isHexDigit($0) }
        }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy {
                (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy(Self.isDigit) && UInt8($0) != nil
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public static func < (lhs: Self, rhs: Self) -> Bool {
        lhs.host == rhs.host ? lhs.port < rhs.port : lhs.host.utf8.lexicographicallyPrecedes(rhs.host.utf8)
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.string(host)
        encoder.u16(port)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        let host = try decoder.string(limit: Self.hostBytesMax, "host")
        try self.init(host: host, port: try decoder.u16("port"))
    }
}
