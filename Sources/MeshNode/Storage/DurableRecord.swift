public import Wire

/// What has to be on disk before a message leaves the node.
public enum DurableRecord: Sendable, Equatable {
    /// A message of this node in the slot (kind, chain, major, minor): height and view of a vote, round and attempt
    /// of a submission.
    case slot(kind: UInt8, chain: ChainID, major: UInt64, minor: UInt32, message: [UInt8])
    /// The latest state of voting on a chain; replaces the one before.
    case voteState(chain: ChainID, bytes: [UInt8])
    /// A small secret or counter; replaces the one before.
    case value(space: String, key: [UInt8], bytes: [UInt8])
    case removeValue(space: String, key: [UInt8])
    /// Forgets the messages of these kinds whose major number is below `below`, and refuses their slots from then on.
    /// Heights and rounds count apart, so kinds are named: never pass the kinds of an undecided round.
    case prune(chain: ChainID, kinds: [UInt8], below: UInt64)
}

/// A stored message, to be sent again byte for byte after a restart.
public struct SlotMessage: Sendable, Equatable {
    public let kind: UInt8
    public let major: UInt64
    public let minor: UInt32
    public let message: [UInt8]

    public init(kind: UInt8, major: UInt64, minor: UInt32, message: [UInt8]) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.message = message
    }
}

/// A small value and its key within a space.
public struct StoredValue: Sendable, Equatable {
    public let key: [UInt8]
    public let bytes: [UInt8]

    public init(key: [UInt8], bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }
}
