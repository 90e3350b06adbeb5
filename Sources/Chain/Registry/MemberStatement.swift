internal import Gossip
internal import MeshCrypto
public import Wire

/// A node's own keys with the proofs that it holds them: what ``Genesis`` has of each validator.
///
/// As text it is the member line that `init` prints and that whoever makes the genesis is given: `meshmember1`, then base32
/// in lower case of the bytes and four bytes of BLAKE2b over them.
public struct MemberStatement: WireCodable, Hashable {
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case noLine(found: String)
        case damaged(reason: String)

        public var description: String {
            switch self {
            case .noLine(let found):
                "a member line starts with \"\(MemberStatement.prefix)\", this text starts with \"\(found)\"; copy the "
                    + "line that `meshnode init` prints on the member's machine"
            case .damaged(let reason):
                "damaged member line (\(reason)); copy it again, it was cut or altered on the way"
            }
        }
    }

    public let node: NodeID
    public let electionKey: Digest
    public let proofs: Genesis.KeyProofs

    public init(node: NodeID, electionKey: Digest, proofs: Genesis.KeyProofs) {
        self.node = node
        self.electionKey = electionKey
        self.proofs = proofs
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(node)
        encoder.value(electionKey)
        encoder.value(proofs)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        node = try decoder.value()
        electionKey = try decoder.value()
        proofs = try decoder.value()
    }

    public func account(balance: UInt64, bond: UInt64) -> Genesis.Account {
        .init(node: node, balance: balance, validatorBond: bond, electionKey: electionKey, proofs: proofs)
    }

    // MARK: Text

    public static let prefix = "meshmember1"

    public var line: String { Self.prefix + Base32.encode(wireBytes + Self.checksum(wireBytes)) }

    /// Reads a member line; its proofs are checked with the genesis.
    public init(line: String) throws(Failure) {
        let text = line.lowercased()
        guard text.hasPrefix(Self.prefix) else {
            // What stands there may be anything: only harmless letters of it are shown.
            throw .noLine(found: String(text.prefix(11).filter { $0.isASCII && ($0.isLetter || $0.isNumber) }))
        }
        // 196 bytes are 314 letters.
        guard text.utf8.count <= Self.prefix.utf8.count + 400 else { throw .damaged(reason: "too long") }
        guard let bytes = Base32.decode(Array(text.utf8.dropFirst(Self.prefix.utf8.count))) else {
            throw .damaged(reason: "a letter that no member line has")
        }
        guard bytes.count > 4, Self.checksum(Array(bytes.dropLast(4))) == Array(bytes.suffix(4)) else {
            throw .damaged(reason: "the checksum does not match")
        }
        do { try self.init(wireBytes: Array(bytes.dropLast(4))) } catch { throw .damaged(reason: error.description) }
    }

    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        Array(Transcript.hash("meshnode/member-line/1", bytes).prefix(4))
    }
}
