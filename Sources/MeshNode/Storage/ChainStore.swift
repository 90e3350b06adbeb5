internal import Foundation
internal import GRDB
public import Wire

/// Decided blocks and what is derived from them (`chain.sqlite`). Everything here can be fetched again from peers.
///
/// Calls block; writes cost an fsync. Reads run beside a write and see the last committed state.
public final class ChainStore: Sendable {
    /// Bytes; longer bodies go to the content store.
    public static let longestInlineBody = 1 << 20
    /// Header, certificate, genesis, chain info, peer record, JSON: bytes each.
    public static let longestField = 16 << 20

    package let file: DatabaseFile
    public var path: String { file.path }

    /// - Throws: `missing`, `damaged`, `wrongFile`, `newerVersion`, `locked`, `operation`.
    public convenience init(path: String, opening: StoreOpening = .existing) throws(StorageError) {
        self.init(file: try DatabaseFile(path: path, format: Self.format, access: .concurrent, opening: opening))
    }

    /// For offline verification, also of a chain that a running node is writing.
    public static func openReadOnly(path: String) throws(StorageError) -> ChainStore {
        ChainStore(file: try DatabaseFile(path: path, format: format, access: .readOnly))
    }

    private init(file: DatabaseFile) { self.file = file }

    deinit { file.checkpoint() }

    // MARK: Writing

    /// Stores the genesis; the same bytes again are no error.
    /// - Throws: `alreadyExists` for a different genesis.
    public func storeGenesis(_ bytes: [UInt8]) throws(StorageError) {
        try Self.check(bytes.count, "genesis")
        let path = file.path
        try file.write { db in
            if let stored = try Data.fetchOne(db, sql: "SELECT bytes FROM genesis WHERE id = 1") {
                guard stored == Data(bytes) else {
                    throw StorageError.alreadyExists(
                        path: path, next: "it belongs to another network: use another --home for this one")
                }
                return
            }
            try db.execute(
                sql: "INSERT INTO genesis (id, bytes, checksum) VALUES (1, ?, ?)",
                arguments: [Data(bytes), rowChecksum("genesis", bytes)])
        }
    }

    /// Stores a decided block together with the rows derived from it, all or nothing. It must follow the head of
    /// its chain; the stored block again is no error and writes nothing.
    /// - Returns: whether the block was new.
    /// - Throws: `unknownChain`, `blockGap`, `blockConflict`, `tooLarge`; `halted`, `full`, `operation`.
    @discardableResult
    public func append(block: StoredBlock, derived: [DerivedRow] = []) throws(StorageError) -> Bool {
        try Self.check(block.header.count, "header")
        try Self.check(block.certificate.count, "certificate")
        if case .inline(let bytes) = block.body, bytes.count > Self.longestInlineBody {
            throw .tooLarge(field: "body", length: UInt64(bytes.count), limit: UInt64(Self.longestInlineBody))
        }
        return try file.write { [file] db in
            // A new task's chain may be recorded by the very block that creates it, before or after.
            for row in derived { if case .chain = row { try ChainRows.store(row, db) } }
            guard try ChainRows.insert(block, db, file: file) else { return false }
            for row in derived { try ChainRows.store(row, db) }
            return true
        }
    }

    /// Stores rows that belong to no block, in one transaction.
    public func store(_ rows: [DerivedRow]) throws(StorageError) {
        guard !rows.isEmpty else { return }
        try file.write { db in for row in rows { try ChainRows.store(row, db) } }
    }

    /// Keeps the newest `count` events.
    public func pruneEvents(keeping count: Int) throws(StorageError) {
        try file.write { db in
            try db.execute(
                sql: "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", arguments: [Int64(max(0, count))])
        }
    }

    // MARK: Reading

    public func genesis() throws(StorageError) -> [UInt8]? {
        try file.read { [file] db in
            guard let row = try Row.fetchOne(db, sql: "SELECT bytes, checksum FROM genesis WHERE id = 1") else {
                return nil
            }
            let bytes = [UInt8](try row.decode(Data.self, forColumn: "bytes"))
            guard row["checksum"] as Data? == rowChecksum("genesis", bytes) else {
                throw file.damagedRow("the genesis")
            }
            return bytes
        }
    }

    /// In the order in which they were recorded.
    public func chains() throws(StorageError) -> [ChainRecord] {
        try file.read { [file] db in
            try Row.fetchAll(db, sql: "SELECT * FROM chain ORDER BY position").map {
                try ChainRows.chain($0, file: file)
            }
        }
    }

    public func chain(_ id: ChainID) throws(StorageError) -> ChainRecord? {
        try file.read { [file] db in
            try Row.fetchOne(db, sql: "SELECT * FROM chain WHERE id = ?", arguments: [Data(id.bytes)])
                .map { try ChainRows.chain($0, file: file) }
        }
    }

    /// Nil for a chain without blocks.
    public func head(chain: ChainID) throws(StorageError) -> ChainHead? {
        try file.read { [file] db in try ChainRows.head(chain, db, file: file) }
    }

    public func block(chain: ChainID, height: UInt64) throws(StorageError) -> StoredBlock? {
        try blocks(chain: chain, from: height, limit: 1).first { $0.height == height }
    }

