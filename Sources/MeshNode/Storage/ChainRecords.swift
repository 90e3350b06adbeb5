public import Wire

/// A chain this node knows: the registry or a task's.
public struct ChainRecord: Sendable, Equatable {
    public let id: ChainID
    /// Given by the caller: 0 registry, 1 task.
    public let kind: UInt8
    /// The chain and height that this one grew from; nil for the registry.
    public let parent: ChainID?
    public let parentHeight: UInt64
    /// Height of its first block.
    public let firstHeight: UInt64
    /// Whatever the caller needs to open it again, for example the electorate's bytes.
    public let info: [UInt8]

    public init(
        id: ChainID, kind: UInt8, parent: ChainID? = nil, parentHeight: UInt64 = 0, firstHeight: UInt64 = 1,
        info: [UInt8] = []
    ) {
        self.id = id
        self.kind = kind
        self.parent = parent
        self.parentHeight = parentHeight
        self.firstHeight = firstHeight
        self.info = info
    }
}

/// Where the body of a block is.
public enum BlockBodyBytes: Sendable, Equatable {
    /// At most ``ChainStore/longestInlineBody`` bytes, in the row itself.
    case inline([UInt8])
    /// In the content store.
    case content(ContentID)
}

/// A decided block with what proves it.
public struct StoredBlock: Sendable, Equatable {
    public let chain: ChainID
    public let height: UInt64
    public let id: BlockID
    public let header: [UInt8]
    public let body: BlockBodyBytes
    public let certificate: [UInt8]
    /// When it was stored here, milliseconds of Unix time; never part of any hash.
    public let timeStored: UInt64

    public init(
        chain: ChainID, height: UInt64, id: BlockID, header: [UInt8], body: BlockBodyBytes, certificate: [UInt8],
        timeStored: UInt64
    ) {
        self.chain = chain
        self.height = height
        self.id = id
        self.header = header
        self.body = body
        self.certificate = certificate
        self.timeStored = timeStored
    }
}

/// Height and name of the last block.
public struct ChainHead: Sendable, Equatable {
    public let height: UInt64
    public let id: BlockID
}

/// Rows that are written in the transaction of a block, or alone.
public enum DerivedRow: Sendable, Equatable {
    case chain(ChainRecord)
    /// Replaces the metrics of the same round and attempt.
    case roundMetrics(chain: ChainID, round: UInt64, attempt: UInt32, json: String)
    /// `time` in milliseconds of Unix time.
    case event(time: UInt64, kind: String, json: String)
    case nodeValue(key: String, bytes: [UInt8])
    case removeNodeValue(key: String)
    /// A signed record of a peer; `lastSeen` in milliseconds of Unix time.
    case peer(NodeID, record: [UInt8], lastSeen: UInt64)
    case removePeer(NodeID)
}

public struct StoredRoundMetrics: Sendable, Equatable {
    public let round: UInt64
    public let attempt: UInt32
    public let json: String
}

/// Something worth showing, in the order in which it was stored.
public struct StoredEvent: Sendable, Equatable {
    /// Grows by at least one; never used twice.
    public let id: UInt64
    /// Milliseconds of Unix time.
    public let time: UInt64
    public let kind: String
    public let json: String
}

public struct StoredPeer: Sendable, Equatable {
    public let node: NodeID
    public let record: [UInt8]
    /// Milliseconds of Unix time.
    public let lastSeen: UInt64
}
