import Foundation
internal import Chain
internal import Logging
internal import MeshCrypto
internal import MeshNode
internal import MeshSim
internal import Wire

/// Layer B: the real `Node` actors, with their databases and files, real learning and real encryption, under one seeded
/// schedule, virtual time and a network in memory. Two runs of a seed do the same things in the same order.
///
/// Nodes are killed and start again from the files that they had. Call it from a program of its own, on its main thread,
/// one run after another: it takes over the process's global pool and its random bytes.
public struct NodeSimulation {
    public var seed: UInt64
    public var nodes = 5
    public var rounds: UInt32 = 2
    /// Chance in a million that a frame is lost while faults are on.
    public var lossPpm: UInt64 = 30_000
    public var crashes = 2
    /// Forgets a killed node's record of what it signed: the check must find it.
    public var plantsAmnesia = false
    /// Faults end here, microseconds of virtual time; the run at the horizon.
    public var healAt: UInt64 = 15_000_000
    public var horizon: UInt64 = 240_000_000

    public init(seed: UInt64) { self.seed = seed }

    public struct Report: Sendable, Equatable {
        public var seed: UInt64
        public var violations: [NodeViolation]
        public var outcome: String
        public var traceHash: UInt64
        public var steps: Int
        public var virtualTime: UInt64
        public var crashes: Int
        public var frames: Int
        public var lostFrames: Int
        public var registryHeight: UInt64
        public var taskHeight: UInt64
        public var results: Int
        public var voids: Int
    }

    /// - Throws: what kept the homes from being made; `StorageError`, `TaskError`.
    public func run() throws -> Report {
        SeededRandomness.install(seed: seed)
        let folder = NSTemporaryDirectory() + "meshnode-sim-b-\(getpid())-\(seed)"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try NodeMesh(self, folder: folder).run()
    }
}

/// The nodes of one run.
private final class NodeMesh: @unchecked Sendable {
    private let settings: NodeSimulation
    private let folder: String
    private let schedule: Schedule
    private let network: SimulatedNetwork
    private let checks: NodeInvariants
    private var members: [Member] = []
    private var crashes = 0
    private let prepared: PreparedTask

    private struct Member {
        let id: NodeID
        var home: HomeDirectory
        var life = 0
        var node: Node?
        var executor: SimulatedExecutor?
        var links: SimulatedLinks?
    }

