internal import Chain
internal import Foundation
internal import Gossip
internal import Learn
internal import MeshCrypto
public import Wire

/// What the node offers to its operator.
extension Node: NodeService {
    /// The machine's words, with the countdown where it is this node that the task waits for.
    private func progress(of chain: ChainID, _ machine: TaskMachine) -> TaskProgress {
        machine.progress(now, recovery: tasks[chain]?.aggregation?.progress?.text)
    }

    public func status() async -> NodeStatus {
        let progress = taskOrder.compactMap { chain -> NodeStatus.Current? in
            guard let machine = tasks[chain]?.machine, !machine.state.isEnded else { return nil }
            let progress = self.progress(of: chain, machine)
            let runtime = tasks[chain]
            let cut = Self.saturationText(
                runtime?.stats.saturations ?? runtime?.lastRound?.saturations ?? 0,
                of: runtime?.policy.recipe.coordinates(round: Int(machine.state.round)) ?? 0,
                spec: machine.state.spec)
            let waiting = [progress.waiting, placeText(chain), cut].compactMap { $0 }.joined(separator: "; ")
            return NodeStatus.Current(
                task: chain.hex, name: machine.state.spec.name,
                state: machine.state.isPaused ? .paused : .running, round: machine.state.round,
                rounds: machine.state.spec.rounds, attempt: machine.state.attempt, phase: progress.phase,
                waiting: waiting.isEmpty ? nil : waiting, remainingMs: progress.remainingMs)
        }
        return NodeStatus(
            node: nodeID.hex, name: configuration.name, network: genesis.networkID.hex,
            processNumber: ProcessInfo.processInfo.processIdentifier,
            uptimeSeconds: Double(now.monotonicMs) / 1_000, listening: listening.map { ["\($0)"] } ?? [],
            peers: linked.count,
            notReady: notReady,
            unsupported: registry.state.tasks.compactMap { record in
                unsupported[record.task].map { .init(task: record.task.hex, name: record.spec.name, reason: $0) }
            },
            balance: registry.state.accounts[nodeID]?.balance, chains: await chains(), current: progress + enrolling,
            bytesIn: traffic.bytesIn, bytesOut: traffic.bytesOut,
            drops: counters.sorted { $0.key < $1.key }.map { .init(name: $0.key, count: $0.value) },
            contentsWanted: transfer.exchange.wanted.count + transfer.exchange.finishing.count,
            obstacles: obstacles.views,
            pending: pendingViews,
            warnings: [
                MemoryAdvice.warning(unlocked: SecretMemory.unlockedBytes), storeWarning,
                WeightAdvice.text(registry: registry.state.validators),
            ].compactMap { $0 })
    }

    /// Most tasks before their start that `status` lists.
    private static let listedEnrolling = 16

    /// Tasks before their start that concern this node: its own, those that it joins, and those that ask for its rows.
    private var enrolling: [NodeStatus.Current] {
        registry.state.tasks.filter { record in
            record.isOpen && tasks[record.task] == nil && unsupported[record.task] == nil
                && (record.publisher == nodeID || record.enrolments.contains { $0.node == nodeID }
                    || (configuration.miner.isEnabled && record.spec.data.type == configuration.data.type))
        }.suffix(Self.listedEnrolling).map { record in
            let view = view(of: record)
            return NodeStatus.Current(
                task: view.task, name: view.name, state: view.state, round: 0, rounds: view.rounds, attempt: 0,
                phase: "enrolment", waiting: view.reason)
        }
    }

    /// Why it takes no part; each keeps `/readyz` at 503.
    private var notReady: [String] {
        var reasons = [alarm, degraded, clockProblem].compactMap { $0 }
        guard alarm == nil, degraded == nil else { return reasons }
        if lacksPeers { reasons.append("no peers: \(Self.peersAdvice)") }
        reasons += obstacles.views.filter { [.registry, .data, .store].contains($0.what) }.map(\.text)
        return reasons
    }

