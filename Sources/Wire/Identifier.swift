/// A 32-byte name whose meaning is fixed by its kind, so that a block cannot be passed where a node is meant.
/// Order is that of the bytes.
public struct Identifier<Kind: Sendable>: Hashable, Comparable, Sendable, WireCodable {
    // Big-endian words: comparing them compares the bytes.
    private var w0: UInt64
    private var w1: UInt64
    private var w2: UInt64
    private var w3: UInt64

    public static var byteCount: Int { 32 }

    /// - Precondition: `bytes.count == 32`.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "an identifier has 32 bytes, got \(bytes.count)")
        func word(_ index: Int) -> UInt64 {
            bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        (w0, w1, w2, w3) = (word(0), word(1), word(2), word(3))
    }

    /// The all-zero value: the parent of a first block and similar absent names.
    public static var zero: Self { Self([UInt8](repeating: 0, count: byteCount)) }

    /// Reads 64 hexadecimal digits.
    public init?(hex: String) {
        guard hex.utf8.count == 64, let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes)
    }

    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for word in [w0, w1, w2, w3] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return bytes
    }

    public var hex: String { bytes.hex }

    /// The first eight digits: for people, never for comparison.
    public var short: String { String(hex.prefix(8)) }

    public static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.w0, lhs.w1, lhs.w2, lhs.w3) < (rhs.w0, rhs.w1, rhs.w2, rhs.w3)
    }

    public func encode(into encoder: inout WireEncoder) { encoder.fixed(bytes) }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        self.init(try decoder.fixed(Self.byteCount, "identifier"))
    }

    /// Renames the kind: for the few places where one kind is defined as another (a task is its chain).
    public func cast<Other>(to kind: Other.Type = Other.self) -> Identifier<Other> { Identifier<Other>(bytes) }
}

extension Identifier: CustomStringConvertible {
    public var description: String { hex }
}

extension String {
    /// Fewest digits that may stand for an id where people write one.
    public static var fewestIdentifierDigits: Int { 4 }

    /// Whether this is an id or could be the beginning of one: 4 to 64 hexadecimal digits of either case. Such a text is no
    /// name, since people write it for an id.
    public var readsAsIdentifier: Bool {
        (Self.fewestIdentifierDigits...64).contains(utf8.count)
            && utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
            }
    }
}

public enum NodeKind: Sendable {}
public enum NetworkKind: Sendable {}
public enum ChainKind: Sendable {}
public enum BlockKindTag: Sendable {}
public enum ContentKind: Sendable {}
public enum SubmissionKind: Sendable {}
public enum MessageIDKind: Sendable {}
public enum TransactionKind: Sendable {}
public enum PayloadKind: Sendable {}
public enum DigestKind: Sendable {}
public enum SealingKind: Sendable {}
public enum DatagramKind: Sendable {}

/// An Ed25519 public key: the name of a node.
public typealias NodeID = Identifier<NodeKind>
/// Hash of the genesis.
public typealias NetworkID = Identifier<NetworkKind>
/// Name of the registry chain or of a task's chain. A task is named by its chain.
public typealias ChainID = Identifier<ChainKind>
public typealias TaskID = ChainID
public typealias BlockID = Identifier<BlockKindTag>
/// BLAKE2b-256 of a content manifest.
public typealias ContentID = Identifier<ContentKind>
public typealias SubmissionID = Identifier<SubmissionKind>
public typealias MessageID = Identifier<MessageIDKind>
public typealias TransactionID = Identifier<TransactionKind>
/// Names what a RESULT proposes: H(manifest, e, model).
public typealias PayloadID = Identifier<PayloadKind>
public typealias Digest = Identifier<DigestKind>
/// A ristretto255 public key that seeds are sealed to.
public typealias SealingKey = Identifier<SealingKind>
/// An X25519 public key of one process run, for membership datagrams.
public typealias DatagramKey = Identifier<DatagramKind>

/// An Ed25519 signature, 64 bytes.
public struct Signature: Hashable, Sendable, WireCodable {
    public let bytes: [UInt8]
    public static var byteCount: Int { 64 }

    /// - Precondition: `bytes.count == 64`.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a signature has 64 bytes, got \(bytes.count)")
        self.bytes = bytes
    }

    /// The all-zero value: where there is nothing to prove.
    public static var zero: Signature { Signature([UInt8](repeating: 0, count: byteCount)) }

    public func encode(into encoder: inout WireEncoder) { encoder.fixed(bytes) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        self.init(try decoder.fixed(Self.byteCount, "signature"))
    }
}
