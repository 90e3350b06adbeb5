/// A node as it sees itself. Unknown values are absent, never 0.
public struct NodeStatus: Codable, Equatable, Sendable {
    public struct Current: Codable, Equatable, Sendable {
        public var task: String
        public var name: String
        public var state: TaskState
        public var round: UInt32
        public var rounds: UInt32
        public var attempt: UInt16
        /// train, collect, keys, recover, opinions, vote or idle; enrolment before the first round.
        public var phase: String
        /// Why it waits, for example "4/5 submissions, c3a1... missing"; absent when it does not.
        public var waiting: String?
        /// Until the phase's deadline.
        public var remainingMs: UInt64?

        public init(
            task: String, name: String, state: TaskState, round: UInt32, rounds: UInt32, attempt: UInt16, phase: String,
            waiting: String? = nil, remainingMs: UInt64? = nil
        ) {
            self.task = task
            self.name = name
            self.state = state
            self.round = round
            self.rounds = rounds
            self.attempt = attempt
            self.phase = phase
            self.waiting = waiting
            self.remainingMs = remainingMs
        }
    }

    public struct Counter: Codable, Equatable, Sendable {
        public var name: String
        public var count: UInt64

        public init(name: String, count: UInt64) {
            self.name = name
            self.count = count
        }
    }

    /// A task that this node goes on without.
    public struct Unsupported: Codable, Equatable, Sendable {
        public var task: String
        public var name: String
        public var reason: String

        public init(task: String, name: String, reason: String) {
            self.task = task
            self.name = name
            self.reason = reason
        }
    }

    /// A transaction of this node that no registry block holds yet. It is executed when the registry goes on.
    public struct Pending: Codable, Equatable, Sendable {
        public var transaction: String
        /// transfer, publish, enrol, leave, bond, unbond, control, reveal, rating; close, settle, refund and evidence are given by
        /// the node itself.
        public var kind: String
        /// What it does, for people.
        public var what: String
        /// When it was given, milliseconds since 1970; after a restart, when the node began again.
        public var sinceMs: UInt64

        public init(transaction: String, kind: String, what: String, sinceMs: UInt64) {
            self.transaction = transaction
            self.kind = kind
            self.what = what
            self.sinceMs = sinceMs
        }
    }

    /// Hexadecimal node id.
    public var node: String
    public var name: String
    public var network: String
    public var version: String
    public var processNumber: Int32
    public var uptimeSeconds: Double
    /// Addresses that it listens on, `host:port`.
    public var listening: [String]
    public var peers: Int
    /// Empty when the node is ready; otherwise what it still waits for.
    public var notReady: [String]
    public var unsupported: [Unsupported]
    public var balance: UInt64?
    public var chains: [ChainView]
    public var current: [Current]
    public var bytesIn: UInt64
    public var bytesOut: UInt64
    /// Messages that were dropped, by reason, in ascending order of name.
    public var drops: [Counter]
    /// Contents that are being fetched from peers.
    public var contentsWanted: Int
    /// Why it does not do what is expected of it; empty when nothing is in the way.
    public var obstacles: [Obstacle]
    /// This node's own orders that are not decided yet, in the order in which they were given.
    public var pending: [Pending]
    /// What is wrong and stops nothing.
    public var warnings: [String]

    public init(
        node: String, name: String, network: String, version: String = ProgramVersion.text, processNumber: Int32,
        uptimeSeconds: Double, listening: [String], peers: Int, notReady: [String] = [],
        unsupported: [Unsupported] = [], balance: UInt64? = nil,
        chains: [ChainView] = [], current: [Current] = [], bytesIn: UInt64 = 0, bytesOut: UInt64 = 0,
        drops: [Counter] = [], contentsWanted: Int = 0, obstacles: [Obstacle] = [],
        pending: [Pending] = [], warnings: [String] = []
    ) {
        self.warnings = warnings
        self.obstacles = obstacles
        self.pending = pending
        self.contentsWanted = contentsWanted
        self.node = node
        self.name = name
        self.network = network
        self.version = version
        self.processNumber = processNumber
        self.uptimeSeconds = uptimeSeconds
        self.listening = listening
        self.peers = peers
        self.notReady = notReady
        self.unsupported = unsupported
        self.balance = balance
        self.chains = chains
        self.current = current
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.drops = drops
    }
}

