internal import Foundation
internal import GRDB
internal import MeshCrypto
public import Wire

/// The record of what this node signed (`durable.sqlite`): a message is committed here before it is sent, so that
/// no crash lets a key sign twice in one slot.
///
/// Calls block until the disk has the bytes; make them from one serial executor and group records, since a commit
/// costs an fsync (4 to 8 ms on a common disk). After a failed commit the outcome is unknown and every later
/// commit throws ``StorageError/halted(path:reason:)``.
public final class DurableStore: Sendable {
    /// Longest slotted message, vote state or value in bytes; vectors go to ``VectorFiles``.
    public static let longestRecord = 4 << 20
    private static let longestKey = 1024

    package let file: DatabaseFile
    public var path: String { file.path }

    /// - Parameters:
    ///   - owner: the identity whose messages are stored; a store of another identity is refused.
    ///   - opening: none is made beside a chain, see ``HomeDirectory/createDatabases(owner:)``.
    /// - Throws: `missing`, `damaged`, `wrongFile`, `newerVersion`, `wrongOwner`.
    public init(path: String, owner: NodeID, opening: StoreOpening = .existing) throws(StorageError) {
        file = try DatabaseFile(path: path, format: Self.format, access: .serial, opening: opening)
        let stored = try file.write { db in
            if let bytes = try Data.fetchOne(db, sql: "SELECT node FROM owner") { return [UInt8](bytes) }
            try db.execute(sql: "INSERT INTO owner (id, node) VALUES (1, ?)", arguments: [Data(owner.bytes)])
            return owner.bytes
        }
        try check(stored, owner)
        try checkRows()
    }

    /// A key signs only beside the record of what it has signed: asked by `run` and by `doctor`.
    private func check(_ stored: [UInt8], _ owner: NodeID) throws(StorageError) {
        guard stored.count == NodeID.byteCount else { throw file.damagedRow("the owner", reason: "wrong length") }
        guard NodeID(stored) == owner else {
            throw .wrongOwner(path: path, owner: NodeID(stored), identity: owner)
        }
    }

    /// What opening it with this identity would say; nothing is written.
    func requireOwner(_ owner: NodeID) throws(StorageError) {
        let stored = try file.read { db in
            try Data.fetchOne(db, sql: "SELECT node FROM owner").map { [UInt8]($0) }
        }
        if let stored { try check(stored, owner) }
    }

    /// For reading what a home has signed, whoever owns it.
    init(readOnly path: String) throws(StorageError) {
        file = try DatabaseFile(path: path, format: Self.format, access: .readOnly)
    }