    init(_ settings: NodeSimulation, folder: String) throws {
        self.settings = settings
        self.folder = folder
        schedule = Schedule(seed: settings.seed)
        network = SimulatedNetwork(schedule: schedule, nodes: settings.nodes, lossPpm: settings.lossPpm)
        prepared = try PreparedTask(completing: Self.spec(settings))
        var accounts: [Genesis.Account] = []
        for index in 0..<settings.nodes {
            let home = try HomeDirectory.create(at: folder + "/node\(index)-0")
            let identity = try home.createIdentity()
            let id = identity.signingKey().nodeID
            members.append(Member(id: id, home: home))
            accounts.append(
                KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())
                    .account(balance: 10_000, bond: 1_000))
            try Self.rows(index, seed: settings.seed).write(
                toFile: folder + "/rows\(index).csv", atomically: true, encoding: .utf8)
        }
        let genesis = Genesis(
            name: "simulation", timeMs: UInt64(SimulatedExecutor.epochMs) - 1_000,
            accounts: accounts.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: UInt8(Election.proofBytes), proposeMs: 800, voteMs: 200, settleMs: 300,
                evidenceMs: 300, epochMs: 300))
        for member in members {
            try member.home.createDatabases(owner: member.id).storeGenesis(genesis.wireBytes)
        }
        checks = NodeInvariants(genesis: genesis)
    }

    /// Two overlapping clouds of points, a small file on disk for each node.
    private static func rows(_ index: Int, seed: UInt64) -> String {
        var random = SimulationRandom(seed: seed &* 31 &+ UInt64(index))
        var text = "x,y,label\n"
        for row in 0..<24 {
            let label = row % 2
            let x = Int(random.within(0...80)) + 40 * label
            let y = Int(random.within(0...80)) + 20 * label
            text += "\(x),\(y),\(label)\n"
        }
        return text
    }

    private static func spec(_ settings: NodeSimulation) -> TaskSpec {
        let nodes = UInt32(settings.nodes)
        return TaskSpec(
            name: "points", seed: settings.seed,
            model: .init(
                architecture: .softmax, hidden: [], initial: ContentReference(id: .zero, length: 0)),
            data: .init(type: "points", features: 2, labels: ["0", "1"], scalePpm: 100_000_000, minimumRows: 10),
            rounds: settings.rounds,
            participants: .init(minimum: nodes, maximum: nodes, smallestSet: 4),
            deadlines: .init(
                enrolMs: 60_000, submitMs: 3_000, aggregateMs: 1_500, opinionMs: 800, expiryMs: 600_000),
            training: .init(
                trainer: TaskSpecValidator.trainer, localEpochs: 1, batchSize: 8, learningRatePpm: 100_000,
                server: .fedAvg, serverRatePpm: 1_000_000, weighting: .uniform, rowCap: 0),
            update: .init(
                clipNormPpm: 1_000_000, bits: 10, rangePpm: 1_000_000, compression: .none, packing: 1,
                encoding: .affine),
            holders: .init(count: 3, threshold: 1), evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            reward: .init(credits: 100, rule: .equal, minimumBond: 100), bodyRetention: 2, voting: .automatic)
    }

    // MARK: Life

    private func start(_ index: Int) {
        let executor = schedule.makeExecutor()
        let home = members[index].home
        let checks = checks
        let schedule = schedule
        let links = SimulatedLinks(index: index, node: members[index].id, network: network)
        let environment = NodeEnvironment(
            executor: { _ in executor }, worker: { _ in SimulatedWorker(schedule: schedule, executor: executor) },
            links: { _, _, _ in links },
            committed: { block in checks.stored(block, node: index, time: schedule.time) })
        let rows = folder + "/rows\(index).csv"
        let configuration = NodeConfiguration(
            name: "node\(index)", listen: .init(host: "127.0.0.1", port: 0), bootstrap: [], profile: .loopback,
            data: .init(train: rows, evaluation: rows, label: "label", type: "points"),
            miner: .init(isEnabled: true, joinsByItself: true, bond: 1_000), voting: .automatic,
            socket: home.apiSocket, logLevel: .error, logFormat: .text,
            debug: .init(keepsOwnUpdates: false, killAggregator: nil, dropMiner: nil))
        var logger = Logger(label: "node\(index)")
        logger.logLevel = .critical
        do {
            let node = try Node(configuration: configuration, home: home, logger: logger, environment: environment)
            members[index].node = node
            members[index].executor = executor
            members[index].links = links
            let mesh = self
            Task {
                do { _ = try await node.start() } catch {
                    mesh.checks.report("a node starts", mesh.schedule.time, "node \(index): \(error)")
                }
                await node.run()
            }
        } catch {
            checks.report(
                "a node starts from its own files", schedule.time,
                "node \(index), life \(members[index].life): \(error)")
        }
    }

    /// Ends a node's process and keeps its files as they are now; it starts from them again.
    private func kill(_ index: Int, restartAfter: UInt64) {
        guard let executor = members[index].executor, let links = members[index].links else { return }
        executor.kill()
        network.leave(links)
        schedule.trace.mix(UInt64(0xdead) << 16 | UInt64(index))
        crashes += 1
        members[index].node = nil
        members[index].executor = nil
        members[index].links = nil
        members[index].life += 1
        // The dead process still holds the old files in memory: the new one gets a copy of what is on disk.
        let old = members[index].home.path
        let new = folder + "/node\(index)-\(members[index].life)"
        do {
            try FileManager.default.copyItem(atPath: old, toPath: new)
            members[index].home = try HomeDirectory.open(at: new)
            if settings.plantsAmnesia {
                for ending in ["", "-wal", "-shm"] {
                    try? FileManager.default.removeItem(atPath: members[index].home.durableDatabase + ending)
                }
                // Beside a chain none is made: it is put aside meanwhile.
                let chain = members[index].home.chainDatabase
                try FileManager.default.moveItem(atPath: chain, toPath: chain + ".aside")
                _ = try DurableStore(
                    path: members[index].home.durableDatabase, owner: members[index].id, opening: .createIfMissing)
                try FileManager.default.moveItem(atPath: chain + ".aside", toPath: chain)
            }
        } catch {
            checks.report("a node starts from its own files", schedule.time, "node \(index): \(error)")
            return
        }
        schedule.at(schedule.time + restartAfter, on: nil) { [self] in start(index) }
    }

    private func plan() {
        for index in members.indices {
            schedule.at(schedule.draw { $0.within(0...100_000) }, on: nil) { [self] in start(index) }
        }
        schedule.at(600_000, on: nil) { [self] in publish() }
        for _ in 0..<settings.crashes {
            let index = schedule.draw { $0.below(settings.nodes) }
            let moment = schedule.draw { $0.within(1_500_000...settings.healAt) }
            let pause = schedule.draw { $0.within(100_000...4_000_000) }
            schedule.at(moment, on: nil) { [self] in kill(index, restartAfter: pause) }
        }
        for _ in 0..<3 {
            let one = schedule.draw { $0.below(settings.nodes) }
            let other = schedule.draw { $0.below(settings.nodes) }
            guard one != other else { continue }
            schedule.at(schedule.draw { $0.within(1_000_000...settings.healAt) }, on: nil) { [self] in
                network.breakLink(one, other)
            }
        }
        schedule.at(settings.healAt, on: nil) { [self] in network.hasFaults = false }
    }

    /// Again until the registry has it: the first attempt may have died with its node.
    private func publish() {
        guard checks.registry.tasks.isEmpty, checks.registry.ended.isEmpty else { return }
        if let node = members[0].node {
            let prepared = prepared
            Task { _ = try? await node.publish(prepared, again: true, anyway: true) }
        }
        schedule.at(schedule.time + 3_000_000, on: nil) { [self] in publish() }
    }

    private var isFinished: Bool {
        guard let task = checks.task, task.isEnded else { return !checks.violations.isEmpty }
        return !checks.violations.isEmpty
            || members.indices.allSatisfy { checks.height($0, task.chain) == task.height && members[$0].node != nil }
    }

    // MARK: Run

    func run() -> NodeSimulation.Report {
        network.observe = { [self] node, bytes in checks.sends(node, bytes, time: schedule.time) }
        plan()
        let isDone = schedule.run(until: settings.horizon) { isFinished }
        let time = schedule.time
        var outcome = "unfinished: no task was opened"
        if let task = checks.task {
            outcome =
                switch task.phase {
                case .ended(.complete): "completed"
                case .ended(let other): "\(other)"
                default: "unfinished: round \(task.round) attempt \(task.attempt), height \(task.height)"
                }
        }
        if !isDone {
            let heights = members.indices.map { index in
                "\(checks.height(index, checks.registry.chain))/\(checks.task.map { checks.height(index, $0.chain) } ?? 0)"
            }
            checks.report("every task ends", time, "heights of registry and task by node: \(heights)")
        }
        let report = NodeSimulation.Report(
            seed: settings.seed, violations: checks.violations, outcome: outcome, traceHash: schedule.trace.value,
            steps: schedule.steps, virtualTime: time, crashes: crashes, frames: network.frames,
            lostFrames: network.lost, registryHeight: checks.registry.height, taskHeight: checks.task?.height ?? 0,
            results: checks.results, voids: checks.voids)
        stop()
        return report
    }

    /// An orderly end: files are closed, what waits is let go.
    private func stop() {
        network.observe = { _, _ in }
        let left = Countdown(members.compactMap(\.node).count)
        for member in members {
            guard let node = member.node else { continue }
            Task {
                await node.stop()
                left.count -= 1
            }
        }
        _ = schedule.run(until: schedule.time + 5_000_000) { left.count == 0 }
        members = []
    }

    private final class Countdown: @unchecked Sendable {
        var count: Int
        init(_ count: Int) { self.count = count }
    }
}
