internal import Chain
internal import Foundation
internal import Wire

/// What a home on disk answers while no node serves it: the views that its node would give, from decided blocks alone.
///
/// Nothing is written, so it also works on a home that may only be read, and beside a running node. What only a process
/// knows (peers, what a round waits for, costs measured on this machine) is absent.
public struct OfflineHome {
    private let store: ChainStore
    private let genesis: Genesis
    private let replay: ChainReplay
    /// Nil for a home without keys, such as an imported one.
    private let own: NodeID?
    private let home: HomeDirectory

    /// - Throws: `StorageError`, `NodeError` for a home whose chains do not hold.
    public init(_ home: HomeDirectory) throws {
        self.home = home
        store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        genesis = try Genesis.read(bytes)
        replay = try ChainReplay(store: store, genesis: genesis)
        own = try? home.loadIdentity().signingKey().nodeID
    }

    // MARK: Registry

    public func ledger() -> LedgerView { LedgerView(replay.registry, own: own) }
    public func contributors() -> [ContributorView] { replay.registry.contributors.map { ContributorView($0) } }

    /// - Parameter text: a node id; nil is this home's own.
    public func ledgerHistory(of text: String?) throws -> [LedgerLine] {
        let node = try text.map { text throws(ServiceError) in
            try NameResolution.identifier(
                text, among: ledger().accounts.map { (id: $0.node, name: "") }, kind: "account",
                next: "`meshnode ledger balance` names them", as: NodeID.self)
        }
        guard let wanted = node ?? own else {
            throw ServiceError.notFound(what: "this home has no node of its own", next: "name an account with --node")
        }
        return try LedgerLine.history(of: wanted, genesis: genesis, blocks: store)
    }

    // MARK: Tasks

    public func tasks() throws -> [TaskView] { try replay.registry.everyTask.map { try view($0) } }

    /// - Parameter text: id, unique prefix of it, or name.
    public func task(_ text: String) throws -> TaskView {
        let record = try record(text)
        var view = try view(record)
        view.readers = TaskView.readers(record)
        return view
    }

    private func record(_ text: String) throws -> RegistryState.TaskRecord {
        let id = try NameResolution.one(
            text, among: replay.registry.everyTask.map { ($0.task.hex, $0.spec.name) }, kind: "task",
            next: "`meshnode task list` names them")
        return replay.registry.everyTask.first { $0.task.hex == id }!
    }

    private func state(_ task: TaskID) -> Chain.TaskState? { replay.tasks.first { $0.state.chain == task }?.state }

    private func view(_ record: RegistryState.TaskRecord) throws -> TaskView {
        let state = state(record.task)
        return TaskView(
            record, parameters: genesis.parameters, state: state,
            waiting: state.map { "as of height \($0.height) on disk; no node serves this home" },
            last: try views(record.task).last, own: own)
    }

    /// Decided rounds and attempts: with this home's own figures where its node saw them, else what the blocks say.
    private func views(_ task: TaskID) throws -> [RoundView] {
        guard let genesis = state(task)?.genesis else { return [] }
        let seen = try store.roundMetrics(chain: task).compactMap {
            try? JSONDecoder().decode(RoundView.self, from: Data($0.json.utf8))
        }
        var state = Chain.TaskState(genesis: genesis)
        var views: [RoundView] = []
        try ChainReplay.forEach(store, task) { block in
            let before = state
            let content = try TaskRules.check(header: block.header, body: block.body, state: state)
            state.apply(content, header: block.header, block: block.header.id)
            guard let view = RoundView(block, content, before: before) else { return }
            views.append(seen.last { $0.round == view.round && $0.attempt == view.attempt } ?? view)
        }
        return views
    }

    // MARK: Rounds

    /// Decided rounds; those that this home's node saw have its own figures.
    public func rounds(of text: String, after: UInt32) throws -> [RoundView] {
        let task = try record(text).task
        return try views(task).filter { $0.round > after }
    }

    public func round(_ round: UInt32, of text: String) throws -> RoundView {
        let task = try record(text).task
        guard var view = try views(task).last(where: { $0.round == round }) else {
            throw ServiceError.notFound(
                what: "task \(task.short) has no round \(round) on disk",
                next: "see: `meshnode round list \(task.short)`")
        }
        view.direction = state(task)?.direction(of: round)
        return view
    }