    /// Reads every row by walking the tables, not by key: SQLite's own check does not see a flipped bit in the key of
    /// these tables, and a message that no lookup finds could be signed anew.
    private func checkRows() throws(StorageError) {
        try file.read { [file] db in
            for row in try Row.fetchAll(db, sql: "SELECT * FROM slot") {
                let chain = try Self.chainID(row, file)
                _ = try Self.slotMessage(row, chain: chain, file: file)
            }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM vote_state") { _ = try Self.voteState(row, file: file) }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM small_value") {
                _ = try Self.storedValue(row, space: try row.decode(forColumn: "space"), file: file)
            }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM slot_floor") { _ = try Self.floor(row, file: file) }
        }
    }

    deinit { file.checkpoint() }

    /// Stores all records or none; they are on disk when this returns.
    ///
    /// The same message in the same slot again is no error: its stored bytes stay.
    /// - Throws: `slotUsed`, `slotPruned` (both leave the store usable); `halted`, `full`, `operation`.
    public func commit(_ records: [DurableRecord]) throws(StorageError) {
        guard !records.isEmpty else { return }
        try file.write { [file] db in
            for record in records { try Self.store(record, db, file: file) }
        }
    }

    /// Everything signed on a chain, ordered by kind, major, minor.
    public func slotMessages(chain: ChainID) throws(StorageError) -> [SlotMessage] {
        try file.read { [file] db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT kind, major, minor, message, checksum FROM slot WHERE chain = ? ORDER BY kind, major, minor",
                arguments: [Data(chain.bytes)]
            ).map { try Self.slotMessage($0, chain: chain, file: file) }
        }
    }

    /// The message in one slot, if it was used.
    public func slotMessage(kind: UInt8, chain: ChainID, major: UInt64, minor: UInt32) throws(StorageError) -> [UInt8]?
    {
        let major = try column(major, "major")
        return try file.read { [file] db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT kind, major, minor, message, checksum FROM slot
                    WHERE chain = ? AND kind = ? AND major = ? AND minor = ?
                    """,
                arguments: [Data(chain.bytes), Int64(kind), major, Int64(minor)]
            ).map { try Self.slotMessage($0, chain: chain, file: file).message }
        }
    }

    public func voteState(chain: ChainID) throws(StorageError) -> [UInt8]? {
        try file.read { [file] db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM vote_state WHERE chain = ?", arguments: [Data(chain.bytes)])
            else { return nil }
            return try Self.voteState(row, file: file)
        }
    }

    public func value(space: String, key: [UInt8]) throws(StorageError) -> [UInt8]? {
        try file.read { [file] db in
            try Row.fetchOne(
                db, sql: "SELECT key, bytes, checksum FROM small_value WHERE space = ? AND key = ?",
                arguments: [space, Data(key)]
            ).map { try Self.storedValue($0, space: space, file: file).bytes }
        }
    }

    /// All values of a space, ordered by key.
    public func values(space: String) throws(StorageError) -> [StoredValue] {
        try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT key, bytes, checksum FROM small_value WHERE space = ? ORDER BY key", arguments: [space]
            ).map { try Self.storedValue($0, space: space, file: file) }
        }
    }

    /// The lowest height of a chain whose votes are stored: of those below it nothing is known any more; 0 where nothing
    /// was pruned.
    public func floor(chain: ChainID) throws(StorageError) -> UInt64 {
        try file.read { [file] db in
            try Row.fetchAll(db, sql: "SELECT * FROM slot_floor WHERE chain = ?", arguments: [Data(chain.bytes)])
                .map { UInt64(try Self.floor($0, file: file)) }.max() ?? 0
        }
    }

    /// Chains that anything was signed on, in order of their ids.
    public func chains() throws(StorageError) -> [ChainID] {
        try file.read { [file] db in
            try Data.fetchAll(
                db, sql: "SELECT chain FROM slot UNION SELECT chain FROM vote_state ORDER BY chain"
            ).map { bytes in
                guard bytes.count == ChainID.byteCount else {
                    throw file.damagedRow("a chain id", reason: "wrong length")
                }
                return ChainID([UInt8](bytes))
            }
        }
    }

    // MARK: Rows

    private static func store(_ record: DurableRecord, _ db: Database, file: DatabaseFile) throws {
        switch record {
        case .slot(let kind, let chain, let major, let minor, let message):
            try storeSlot(kind, chain, major, minor, message, db, file: file)
        case .voteState(let chain, let bytes):
            try check(bytes.count, "vote state")
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO vote_state (chain, bytes, checksum) VALUES (?, ?, ?)")
                .execute(arguments: [Data(chain.bytes), Data(bytes), rowChecksum("vote_state", chain.bytes, bytes)])
        case .value(let space, let key, let bytes):
            try check(bytes.count, "value")
            guard key.count <= longestKey else {
                throw StorageError.tooLarge(field: "key", length: UInt64(key.count), limit: UInt64(longestKey))
            }
            try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO small_value (space, key, bytes, checksum) VALUES (?, ?, ?, ?)"
            ).execute(
                arguments: [space, Data(key), Data(bytes), rowChecksum("small_value", Array(space.utf8), key, bytes)])
        case .removeValue(let space, let key):
            try db.cachedStatement(sql: "DELETE FROM small_value WHERE space = ? AND key = ?")
                .execute(arguments: [space, Data(key)])
        case .prune(let chain, let kinds, let major):
            for kind in kinds { try prune(kind, chain, below: major, db, file: file) }
        }
    }

    private static func prune(
        _ kind: UInt8, _ chain: ChainID, below major: UInt64, _ db: Database, file: DatabaseFile
    ) throws {
        let floor = try column(major, "major")
        if try Self.floor(kind, chain, db, file: file) ?? -1 < floor {
            try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO slot_floor (chain, kind, floor, checksum) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [Data(chain.bytes), Int64(kind), floor, floorChecksum(kind, chain, major)])
        }
        try db.cachedStatement(sql: "DELETE FROM slot WHERE chain = ? AND kind = ? AND major < ?")
            .execute(arguments: [Data(chain.bytes), Int64(kind), floor])
    }

    private static func storeSlot(
        _ kind: UInt8, _ chain: ChainID, _ major: UInt64, _ minor: UInt32, _ message: [UInt8], _ db: Database,
        file: DatabaseFile
    ) throws {
        try check(message.count, "slotted message")
        let majorColumn = try column(major, "major")
        let slot: StatementArguments = [Data(chain.bytes), Int64(kind), majorColumn, Int64(minor)]
        let stored = try Data.fetchOne(
            db.cachedStatement(
                sql: "SELECT message FROM slot WHERE chain = ? AND kind = ? AND major = ? AND minor = ?"),
            arguments: slot)
        if let stored {
            guard stored == Data(message) else {
                throw StorageError.slotUsed(kind: kind, chain: chain, major: major, minor: minor)
            }
            return
        }
        if let floor = try floor(kind, chain, db, file: file), majorColumn < floor {
            throw StorageError.slotPruned(kind: kind, chain: chain, major: major, floor: UInt64(floor))
        }
        let checksum = slotChecksum(kind, chain, major, minor, message)
        try db.cachedStatement(
            sql: "INSERT INTO slot (chain, kind, major, minor, message, checksum) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: slot + [Data(message), checksum])
    }

    private static func slotMessage(_ row: Row, chain: ChainID, file: DatabaseFile) throws -> SlotMessage {
        let message: Data = try row.decode(forColumn: "message")
        guard
            let kind = UInt8(exactly: try row.decode(Int64.self, forColumn: "kind")),
            let major = UInt64(exactly: try row.decode(Int64.self, forColumn: "major")),
            let minor = UInt32(exactly: try row.decode(Int64.self, forColumn: "minor")),
            row["checksum"] as Data? == slotChecksum(kind, chain, major, minor, [UInt8](message))
        else { throw file.damagedRow("a message signed on chain \(chain.short)") }
        return SlotMessage(kind: kind, major: major, minor: minor, message: [UInt8](message))
    }

    private static func storedValue(_ row: Row, space: String, file: DatabaseFile) throws -> StoredValue {
        let key = [UInt8](try row.decode(Data.self, forColumn: "key"))
        let bytes = [UInt8](try row.decode(Data.self, forColumn: "bytes"))
        guard row["checksum"] as Data? == rowChecksum("small_value", Array(space.utf8), key, bytes) else {
            throw file.damagedRow("a value of \(space)")
        }
        return StoredValue(key: key, bytes: bytes)
    }

    private static func voteState(_ row: Row, file: DatabaseFile) throws -> [UInt8] {
        let chain = try chainID(row, file)
        let bytes = [UInt8](try row.decode(Data.self, forColumn: "bytes"))
        guard row["checksum"] as Data? == rowChecksum("vote_state", chain.bytes, bytes) else {
            throw file.damagedRow("the vote state of chain \(chain.short)")
        }
        return bytes
    }

    private static func floor(_ kind: UInt8, _ chain: ChainID, _ db: Database, file: DatabaseFile) throws -> Int64? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT * FROM slot_floor WHERE chain = ? AND kind = ?"),
            arguments: [Data(chain.bytes), Int64(kind)]
        ).map { try floor($0, file: file) }
    }

    private static func floor(_ row: Row, file: DatabaseFile) throws -> Int64 {
        let chain = try chainID(row, file)
        let floor: Int64 = try row.decode(forColumn: "floor")
        guard floor >= 0, let kind = UInt8(exactly: try row.decode(Int64.self, forColumn: "kind")),
            row["checksum"] as Data? == floorChecksum(kind, chain, UInt64(floor))
        else { throw file.damagedRow("the pruning mark of chain \(chain.short)") }
        return floor
    }

    private static func floorChecksum(_ kind: UInt8, _ chain: ChainID, _ floor: UInt64) -> Data {
        rowChecksum("slot_floor", [kind], chain.bytes, floor.littleEndianBytes)
    }

    private static func chainID(_ row: Row, _ file: DatabaseFile) throws -> ChainID {
        try ChainRows.identifier(row, "chain", file: file)
    }

    private static func slotChecksum(
        _ kind: UInt8, _ chain: ChainID, _ major: UInt64, _ minor: UInt32, _ message: [UInt8]
    ) -> Data {
        rowChecksum("slot", [kind], chain.bytes, major.littleEndianBytes, UInt64(minor).littleEndianBytes, message)
    }

    private static func check(_ length: Int, _ field: String) throws(StorageError) {
        guard length <= longestRecord else {
            throw .tooLarge(field: field, length: UInt64(length), limit: UInt64(longestRecord))
        }
    }

    private static let format = DatabaseFile.Format(
        name: "durable store", mark: 0x4D53_4844, version: 1,
        schema: """
            CREATE TABLE owner (id INTEGER PRIMARY KEY CHECK (id = 1), node BLOB NOT NULL) STRICT;
            CREATE TABLE slot (
                chain BLOB NOT NULL CHECK (length(chain) = 32), kind INTEGER NOT NULL, major INTEGER NOT NULL,
                minor INTEGER NOT NULL, message BLOB NOT NULL, checksum BLOB NOT NULL,
                PRIMARY KEY (chain, kind, major, minor)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE slot_floor (
                chain BLOB NOT NULL CHECK (length(chain) = 32), kind INTEGER NOT NULL, floor INTEGER NOT NULL,
                checksum BLOB NOT NULL, PRIMARY KEY (chain, kind)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE vote_state (
                chain BLOB NOT NULL PRIMARY KEY CHECK (length(chain) = 32), bytes BLOB NOT NULL, checksum BLOB NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE small_value (
                space TEXT NOT NULL, key BLOB NOT NULL, bytes BLOB NOT NULL, checksum BLOB NOT NULL,
                PRIMARY KEY (space, key)
            ) STRICT, WITHOUT ROWID;
            """,
        // An old copy is as bad as none: both forget what was signed since.
        advice: { _, _ in
            "never restore an old copy and never go on with this key, the node could sign twice; make a new home, "
                + "which has a key of its own: `meshnode init --home NEW`"
        },
        isLost: { path in
            // It is made before the chain, so a chain without it has lost it; its log alone is what is left of it.
            let home = HomeDirectory(path: FileSystem.parent(of: path))
            if try FileSystem.exists(home.chainDatabase) { return true }
            return try FileSystem.exists(path + "-wal")
        })

    /// - Throws: `missing` where the store of a home is lost.
    static func refuseLoss(_ path: String) throws(StorageError) { try DatabaseFile.refuseLoss(path, format: format) }
}
