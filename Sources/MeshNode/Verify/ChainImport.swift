internal import Chain
internal import Gossip
internal import Wire

/// Puts the blocks and contents of an exported file into a home.
public enum ChainImport {
    public struct Summary: Codable, Equatable, Sendable {
        public var network: String
        public var blocks = 0
        public var newBlocks = 0
        public var contents = 0
        public var newContents = 0
    }

    /// - Precondition: the file has passed ``HomeVerifier``; blocks are not checked again.
    /// - Throws: `StorageError`: `missing` for a home with a key and no record of what it signed, `locked` while the node of the
    ///   home runs, `alreadyExists` for a home of another network, `blockConflict` where it holds another block of a height.
    public static func run(_ path: String, home place: HomeDirectory) throws -> Summary {
        let file = try ExportFile(path)
        let genesis = try Genesis.read(try file.genesis() ?? [])
        if place.hasIdentity, try !FileSystem.exists(place.durableDatabase) {
            try place.checkRecord()
            // A chain beside a key that has no record yet would look like a lost one for ever.
            throw StorageError.missing(
                path: place.durableDatabase,
                next: "finish this home first: `meshnode init --home \(place.path.shellWord)`")
        }
        let home = try HomeDirectory.create(at: place.path)
        let lock = try HomeLock(home)
        defer { withExtendedLifetime(lock) {} }
        let store = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
        try store.storeGenesis(try file.genesis() ?? [])
        var summary = Summary(network: genesis.networkID.hex)
        let registry = genesis.networkID.registryChain
        try store.store([.chain(ChainRecord(id: registry, kind: 0, info: Array(genesis.name.utf8)))])
        try take(registry, file, store, &summary)
        let tasks = try ChainReplay(store: file, genesis: genesis).registry.everyOpenedTask()
        for task in tasks {
            try store.store([
                .chain(ChainRecord(id: task.task, kind: 1, parent: registry, info: Array(task.spec.name.utf8)))
            ])
            try take(task.task, file, store, &summary)
        }
        let contents = try ContentStore(home)
        for (id, kind) in file.contentNames {
            guard let bytes = try file.content(id) else { continue }
            summary.contents += 1
            if !contents.has(id) { summary.newContents += 1 }
            try contents.put(bytes, kind: .init(rawValue: kind))
        }
        return summary
    }

    private static func take(
        _ chain: ChainID, _ file: ExportFile, _ store: ChainStore, _ summary: inout Summary
    ) throws {
        var next: UInt64 = 1
        while true {
            let blocks = try file.blocks(chain: chain, from: next, limit: 64)
            if blocks.isEmpty { return }
            for block in blocks {
                summary.blocks += 1
                if try store.append(block: block) { summary.newBlocks += 1 }
                next = block.height + 1
            }
        }
    }
}
