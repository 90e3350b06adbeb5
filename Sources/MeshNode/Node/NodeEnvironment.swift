package import Gossip
package import Logging
package import MeshCrypto
package import Wire

/// What a node takes from its process: threads, clocks and links. A process has the real ones (`process`); the simulator
/// gives a seeded schedule, virtual time and a network in memory to the same `Node`.
package struct NodeEnvironment: Sendable {
    /// The thread and the clocks of one node, by the label of its log lines.
    package let executor: @Sendable (String) -> any NodeExecutor
    /// Where its long computations run.
    package let worker: @Sendable (String) -> any NodeWorker
    package let links: @Sendable (TransportConfiguration, SigningKey, Logger) -> any NodeLinks
    /// What it may open; the threads of the process run by then.
    var openFiles: @Sendable () throws(NodeError) -> OpenFiles = { () throws(NodeError) in .plentiful }
    /// Told of every decided block as soon as this node has stored it.
    package let committed: (@Sendable (DecidedBlock) -> Void)?
    /// Log lines that this process could not write.
    package var logLinesLost: @Sendable () -> UInt64 = { 0 }
    /// A further reason why a task is not supported here; nil when there is none.
    package let refusal: (@Sendable (TaskSpec) -> String?)?

    package init(
        executor: @escaping @Sendable (String) -> any NodeExecutor,
        worker: @escaping @Sendable (String) -> any NodeWorker,
        links: @escaping @Sendable (TransportConfiguration, SigningKey, Logger) -> any NodeLinks,
        committed: (@Sendable (DecidedBlock) -> Void)? = nil, refusal: (@Sendable (TaskSpec) -> String?)? = nil
    ) {
        self.executor = executor
        self.worker = worker
        self.links = links
        self.committed = committed
        self.refusal = refusal
    }

    static let process = {
        var environment = NodeEnvironment(
            executor: { QueueExecutor(label: "meshnode.node.\($0)") },
            worker: { Worker(label: "meshnode.work.\($0)") },
            links: { MeshTransport(configuration: $0, identity: $1, logger: $2) })
        environment.openFiles = { () throws(NodeError) in try OpenFiles.ofProcess() }
        return environment
    }()
}

/// A serial executor that knows the time.
package protocol NodeExecutor: SerialExecutor {
    /// Since a fixed moment; never goes back.
    var monotonic: Duration { get }
    /// Milliseconds since 1970.
    var wallMs: UInt64 { get }
    /// Runs `body` on this executor after a delay in milliseconds.
    func after(_ delayMs: UInt64, _ body: @escaping @Sendable () -> Void)
}

/// Runs long computations, one after another.
package protocol NodeWorker: Sendable {
    func run<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, RoundError>
    ) async -> Result<Success, RoundError>
}

extension NodeWorker {
    /// Makes a fetched content durable, however long the disk takes. A vote waits for the body that it is about, and for the
    /// one content, or sealed key vector, that is being written when that is whole: others come after it (`FinishQueue`).
    /// - Returns: why it could not be done; nil where it is on disk.
    func finish(_ id: ContentID, in store: ContentStore) async -> String? {
        do throws(StorageError) {
            try await write { () throws(StorageError) in try store.finish(id) }
            return nil
        } catch { return error.description }
    }

    /// Writes files that may be long. What an operator gives goes to a worker of its own, so that no fetched content, and
    /// with it no vote, stands behind it.
    func write<Success: Sendable>(
        _ body: @escaping @Sendable () throws(StorageError) -> Success
    ) async throws(StorageError) -> Success {
        let result: Result<Result<Success, StorageError>, RoundError> = await run {
            .success(Result { () throws(StorageError) in try body() })
        }
        switch result {
        case .success(let written): return try written.get()
        case .failure(let error): throw .operation(path: "content", operation: "writing", reason: "\(error)")
        }
    }
}

/// A node's links to its peers; see `MeshTransport`, the one over sockets.
package protocol NodeLinks: Sendable {
    var events: TransportEvents { get }
    func start() async throws(TransportError) -> PeerAddress
    func shutdown() async
    func bootstrap(ticket: Ticket) async throws(TransportError)
    func send(_ frames: [OutboundFrame]) async
    func ban(_ node: NodeID) async
    func stand(_ standing: Standing) async
    func allow(_ node: NodeID) async
    func peers() async -> [PeerInfo]
    func counters() async -> TransportCounters
    func ticket() async -> Ticket?
}

extension MeshTransport: NodeLinks {}