public struct PeerView: Codable, Equatable, Sendable {
    public var node: String
    public var name: String?
    public var addresses: [String]
    /// linked, alive, suspect or dead.
    public var state: String
    /// in or out, when linked.
    public var direction: String?
    public var roundTripMs: Double?
    public var bytesIn: UInt64?
    public var bytesOut: UInt64?
    /// What it did for and against this node in gossip; below −40 it is cut off.
    public var score: Double?
    /// Topics in whose mesh it is.
    public var meshes: Int?

    public init(
        node: String, name: String? = nil, addresses: [String], state: String, direction: String? = nil,
        roundTripMs: Double? = nil, bytesIn: UInt64? = nil, bytesOut: UInt64? = nil, score: Double? = nil,
        meshes: Int? = nil
    ) {
        self.score = score
        self.meshes = meshes
        self.node = node
        self.name = name
        self.addresses = addresses
        self.state = state
        self.direction = direction
        self.roundTripMs = roundTripMs
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
    }
}

public struct TicketView: Codable, Equatable, Sendable {
    public var ticket: String
    public var node: String
    public var network: String
    public var addresses: [String]
    /// HEIGHT:BLOCK of the registry's head that the ticket names; nil before the first block.
    public var asOf: String?

    public init(ticket: String, node: String, network: String, addresses: [String], asOf: String? = nil) {
        self.asOf = asOf
        self.ticket = ticket
        self.node = node
        self.network = network
        self.addresses = addresses
    }
}

/// What a request set going.
public struct Receipt: Codable, Equatable, Sendable {
    /// Transaction, submission or message id.
    public var reference: String
    /// One line for people.
    public var text: String
    /// Of a transaction: the registry's height when it was sent; it can only be decided above.
    public var height: UInt64?

    public init(reference: String, text: String, height: UInt64? = nil) {
        self.reference = reference
        self.text = text
        self.height = height
    }
}

/// What became of a transaction of this node.
public struct TransactionView: Codable, Equatable, Sendable {
    public enum State: String, Codable, Sendable {
        /// It waits for a block.
        case pending
        case decided
        /// Neither: something that was decided before it made it impossible.
        case gone
    }

    public var transaction: String
    public var state: State
    /// Registry height of its block.
    public var height: UInt64?

    public init(transaction: String, state: State, height: UInt64? = nil) {
        self.transaction = transaction
        self.state = state
        self.height = height
    }
}

/// Why a node does not do something that its operator expects of it.
public struct Obstacle: Codable, Equatable, Sendable {
    public enum What: String, Codable, CaseIterable, Sendable {
        case join, train, submit, vote, registry, data, store

        /// As the beginning of a sentence.
        public var words: String {
            switch self {
            case .join: "does not join"
            case .train: "does not train"
            case .submit: "submits nothing"
            case .vote: "does not vote"
            case .registry: "the registry stands still"
            case .data: "no usable data"
            case .store: "cannot store"
            }
        }
    }

    public var what: What
    /// Hexadecimal id; absent where it concerns the whole node.
    public var task: String?
    public var reason: String
    /// Milliseconds since 1970.
    public var sinceMs: UInt64
    /// It is not tried again by itself.
    public var isFinal: Bool

    public init(what: What, task: String?, reason: String, sinceMs: UInt64, isFinal: Bool) {
        self.what = what
        self.task = task
        self.reason = reason
        self.sinceMs = sinceMs
        self.isFinal = isFinal
    }

    public var text: String {
        Self.beginning(what, isFinal: isFinal) + ": \(reason)" + (isFinal ? " (not tried again by itself)" : "")
    }

    /// An enrolment that may still come is no refusal.
    public static func beginning(_ what: What, isFinal: Bool) -> String {
        what == .join && !isFinal ? "waits to join" : what.words
    }
}
