internal import Chain
internal import Gossip
internal import MeshCrypto
internal import Wire

/// A mesh of nodes in one process under virtual time: the registry and task machines of every node, a network that
/// delays, drops, doubles and reorders, disks that survive crashes, and checks after every event.
///
/// Everything follows from the configuration: two runs of it give the same trace hash.
public final class Simulation {
    let configuration: SimulationConfiguration
    var random: SimulationRandom
    var queue = EventQueue<SimulationEvent>()
    /// Microseconds of virtual time.
    var now: UInt64 = 0
    var nodes: [SimulatedNode] = []
    let ledger: InvariantLedger
    let genesis: Genesis
    let spec: TaskSpec
    let network: NetworkID
    let registryChain: ChainID

    /// By sender and receiver: whether packets are lost on the way. One direction may be cut alone.
    var isCut: [[Bool]]
    var links: [[UInt64]] = []
    /// Bytes a second that each node can send; 0: any number.
    var uplinks: [UInt64]
    /// When what waits in each node's uplink has left, microseconds.
    var uplinkFree: [UInt64]
    var faultsOn: Bool
    let script: [ScriptedEvent]
    var scriptDone: [Bool]
    /// Nodes that the script keeps down until it restarts them.
    var heldDown: Set<Int> = []
    var trace = TraceHash()
    var lines: [String] = []
    var eventCount = 0
    var crashes = 0
    var partitions = 0
    /// When the faults ended, and the heights of registry and task then.
    var healed: (time: UInt64, heights: [UInt64])?
    /// When the last partition ended, microseconds.
    var wholeSince: UInt64 = 0
    var recovery: UInt64?
    var roundTimeoutAtHeal: UInt64?
    /// Writes that crashes took, because no sync had followed them.
    var lostWrites = 0
    var rejected = 0
    var conflicts = 0
    /// Pairs of messages that honest nodes could hand to the registry.
    var evidence = 0
    /// Chains that an honest node has stopped because of two certificates, in order.
    var alarms: [(node: Int, isRegistry: Bool)] = []
    /// Judged by honest nodes, true and false ones.
    var complaints = 0
    var byzantine: [Int: ByzantineMemory] = [:]
    let indexOf: [NodeID: Int]
    let initialModel: [UInt8]
    /// The sealing keys of runs in which seeds are really sealed, by node; empty: seeds are a flag in the body.
    let sealing: [RistrettoKey]
    /// What each node has answered each other's digests with, by node and peer.
    var answers: [[PeerAnswers]]
    /// Planted belief in complaints: whom the first one accuses.
    var accused: NodeID?
    /// Planted low quorum: precommits seen by each node.
    var lowQuorumVotes: [Int: [Envelope]] = [:]

    /// Virtual time 0 in milliseconds since 1970.
    static let epochMs: UInt64 = 1_790_000_000_000

