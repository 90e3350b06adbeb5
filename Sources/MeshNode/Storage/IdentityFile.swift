internal import Glibc
public import MeshCrypto
internal import Wire

/// The secrets that make a node who it is.
public struct NodeIdentity: Sendable {
    /// Seed of the Ed25519 key, 32 bytes.
    public let seed: SecretBytes
    /// Secret scalar of the ristretto255 VRF key, 32 bytes little-endian, canonical and not zero.
    public let vrfSecret: SecretBytes

    /// - Precondition: 32 bytes each.
    public init(seed: SecretBytes, vrfSecret: SecretBytes) {
        precondition(seed.count == 32 && vrfSecret.count == 32, "an identity has two secrets of 32 bytes")
        self.seed = seed
        self.vrfSecret = vrfSecret
    }

    public static func generate() -> NodeIdentity {
        var scalar = [UInt8](repeating: 0, count: 32)
        while scalar.allSatisfy({ $0 == 0 }) {
            scalar = randomBytes(32)
            // Below 2^252, hence below the group order: canonical, at a distance of 2^-127 from uniform.
            scalar[31] &= 0x0F
        }
        defer { wipe(&scalar) }
        return NodeIdentity(seed: .random(32), vrfSecret: SecretBytes(scalar))
    }

    public func signingKey() -> SigningKey {
        // The seed's length is a precondition of this type.
        try! SigningKey(seed: seed)
    }
}

/// The identity file: `"MNID" ‖ version u8 ‖ seed 32 ‖ VRF secret 32 ‖ BLAKE2b-256 of all before`.
enum IdentityFile {
    static let magic: [UInt8] = Array("MNID".utf8)
    static let version: UInt8 = 1
    static let byteCount = 4 + 1 + 32 + 32 + 32

    static func encode(_ identity: NodeIdentity) -> [UInt8] {
        var bytes = magic + [version]
        identity.seed.withCopy { bytes += $0 }
        identity.vrfSecret.withCopy { bytes += $0 }
        return bytes + Transcript.hash("identity file", bytes)
    }

    static func decode(_ bytes: [UInt8], path: String) throws(StorageError) -> NodeIdentity {
        let next = "restore it from a backup; without it the node's key is lost"
        guard bytes.prefix(4).elementsEqual(magic) else {
            throw .wrongFile(path: path, expected: "node identity", found: "\(bytes.count) bytes without its mark")
        }
        guard bytes.count == byteCount else {
            throw .damaged(path: path, reason: "\(bytes.count) bytes instead of \(byteCount)", next: next)
        }
        guard bytes[4] == version else {
            throw .newerVersion(path: path, found: Int(bytes[4]), supported: Int(version))
        }
        guard Transcript.hash("identity file", Array(bytes[..<69])) == Array(bytes[69...]) else {
            throw .damaged(path: path, reason: "the checksum does not match", next: next)
        }
        var seed = Array(bytes[5..<37])
        var scalar = Array(bytes[37..<69])
        defer {
            wipe(&seed)
            wipe(&scalar)
        }
        return NodeIdentity(seed: SecretBytes(seed), vrfSecret: SecretBytes(scalar))
    }
}

extension NodeIdentity {
    /// The key of the election's proofs, derived from the stored secret.
    public func electionKey() throws(NDDFEError) -> RistrettoKey {
        var transcript = Transcript("meshnode/election-key/1")
        vrfSecret.withCopy { transcript.append($0) }
        return try RistrettoKey(uniform: SecretBytes(transcript.wideHash()))
    }
}

extension HomeDirectory {
    /// Writes a new identity, fsynced, 0600. An existing one is never overwritten.
    public func createIdentity(_ identity: NodeIdentity = .generate()) throws(StorageError) -> NodeIdentity {
        var bytes = IdentityFile.encode(identity)
        defer { wipe(&bytes) }
        try FileSystem.writeAtomically(identityKey, [bytes], exclusive: true)
        return identity
    }

    /// Reads the identity after checking that nobody else can.
    public func loadIdentity() throws(StorageError) -> NodeIdentity {
        guard try FileSystem.exists(identityKey) else {
            guard !holdsChainAlone else { throw .missing(path: identityKey, next: chainAlone) }
            throw .missing(
                path: identityKey,
                next: try hasHistory
                    ? "this home has signed with it: restore the key from your backup; without it make a new home "
                        + "with a key of its own: `meshnode init --home NEW`"
                    : "create it with `meshnode init --home \(path.shellWord)`")
        }
        let file: OpenFile
        do throws(StorageError) { file = OpenFile(try FileSystem.openPlain(identityKey)) } catch {
            // What somebody else owns may not even be opened.
            if let status = try FileSystem.target(identityKey) { try checkOwner(status) }
            throw error
        }
        // Of what was opened: secrets of an orchestrator are links, whose own mode says nothing.
        let status = try FileSystem.status(of: file.descriptor, identityKey)
        guard status.mode & 0o177 == 0 else {
            throw .permissions(
                path: identityKey, mode: status.permissions, next: "run `chmod 600 \(identityKey.shellWord)`")
        }
        try checkOwner(status)
        guard status.size <= 4096 else { throw .tooLarge(field: identityKey, length: status.size, limit: 4096) }
        var bytes = try FileSystem.read(file.descriptor, identityKey, offset: 0, count: Int(status.size))
        defer { wipe(&bytes) }
        return try IdentityFile.decode(bytes, path: identityKey)
    }

    private func checkOwner(_ status: FileSystem.Status) throws(StorageError) {
        guard status.owner == geteuid() else {
            throw .permissions(
                path: identityKey, mode: "\(status.permissions) and owner \(status.owner)",
                next: "run `chown \(geteuid()) \(identityKey.shellWord)` or start the node as its owner")
        }
    }

    /// Whether a key was used here: databases that only a node with a key makes.
    public var hasHistory: Bool {
        get throws(StorageError) {
            if try FileSystem.exists(durableDatabase) { return true }
            return try FileSystem.exists(chainDatabase)
        }
    }
}

/// Overwrites a secret that had to pass through an array.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { buffer in
        if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
    }
}
