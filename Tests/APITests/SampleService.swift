import MeshNode
import Synchronization
import Wire

/// A service with fixed answers that remembers what it was asked to do.
final class SampleService: NodeService {
    let events = EventLog(capacity: 16)
    let published = Mutex<[PreparedTask]>([])
    let votes = Mutex<[ManualVote]>([])
    let updates = Mutex<[Int]>([])
    let bonds = Mutex<[UInt64?]>([])
    let isStopped = Mutex(false)
    /// Every order in turn, once it has been carried out.
    let carriedOut: AsyncStream<String>
    private let orders: AsyncStream<String>.Continuation
    /// What orders wait for in their middle, if anything.
    let gate = Mutex<AsyncStream<Void>?>(nil)
    /// Told when an order begins to wait.
    let isWaiting = Mutex<AsyncStream<Void>.Continuation?>(nil)
    /// What publishing throws.
    let refusal = Mutex<ServiceError?>(nil)
    let notReady: [String]

    let named: [(task: TaskID, name: String)]
    let accounts: [NodeID]

    init(
        notReady: [String] = [], named: [(task: TaskID, name: String)]? = nil, accounts: [NodeID] = []
    ) {
        self.notReady = notReady
        (carriedOut, orders) = AsyncStream.makeStream(of: String.self)
        self.named = named ?? [(Self.first, "one"), (Self.second, "two words")]
        self.accounts = accounts
    }

    /// Notes an order, and whether it was cancelled on its way.
    func did(_ order: String) async {
        if let gate = gate.withLock({ $0 }) {
            isWaiting.withLock { $0 }?.yield()
            // Ends by itself where the order is cancelled.
            for await _ in gate { break }
        }
        orders.yield(Task.isCancelled ? "cancelled \(order)" : order)
    }

    static let first = TaskID([UInt8](repeating: 0xab, count: 32))
    static let second = TaskID([UInt8](repeating: 0xab, count: 31) + [0x01])
    static let registry = ChainID([UInt8](repeating: 0x11, count: 32))

    let obstacles = Mutex<[Obstacle]>([])

    func status() async -> NodeStatus {
        var status = fixedStatus
        status.obstacles = obstacles.withLock { $0 }
        status.chains = await chains()
        return status
    }

    private var fixedStatus: NodeStatus {
        NodeStatus(
            node: String(repeating: "5", count: 64), name: "sample", network: String(repeating: "6", count: 64),
            processNumber: 7, uptimeSeconds: 1.5, listening: ["127.0.0.1:7000"], peers: 2, notReady: notReady,
            balance: 900,
            current: [
                .init(
                    task: Self.first.hex, name: "one", state: .running, round: 3, rounds: 30, attempt: 0,
                    phase: "collect", waiting: "4/5 submissions", remainingMs: 8_000)
            ], bytesIn: 10, bytesOut: UInt64.max, drops: [.init(name: "bad_signature", count: 1)])
    }

    func peers() async -> [PeerView] { [PeerView(node: "aa", addresses: ["127.0.0.1:1"], state: "linked")] }

    func ticket() async throws(ServiceError) -> TicketView {
        throw .unavailable(reason: "the node does not listen yet", next: "ask again")
    }

    func tasks() async -> [TaskView] { named.map { view($0.task, $0.name) } }

    private func view(_ task: TaskID, _ name: String) -> TaskView {
        TaskView(
            task: task.hex, name: name, state: .running, publisher: "aa", round: 3, rounds: 30, minimumParticipants: 5,
            maximumParticipants: 5, participants: [], isMember: true, readers: "nobody", reward: 1, specification: "")
    }

    func task(_ task: TaskID) async throws(ServiceError) -> TaskView {
        guard let found = await tasks().first(where: { $0.task == task.hex }) else {
            throw .notFound(what: "no task \(task.short)", next: "list them")
        }
        return found
    }

    func publish(_ task: PreparedTask, again: Bool, anyway: Bool) async throws(ServiceError) -> PublishedView {
        if let refusal = refusal.withLock({ $0 }) { throw refusal }
        published.withLock { $0.append(task) }
        await did("publish")
        return PublishedView(
            task: Self.first.hex, transaction: "tt", model: task.spec.model.initial.id.hex, warnings: task.warnings,
            readers: "nobody", height: 4)
    }

    func join(_ task: TaskID, bond: UInt64?) async throws(ServiceError) -> Receipt {
        bonds.withLock { $0.append(bond) }
        await did("join")
        return Receipt(reference: task.hex, text: "joined")
    }

    func rounds(of task: TaskID, after: UInt32) async throws(ServiceError) -> [RoundView] {
        (1...3).filter { $0 > after }.map {
            RoundView(task: task.hex, round: $0, attempt: 0, outcome: .accepted, enrolled: 5)
        }
    }

