internal import Chain
internal import Wire

/// Random faults until the healing time, scripted ones at their stage.
extension Simulation {
    func planFaults() {
        guard configuration.faults != .none else { return }
        let end = configuration.healAt
        let profile = configuration.faults
        if profile == .crash || profile == .all {
            for _ in 0..<random.within(1...4) {
                queue.push(
                    .crash(node: random.below(nodes.count), restartAfter: random.within(50_000...4_000_000)),
                    at: random.within(500_000...end))
            }
        }
        if profile == .partition || profile == .all {
            var time = random.within(300_000...2_000_000)
            while time < end {
                let count = random.chance(300_000) ? 3 : 2
                var split = [[Int]](repeating: [], count: count)
                for node in nodes.indices { split[random.below(count)].append(node) }
                let isOneWay = random.chance(400_000)
                queue.push(isOneWay ? .cut(from: split[0], to: split[1]) : .partition(split), at: time)
                let length = random.within(200_000...3_000_000)
                if random.chance(700_000) { queue.push(.joinAll, at: time + length) }
                time += length + random.within(100_000...2_000_000)
            }
        }
        if profile == .all {
            for node in nodes.indices where random.chance(400_000) {
                // Within what admission forgives between two nodes.
                queue.push(
                    .skew(node: node, ms: Int64(random.within(0...8_000)) - 4_000), at: random.within(0...end))
            }
        }
        if profile == .all || profile == .loss, configuration.network.bytesPerSecond == 0 {
            for node in nodes.indices where random.chance(300_000) { uplinks[node] = random.within(60_000...1_000_000) }
        }
        queue.push(.healed, at: end)
    }

    func partition(_ split: [[Int]]) {
        partitions += 1
        for node in nodes.indices {
            for peer in nodes.indices where peer != node {
                let isKept = split.contains { $0.contains(node) && $0.contains(peer) }
                isCut[node][peer] = !isKept && [node, peer].allSatisfy { one in split.contains { $0.contains(one) } }
            }
        }
        note(-1, "partition \(split)")
    }

    /// One direction only: the deaf do not hear the silent, who hear them.
    func cut(from silent: [Int], to deaf: [Int]) {
        partitions += 1
        isCut = Self.whole(nodes.count)
        cutLinks(from: silent, to: deaf)
        note(-1, "what \(silent) send does not reach \(deaf)")
    }

    private func cutLinks(from senders: [Int], to receivers: [Int]) {
        for sender in senders where nodes.indices.contains(sender) {
            for receiver in receivers where nodes.indices.contains(receiver) && receiver != sender {
                isCut[sender][receiver] = true
            }
        }
    }

    static func whole(_ count: Int) -> [[Bool]] {
        [[Bool]](repeating: [Bool](repeating: false, count: count), count: count)
    }

    func joinAll() {
        isCut = Self.whole(nodes.count)
        wholeSince = now
        note(-1, "the network is whole again")
    }

    /// Faults end: the network is whole, every node runs, and from now on there must be progress.
    func heal() {
        faultsOn = false
        joinAll()
        for node in nodes.indices { uplinks[node] = configuration.network.bytesPerSecond }
        for index in nodes.indices where !nodes[index].isUp && !heldDown.contains(index) {
            queue.push(.start(node: index), at: now + random.within(1_000...100_000))
        }
        note(-1, "faults are over")
        let furthest = honestNodes.map { heights($0) }.reduce([0, 0]) { [max($0[0], $1[0]), max($0[1], $1[1])] }
        // A start, a heartbeat to a peer that is ahead, and 8 blocks an answer.
        let beats = 20 + (furthest[0] + furthest[1]) / 4
        queue.push(.catchUpCheck(heights: furthest), at: now + 200_000 + beats * configuration.network.heartbeat)
        let timeout = roundTimeout()
        roundTimeoutAtHeal = timeout
        healed = (now, furthest)
        // Every hostile proposer may cost a round more.
        let rounds = 3 + UInt64(configuration.byzantine.count)
        queue.push(.progressCheck(total: furthest[0] + furthest[1]), at: now + rounds * timeout)
    }

    /// Stored heights of registry and task.
    func heights(_ index: Int) -> [UInt64] {
        let blocks = nodes[index].disk.blocks
        let task = nodes[index].memory?.tasks.first.map { UInt64(blocks[$0.chain]?.count ?? 0) } ?? 0
        return [UInt64(blocks[registryChain]?.count ?? 0), task]
    }

    /// The timeout of one round as the honest nodes count it now, microseconds: the deadline of its submissions, doubled
    /// by every attempt without a set, and one view of its result with the timeouts that views have grown to.
    private func roundTimeout() -> UInt64 {
        var view: UInt64 = 0
        var attempts: UInt64 = 0
        for index in honestNodes {
            guard let memory = nodes[index].memory else { continue }
            view = max(view, UInt64(memory.registry.view))
            for task in memory.tasks {
                view = max(view, UInt64(task.view))
                attempts = max(attempts, UInt64(task.state.unkeyedAttempts))
            }
        }
        let timing = configuration.timing
        let propose = UInt64(timing.proposeMs) + UInt64(timing.aggregateMs) + UInt64(timing.opinionMs)
        let vote = UInt64(timing.voteMs)
        let submit = UInt64(timing.submitMs) << min(attempts, 10)
        return (submit + propose + propose / 2 * view + 2 * (vote + vote / 2 * view)) * 1_000
    }

