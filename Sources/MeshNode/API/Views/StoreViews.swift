/// One content of this node's store.
public struct ContentView: Codable, Equatable, Sendable {
    public var content: String
    /// submission, model, block body, aggregate, data, task or other.
    public var kind: String
    /// As stored and sent.
    public var bytes: UInt64
    /// After decompression.
    public var rawBytes: UInt64?
    public var codec: String?
    /// False while it is being fetched.
    public var isComplete: Bool
    public var pins: [String]
    /// A running task needs it: it is not collected.
    public var isInUse: Bool
    /// What another node needs to fetch it: `store get CONTENT:LENGTH`.
    public var reference: String

    public init(
        content: String, kind: String, bytes: UInt64, rawBytes: UInt64? = nil, codec: String? = nil, isComplete: Bool,
        pins: [String], isInUse: Bool
    ) {
        self.content = content
        self.kind = kind
        self.bytes = bytes
        self.rawBytes = rawBytes
        self.codec = codec
        self.isComplete = isComplete
        self.pins = pins
        self.isInUse = isInUse
        reference = "\(content):\(bytes)"
    }
}

public struct StoreView: Codable, Equatable, Sendable {
    public var usedBytes: UInt64
    public var quotaBytes: UInt64
    public var contents: [ContentView]

    public init(usedBytes: UInt64, quotaBytes: UInt64, contents: [ContentView]) {
        self.usedBytes = usedBytes
        self.quotaBytes = quotaBytes
        self.contents = contents
    }
}

/// What a collection removed.
public struct CollectionView: Codable, Equatable, Sendable {
    public var removed: Int
    public var freedBytes: UInt64
    public var usedBytes: UInt64

    public init(removed: Int, freedBytes: UInt64, usedBytes: UInt64) {
        self.removed = removed
        self.freedBytes = freedBytes
        self.usedBytes = usedBytes
    }
}

/// One thing that `doctor` looked at.
public struct HealthCheck: Codable, Equatable, Sendable {
    public enum Outcome: String, Codable, Sendable {
        case ok
        case fail
        /// Wrong, and stops nothing.
        case warning
        /// Nothing can be said, for example without a peer to ask.
        case unknown
    }

    public var name: String
    public var outcome: Outcome
    public var detail: String
    /// What to do about it; absent when it is ok.
    public var next: String?

    public init(_ name: String, _ outcome: Outcome, _ detail: String, next: String? = nil) {
        self.name = name
        self.outcome = outcome
        self.detail = detail
        self.next = next
    }
}