    /// Others are to be there, and none is linked. Alone is well only who is the network.
    var lacksPeers: Bool {
        linked.isEmpty
            && (!configuration.bootstrap.isEmpty
                || genesis.accounts.contains { $0.validatorBond > 0 && $0.node != nodeID })
    }

    static let peersAdvice = "give the ticket of a running node: --set mesh.bootstrap=TICKET"

    /// What this node dropped, by reason.
    private var counters: [String: UInt64] {
        var all = drops.merging(linkDrops) { $0 + $1 }
        let lines = environment.logLinesLost()
        if lines > 0 { all["log lines"] = lines }
        return all
    }

    public func peers() async -> [PeerView] {
        await transport.peers().map { peer in
            PeerView(
                node: peer.node.hex,
                addresses: peer.record?.addresses.map { "\($0)" } ?? peer.address.map { ["\($0)"] } ?? [],
                state: peer.isBanned ? "banned" : peer.state == .linked ? "linked" : peer.status?.rawValue ?? "known",
                direction: peer.direction.map { "\($0)" },
                roundTripMs: peer.roundTrip.map {
                    Double($0.components.attoseconds) / 1e15 + Double($0.components.seconds) * 1e3
                },
                bytesIn: peer.traffic.bytesIn, bytesOut: peer.traffic.bytesOut, score: topics.score(of: peer.node),
                meshes: topics.joined.count { topics.mesh(of: $0).contains(peer.node) })
        }
    }

    public func ticket() async throws(ServiceError) -> TicketView {
        guard let own = await transport.ticket() else {
            throw .unavailable(reason: "the node does not listen yet", next: "ask again in a moment")
        }
        let (height, head) = (registry.state.height, registry.state.head)
        let ticket = Ticket(
            network: own.network, node: own.node, addresses: own.addresses,
            recent: height == 0 ? nil : .init(height: height, block: head))
        return TicketView(
            ticket: ticket.text, node: ticket.node.hex, network: ticket.network.hex,
            addresses: ticket.addresses.map { "\($0)" },
            asOf: height == 0 ? nil : "\(Checkpoint(height: height, block: head))")
    }

    // MARK: Tasks

    /// Those that have ended and left the registry, too.
    public func tasks() async -> [TaskView] { registry.state.everyTask.map { view(of: $0) } }

    /// The record of a task, also of one that has left the registry.
    func record(of task: TaskID) -> RegistryState.TaskRecord? {
        registry.state.task(task) ?? registry.state.departed.last { $0.task == task }
    }

    public func task(_ task: TaskID) async throws(ServiceError) -> TaskView {
        guard let record = record(of: task) else {
            throw .notFound(what: "task \(task.short) is not in the registry", next: "see: `meshnode task list`")
        }
        var view = view(of: record)
        view.cost = await cost(of: record)
        view.readers = TaskView.readers(record)
        return view
    }

    private func view(of record: RegistryState.TaskRecord) -> TaskView {
        let runtime = tasks[record.task]
        let own = obstacles.views.filter { $0.task == record.task.hex }.map { "this node " + $0.text }
        var view = TaskView(
            record, parameters: genesis.parameters, state: runtime?.machine.state, ended: ended[record.task],
            waiting: runtime.flatMap { progress(of: $0.machine.chain, $0.machine).waiting }, obstacles: own,
            last: runtime?.lastRound, own: nodeID)
        if let refusal = unsupported[record.task] { (view.state, view.reason) = (.unsupported, refusal) }
        return view
    }