    /// The first decision after the faults.
    func noteRecovery(_ block: DecidedBlock, node index: Int) {
        guard let healed, recovery == nil, isHonest(index) else { return }
        let place = block.header.chain == registryChain ? 0 : 1
        if block.header.height > healed.heights[place] { recovery = now - healed.time }
    }

    func checkCatchUp(_ heights: [UInt64]) {
        for index in honestNodes where nodes[index].isUp {
            let own = self.heights(index)
            ledger.check(
                own[0] >= heights[0] && own[1] >= heights[1], .progress, now,
                "node \(index) is at \(own) and has not caught up with \(heights)")
        }
    }

    func checkProgress(_ total: UInt64) {
        guard heldDown.isEmpty, !isFinished, honestNodes.contains(where: hasSomethingToDecide) else { return }
        let best = honestNodes.map { heights($0).reduce(0, +) }.max() ?? 0
        ledger.check(best > total, .progress, now, "no height was decided since the faults ended")
    }

    /// Whether a height of some chain has a reason to be decided now, seen from the outside: by what the node's people
    /// want and its chains hold, not by what its machines are doing about it. A task that waits for members whose
    /// enrolments reach nobody has none until it expires.
    private func hasSomethingToDecide(_ index: Int) -> Bool {
        guard let memory = nodes[index].memory else { return false }
        let state = memory.registry.state
        let wall = instant(index).wallMs
        if memory.tasks.contains(where: { !$0.state.isEnded && !$0.state.isPaused }) { return true }
        if state.isDue(atMs: wall) || state.tasks.contains(where: { state.canClose($0, timeMs: wall) }) { return true }
        return nodes[index].disk.transactions.contains { transaction in
            RegistryRules.build(
                pending: [transaction], state: state, author: nodes[index].id, view: 0, timeMs: wall) != nil
        }
    }

    /// Ten seconds after an order, or after the faults if they end later, the registry has it, where it can take it.
    func checkOrders(_ count: Int) {
        guard let memory = nodes[0].memory, let record = mainTask(memory.registry.state),
            record.closed?.beacon != nil, record.paidMs == nil, memory.tasks.first?.state.isEnded == false
        else { return }
        // Nothing follows a stop.
        ledger.check(
            record.isStopped || record.orders.count >= count, .ordersArrive, now,
            "the registry has \(record.orders.count) orders of \(count)")
        queue.push(.followCheck(count: UInt32(clamping: record.orders.count)), at: now + 15_000_000)
    }

    /// Fifteen seconds later the task has it as well, whatever happened to the electorate of the registry since it began.
    func checkFollowed(_ count: UInt32) {
        for index in honestNodes {
            guard let state = nodes[index].memory?.tasks.first?.state, !state.isEnded else { continue }
            ledger.check(
                state.orderSequence >= count, .ordersFollowed, now,
                "node \(index): the task has \(state.orderSequence) orders of the registry's \(count)")
        }
    }

    // MARK: Script

    func perform(_ action: ScriptedEvent.Action, reachedBy reached: Int?) {
        switch action {
        case .crash(let node, let restartAfter):
            guard let index = node ?? reached, nodes.indices.contains(index) else { return }
            if nodes[index].isUp {
                crash(index, restartAfter: restartAfter)
            } else if restartAfter == nil {
                heldDown.insert(index)
            }
        case .crashHolder(let restartAfter):
            guard let task = nodes.lazy.compactMap({ $0.memory?.tasks.first }).first else { return }
            let aggregator = task.aggregator
            guard let holder = task.state.holders.first(where: { $0.node != aggregator }),
                let index = indexOf[holder.node]
            else { return }
            crash(index, restartAfter: restartAfter)
        case .partition(let split): partition(split)
        case .cut(let silent, let deaf): cut(from: silent, to: deaf)
        case .heal: joinAll()
        case .order(let action):
            nodes[0].disk.orders.append(action)
            queue.push(.orderCheck(count: nodes[0].disk.orders.count), at: max(now, configuration.healAt) + 10_000_000)
        case .skew(let node, let ms): if nodes.indices.contains(node) { nodes[node].wallSkewMs = ms }
        }
    }

    private func reach(_ stage: ScriptedEvent.Stage, round: UInt32, node index: Int) {
        for place in script.indices where !scriptDone[place] && script[place].trigger == .stage(stage, round: round) {
            scriptDone[place] = true
            note(index, "reaches \(stage.rawValue) of round \(round)")
            perform(script[place].action, reachedBy: index)
        }
    }

    func reachStages(_ block: BlockHeader, node index: Int) {
        if scriptDone.contains(false), block.kind == .void { reach(.voided, round: block.round, node: index) }
    }

    func reachStages(_ work: RoundWork, node index: Int) {
        guard scriptDone.contains(false) else { return }
        switch work {
        case .train(let job): reach(.training, round: job.round, node: index)
        case .aggregate(let job, _): reach(.afterKeys, round: job.round, node: index)
        default: break
        }
    }

    func reachStages(_ envelope: Envelope, node index: Int) {
        guard scriptDone.contains(false), envelope.signer == nodes[index].id,
            let place = nodes[index].memory?.taskIndex(envelope.slot.chain)
        else { return }
        let machine = nodes[index].memory!.tasks[place]
        switch envelope.slot.kind {
        case .received:
            if machine.state.nextProposers.first == envelope.signer {
                reach(.beforeManifest, round: machine.state.round, node: index)
            }
        case .ready: reach(.ready, round: machine.state.round, node: index)
        case .proposal:
            if let proposal = try? Proposal(wireBytes: envelope.payload), proposal.header.kind == .result {
                reach(.afterProposal, round: proposal.header.round, node: index)
            }
        default: break
        }
    }
}
