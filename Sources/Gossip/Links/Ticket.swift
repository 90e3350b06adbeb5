public import Wire

internal import MeshCrypto

/// What a person passes on so that another node can join: the network, one node of it and where it listens, and a recent
/// block of the registry, which whoever joins must find in the history that it is given.
///
/// Text form: `meshnode2`, then RFC 4648 base32 in lower case without padding of the wire bytes and four bytes of
/// BLAKE2b over them. Case and white space do not matter when reading.
public struct Ticket: WireMessage, Hashable {
    public static var domain: WireDomain { .ticket }

    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case wrongPrefix(found: String)
        case otherVersion(String)
        case damaged(reason: String)

        public var description: String {
            switch self {
            case .wrongPrefix(let found):
                "ticket: a ticket starts with \"meshnode2\", this text starts with \"\(found)\"; copy the whole ticket"
            case .otherVersion(let version):
                "ticket: version \(version) is not understood, only version 2 is; use the same release on both nodes"
            case .damaged(let reason):
                "ticket: damaged (\(reason)); copy it again, it was cut or altered on the way"
            }
        }
    }

    public let network: NetworkID
    public let node: NodeID
    /// 1 to ``LinkLimits/addressesMax``.
    public let addresses: [PeerAddress]
    /// The head of the registry when the ticket was made; nil before the first block.
    public let recent: RecentBlock?

    /// A decided block of the registry.
    public struct RecentBlock: WireCodable, Hashable {
        public let height: UInt64
        public let block: BlockID

        public init(height: UInt64, block: BlockID) {
            self.height = height
            self.block = block
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u64(height)
            encoder.value(block)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            height = try decoder.u64("height")
            guard height > 0 else { throw .invalid(field: "height", reason: "blocks begin at height 1") }
            block = try decoder.value()
        }
    }

    /// - Precondition: 1 to ``LinkLimits/addressesMax`` addresses.
    public init(network: NetworkID, node: NodeID, addresses: [PeerAddress], recent: RecentBlock? = nil) {
        self.recent = recent
        precondition((1...LinkLimits.addressesMax).contains(addresses.count), "\(addresses.count) addresses")
        self.network = network
        self.node = node
        self.addresses = addresses
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(network)
        encoder.value(node)
        encoder.list(addresses)
        encoder.optional(recent)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        network = try decoder.value()
        node = try decoder.value()
        addresses = try decoder.list(limit: LinkLimits.addressesMax, "addresses")
        guard !addresses.isEmpty else { throw .invalid(field: "addresses", reason: "none") }
        recent = try decoder.optional("recent block")
    }

    public var text: String {
        let bytes = wireBytes
        return Self.prefix + "2" + Base32.encode(bytes + Self.checksum(bytes))
    }

    public init(text: String) throws(Failure) {
        let compact = text.lowercased().filter { !$0.isWhitespace }
        guard compact.hasPrefix(Self.prefix) else { throw .wrongPrefix(found: String(compact.prefix(9))) }
        let rest = compact.dropFirst(Self.prefix.count)
        let version = rest.prefix { $0.isASCII && $0.isNumber }
        guard version == "2" else { throw .otherVersion(String(version.prefix(6))) }
        let body = rest.dropFirst()
        // The longest ticket has eight addresses of 253 bytes.
        guard body.utf8.count <= 4096 else { throw .damaged(reason: "too long") }
        guard let bytes = Base32.decode(Array(body.utf8)) else { throw .damaged(reason: "a letter that no ticket has") }
        guard bytes.count > 4 else { throw .damaged(reason: "too short") }
        let content = Array(bytes.dropLast(4))
        guard Self.checksum(content) == Array(bytes.suffix(4)) else {
            throw .damaged(reason: "the checksum does not match")
        }
        do {
            try self.init(wireBytes: content)
        } catch {
            throw .damaged(reason: error.description)
        }
    }

    private static let prefix = "meshnode"

    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        Array(Transcript.hash("meshnode/ticket/2", bytes).prefix(4))
    }
}

/// RFC 4648 base32, lower case, no padding; exactly one text for each byte string.
package enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var held: UInt32 = 0
        var bits = 0
        for byte in bytes {
            held = held << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int(held >> UInt32(bits) & 31)])
            }
            held &= 0xff
        }
        if bits > 0 { text.append(alphabet[Int(held << UInt32(5 - bits) & 31)]) }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        var held: UInt32 = 0
        var bits = 0
        for letter in text {
            let value: UInt32
            switch letter {
            case 0x61...0x7a: value = UInt32(letter - 0x61)
            case 0x32...0x37: value = UInt32(letter - 0x32 + 26)
            default: return nil
            }
            held = (held << 5 | value) & 0xfff
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
            }
        }
        // Left-over bits must be the zeros that encoding adds, and fewer than a letter.
        guard bits < 5, held & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
        return bytes
    }
}
