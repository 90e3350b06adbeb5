internal import Foundation
internal import GRDB
internal import MeshCrypto
internal import Wire

/// How the rows of the chain store are written and read. What is read back is checked: a row that does not match
/// its checksum is damage, never a trap.
enum ChainRows {
    /// - Returns: false if this very block is stored already.
    static func insert(_ block: StoredBlock, _ db: Database, file: DatabaseFile) throws -> Bool {
        let height = try column(block.height, "height")
        guard
            let first = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT first_height FROM chain WHERE id = ?"),
                arguments: [Data(block.chain.bytes)])
        else { throw StorageError.unknownChain(block.chain) }
        let stored = try Data.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM block WHERE chain = ? AND height = ?"),
            arguments: [Data(block.chain.bytes), height])
        if let stored {
            guard stored == Data(block.id.bytes) else {
                guard stored.count == BlockID.byteCount else {
                    throw file.damagedRow("a block id", reason: "wrong length")
                }
                throw StorageError.blockConflict(
                    chain: block.chain, height: block.height, stored: BlockID([UInt8](stored)), given: block.id)
            }
            return false
        }
        let head = try head(block.chain, db, file: file)
        let (next, overflow) = (head?.height ?? 0).addingReportingOverflow(1)
        let expected = head == nil ? UInt64(max(0, first)) : next
        guard !overflow, block.height == expected else {
            throw StorageError.blockGap(chain: block.chain, expected: expected, height: block.height)
        }
        let (inline, content): (Data?, Data?) =
            switch block.body {
            case .inline(let bytes): (Data(bytes), nil)
            case .content(let id): (nil, Data(id.bytes))
            }
        try db.cachedStatement(
            sql: """
                INSERT INTO block (chain, height, id, time_stored, header, certificate, body, body_content, checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            Data(block.chain.bytes), height, Data(block.id.bytes), try column(block.timeStored, "time stored"),
            Data(block.header), Data(block.certificate), inline, content, checksum(block),
        ])
        return true
    }

    static func store(_ row: DerivedRow, _ db: Database) throws {
        switch row {
        case .chain(let chain): try store(chain, db)
        case .roundMetrics(let chain, let round, let attempt, let json):
            try ChainStore.check(json.utf8.count, "round metrics")
            try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO round_metrics (chain, round, attempt, json) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [Data(chain.bytes), try column(round, "round"), Int64(attempt), json])
        case .event(let time, let kind, let json):
            try ChainStore.check(json.utf8.count, "event")
            try db.cachedStatement(sql: "INSERT INTO event (time, kind, json) VALUES (?, ?, ?)")
                .execute(arguments: [try column(time, "event time"), kind, json])
        case .nodeValue(let key, let bytes):
            try ChainStore.check(bytes.count, "node value")
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO node_value (key, bytes, checksum) VALUES (?, ?, ?)")
                .execute(arguments: [key, Data(bytes), rowChecksum("node_value", Array(key.utf8), bytes)])
        case .removeNodeValue(let key):
            try db.execute(sql: "DELETE FROM node_value WHERE key = ?", arguments: [key])
        case .peer(let node, let record, let lastSeen):
            try ChainStore.check(record.count, "peer record")
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO peer (node, record, last_seen) VALUES (?, ?, ?)")
                .execute(arguments: [Data(node.bytes), Data(record), try column(lastSeen, "last seen")])
        case .removePeer(let node):
            try db.execute(sql: "DELETE FROM peer WHERE node = ?", arguments: [Data(node.bytes)])
        }
    }

    /// Recording a chain again replaces its info alone.
    private static func store(_ chain: ChainRecord, _ db: Database) throws {
        try ChainStore.check(chain.info.count, "chain info")
        try db.cachedStatement(
            sql: """
                INSERT INTO chain (id, kind, parent, parent_height, first_height, info, checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, parent = excluded.parent,
                    parent_height = excluded.parent_height, first_height = excluded.first_height,
                    info = excluded.info, checksum = excluded.checksum
                """
        ).execute(arguments: [
            Data(chain.id.bytes), Int64(chain.kind), chain.parent.map { Data($0.bytes) },
            try column(chain.parentHeight, "parent height"), try column(chain.firstHeight, "first height"),
            Data(chain.info), checksum(chain),
        ])
    }

    static func head(_ chain: ChainID, _ db: Database, file: DatabaseFile) throws -> ChainHead? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT height, id FROM block WHERE chain = ? ORDER BY height DESC LIMIT 1"),
            arguments: [Data(chain.bytes)]
        ).map { row in
            ChainHead(height: try unsigned(row, "height", file: file), id: try identifier(row, "id", file: file))
        }
    }

    static func block(_ row: Row, file: DatabaseFile) throws -> StoredBlock {
        let body: BlockBodyBytes =
            if let bytes = try row.decode(Data?.self, forColumn: "body") {
                .inline([UInt8](bytes))
            } else {
                .content(try identifier(row, "body_content", file: file))
            }
        let block = StoredBlock(
            chain: try identifier(row, "chain", file: file), height: try unsigned(row, "height", file: file),
            id: try identifier(row, "id", file: file), header: [UInt8](try row.decode(Data.self, forColumn: "header")),
            body: body, certificate: [UInt8](try row.decode(Data.self, forColumn: "certificate")),
            timeStored: try unsigned(row, "time_stored", file: file))
        guard row["checksum"] as Data? == checksum(block) else {
            throw file.damagedRow("block \(block.height) of chain \(block.chain.short)")
        }
        return block
    }

    static func chain(_ row: Row, file: DatabaseFile) throws -> ChainRecord {
        guard let kind = UInt8(exactly: try row.decode(Int64.self, forColumn: "kind")) else {
            throw file.damagedRow("a chain", reason: "its kind is out of range")
        }
        let parent: ChainID? =
            try row.decode(Data?.self, forColumn: "parent") == nil ? nil : try identifier(row, "parent", file: file)
        let chain = ChainRecord(
            id: try identifier(row, "id", file: file), kind: kind, parent: parent,
            parentHeight: try unsigned(row, "parent_height", file: file),
            firstHeight: try unsigned(row, "first_height", file: file),
            info: [UInt8](try row.decode(Data.self, forColumn: "info")))
        guard row["checksum"] as Data? == checksum(chain) else { throw file.damagedRow("chain \(chain.id.short)") }
        return chain
    }

    static func event(_ row: Row, file: DatabaseFile) throws -> StoredEvent {
        StoredEvent(
            id: try unsigned(row, "id", file: file), time: try unsigned(row, "time", file: file),
            kind: try row.decode(forColumn: "kind"), json: try row.decode(forColumn: "json"))
    }

    static func unsigned(_ row: Row, _ name: String, file: DatabaseFile) throws -> UInt64 {
        guard let value = UInt64(exactly: try row.decode(Int64.self, forColumn: name)) else {
            throw file.damagedRow(name, reason: "negative")
        }
        return value
    }

    static func identifier<Kind>(_ row: Row, _ name: String, file: DatabaseFile) throws -> Identifier<Kind> {
        let bytes = try row.decode(Data.self, forColumn: name)
        guard bytes.count == Identifier<Kind>.byteCount else {
            throw file.damagedRow(name, reason: "\(bytes.count) bytes instead of \(Identifier<Kind>.byteCount)")
        }
        return Identifier<Kind>([UInt8](bytes))
    }

    private static func checksum(_ block: StoredBlock) -> Data {
        let (mark, body): (UInt8, [UInt8]) =
            switch block.body {
            case .inline(let bytes): (0, bytes)
            case .content(let id): (1, id.bytes)
            }
        return rowChecksum(
            "block", block.chain.bytes, block.height.littleEndianBytes, block.id.bytes,
            block.timeStored.littleEndianBytes, block.header, block.certificate, [mark], body)
    }

    private static func checksum(_ chain: ChainRecord) -> Data {
        rowChecksum(
            "chain", chain.id.bytes, [chain.kind], chain.parent?.bytes ?? [], chain.parentHeight.littleEndianBytes,
            chain.firstHeight.littleEndianBytes, chain.info)
    }
}