    public init(_ configuration: SimulationConfiguration) {
        precondition((4...10).contains(configuration.nodes), "4 to 10 nodes, got \(configuration.nodes)")
        self.configuration = configuration
        random = SimulationRandom(seed: configuration.seed)
        faultsOn = configuration.faults != .none
        script = configuration.script
        scriptDone = [Bool](repeating: false, count: script.count)
        isCut = Self.whole(configuration.nodes)
        uplinks = [UInt64](repeating: configuration.network.bytesPerSecond, count: configuration.nodes)
        uplinkFree = [UInt64](repeating: 0, count: configuration.nodes)
        answers = (0..<configuration.nodes).map { _ in
            (0..<configuration.nodes).map { peer in
                // A flood comes over a link of a key that nobody knows: it spares the member's own.
                let isStrange = configuration.byzantine.contains {
                    $0.node == peer && $0.strategy.resolved(seed: configuration.seed) == .digestFlooder
                }
                return PeerAnswers(rank: isStrange ? .stranger : .member)
            }
        }

        // Equal bonds in half of the runs; else so close that one node always weighs less than a third.
        let equal = random.chance(500_000) || configuration.byzantine.count > 1 || configuration.equalBonds
        var keys: [SigningKey] = []
        var weights: [UInt64] = []
        for index in 0..<configuration.nodes {
            keys.append(Self.key(seed: configuration.seed, index: index))
            weights.append(equal ? 10 : random.within(10...13))
        }
        sealing = configuration.sealsSeeds ? keys.map { SealedScheme.key(of: $0.nodeID) } : []
        initialModel = Transcript.hash("sim/initial", [UInt8](repeating: 0, count: 8))
        genesis = Genesis(
            name: "simulation", timeMs: Self.epochMs - 1_000,
            accounts: zip(keys, weights).map { key, weight in
                .init(node: key.nodeID, balance: 1_000, validatorBond: weight)
            }.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: 0, proposeMs: configuration.timing.proposeMs, voteMs: configuration.timing.voteMs,
                settleMs: configuration.timing.settleMs, evidenceMs: configuration.timing.evidenceMs,
                epochMs: configuration.timing.epochMs))
        network = genesis.networkID
        registryChain = network.registryChain
        spec = Self.spec(configuration, model: .of(initialModel, kind: .model))
        var indexOf: [NodeID: Int] = [:]
        for (index, key) in keys.enumerated() { indexOf[key.nodeID] = index }
        self.indexOf = indexOf
        let honest = (0..<configuration.nodes).filter { !configuration.byzantineNodes.contains($0) }
        ledger = InvariantLedger(
            genesis: genesis, honest: Set(honest.map { keys[$0].nodeID }), indexOf: indexOf)

