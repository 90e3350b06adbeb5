internal import Chain
internal import Dispatch
internal import Foundation
public import Gossip
internal import Learn
public import Logging
internal import MeshCrypto
public import Wire

/// One participant: links, content, chains and round work behind one serial executor.
///
/// The actor is only a shell. It feeds inputs to the pure machines (`RegistryMachine`, `TaskMachine`,
/// `ContentTransfer`) and performs their directives in order: what must be durable is committed before what follows
/// it leaves, and no `await` stands between reading and writing a machine. Outgoing frames go through one bounded
/// queue; long computations run on a worker and come back as inputs.
public actor Node {
    let executor: any NodeExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public nonisolated let events: EventLog
    public nonisolated let nodeID: NodeID
    let configuration: NodeConfiguration
    let home: HomeDirectory
    let logger: Logger
    let key: SigningKey
    let electionKey: RistrettoKey
    let genesis: Genesis
    let lock: HomeLock
    let chainStore: ChainStore
    let durable: DurableStore
    /// By chain, the height below which own votes go with the next message that is stored.
    var prunable: [ChainID: UInt64] = [:]
    let contentStore: ContentStore
    let files: OpenFiles
    let vectorFiles: VectorFiles
    let ownUpdates: VectorFiles?
    let worker: any NodeWorker
    /// Where fetched contents are made durable.
    let disk: any NodeWorker
    /// Where what the operator gives is written.
    let operatorDisk: any NodeWorker
    /// Where what nobody waits for is read and written.
    let background: any NodeWorker
    /// What is to be done there next, in this order.
    var errands: [@Sendable () -> Void] = []
    var isOnErrands = false
    let transport: any NodeLinks
    let environment: NodeEnvironment
    let startedAt: Duration

    var transfer: ContentTransfer
    var contentTimer: Duration?
    var needs: [ContentNeed] = []
    /// Some of `needs` have found no place among the wants.
    var isShortOfPlaces = false
    /// Whole contents that are to be made durable.
    var unfinished = FinishQueue()
    /// What the action that runs now found damaged; nil while none runs.
    var unreadable: [ContentReference]?
    var registry: RegistryMachine
    /// Loaded tasks: those that have not ended, or are not settled.
    var tasks: [ChainID: TaskRuntime] = [:]
    /// The others.
    var ended: [ChainID: EndedTask] = [:]
    /// Ended tasks whose contents are being looked for.
    var lookingThrough: Set<ChainID> = []
    /// Both, in order of opening: dictionaries have none.
    var taskOrder: [ChainID] = []
    /// Tasks of the registry that this node takes no part in, with the reason. What is stored of their chains is kept; the
    /// registry and every other task go on.
    var unsupported: [ChainID: String] = [:]
    /// Evidence that the registry has not acted on.
    var proofs = Bounded<NodeID, ProofName, Proof>(NodeTables.proofs)
    /// Seconds of training and encryption of a round, measured here for whoever looks at a task.
    var measuredSeconds: [TaskID: (Double, Double)] = [:]
    var topics: TopicMesh
    /// The message that the topic mesh is judging.
    var judged: Envelope?
    /// By the operator, whatever their score.
    var bans: Set<NodeID> = []
    var linked: [NodeID] = []
    /// What the chains say of nodes, as told to the transport.
    var standing = Standing()
    /// Tasks for which this node's own Close, Settle or Refund was refused, and until when it tries none.
    var refused: [TaskID: UInt64] = [:]
    /// A nonce of this node that its later transactions wait for.
    var nonceGap: (nonce: UInt64, sinceMs: UInt64)?
    /// Why this node signs nothing any more and only answers its operator: its key lives twice.
    var alarm: String?
    /// Blocks dated until then prove nothing about a second place of the key: its owner has spoken since.
    let alarmClearedMs: UInt64
    /// How often a chain was read anew because a slot held another message.
    var reopenings: [ChainID: Int] = [:]
    /// Heartbeats since the start.
    var beats: UInt64 = 0
    /// The last heartbeat found this machine's clock behind the head of a chain.
    var isClockBehind = false
    var listening: PeerAddress?
    var drops: [String: UInt64] = [:]
    /// The same, of the transport, as of the last heartbeat.
    var linkDrops: [String: UInt64] = [:]
    var traffic = LinkTraffic()
    var outbox: [OutboundFrame] = []
    /// Frames of `outbox` that go to one node alone, by node.
    var outboxOf: [NodeID: Int] = [:]
    var isSending = false
    var isStopped = false
    /// Why this node stopped by itself.
    var haltReason: String?
    /// Why it does nothing for now: the disk is full. It starts anew by itself when there is room.
    var degraded: String?
    /// Messages that this node has made, and copies of messages that it has sent to peers.
    var gossiped = (signed: UInt64(0), copies: UInt64(0))
    var trainingData: Dataset?
    var evaluationData: Dataset?
    /// The training rows' file has columns that can be no feature, so that its order of titles is nobody else's.
    var hasTextColumns = false
    var logarithms: [Int64: BoundedLogarithm] = [:]
    /// Enrolments of this node that are on their way.
    var joining: Set<TaskID> = []
    /// Enrolments that it left by itself, until a block says so.
    var leaving: Set<TaskID> = []
    /// What the operator joined and left.
    var byHand: HandChoices
    /// Tasks that this node's rows are just being compared with.
    var comparingRows: Set<TaskID> = []
    var obstacles = ObstacleBook()
    /// Ended tasks whose bodies are pinned no more, for want of room.
    var gaveWay: Set<ChainID> = []
    /// Per task: the round in which this node's own training failed for good.
    var hopeless: [ChainID: UInt32] = [:]
    /// Of the chain database that this node has open.
    let homeInode: UInt64?
    /// Blocks from a height on that are on their way to a peer.
    var sentBlocks: RecentDeliveries<RangeStart>
    /// Blocks for peers that are being read.
    var readBlocks = Bounded<NodeID, AskedBlocks, BlockRead>(NodeTables.readBlocks)
    var isReadingBlocks = false
    /// Whole strides that were stored for a peer.
    var storedRanges = Bounded<NodeID, RangeStart, ContentReference>(NodeTables.storedRanges)
    /// Contents with decided blocks that are being fetched or read.
    var ranges = Bounded<NodeID, ContentID, RangeOffer>(NodeTables.ranges)
    /// Which range of a stranger is fetched, and what they may still cost.
    var strangersRanges = StrangersRanges()
    /// Of each chain, a known node that says that it is ahead.
    var ahead: [ChainID: KnownAhead] = [:]
    /// Heartbeats since neighbours were last asked for what is missing.
    var unaskedBeats = 0
    /// Heartbeats at which they were asked: each has the next ones of them.
    var questions: UInt64 = 0
    /// Which lines about peers are told.
    var peerNews = PeerNews()
    /// Messages that are on their way to a peer.
    var deliveries: RecentDeliveries<MessageID>
    /// What each peer may still draw as answers.
    var answers = Bounded<NodeID, NodeID, AnswerBudget>(NodeTables.answers)
    /// Whether the frame that is being handled brought this node anything.
    var frameWasUseful = false
    var shutdownRequested: CheckedContinuation<Void, Never>?
    var wasAskedToStop = false

    /// Contents that something waits for.
    struct ContentNeed {
        let references: [ContentReference]
        var missing: Set<ContentID>
        /// The task whose present attempt needs it; nil where it is needed for longer.
        var attempt: ChainID?
        /// Whether a vote waits for them.
        var isForVote = false
        /// Decided blocks that a peer offers.
        var isRange = false
        /// No peer's word alone names them, and nothing ends the wait: where no more can be wanted they wait for a place.
        var waitsForPlace = false
        let action: @Sendable (isolated Node) -> Void
        /// Runs where they are given up.
        var otherwise: (@Sendable (isolated Node) -> Void)?
    }

    /// Opens a home and everything in it; nothing is sent before `start`.
    ///
    /// - Throws: `StorageError`, `NodeError`: one clear line each.
    public init(configuration: NodeConfiguration, home: HomeDirectory, logger: Logger) throws {
        try self.init(configuration: configuration, home: home, logger: logger, environment: .process)
    }

    package init(
        configuration: NodeConfiguration, home: HomeDirectory, logger: Logger, environment: NodeEnvironment
    ) throws {
        self.environment = environment
        self.configuration = configuration
        self.home = home
        var logger = logger
        let identity = try home.loadIdentity()
        key = identity.signingKey()
        nodeID = key.nodeID
        logger[metadataKey: "node"] = "\(nodeID.short)"
        self.logger = logger
        electionKey = try identity.electionKey()
        executor = environment.executor("\(nodeID.short)")
        startedAt = executor.monotonic
        worker = environment.worker("\(nodeID.short)")
        disk = environment.worker("\(nodeID.short).disk")
        operatorDisk = environment.worker("\(nodeID.short).operator")
        background = environment.worker("\(nodeID.short).background")
        lock = try HomeLock(home)
        if let alarm = try home.alarm() { throw NodeError.alarmed(home: home.path, alarm) }
        alarmClearedMs = try home.alarmClearedMs()
        chainStore = try ChainStore(path: home.chainDatabase)
        homeInode = try FileSystem.status(home.chainDatabase)?.inode
        durable = try DurableStore(path: home.durableDatabase, owner: key.nodeID)
        if let fork = try SignedFork.read(durable) {
            throw NodeError.hasSignedFork(home: home.path, network: fork.network.hex, height: fork.height)
        }
        byHand = try HandChoices(durable)
        files = try environment.openFiles()
        contentStore = try ContentStore(home, quota: configuration.storageQuota, openFiles: files.contents)
        vectorFiles = try VectorFiles(home)
        ownUpdates = configuration.debug.keepsOwnUpdates ? try VectorFiles(directory: home.path + "/debug") : nil
        guard let genesisBytes = try chainStore.genesis() else {
            throw NodeError.notInitialised(home.path)
        }
        genesis = try Genesis.read(genesisBytes)
        let profile: LinkProfile = configuration.profile == .loopback ? .loopback : .wan
        topics = TopicMesh(
            own: key.nodeID, settings: TopicSettings(profile: profile),
            seed: randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }, now: .zero)
        deliveries = RecentDeliveries(GossipTables.deliveries, settings: topics.settings)
        sentBlocks = RecentDeliveries(NodeTables.sentBlocks, settings: topics.settings)
        transfer = ContentTransfer(
            store: contentStore, settings: configuration.profile == .loopback ? .loopback : ContentSettings())
        // An older home may hold more than this release would keep.
        let records = try chainStore.peers(limit: Self.peersRemembered + Self.strangersRemembered).compactMap {
            try? NodeRecord(wireBytes: $0.record)
        }
        var transportConfiguration = TransportConfiguration(
            listenHost: configuration.listen.host, listenPort: configuration.listen.port, network: genesis.networkID,
            advertisedHost: configuration.listen.advertise, profile: profile, knownRecords: records)
        transportConfiguration.inboundBytesMax = 8 << 20
        transportConfiguration.descriptors = files.links
        transportConfiguration.allowed = configuration.allowed.isEmpty ? nil : configuration.allowed
        transport = environment.links(transportConfiguration, key, logger)
        let restored = try chainStore.latestEvents(limit: 512).compactMap {
            try? JSONDecoder().decode(NodeEvent.self, from: Data($0.json.utf8))
        }
        events = EventLog(restored: restored)
        let unloaded = try Self.endedTasks(durable, chainStore)
        ended = unloaded
        let replayed = try ChainReplay(
            store: chainStore, genesis: genesis, skipping: Set(unloaded.keys), setsAsideDamagedTasks: true)
        unsupported = replayed.damaged.mapValues { "its stored chain does not hold: \($0)" }
        try chainStore.store([.chain(ChainRecord(id: replayed.registry.chain, kind: 0, info: Array(genesis.name.utf8)))]
        )
        registry = RegistryMachine(
            state: replayed.registry, key: key,
            own: try Self.ownMessages(durable, replayed.registry.chain),
            voteState: try Self.voteState(durable, replayed.registry.chain), certificates: replayed.certificates,
            electionKey: electionKey, silentBelow: try durable.floor(chain: replayed.registry.chain))
        // Nothing about one task keeps the node from starting.
        var loaded: Set<TaskID> = []
        for entry in replayed.tasks {
            do {
                tasks[entry.state.chain] = try Self.runtime(
                    entry, key: key, durable: durable, manual: configuration.voting == .manual,
                    electionKey: electionKey, environment: environment)
                tasks[entry.state.chain]?.lastRound = try RoundView.last(of: entry.state.chain, in: chainStore)
                loaded.insert(entry.state.chain)
            } catch { unsupported[entry.state.chain] = "\(error)" }
        }
        taskOrder = replayed.registry.everyOpenedTask().map(\.task).filter {
            loaded.contains($0) || unloaded[$0] != nil
        }
    }

    static func ownMessages(_ durable: DurableStore, _ chain: ChainID) throws -> [Envelope] {
        try durable.slotMessages(chain: chain).map { try Envelope(wireBytes: $0.message) }
    }

    static func voteState(_ durable: DurableStore, _ chain: ChainID) throws -> VoteState? {
        try durable.voteState(chain: chain).map { try VoteState(wireBytes: $0) }
    }

    static func runtime(
        _ entry: ChainReplay.TaskEntry, key: SigningKey, durable: DurableStore, manual: Bool, electionKey: RistrettoKey,
        environment: NodeEnvironment
    ) throws -> TaskRuntime {
        let chain = entry.state.chain
        let policy = try Self.policy(of: entry.state.spec, environment)
        let sealing = try durable.value(space: "sealing-key", key: chain.bytes)
        var runtime = TaskRuntime(
            machine: TaskMachine(
                state: entry.state, key: key, manual: manual, own: try ownMessages(durable, chain),
                voteState: try voteState(durable, chain), certificates: entry.certificates, electionKey: electionKey,
                silentBelow: try durable.floor(chain: chain)),
            policy: policy,
            sealingKey: try sealing.map { try RistrettoKey(secret: SecretBytes($0)) })
        runtime.models.merge(entry.models) { $1 }
        return runtime
    }

    /// What this node would do in a task.
    ///
    /// - Throws: `RoundError.failed` with the reason why it can do nothing.
    static func policy(of spec: TaskSpec, _ environment: NodeEnvironment) throws(RoundError) -> RoundPolicy {
        if let reason = environment.refusal?(spec) { throw .failed(reason) }
        return try RoundPolicy(spec)
    }

    // MARK: Clocks

    var now: Instant {
        Instant(monotonicMs: Self.milliseconds(elapsed), wallMs: executor.wallMs)
    }

    var elapsed: Duration { executor.monotonic - startedAt }

    static func milliseconds(_ duration: Duration) -> UInt64 {
        let parts = duration.components
        return UInt64(max(0, parts.seconds)) * 1_000 + UInt64(max(0, parts.attoseconds / 1_000_000_000_000_000))
    }

    /// Runs `body` on this actor after a delay.
    nonisolated func after(_ delayMs: UInt64, _ body: @escaping @Sendable (isolated Node) -> Void) {
        executor.after(delayMs) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { node in
                guard !node.isStopped else { return }
                body(node)
            }
        }
    }

    // MARK: Life

    /// Listens, links, resumes every chain in the phase that its stored blocks lead to.
    public func start() async throws -> PeerAddress {
        if configuration.debug.keepsOwnUpdates {
            logger.warning("debug.keep_own_updates is on: this node stores its own quantised updates in plain form")
        }
        announceAttack()
        refreshStanding()
        await transport.stand(standing)
        let address = try await transport.start()
        listening = address
        // A port that is taken is said first, and alone.
        loadData()
        bans = try BanFile.read(home: home)
        for node in bans.sorted() { await transport.ban(node) }
        for recent in configuration.bootstrap.compactMap(\.recent) {
            guard let stored = try chainStore.block(chain: registry.chain, height: recent.height),
                let reason = contradiction(height: recent.height, block: stored.id)
            else { continue }
            throw NodeError.halted(reason)
        }
        for ticket in configuration.bootstrap { try await transport.bootstrap(ticket: ticket) }
        logger.notice("listening on \(address), network \(genesis.networkID.short)")
        let replayed = taskOrder.filter { tasks[$0] != nil }
        for chain in [registry.chain] + replayed { gossip(.join(chain)) }
        perform(registry.resume(now), chain: registry.chain)
        for chain in replayed { resumeTask(chain) }
        for genesis in registry.state.openedTasks() {
            if let reason = unsupported[genesis.task] {
                noteUnsupported(genesis.task, genesis.spec.name, reason)
            } else {
                openTask(genesis)
            }
        }
        fetchMissed()
        heartbeat()
        return address
    }

    /// Takes what the transport says until it ends. Call after `start`, in a task of its own.
    public func run() async {
        for await event in transport.events {
            guard !isStopped else { return }
            handle(event)
        }
    }

    public func stop() async {
        if !isStopped {
            isStopped = true
            await transport.shutdown()
        }
        await finishErrands()
    }

    func loadData() {
        do {
            let own = try DataFiles.read(
                configuration.data.train, label: configuration.data.label, layout: configuration.data.layout)
            trainingData = own.rows
            hasTextColumns = !own.leftOut.isEmpty
            if let text = own.note { note("warning", text) }
        } catch { obstacle(.data, "training rows: \(error)") }
        do {
            evaluationData = try DataFiles.read(
                configuration.data.evaluation, label: configuration.data.label, layout: configuration.data.layout,
                part: .evaluation
            ).rows
        } catch { obstacle(.vote, "no held-out rows, so it abstains in its opinions: \(error)") }
    }

    /// Every heartbeat: what a partition cost is asked for again, and what waits for a clock is looked at.
    func heartbeat() {
        beats += 1
        sendDueDigests()
        askAgain()
        watchStrangersRange(now: elapsed)
        closeDueTasks()
        settleDueTasks()
        refreshTraffic()
        checkRoom()
        checkClock()
        unloadEndedTasks()
        lookForObstacles()
        after(configuration.profile == .loopback ? 200 : 1_000) { $0.heartbeat() }
    }

    func note(_ kind: String, _ text: String, task: ChainID? = nil, round: UInt32? = nil, detail: String? = nil) {
        let event = events.append(
            timeMs: now.wallMs, kind: kind, text: text, task: task?.hex, round: round, detail: detail)
        // A line that is about a task says about which.
        logger.log(level: Self.logLevel(of: kind), "\(text)", metadata: task.map { ["task": "\($0.short)"] })
        // Progress of a phase is for who watches; what is decided is kept.
        guard ["round", "void", "task", "halt", "published", "conflict", "alarm"].contains(kind) else { return }
        guard let json = try? JSONEncoder().encode(event) else { return }
        let row = DerivedRow.event(time: event.timeMs, kind: kind, json: String(decoding: json, as: UTF8.self))
        // An event is for people, and no message rests on it. Last words and what convicts somebody are written at once.
        guard !["halt", "alarm", "conflict"].contains(kind) else {
            try? chainStore.store([row])
            return
        }
        later { [chainStore] in try? chainStore.store([row]) }
    }

    /// What an operator should look at is a warning; a halt is logged by `halt` itself.
    static func logLevel(of kind: String) -> Logger.Level {
        ["warning", "conflict", "blame", "cut-off", "refused"].contains(kind) ? .warning : .info
    }

    /// What is not durable must not be signed into the world: nothing leaves any more.
    func halt(_ reason: String) {
        logger.critical("\(reason)")
        note("halt", "ALARM: \(reason)")
        haltReason = reason
        isStopped = true
        Task {
            await transport.shutdown()
            await shutdown()
        }
    }

    func count(_ drop: String, _ number: UInt64 = 1) { drops[drop, default: 0] += number }
}

