internal import MeshCrypto
internal import Wire

/// Key vectors and other large secrets, one file each in `secrets/`, 0600. A file is whole and on disk when
/// ``write(_:name:)`` returns.
///
/// Format: `"MNVF" ‖ version u8 ‖ length u64 ‖ BLAKE2b-256 of the bytes ‖ bytes`.
public struct VectorFiles: Sendable {
    /// Longest file in bytes.
    public static let longest: UInt64 = 8 << 30
    private static let headerCount = 4 + 1 + 8 + 32

    private let directory: String

    public init(_ home: HomeDirectory) throws(StorageError) {
        try self.init(directory: home.secrets)
    }

    public init(directory: String) throws(StorageError) {
        try FileSystem.makeDirectory(directory)
        self.directory = directory
        // A crash between creation and rename leaves a temporary file, which nothing refers to.
        for name in try FileSystem.list(directory) where name.hasSuffix(".tmp") {
            try FileSystem.removeDraft(directory + "/" + name)
        }
    }

    /// Writes or replaces a file.
    /// - Parameter name: 1 to 128 of `a-z 0-9 . _ -`, not starting with a dot, not ending in `.tmp`.
    public func write(_ bytes: [UInt8], name: String) throws(StorageError) {
        let path = try self.path(name)
        guard bytes.count <= Self.longest else {
            throw .tooLarge(field: name, length: UInt64(bytes.count), limit: Self.longest)
        }
        let header =
            Array("MNVF".utf8) + [1] + UInt64(bytes.count).littleEndianBytes + Transcript.hash("vector file", bytes)
        try FileSystem.writeAtomically(path, [header, bytes])
    }

    /// Nil if there is no such file.
    /// - Throws: `damaged` if the bytes are not what was written.
    public func read(name: String) throws(StorageError) -> [UInt8]? {
        let path = try self.path(name)
        guard try FileSystem.exists(path) else { return nil }
        let opened = OpenFile(try FileSystem.openPlain(path))
        let status = try FileSystem.status(of: opened.descriptor, path)
        guard status.mode & 0o177 == 0 else {
            throw .permissions(path: path, mode: status.permissions, next: "run `chmod 600 \(path.shellWord)`")
        }
        let next = "remove it; what it held is derived again or lost for this round"
        let limit = Self.longest + UInt64(Self.headerCount)
        guard status.size <= limit else { throw .tooLarge(field: path, length: status.size, limit: limit) }
        let file = try FileSystem.read(opened.descriptor, path, offset: 0, count: Int(status.size))
        guard file.count >= Self.headerCount, file.prefix(5).elementsEqual(Array("MNVF".utf8) + [1]) else {
            throw .damaged(path: path, reason: "it does not start like a vector file", next: next)
        }
        let bytes = Array(file[Self.headerCount...])
        guard Array(file[5..<13]) == UInt64(bytes.count).littleEndianBytes else {
            throw .damaged(path: path, reason: "\(bytes.count) bytes are left of it", next: next)
        }
        guard Array(file[13..<Self.headerCount]) == Transcript.hash("vector file", bytes) else {
            throw .damaged(path: path, reason: "the checksum does not match", next: next)
        }
        return bytes
    }

    /// Removes a file if it exists.
    public func remove(name: String) throws(StorageError) { try FileSystem.remove(try path(name)) }

    /// Names in byte order.
    public func list() throws(StorageError) -> [String] {
        try FileSystem.list(directory).filter { Self.isName($0) }
    }

    private func path(_ name: String) throws(StorageError) -> String {
        guard Self.isName(name) else {
            throw .invalid(field: "name", reason: "\"\(name)\": 1 to 128 of a-z 0-9 . _ -, not starting with a dot")
        }
        return directory + "/" + name
    }

    private static func isName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasSuffix(".tmp")
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }
}