    public func publish(
        _ given: PreparedTask, again: Bool, anyway: Bool
    ) async throws(ServiceError) -> PublishedView {
        try refuseSecondTask(given.spec.name, again: again)
        let task = try namingColumns(given)
        // Before the transaction gets its number: this waits, and other orders may go on meanwhile.
        let hindrance = await ownHindrance(task.spec)
        // A misspelt type, column or label fits nobody's rows: it is told before anything is spent.
        if let hindrance, hindrance.isOfRows, !anyway {
            throw .conflict(
                reason: hindrance.text + "; nothing was published",
                next: "correct the task file; if it is meant for other nodes' rows, add --anyway")
        }
        let initial = task.spec.model.initial
        // Nobody else has them: a task whose first model is stored nowhere can never start. Until its task has a name that
        // pins them, this label does; where a crash comes before, they stay.
        let label = "publishing-\(randomBytes(8).hex)"
        do {
            let id = try await operatorDisk.write { [contentStore] () throws(StorageError) in
                try contentStore.put(
                    task.initialWeights, kind: ContentManifest.Kind(rawValue: ContentRole.model.rawValue),
                    pinnedBy: label)
            }
            precondition(id == initial.id, "the specification names these weights")
        } catch {
            checkRoom()
            throw .failed(
                reason: "the initial weights cannot be stored: \(error)",
                next: "free space (and inodes: df -i) under \(home.path), then publish again")
        }
        defer { try? contentStore.unpin(initial.id, label: label) }
        var warnings =
            task.warnings
            + [hindrance].compactMap { $0 }.map {
                $0.text + "; take it back with: `meshnode task stop \(task.spec.name.shellWord)`"
            }
        if let other = registry.state.everyTask.last(where: { LookAlikes.areAlike($0.spec.name, task.spec.name) }) {
            let isSame = other.spec.name == task.spec.name
            warnings.append(
                isSame
                    ? "task \(other.task.short) is called \"\(task.spec.name)\", too: from now on each is named by the digits of "
                        + "its id"
                    : "task \(other.task.short) is called \"\(other.spec.name.printable)\", which looks like "
                        + "\"\(task.spec.name)\": name each by the digits of its id")
        }
        // Another publishing may have overtaken this one while it waited.
        try refuseSecondTask(task.spec.name, again: again)
        let sealing = RistrettoKey.generate()
        let transaction = KeyRules.publish(
            task.spec, sealingKey: sealing, network: genesis.networkID, account: nodeID)
        let envelope = try signed(transaction)
        let id = TaskID.of(network: genesis.networkID, publish: envelope.transactionID)
        // The key is on disk before anybody can seal to it: a crash in between would leave a task that nobody can sum.
        do {
            try sealing.secretBytes.withCopy { bytes in
                try durable.commit([.value(space: "sealing-key", key: id.bytes, bytes: bytes)])
            }
        } catch { throw .failed(reason: "\(error)", next: "free disk space and publish again") }
        // The label above goes when this returns: what is published without this pin could be collected.
        do throws(StorageError) { try keepForeverNow(initial, chain: id) } catch {
            throw .failed(
                reason: "the initial weights cannot be kept: \(error)",
                next: "free space (and inodes: df -i) under \(home.path), then publish again")
        }
        let sent: Sent
        do throws(ServiceError) { sent = try queue(envelope) } catch {
            do throws(StorageError) { try contentStore.unpin(initial.id, label: Self.chainLabel(id)) } catch let kept {
                logger.error("content \(initial.id.short) of a task that was not published stays pinned: \(kept)")
            }
            throw error
        }
        note("published", "published task \(id.short) \"\(task.spec.name)\"", task: id)
        return PublishedView(
            task: id.hex, transaction: envelope.transactionID.hex, model: initial.id.hex, warnings: warnings,
            readers: TaskSpecValidator.readers(task.spec), height: sent.height,
            columns: task.spec.data.columns == given.spec.data.columns ? nil : task.spec.data.columns,
            columnsInOrder: task.spec.data.columnsInOrder)
    }