        for index in 0..<configuration.nodes {
            var node = SimulatedNode(index: index, key: keys[index], weight: weights[index])
            node.disk.put(initialModel, spec.model.initial.id)
            node.disk.sync()
            nodes.append(node)
        }
        for entry in configuration.byzantine {
            byzantine[entry.node] = ByzantineMemory(strategy: entry.strategy.resolved(seed: configuration.seed))
        }
        let latency = configuration.network.latency
        for _ in 0..<configuration.nodes {
            var row: [UInt64] = []
            for _ in 0..<configuration.nodes { row.append(random.within(latency)) }
            links.append(row)
        }
    }

    private static func key(seed: UInt64, index: Int) -> SigningKey {
        var encoder = WireEncoder()
        encoder.u64(seed)
        encoder.u32(UInt32(index))
        // A hash has the 32 bytes that a seed must have.
        return try! SigningKey(seed: SecretBytes(Transcript.hash("sim/key", encoder.bytes)))
    }

    private static func spec(_ configuration: SimulationConfiguration, model: ContentReference) -> TaskSpec {
        let timing = configuration.timing
        let nodes = UInt32(configuration.nodes)
        return TaskSpec(
            name: "simulated task", seed: configuration.seed,
            model: .init(architecture: .softmax, hidden: [], initial: model),
            data: .init(type: "simulated", features: 1, labels: ["0", "1"], scalePpm: 1_000_000, minimumRows: 1),
            rounds: configuration.rounds,
            participants: .init(minimum: nodes < 5 ? 4 : max(5, nodes - 1), maximum: nodes, smallestSet: 4),
            deadlines: .init(
                enrolMs: timing.enrolMs, submitMs: timing.submitMs, aggregateMs: timing.aggregateMs,
                opinionMs: timing.opinionMs, expiryMs: timing.expiryMs),
            training: .init(
                trainer: TaskSpecValidator.trainer, localEpochs: 1, batchSize: 10, learningRatePpm: 100_000,
                server: .fedAvg, serverRatePpm: 1_000_000, weighting: .uniform, rowCap: 0),
            update: .init(
                clipNormPpm: 1_000_000, bits: 10, rangePpm: 1_000_000, compression: .none, packing: 1,
                encoding: .ristretto),
            holders: nodes < 5 ? .init(count: 1, threshold: 0) : .init(count: 3, threshold: 1),
            evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            reward: .init(credits: 100, rule: .equal, minimumBond: 10), bodyRetention: 2, voting: .automatic)
    }

    // MARK: Run

    /// Runs one configuration to its end.
    public static func run(_ configuration: SimulationConfiguration) -> SimulationReport {
        // Nodes of one run check the same signatures; without it most of the time goes there.
        SignatureMemory.$current.withValue(configuration.remembersSignatures ? SignatureMemory() : nil) {
            let simulation = Simulation(configuration)
            simulation.start()
            simulation.drain()
            return simulation.report()
        }
    }

    private func start() {
        for index in nodes.indices { queue.push(.start(node: index), at: random.within(0...50_000)) }
        for (index, event) in script.enumerated() {
            if case .at(let time) = event.trigger { queue.push(.scripted(index), at: time) }
        }
        planFaults()
    }

    private func drain() {
        while let (time, event) = queue.pop() {
            if time > configuration.horizon { break }
            now = time
            eventCount += 1
            let label = event.label
            trace.mix(time)
            trace.mix(label.kind << 56 ^ label.node)
            handle(event)
            // One violation is enough: what follows it may be its consequence.
            if !ledger.violations.isEmpty, !showsFork { break }
            if eventCount.isMultiple(of: 16), isFinished { break }
        }
        if ledger.violations.isEmpty { checkEnding() }
    }

    /// With a third of the weight or more two blocks can be decided at a height. Ten seconds in which everybody hears
    /// everybody show what comes of it: the honest nodes must find out.
    private var showsFork: Bool {
        guard configuration.byzantine.count * 3 >= nodes.count, let first = ledger.violations.first else {
            return false
        }
        let isWhole = isCut.allSatisfy { !$0.contains(true) }
        // An honest node may hold both certificates before honest nodes have stored both blocks.
        return (!isWhole || now < max(first.time, wholeSince) + 10_000_000)
            && ledger.violations.allSatisfy { [.oneBlockPerHeight, .noHalt].contains($0.invariant) }
    }

    private func handle(_ event: SimulationEvent) {
        switch event {
        case .deliver(let from, let to, let packet): deliver(packet, from: from, to: to)
        case .heartbeat(let node, let life): if isAlive(node, life) { heartbeat(node) }
        case .timer(let node, let life, let chain, let timer):
            if isAlive(node, life) { fire(timer, chain: chain, node: node) }
        case .look(let node, let life, let job): if isAlive(node, life) { look(at: job, node: node) }
        case .finish(let node, let life, let job): if isAlive(node, life) { finish(job, node: node) }
        case .crash(let node, let restartAfter): crash(node, restartAfter: restartAfter)
        case .start(let node): startNode(node)
        case .partition(let groups): partition(groups)
        case .cut(let silent, let deaf): cut(from: silent, to: deaf)
        case .joinAll: joinAll()
        case .skew(let node, let ms): nodes[node].wallSkewMs = ms
        case .healed: heal()
        case .catchUpCheck(let heights): checkCatchUp(heights)
        case .progressCheck(let total): checkProgress(total)
        case .orderCheck(let count): checkOrders(count)
        case .followCheck(let count): checkFollowed(count)
        case .scripted(let index):
            scriptDone[index] = true
            perform(script[index].action, reachedBy: nil)
        }
    }

    func isAlive(_ node: Int, _ life: UInt32) -> Bool { nodes[node].isUp && nodes[node].life == life }

    func isHonest(_ node: Int) -> Bool { byzantine[node] == nil }

    var honestNodes: [Int] { nodes.indices.filter(isHonest) }

    func instant(_ node: Int) -> Instant {
        let wall = Int64(Self.epochMs + now / 1_000) + nodes[node].wallSkewMs
        // Monotonic clocks of different nodes have nothing in common.
        return Instant(monotonicMs: now / 1_000 + UInt64(node) * 1_000_003, wallMs: UInt64(max(0, wall)))
    }

    func note(_ node: Int, _ text: @autoclosure () -> String) {
        guard configuration.keepsTrace else { return }
        lines.append("\(now / 1_000) ms  n\(node)  \(text())")
    }

    // MARK: Life of a node

    private func startNode(_ index: Int) {
        guard !nodes[index].isUp, !heldDown.contains(index) else { return }
        nodes[index].life += 1
        if configuration.planted == .amnesia, nodes[index].life > 1 { nodes[index].disk.forgetSignatures() }
        if configuration.planted == .doubleKeyStatement { nodes[index].disk.forgetOwn(.keyStatement) }
        let disk = nodes[index].disk
        var state = RegistryState(genesis: genesis)
        for block in disk.blocks[registryChain] ?? [] {
            do {
                state = try RegistryRules.check(header: block.header, body: block.body, state: state)
            } catch {
                ledger.report(.certificate, now, "node \(index) stored an invalid block: \(error)")
                return
            }
        }
        let key = nodes[index].key
        nodes[index].memory = .init(
            registry: RegistryMachine(
                state: state, key: key, own: disk.own(of: registryChain), voteState: disk.voteState[registryChain]))
        if configuration.planted == .endlessViews { nodes[index].memory!.registry.viewHorizon = 1 << 30 }
        if configuration.planted == .keepsDecided { nodes[index].memory!.registry.keptHeights = .max }
        ledger.restarted(index)
        note(index, "starts, life \(nodes[index].life)")
        let life = nodes[index].life
        for genesis in state.everyOpenedTask() where isAlive(index, life) { openTask(genesis, node: index) }
        queue.push(
            .heartbeat(node: index, life: life), at: now + random.within(1_000...configuration.network.heartbeat))
        // Entering a task's phase may already have met a crash.
        guard isAlive(index, life) else { return }
        perform(nodes[index].memory!.registry.resume(instant(index)), chain: registryChain, node: index)
    }

    func openTask(_ genesis: TaskGenesis, node index: Int) {
        guard nodes[index].memory?.taskIndex(genesis.task) == nil else { return }
        let disk = nodes[index].disk
        var state = TaskState(genesis: genesis)
        for block in disk.blocks[genesis.task] ?? [] {
            do {
                let content = try TaskRules.check(header: block.header, body: block.body, state: state)
                state.apply(content, header: block.header, block: block.header.id)
            } catch {
                ledger.report(.certificate, now, "node \(index) stored an invalid block: \(error)")
                return
            }
        }
        var machine = TaskMachine(
            state: state, key: nodes[index].key, manual: false, own: disk.own(of: genesis.task),
            voteState: disk.voteState[genesis.task])
        if configuration.planted == .endlessViews { machine.viewHorizon = 1 << 30 }
        if configuration.planted == .keepsDecided { machine.keptHeights = .max }
        let directives = machine.resume(instant(index))
        nodes[index].memory!.tasks.append(machine)
        nodes[index].memory!.tasks.sort { $0.chain < $1.chain }
        perform(directives, chain: genesis.task, node: index)
    }

    func crash(_ index: Int, restartAfter: UInt64?) {
        guard nodes[index].isUp else { return }
        crashes += 1
        nodes[index].memory = nil
        let lost = nodes[index].disk.crash(&random)
        lostWrites += lost
        trace.mix(UInt64(0xdead) << 16 | UInt64(lost) << 8 | UInt64(index))
        note(
            index,
            "crashes, \(lost) writes are lost" + (restartAfter.map { ", restarts after \($0 / 1_000) ms" } ?? ""))
        if let restartAfter { queue.push(.start(node: index), at: now + restartAfter) } else { heldDown.insert(index) }
    }

    private func fire(_ timer: ChainTimer, chain: ChainID, node index: Int) {
        guard nodes[index].memory != nil else { return }
        let instant = instant(index)
        if chain == registryChain {
            perform(nodes[index].memory!.registry.timer(timer, instant), chain: chain, node: index)
        } else if let place = nodes[index].memory!.taskIndex(chain) {
            perform(nodes[index].memory!.tasks[place].timer(timer, instant), chain: chain, node: index)
        }
    }
}