    func round(_ round: UInt32, of task: TaskID) async throws(ServiceError) -> RoundView {
        RoundView(
            task: task.hex, round: round, attempt: 0, outcome: .accepted, submitted: 5, enrolled: 5, accuracy: 0.5,
            loss: .infinity, seconds: .init(train: 0.25))
    }

    func submit(
        _ update: [UInt8], rows: UInt32?, round: UInt32?, base: String?, to task: TaskID
    ) async throws(ServiceError) -> Receipt {
        updates.withLock { $0.append(update.count) }
        await did("submit")
        return Receipt(reference: task.hex, text: "\(rows ?? 0) rows")
    }

    func candidate(of round: UInt32, task: TaskID) async throws(ServiceError) -> CandidateView {
        throw .conflict(reason: "round \(round) has no candidate", next: "wait")
    }

    func vote(_ vote: ManualVote, round: UInt32, task: TaskID) async throws(ServiceError) -> Receipt {
        votes.withLock { $0.append(vote) }
        await did("vote")
        return Receipt(reference: task.hex, text: "round \(round)")
    }

    let ledgerRequests = Mutex<[String]>([])

    func ledger() async -> LedgerView {
        LedgerView(
            height: 4, total: 1_000, burned: 0,
            accounts: [
                AccountView(node: "aa", balance: 900, bonded: 50, validatorBond: 50, unbonding: 0, isSelf: true)
            ]
                + accounts.map {
                    AccountView(node: $0.hex, balance: 0, bonded: 0, validatorBond: 0, unbonding: 0, isSelf: false)
                }, escrows: [])
    }

    func ledgerHistory(of node: NodeID?) async throws(ServiceError) -> [LedgerLine] {
        [LedgerLine(height: 1, timeMs: 5, kind: "sent", credits: -7, other: node?.hex)]
    }

    func transaction(
        _ transaction: TransactionID, after height: UInt64
    ) async throws(ServiceError) -> TransactionView {
        TransactionView(transaction: transaction.hex, state: .decided, height: height + 1)
    }

    func contributors() async -> [ContributorView] {
        [
            ContributorView(
                node: "aa", tasks: 1, rounds: 3, offered: 3, aggregated: 2, credits: 90, slashes: 0, reputation: 0.8)
        ]
    }

    func scores(of task: TaskID) async throws(ServiceError) -> ScoresView {
        ScoresView(
            task: task.hex, rule: "contribution", left: 1, open: nil, isByScore: true,
            rounds: [.init(round: 2, direction: "dd", counts: true, scores: [.init(node: "aa", score: 7, unit: 1)])],
            members: [.init(node: "aa", sum: 1, share: 1, credits: 90)])
    }

    private func asked(_ what: String) async -> Receipt {
        ledgerRequests.withLock { $0.append(what) }
        await did(String(what.prefix { $0 != " " }))
        return Receipt(reference: "tx", text: what)
    }

    func transfer(_ credits: UInt64, to node: NodeID, again: Bool) async throws(ServiceError) -> Receipt {
        await asked("transfer \(credits) \(node.short)" + (again ? " again" : ""))
    }
    func bond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt { await asked("bond \(credits)") }
    func unbond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt {
        await asked("unbond \(credits)")
    }
    func leave(_ task: TaskID) async throws(ServiceError) -> Receipt { await asked("leave \(task.short)") }
    func control(_ action: ControlAction, task: TaskID) async throws(ServiceError) -> Receipt {
        await asked("\(action) \(task.short)")
    }
    func reveal(_ targetPpm: UInt32, nonce: Digest, task: TaskID) async throws(ServiceError) -> Receipt {
        await asked("reveal \(targetPpm) \(nonce.short)")
    }
    func rate(_ node: NodeID, stars: UInt8, task: TaskID) async throws(ServiceError) -> Receipt {
        await asked("rate \(node.short) \(stars)")
    }

    func chains() async -> [ChainView] {
        [
            ChainView(chain: Self.registry.hex, kind: "registry", height: 4, head: "aa"),
            ChainView(chain: Self.first.hex, kind: "task", name: "one"),
        ]
    }

    func block(_ height: UInt64, of chain: ChainID) async throws(ServiceError) -> BlockView {
        guard height <= 4 else { throw .notFound(what: "no block \(height)", next: "ask for one up to 4") }
        return BlockView(
            chain: chain.hex, height: height, block: "bb", parent: "cc", timeMs: 1, author: "dd", originView: 0,
            decidedView: 1, kind: "registry", body: "ee", stateRoot: "ff", voters: [], summary: [])
    }

    func models(of task: TaskID) async throws(ServiceError) -> [ModelView] { [] }

    func model(of task: TaskID, round: UInt32?, isCandidate: Bool) async throws(ServiceError) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: round ?? 255), count: 100_000)
    }

    func shutdown() async {
        isStopped.withLock { $0 = true }
        await did("shutdown")
    }
}
