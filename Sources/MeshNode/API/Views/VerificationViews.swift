public import Wire

public struct VerificationProgress: Codable, Equatable, Sendable {
    public var chain: String
    public var height: UInt64
    /// Height of the chain's head.
    public var head: UInt64

    public init(chain: String, height: UInt64, head: UInt64) {
        self.chain = chain
        self.height = height
        self.head = head
    }
}

/// What checking a home or an exported file gave.
public struct VerificationReport: Codable, Equatable, Sendable {
    public struct Chain: Codable, Equatable, Sendable {
        public var chain: String
        public var kind: String
        public var name: String?
        public var blocks: UInt64
        public var head: String?
        /// Time of the last block, milliseconds since 1970.
        public var timeMs: UInt64?
        /// Results whose digits, opening and model were computed again.
        public var resultsChecked: UInt64 = 0
        /// Results whose block equation was computed from the bodies.
        public var equationsChecked: UInt64 = 0

        public init(chain: String, kind: String, name: String? = nil, blocks: UInt64, head: String?, timeMs: UInt64?) {
            self.chain = chain
            self.kind = kind
            self.name = name
            self.blocks = blocks
            self.head = head
            self.timeMs = timeMs
        }
    }

    public struct Failure: Codable, Equatable, Sendable {
        public var chain: String
        public var height: UInt64
        public var cause: String

        public init(chain: String, height: UInt64, cause: String) {
            self.chain = chain
            self.height = height
            self.cause = cause
        }
    }

    /// Something that could not be checked, because it is not here. It is no fault and no proof either.
    public struct Gap: Codable, Equatable, Sendable {
        public var chain: String
        public var height: UInt64
        public var missing: String

        public init(chain: String, height: UInt64, missing: String) {
            self.chain = chain
            self.height = height
            self.missing = missing
        }
    }

    /// Of a fork: the network that it goes on with, and what of that was checked.
    public struct Origin: Codable, Equatable, Sendable {
        public var network: String
        public var height: UInt64
        public var block: String
        /// Hash of what every account was given.
        public var carried: String
        public var accounts: Int
        public var credits: UInt64
        /// Voters of the old network who have no vote here.
        public var without: [String]
        /// Voters of this network; all of them have signed the fork.
        public var voters: [String]
        /// Whether what was carried was held against the old registry, and is what that says.
        public var isChecked = false

        public init(
            network: String, height: UInt64, block: String, carried: String, accounts: Int, credits: UInt64,
            without: [String], voters: [String]
        ) {
            self.network = network
            self.height = height
            self.block = block
            self.carried = carried
            self.accounts = accounts
            self.credits = credits
            self.without = without
            self.voters = voters
        }
    }

    public var network: String
    /// Nil for a network that is no fork.
    public var origin: Origin?
    /// The name that the genesis gives the network.
    public var networkName: String?
    public var isFull: Bool
    public var chains: [Chain]
    /// Empty when everything that could be checked holds.
    public var failures: [Failure]
    /// Empty when everything could be checked.
    public var gaps: [Gap] = []
    /// Height of the registry block that the caller knew and that this registry holds.
    public var checkpoint: UInt64?

    public init(network: String, networkName: String? = nil, isFull: Bool, chains: [Chain], failures: [Failure]) {
        self.network = network
        self.networkName = networkName
        self.isFull = isFull
        self.chains = chains
        self.failures = failures
    }

    /// The whole of it was checked and holds.
    public var isProven: Bool { failures.isEmpty && gaps.isEmpty }
}

/// What somebody who checks a history knows from elsewhere: without it a forger may bring a network of its own.
public struct VerificationAnchor: Equatable, Sendable {
    public var network: NetworkID?
    /// A decided block of the registry.
    public var checkpoint: Checkpoint?
    /// Home or exported file of the network that this one is a fork of.
    public var origin: OriginPlace?

    public init(network: NetworkID? = nil, checkpoint: Checkpoint? = nil, origin: OriginPlace? = nil) {
        self.network = network
        self.checkpoint = checkpoint
        self.origin = origin
    }

    public static let none = VerificationAnchor()
}

/// Where the chains of an old network lie.
public enum OriginPlace: Equatable, Sendable {
    case home(HomeDirectory)
    case export(String)
}

/// Height and id of a decided registry block, as people pass it on: `HEIGHT:ID`.
public struct Checkpoint: Equatable, Hashable, Sendable, CustomStringConvertible {
    public let height: UInt64
    public let block: BlockID

    public init(height: UInt64, block: BlockID) {
        self.height = height
        self.block = block
    }

    /// Nil for anything but a height from 1, a colon and 64 hexadecimal digits.
    public init?(text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let height = UInt64(parts[0]), height > 0,
            let block = BlockID(hex: parts[1].lowercased())
        else { return nil }
        self.init(height: height, block: block)
    }

    public var description: String { "\(height):\(block.hex)" }
}