/// Why a node does not start.
public enum NodeError: Error, Equatable, Sendable, CustomStringConvertible {
    case notInitialised(String)
    case damagedChain(chain: String, height: UInt64, cause: String)
    case halted(String)
    case alarmed(home: String, String)
    /// The home's key has said that nothing is decided above this height.
    case hasSignedFork(home: String, network: String, height: UInt64)
    case tooFewFiles(limit: Int, needed: Int, uses: String)
    /// Threads, memory or file sizes.
    case noRoom(String)

    public var description: String {
        switch self {
        case .notInitialised(let path):
            "home \(path) has no genesis; run: `meshnode init --home \(path.shellWord) --genesis FILE`"
        case .halted(let reason): "the node stopped itself: \(reason); see its log, then start it again"
        case .alarmed(let home, let alarm):
            "\(alarm). Nothing is signed from this home until its owner says that no copy of it runs anywhere: stop all of "
                + "them, keep the home whose durable.sqlite is the newest, move the others away, then run: "
                + "`meshnode doctor --clear-alarm --home \(home.shellWord)`"
        case .hasSignedFork(let home, let network, let height):
            "home \(home) has signed or imported the fork \(network) of its network at height \(height) and votes here no more; "
                + "go on in that one: `meshnode init --home NEW --genesis FILE --from \(home.shellWord)`; or, if nobody has a whole "
                + "copy of that file: `meshnode genesis fork --from \(home.shellWord) --give-up \(network)`"
        case .tooFewFiles(let limit, let needed, let uses):
            "the limit of open files is \(limit), a node needs \(needed): \(uses); raise it: ulimit -n 1024"
        case .noRoom(let reason): reason
        case .damagedChain: "\(fault ?? ""); \(HomeDirectory.fetchAgain())"
        }
    }

    /// What is wrong with a stored chain, without what to do about it; nil for every other case.
    var fault: String? {
        guard case .damagedChain(let chain, let height, let cause) = self else { return nil }
        return "chain \(chain.prefix(8)), height \(height): the stored block does not hold: \(cause)"
    }
}
