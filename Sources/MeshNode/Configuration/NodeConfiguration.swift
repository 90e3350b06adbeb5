public import Gossip
public import Learn
public import Wire

/// How one node is set up. Made by ``ConfigurationLoader``, which has checked every value.
public struct NodeConfiguration: Sendable, Equatable {
    public enum Profile: String, Sendable { case loopback, wan }
    public enum VotingMode: String, Sendable { case automatic, manual }
    public enum LogLevel: String, Sendable { case trace, debug, info, notice, warning, error }
    public enum LogFormat: String, Sendable { case text, json }

    public struct Listen: Sendable, Equatable {
        public var host: String
        /// 0 takes any free port.
        public var port: UInt16
        /// What others are told to dial; nil: the listening address.
        public var advertise: String?

        public init(host: String, port: UInt16, advertise: String? = nil) {
            self.host = host
            self.port = port
            self.advertise = advertise
        }
    }

    public struct Data: Sendable, Equatable {
        /// Absolute path of this node's own rows.
        public var train: String
        /// Absolute path of the held-out rows.
        public var evaluation: String
        public var label: String
        public var type: String
        /// This node's own label map: class i is `labels[i]`; empty takes a task's.
        public var labels: [String]
        /// How pictures in arrays lie.
        public var layout: PictureLayout = .auto
        /// Names of the pictures' channels in the files' order; empty where nothing is said.
        public var channels: [String] = []

        public init(train: String, evaluation: String, label: String, type: String, labels: [String] = []) {
            self.train = train
            self.evaluation = evaluation
            self.label = label
            self.type = type
            self.labels = labels
        }
    }

    public struct Miner: Sendable, Equatable {
        public var isEnabled: Bool
        public var joinsByItself: Bool
        /// Credits.
        public var bond: UInt64
        /// Limits of what the node joins by itself: credits for one task and for all, and tasks at once.
        public var mostBond: UInt64
        /// Nil goes by what the account holds: see `totalBondLimit(holding:)`.
        public var mostTotalBond: UInt64?
        public var mostTasks: Int
        /// Whether it joins tasks whose publisher is the only key holder.
        public var trustsPublisher: Bool

        /// - Parameters:
        ///   - mostBond: 0 for the usual bond.
        ///   - mostTotalBond: 0 for a limit that goes by what the account holds.
        public init(
            isEnabled: Bool, joinsByItself: Bool, bond: UInt64, mostBond: UInt64 = 0, mostTotalBond: UInt64 = 0,
            mostTasks: Int = 8, trustsPublisher: Bool = false
        ) {
            self.isEnabled = isEnabled
            self.joinsByItself = joinsByItself
            self.bond = bond
            self.mostBond = mostBond == 0 ? bond : mostBond
            self.mostTotalBond = mostTotalBond == 0 ? nil : mostTotalBond
            self.mostTasks = mostTasks
            self.trustsPublisher = trustsPublisher
        }

        /// Most credits that lie with tasks which the node joined by itself, those that have ended included.
        ///
        /// Bonds stay with ended tasks for days. A limit of as many bonds as there may be tasks at once would be one of
        /// tasks in these days, so without a setting half of what the account holds may be put up, whoever asks.
        ///
        /// - Parameter holding: credits that are free or lie with tasks.
        public func totalBondLimit(holding: UInt64) -> UInt64 {
            if let mostTotalBond { return mostTotalBond }
            let (atOnce, overflow) = mostBond.multipliedReportingOverflow(by: UInt64(max(0, mostTasks)))
            return max(holding / 2, overflow ? .max : atOnce)
        }
    }

    /// Where the aggregator of a round kills itself.
    public struct KillPoint: Sendable, Equatable {
        public enum Point: String, Sendable, CaseIterable {
            case beforeManifest = "before-manifest"
            case afterKeys = "after-keys"
            case afterProposal = "after-proposal"
        }

        public var round: UInt32
        public var point: Point

        /// Reads `ROUND:POINT`; nil when it is something else.
        public init?(parsing text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let round = UInt32(parts[0]), (1...1_000).contains(round),
                let point = Point(rawValue: String(parts[1]))
            else { return nil }
            self.round = round
            self.point = point
        }
    }

    /// What a node of a test network does wrong on purpose.
    public enum Attack: String, Sendable, CaseIterable {
        /// A client seals a seed that its holder cannot open.
        case badBox = "bad-box"
        /// A client encrypts a value far beyond the range.
        case outOfRange = "out-of-range"
        /// A holder signs a key vector that is not the sum of the masks, and masks that fit it.
        case lyingHolder = "lying-holder"
        /// So many holders say nothing that the others cannot go on.
        case silentHolder = "silent-holder"
        /// A holder complains about boxes that open.
        case falseComplaint = "false-complaint"
        /// A client sends its own integers with random signs: as long as an honest update, and worth nothing.
        case noise
        /// A client sends the negative of its update.
        case flip
        /// A client sends the negative of its update twenty times as long, as far as the range goes.
        case boostedFlip = "boosted-flip"
    }

    public struct Debug: Sendable, Equatable {
        public var keepsOwnUpdates: Bool
        public var killAggregator: KillPoint?
        /// Round in which this node kills itself before it submits.
        public var dropMiner: UInt32?
        /// Only with `keepsOwnUpdates`, which no network but a test has.
        public var attack: Attack?

        public init(keepsOwnUpdates: Bool, killAggregator: KillPoint?, dropMiner: UInt32?, attack: Attack? = nil) {
            self.attack = attack
            self.keepsOwnUpdates = keepsOwnUpdates
            self.killAggregator = killAggregator
            self.dropMiner = dropMiner
        }
    }

    public var name: String
    public var listen: Listen
    public var bootstrap: [Ticket]
    /// Only these nodes may link with this one; empty: everybody.
    public var allowed: Set<NodeID> = []
    public var profile: Profile
    /// Bytes of contents that are kept at most.
    public var storageQuota = HomeDirectory.usualQuota
    public var data: Data
    public var miner: Miner
    public var voting: VotingMode
    /// Absolute path.
    public var socket: String
    public var logLevel: LogLevel
    public var logFormat: LogFormat
    /// Absolute path of the log file; nil: stderr.
    public var logFile: String?
    public var debug: Debug

    public init(
        name: String, listen: Listen, bootstrap: [Ticket], profile: Profile, data: Data, miner: Miner,
        voting: VotingMode, socket: String, logLevel: LogLevel, logFormat: LogFormat, debug: Debug
    ) {
        self.name = name
        self.listen = listen
        self.bootstrap = bootstrap
        self.profile = profile
        self.data = data
        self.miner = miner
        self.voting = voting
        self.socket = socket
        self.logLevel = logLevel
        self.logFormat = logFormat
        self.debug = debug
    }
}

/// Why a configuration is not usable: all of it at once.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file that was read, for messages.
    public let file: String
    public let faults: [Fault]

    public var description: String {
        "the configuration has \(faults.count == 1 ? "one fault" : "\(faults.count) faults") (file \(file)):\n"
            + faults.map { "  \($0)" }.joined(separator: "\n")
    }
}