    /// Why this node itself could not join a task that it publishes, told at once instead of to whoever waits for it.
    /// It may be meant, except where it has rows and they do not fit: these are the ones that the task was written for.
    private func ownHindrance(_ spec: TaskSpec) async -> (text: String, isOfRows: Bool)? {
        guard configuration.miner.isEnabled else { return nil }
        let reason: String
        var isOfRows = false
        if !spec.participants.members.isEmpty, !spec.participants.members.contains(nodeID) {
            reason = "participants.members does not name it"
        } else if let refusal = ownerRefusal(of: spec, publisher: nodeID, isRound: false) {
            reason = "the owner's policy refuses the task: \(refusal)"
        } else {
            do {
                let rows = try await fittingRows(spec, task: nil, publisher: nodeID)
                guard rows < Int(spec.data.minimumRows) else { return nil }
                reason = "it has \(Counted.text(rows, "row")), and data.minimum_rows asks for \(spec.data.minimumRows)"
            } catch .conflict(let difference, _) {
                // What is wrong is the task here, not the data: the step of who wants to join would lead astray.
                reason = difference
            } catch { reason = "\(error)" }
            isOfRows = trainingData != nil
        }
        return ("this node itself cannot join the task: \(reason)", isOfRows)
    }

    /// A task that names no columns means those of its publisher's own rows: they are written out, so that a member
    /// whose columns are others, or stand in another order, is refused instead of trained with.
    private func namingColumns(_ task: PreparedTask) throws(ServiceError) -> PreparedTask {
        let channels = configuration.data.channels
        do {
            return try task.naming(
                columns: channels.isEmpty ? trainingData?.columnNames ?? [] : channels,
                inOrder: channels.isEmpty && !hasTextColumns)
        } catch { throw .invalid(error.faults) }
    }

    public func join(_ task: TaskID, bond: UInt64?) async throws(ServiceError) -> Receipt {
        guard let record = record(of: task) else {
            throw .notFound(what: "task \(task.short) is not in the registry", next: "see: `meshnode task list`")
        }
        let sent = try await enrol(record, bond: bond)
        joining.insert(task)
        obstacles.clear(.join, task)
        let dates = TaskDates(record, genesis.parameters)
        var text = "enrolment in \"\(record.spec.name)\" is on its way; it counts once a registry block holds it. Bond "
        text += "\(bond ?? usualBond(of: record.spec)) credits"
        text += dates.bondsBackMs.map { ", back at the latest \(CalendarText.text($0))" } ?? ""
        if let policy = try? RoundPolicy(record.spec) {
            let traffic = TaskTraffic(policy, members: Int(record.spec.participants.maximum))
            let (out, into) = (
                traffic.totalOut(rounds: record.spec.rounds), traffic.totalIn(rounds: record.spec.rounds)
            )
            text +=
                "; about \(Self.megabytes(out)) MB out and \(Self.megabytes(into)) MB in over \(record.spec.rounds) "
            text += "rounds, \(Self.megabytes(traffic.disk(record.spec))) MB on this disk; "
            text += "memory up to \(Self.megabytes(Double(Self.memory(policy)))) MB, "
            text +=
                "\(Self.megabytes(Double(policy.plan.totalBytes))) MB when it sums (see: `meshnode task show \(task.short)`)"
        }
        return receipt(sent, text)
    }

    // MARK: Rounds

    public func rounds(of task: TaskID, after: UInt32) async throws(ServiceError) -> [RoundView] {
        guard record(of: task) != nil else {
            throw .notFound(what: "task \(task.short) is not in the registry", next: "see: `meshnode task list`")
        }
        let store = chainStore
        var views: [RoundView]
        do throws(StorageError) {
            views = try await operatorDisk.write { () throws(StorageError) in
                try store.roundMetrics(chain: task).compactMap { row in
                    guard row.round > UInt64(after) else { return nil }
                    return try? JSONDecoder().decode(RoundView.self, from: Data(row.json.utf8))
                }
            }
        } catch { throw .failed(reason: "\(error)", next: "check the home's chain.sqlite") }
        if let machine = tasks[task]?.machine, !machine.state.isEnded, machine.state.round > after,
            machine.state.impliedControl == nil
        {
            let progress = self.progress(of: machine.chain, machine)
            views.append(
                RoundView(
                    task: task.hex, round: machine.state.round, attempt: machine.state.attempt, outcome: .running,
                    reason: progress.waiting, enrolled: machine.state.genesis.members.count,
                    aggregator: machine.aggregator.hex, views: machine.view.clampedSum(1),
                    ownAccuracy: tasks[task]?.stats.ownAccuracy, ownLoss: tasks[task]?.stats.ownLoss,
                    saturations: tasks[task]?.stats.saturations))
        }
        return views
    }

