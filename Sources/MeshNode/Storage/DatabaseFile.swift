internal import Foundation
internal import GRDB
internal import MeshCrypto
internal import Synchronization

/// Whether a database may be made.
public enum StoreOpening: Sendable, Equatable {
    /// The file has to be there: what a running node asks for, so that a lost file is noticed.
    case existing
    /// A file that was there before and cannot be fetched again is not made anew: see ``HomeDirectory/checkRecord()``.
    case createIfMissing
}

/// One SQLite file, opened with explicit settings and checked before use.
///
/// WAL with synchronous=FULL: a transaction that returned survives a power cut. GRDB's pool switches its writer to
/// synchronous=NORMAL, where acknowledged rows can be lost, so the level is set again after it has been opened and
/// read back.
package final class DatabaseFile: Sendable {
    struct Format: Sendable {
        /// For errors: "durable store".
        let name: String
        /// `PRAGMA application_id`: tells our files apart and from any other.
        let mark: Int32
        let version: Int
        /// Statements that make version 1; later versions append their migrations.
        let schema: String
        /// What an operator does about a damaged or missing file, given the home that holds it. Nobody can move away what is
        /// not there.
        let advice: @Sendable (_ home: String, _ isMissing: Bool) -> String
        /// Whether a file that is not there was there before and must never be made anew, by what lies beside its path.
        var isLost: @Sendable (_ path: String) throws -> Bool = { _ in false }

        func repair(_ path: String, isMissing: Bool = false) -> String {
            advice(FileSystem.parent(of: path), isMissing)
        }
    }

    enum Access: Sendable { case serial, concurrent, readOnly }

    let path: String
    private let format: Format
    private let connection: any DatabaseReader
    private let writer: (any DatabaseWriter)?
    private let failure = Mutex<String?>(nil)

    init(path: String, format: Format, access: Access, opening: StoreOpening = .existing) throws(StorageError) {
        self.path = path
        self.format = format
        try Self.prepareFile(path, format: format, opening: opening)
        do {
            switch access {
            case .serial:
                let queue = try DatabaseQueue(path: path, configuration: Self.configuration(path, readOnly: false))
                (connection, writer) = (queue, queue)
            case .concurrent:
                let pool = try DatabasePool(path: path, configuration: Self.configuration(path, readOnly: false))
                (connection, writer) = (pool, pool)
            case .readOnly:
                connection = try DatabaseQueue(
                    path: Self.readOnlyName(path), configuration: Self.configuration(path, readOnly: true))
                writer = nil
            }
            if let writer {
                try writer.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA synchronous = FULL")
                    guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                        throw DatabaseError(message: "synchronous=FULL was not accepted")
                    }
                    guard try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") == "wal" else {
                        throw DatabaseError(message: "journal_mode=WAL was not accepted")
                    }
                }
            }
        } catch {
            throw Self.translate(
                error, path: path, format: format, operation: "opening", isWritable: access != .readOnly)
        }
        try checkFormat()
        try checkPages()
        if writer != nil { try FileSystem.syncDirectory(FileSystem.parent(of: path)) }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        do { return try connection.read(body) } catch { throw translate(error, "reading") }
    }

    /// One transaction. A thrown `StorageError` rolls back and leaves the store usable; a failure of SQLite itself
    /// leaves the outcome unknown, so every later write is refused.
    func write<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
        guard let writer else { throw .readOnly(path: path) }
        if let reason = failure.withLock({ $0 }) { throw .halted(path: path, reason: reason) }
        do {
            return try writer.write(body)
        } catch {
            let translated = translate(error, "commit")
            if !(error is StorageError) { failure.withLock { $0 = $0 ?? translated.description } }
            throw translated
        }
    }

    /// Moves the write-ahead log into the main file; called on a clean end.
    package func checkpoint() {
        guard let writer else { return }
        // A refused checkpoint loses nothing: the log is read at the next opening.
        try? writer.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }

    /// 2 is FULL, read from the connection that writes.
    package func synchronousLevel() throws(StorageError) -> Int {
        do {
            return try writer?.writeWithoutTransaction { db in try Int.fetchOne(db, sql: "PRAGMA synchronous") } ?? 0
        } catch { throw translate(error, "reading") }
    }

    /// For tests alone: shows what a weaker level loses.
    package func insecure_setSynchronousNormal() throws(StorageError) {
        do {
            try writer?.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = NORMAL") }
        } catch { throw translate(error, "setting") }
    }

    /// An error whose cause is a row, not SQLite.
    func damagedRow(_ what: String) -> StorageError {
        .damaged(path: path, reason: "the checksum of \(what) does not match", next: format.repair(path))
    }

    func damagedRow(_ what: String, reason: String) -> StorageError {
        .damaged(path: path, reason: "\(what): \(reason)", next: format.repair(path))
    }

    // MARK: Opening

    private static func prepareFile(_ path: String, format: Format, opening: StoreOpening) throws(StorageError) {
        guard let status = try FileSystem.status(path) else {
            guard opening == .createIfMissing else {
                throw .missing(path: path, next: format.repair(path, isMissing: true))
            }
            try refuseLoss(path, format: format)
            // SQLite would play the log of the file that was moved away into the new one.
            for ending in ["-wal", "-shm", "-journal"] { try FileSystem.remove(path + ending) }
            return try create(path, format: format)
        }
        guard !status.isDirectory else { throw .wrongFile(path: path, expected: format.name, found: "a directory") }
        // SQLite opens these too, and would wait for a pipe.
        for beside in ["-wal", "-journal", "-shm"].map({ path + $0 }) {
            guard let status = try FileSystem.target(beside), !status.isPlain else { continue }
            throw .wrongFile(path: beside, expected: "plain file", found: status.found)
        }
        let head = try FileSystem.head(path, count: 16)
        guard head == Array("SQLite format 3".utf8) + [0] else {
            throw .damaged(path: path, reason: "it does not start like an SQLite database", next: format.repair(path))
        }
    }

    /// - Throws: `missing` for a file that is gone and must not be made anew.
    static func refuseLoss(_ path: String, format: Format) throws(StorageError) {
        guard try !FileSystem.exists(path) else { return }
        let isLost: Bool
        do { isLost = try format.isLost(path) } catch {
            throw translate(error, path: path, format: format, operation: "lookup", isWritable: true)
        }
        if isLost { throw .missing(path: path, next: format.repair(path, isMissing: true)) }
    }

    /// Makes the whole file under another name first: a crash never leaves half a database under `path`.
    private static func create(_ path: String, format: Format) throws(StorageError) {
        let draft = path + ".new"
        // A journal that a killed creation left would be played back into the new file.
        try FileSystem.remove(draft + "-journal")
        try FileSystem.remove(draft)
        // SQLite gives the log and its index the mode of the main file.
        try FileSystem.writeAtomically(draft, [], exclusive: true)
        do {
            let queue = try DatabaseQueue(path: draft, configuration: configuration(draft, readOnly: false))
            try queue.write { db in
                try db.execute(sql: format.schema)
                try db.execute(sql: "PRAGMA application_id = \(format.mark)")
                try db.execute(sql: "PRAGMA user_version = \(format.version)")
            }
            try queue.close()
        } catch {
            throw translate(error, path: draft, format: format, operation: "creation", isWritable: true)
        }
        try FileSystem.rename(draft, path)
    }

    private static func configuration(_ path: String, readOnly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readOnly
        // A node that cannot commit ends.
        configuration.busyMode = .callback(DatabaseWait.handler(of: path, seconds: readOnly ? 5 : 30))
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 3
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    PRAGMA mmap_size = 0;
                    PRAGMA wal_autocheckpoint = 1000;
                    PRAGMA synchronous = FULL;
                    """)
        }
        return configuration
    }

    /// A directory that cannot be written to has no place for the log's index; without a log it is not needed.
    private static func readOnlyName(_ path: String) -> String {
        guard access(FileSystem.parent(of: path), W_OK) != 0, access(path + "-wal", F_OK) != 0 else { return path }
        let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "/-._~"))
        return "file:" + (path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path) + "?immutable=1"
    }

    private func checkFormat() throws(StorageError) {
        let (mark, version, tables) = try read { db in
            (
                try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0,
                try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'grdb_%'") ?? 0
            )
        }
        guard mark != 0 || version != 0 || tables != 0 else {
            throw .damaged(path: path, reason: "it holds no tables", next: format.repair(path))
        }
        guard mark == format.mark else {
            throw .wrongFile(path: path, expected: format.name, found: "an SQLite file with application id \(mark)")
        }
        guard version <= format.version else {
            throw .newerVersion(path: path, found: version, supported: format.version)
        }
        guard version == format.version else {
            throw .damaged(path: path, reason: "format version \(version) never existed", next: format.repair(path))
        }
    }

    /// The full check, not the quick one: that one does not compare indices with their tables, and a flipped bit in a
    /// key would hide rows from every lookup.
    private func checkPages() throws(StorageError) {
        let findings = try read { db in try String.fetchAll(db, sql: "PRAGMA integrity_check(3)") }
        guard findings == ["ok"] else {
            throw .damaged(path: path, reason: findings.joined(separator: "; "), next: format.repair(path))
        }
    }

    private func translate(_ error: any Error, _ operation: String) -> StorageError {
        Self.translate(error, path: path, format: format, operation: operation, isWritable: writer != nil)
    }

    /// - Parameter isWritable: of the connection; beside one that only reads no file is tried.
    static func translate(
        _ error: any Error, path: String, format: Format, operation: String, isWritable: Bool
    ) -> StorageError {
        if let error = error as? StorageError { return error }
        guard let error = error as? DatabaseError else {
            return .operation(path: path, operation: operation, reason: String(describing: error))
        }
        let reason = error.message ?? "SQLite result \(error.resultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT, .SQLITE_SCHEMA:
            return .damaged(path: path, reason: reason, next: format.repair(path))
        case .SQLITE_FULL: return .full(path: path, reason: reason)
        case .SQLITE_BUSY, .SQLITE_LOCKED: return .locked(path: path, pid: FileHolder.of(path)?.process)
        case .SQLITE_READONLY: return .readOnly(path: path)
        default:
            // SQLite calls a full disk an I/O error where it maps or opens a file there.
            if isWritable, FileSystem.isFull(FileSystem.parent(of: path), for: 64 << 10) {
                return .full(path: path, reason: "the disk is full (\(reason))")
            }
            return .operation(
                path: path, operation: operation, reason: "\(reason) (\(error.extendedResultCode.rawValue))")
        }
    }
}

/// 16 bytes over a row's key and value: SQLite does not notice a flipped bit inside a value.
func rowChecksum(_ table: String, _ parts: [UInt8]...) -> Data {
    var transcript = Transcript("row/" + table)
    for part in parts { transcript.append(part) }
    return Data(transcript.hash().prefix(16))
}

/// SQLite's integers are signed.
func column(_ value: UInt64, _ field: String) throws(StorageError) -> Int64 {
    guard let column = Int64(exactly: value) else {
        throw .invalid(field: field, reason: "\(value) exceeds \(Int64.max)")
    }
    return column
}

extension UInt64 {
    /// The eight little-endian bytes, for checksums.
    var littleEndianBytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (8 * UInt64($0))) } }
}