    // MARK: Models

    /// Models that are on disk; round 0 is the initial one.
    public func models(of text: String) throws -> [ModelView] {
        let record = try record(text)
        let content = try ContentStore(reading: home)
        let decided = try decidedModels(record)
        return decided.compactMap { round, id in
            guard content.has(id), let length = try? content.manifest(id)?.length else { return nil }
            let view =
                round == 0 ? nil : (try? views(record.task))?.last { $0.round == round && $0.outcome == .accepted }
            return ModelView(
                task: record.task.hex, round: round, model: id.hex, bytes: length, accuracy: view?.accuracy,
                loss: view?.loss)
        }
    }

    /// A decided model with what it says of itself, as its node would give it.
    /// - Parameters:
    ///   - round: nil is the latest that is decided.
    ///   - label: title of this home's label column.
    public func model(of text: String, round: UInt32?, label: String) throws -> [UInt8] {
        let record = try record(text)
        let decided = try decidedModels(record)
        guard let (number, id) = round.map({ wanted in decided.first { $0.round == wanted } }) ?? decided.last else {
            throw ServiceError.notFound(
                what: "task \(record.task.short) has no model of round \(round.map(String.init) ?? "any")",
                next: "see: `meshnode model list \(record.task.short)`")
        }
        let view = try views(record.task).last { $0.round == number && $0.outcome == .accepted }
        guard let bytes = try ContentStore(reading: home).get(id) else {
            throw ServiceError.unavailable(
                reason: "model \(id.short) is not stored in \(home.path)", next: "start its node, which fetches it")
        }
        return try ModelCard(
            spec: record.spec, task: record.task.hex, network: genesis.networkID.hex, round: number, content: id.hex,
            accuracy: number == 0 ? nil : view?.accuracy, loss: number == 0 ? nil : view?.loss, labelColumn: label
        ).written(into: bytes)
    }

    /// Ascending by round.
    private func decidedModels(_ record: RegistryState.TaskRecord) throws -> [(round: UInt32, id: ContentID)] {
        guard state(record.task) != nil else {
            throw ServiceError.notFound(
                what: "task \(record.task.short) has not started", next: "see: `meshnode task list`")
        }
        let rounds = try views(record.task).compactMap { view -> (round: UInt32, id: ContentID)? in
            guard view.outcome == .accepted, let id = view.model.flatMap({ ContentID(hex: $0) }) else { return nil }
            return (view.round, id)
        }
        return [(0, record.spec.model.initial.id)] + rounds
    }

    public func scores(of text: String) throws -> ScoresView {
        let task = try record(text).task
        guard let state = state(task) else {
            throw ServiceError.notFound(what: "task \(task.short) has not started", next: "see: `meshnode task list`")
        }
        return ScoresView(state)
    }
}

extension RoundView {
    /// What a decided block alone says about its round; nil for one that ends no attempt.
    fileprivate init?(_ block: DecidedBlock, _ content: TaskBlockContent, before state: Chain.TaskState) {
        let header = block.header
        self.init(
            task: header.chain.hex, round: header.round, attempt: header.attempt, outcome: .void,
            enrolled: state.genesis.members.count, views: block.certificate.view.clampedSum(1), height: header.height,
            head: header.id.hex)
        switch content {
        case .void(let body): reason = BlockDescription.reason(body)
        case .result(let body, _):
            outcome = body.rejected ? .rejected : .accepted
            if case .aggregating(_, let set) = state.phase { submitted = set.count }
            aggregator = header.author.hex
            aggregate = body.aggregate.id.hex
            model = body.model.id.hex
            let said = body.opinions.compactMap { envelope in
                (try? Opinion(wireBytes: envelope.payload)).map {
                    (weight: state.electorate.weight(of: envelope.signer), opinion: $0)
                }
            }
            accuracy = TaskRules.median(said) { UInt64($0.accuracyPpm) }.map { Double($0) / 1e6 }
            loss = TaskRules.median(said) { $0.lossPpm }.map { Double($0) / 1e6 }
            opinions = BlockDescription.opinions(body)
        case .manifest, .control: return nil
        }
    }
}