    public func round(_ round: UInt32, of task: TaskID) async throws(ServiceError) -> RoundView {
        guard round > 0, var view = try await rounds(of: task, after: round - 1).last(where: { $0.round == round })
        else {
            throw .notFound(
                what: "task \(task.short) has no round \(round) yet", next: "see: `meshnode round list \(task.short)`")
        }
        view.direction = await direction(of: round, task: task)
        return view
    }

    // MARK: Chains and models

    public func chains() async -> [ChainView] {
        let registryView = ChainView(
            chain: registry.chain.hex, kind: "registry",
            height: registry.state.height == 0 ? nil : registry.state.height,
            head: registry.state.height == 0 ? nil : registry.state.head.hex,
            timeMs: registry.state.height == 0 ? nil : registry.state.headTimeMs)
        return [registryView]
            + taskOrder.compactMap { chain in
                if let task = ended[chain] {
                    return ChainView(
                        chain: chain.hex, kind: "task", name: task.name, height: task.height, head: task.head.hex,
                        timeMs: task.headTimeMs)
                }
                guard let state = tasks[chain]?.machine.state else { return nil }
                return ChainView(
                    chain: chain.hex, kind: "task", name: state.spec.name,
                    height: state.height == 0 ? nil : state.height,
                    head: state.height == 0 ? nil : state.head.hex, timeMs: state.height == 0 ? nil : state.headTimeMs)
            }
    }

    public func block(_ height: UInt64, of chain: ChainID) async throws(ServiceError) -> BlockView {
        do {
            guard let stored = try chainStore.block(chain: chain, height: height) else {
                throw ServiceError.notFound(
                    what: "chain \(chain.short) has no height \(height)", next: "see: `meshnode chain head`")
            }
            let electorate =
                chain == registry.chain
                ? registry.state.validators
                : tasks[chain]?.machine.state.electorate ?? ended[chain]?.electorate ?? Electorate(bonds: [])
            return BlockDescription.view(try ChainReplay.decoded(stored), electorate: electorate)
        } catch let error as ServiceError {
            throw error
        } catch { throw .failed(reason: "\(error)", next: "run: `meshnode chain verify`") }
    }

    public func models(of task: TaskID) async throws(ServiceError) -> [ModelView] {
        guard let models = modelTable(task) else {
            throw .notFound(what: "task \(task.short) has not started here", next: "see: `meshnode task list`")
        }
        let metrics = (try? await rounds(of: task, after: 0)) ?? []
        return models.keys.sorted().compactMap { round in
            guard let reference = models[round], contentStore.has(reference.id) else { return nil }
            let view = metrics.last { $0.round == round && $0.outcome == .accepted }
            return ModelView(
                task: task.hex, round: round, model: reference.id.hex, bytes: reference.length,
                accuracy: view?.accuracy,
                loss: view?.loss)
        }
    }

    public func shutdown() async {
        wasAskedToStop = true
        shutdownRequested?.resume()
        shutdownRequested = nil
    }

    /// Returns when `shutdown` was asked for.
    func waitForShutdown() async {
        guard !wasAskedToStop else { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if wasAskedToStop || Task.isCancelled {
                    continuation.resume()
                } else {
                    shutdownRequested = continuation
                }
            }
        } onCancel: {
            Task { await self.shutdown() }
        }
    }
}
