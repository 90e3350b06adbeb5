public struct ChainView: Codable, Equatable, Sendable {
    public var chain: String
    /// registry or task.
    public var kind: String
    /// The task's name.
    public var name: String?
    /// Height and id of the head; absent before the first block.
    public var height: UInt64?
    public var head: String?
    public var timeMs: UInt64?

    public init(
        chain: String, kind: String, name: String? = nil, height: UInt64? = nil, head: String? = nil,
        timeMs: UInt64? = nil
    ) {
        self.chain = chain
        self.kind = kind
        self.name = name
        self.height = height
        self.head = head
        self.timeMs = timeMs
    }
}

public struct BlockView: Codable, Equatable, Sendable {
    public var chain: String
    public var height: UInt64
    public var block: String
    public var parent: String
    public var timeMs: UInt64
    public var author: String
    /// View in which it was proposed, and in which it was decided.
    public var originView: UInt32
    public var decidedView: UInt32
    /// registry, manifest, result, void or control.
    public var kind: String
    public var round: UInt32?
    public var attempt: UInt16?
    public var body: String
    public var stateRoot: String
    /// Nodes whose precommits are in the certificate, ascending.
    public var voters: [String]
    /// What the body decides, one line each.
    public var summary: [String]

    public init(
        chain: String, height: UInt64, block: String, parent: String, timeMs: UInt64, author: String,
        originView: UInt32, decidedView: UInt32, kind: String, round: UInt32? = nil, attempt: UInt16? = nil,
        body: String, stateRoot: String, voters: [String], summary: [String]
    ) {
        self.chain = chain
        self.height = height
        self.block = block
        self.parent = parent
        self.timeMs = timeMs
        self.author = author
        self.originView = originView
        self.decidedView = decidedView
        self.kind = kind
        self.round = round
        self.attempt = attempt
        self.body = body
        self.stateRoot = stateRoot
        self.voters = voters
        self.summary = summary
    }
}