    /// Up to `limit` blocks in order of height, starting at `from`.
    public func blocks(chain: ChainID, from: UInt64, limit: Int) throws(StorageError) -> [StoredBlock] {
        guard let from = Int64(exactly: from), limit > 0 else { return [] }
        return try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM block WHERE chain = ? AND height >= ? ORDER BY height LIMIT ?",
                arguments: [Data(chain.bytes), from, Int64(limit)]
            ).map { try ChainRows.block($0, file: file) }
        }
    }

    /// Ordered by round, then attempt.
    public func roundMetrics(chain: ChainID) throws(StorageError) -> [StoredRoundMetrics] {
        try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT round, attempt, json FROM round_metrics WHERE chain = ? ORDER BY round, attempt",
                arguments: [Data(chain.bytes)]
            ).map { row in
                StoredRoundMetrics(
                    round: try ChainRows.unsigned(row, "round", file: file),
                    attempt: UInt32(truncatingIfNeeded: try ChainRows.unsigned(row, "attempt", file: file)),
                    json: try row.decode(forColumn: "json"))
            }
        }
    }

    /// Events with an id above `after`, oldest first.
    public func events(after: UInt64 = 0, limit: Int) throws(StorageError) -> [StoredEvent] {
        guard let after = Int64(exactly: after), limit > 0 else { return [] }
        return try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT id, time, kind, json FROM event WHERE id > ? ORDER BY id LIMIT ?",
                arguments: [after, Int64(limit)]
            ).map { try ChainRows.event($0, file: file) }
        }
    }

    /// The newest `limit` events, oldest first: what a page shows before it follows with ``events(after:limit:)``.
    public func latestEvents(limit: Int) throws(StorageError) -> [StoredEvent] {
        guard limit > 0 else { return [] }
        return try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT id, time, kind, json FROM event ORDER BY id DESC LIMIT ?", arguments: [Int64(limit)]
            ).reversed().map { try ChainRows.event($0, file: file) }
        }
    }

    public func nodeValue(key: String) throws(StorageError) -> [UInt8]? {
        try file.read { [file] db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT bytes, checksum FROM node_value WHERE key = ?", arguments: [key])
            else { return nil }
            let bytes = [UInt8](try row.decode(Data.self, forColumn: "bytes"))
            guard row["checksum"] as Data? == rowChecksum("node_value", Array(key.utf8), bytes) else {
                throw file.damagedRow("the value \(key)")
            }
            return bytes
        }
    }

    /// The peers seen last, newest first.
    public func peers(limit: Int = 1024) throws(StorageError) -> [StoredPeer] {
        try file.read { [file] db in
            try Row.fetchAll(
                db, sql: "SELECT node, record, last_seen FROM peer ORDER BY last_seen DESC, node LIMIT ?",
                arguments: [Int64(max(0, limit))]
            ).map { row in
                StoredPeer(
                    node: try ChainRows.identifier(row, "node", file: file),
                    record: [UInt8](try row.decode(Data.self, forColumn: "record")),
                    lastSeen: try ChainRows.unsigned(row, "last_seen", file: file))
            }
        }
    }

    static func check(_ length: Int, _ field: String) throws(StorageError) {
        guard length <= longestField else {
            throw .tooLarge(field: field, length: UInt64(length), limit: UInt64(longestField))
        }
    }

    private static let format = DatabaseFile.Format(
        name: "chain store", mark: 0x4D53_4843, version: 1,
        schema: """
            CREATE TABLE genesis (
                id INTEGER PRIMARY KEY CHECK (id = 1), bytes BLOB NOT NULL, checksum BLOB NOT NULL
            ) STRICT;
            CREATE TABLE chain (
                position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE CHECK (length(id) = 32), kind INTEGER NOT NULL,
                parent BLOB, parent_height INTEGER NOT NULL, first_height INTEGER NOT NULL, info BLOB NOT NULL,
                checksum BLOB NOT NULL
            ) STRICT;
            CREATE TABLE block (
                chain BLOB NOT NULL REFERENCES chain (id), height INTEGER NOT NULL, id BLOB NOT NULL,
                time_stored INTEGER NOT NULL, header BLOB NOT NULL, certificate BLOB NOT NULL, body BLOB,
                body_content BLOB, checksum BLOB NOT NULL, UNIQUE (chain, height),
                CHECK ((body IS NULL) <> (body_content IS NULL))
            ) STRICT;
            CREATE TABLE round_metrics (
                chain BLOB NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL, json TEXT NOT NULL,
                PRIMARY KEY (chain, round, attempt)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE event (
                id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT NOT NULL
            ) STRICT;
            CREATE TABLE node_value (key TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL, checksum BLOB NOT NULL)
                STRICT, WITHOUT ROWID;
            CREATE TABLE peer (node BLOB NOT NULL PRIMARY KEY CHECK (length(node) = 32), record BLOB NOT NULL,
                last_seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
            """,
        advice: { home, isMissing in
            (isMissing
                ? "run `meshnode init --home \(home.shellWord) --genesis FILE`" : HomeDirectory.fetchAgain(home))
                + " and start the node: it fetches the chain from its peers, whom it finds by a ticket: --set mesh.bootstrap=TICKET"
        })
}
