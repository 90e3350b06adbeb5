internal import Chain
internal import Foundation
internal import Logging
internal import MeshCrypto
internal import Wire

/// Times the chains: whole nodes in one process, with real sockets and SQLite files, and the replay of a long chain.
public struct ChainBench: Sendable {
    public typealias Row = GossipBench.Row

    public static let names = ["decision", "failover", "messages", "replay_1000", "registry_10000"]

    private let nodes: Int
    private let decisions: Int
    private let only: Set<String>
    private let directory: String

    /// - Parameters:
    ///   - nodes: voters of the rows decision and failover.
    ///   - decisions: heights that are timed for decision.
    ///   - directory: for homes; it is removed again.
    public init(nodes: Int, decisions: Int, only: Set<String>, directory: String) {
        self.nodes = nodes
        self.decisions = decisions
        self.only = only
        self.directory = directory
    }

    public func run(_ each: (Row) -> Void) async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func wants(_ name: String) -> Bool { only.isEmpty || only.contains(name) }
        if wants("decision") { each(try await decision()) }
        if wants("failover") { each(try await failover()) }
        if wants("messages") { for row in try await messages() { each(row) } }
        if wants("replay_1000") { for row in try replay() { each(row) } }
        if wants("registry_10000") { each(try Self.registry(accounts: 10_000)) }
    }

    // MARK: Rows

    /// From a transfer at one node to its durable block at that node, and at all nodes, one height after another.
    private func decision() async throws -> Row {
        let cluster = try await BenchCluster.start(nodes, in: directory + "/decision")
        for number in 0..<5 { _ = try await cluster.decide(from: number) }
        var own: [Double] = []
        var all: [Double] = []
        for number in 0..<decisions {
            let times = try await cluster.decide(from: number % nodes)
            own.append(times.own)
            all.append(times.last)
        }
        await cluster.stop()
        return Row(
            name: "decision",
            figures: [
                ("p50_ms", GossipBench.percentile(own, 0.5)), ("p99_ms", GossipBench.percentile(own, 0.99)),
                ("all_p50_ms", GossipBench.percentile(all, 0.5)), ("all_p99_ms", GossipBench.percentile(all, 0.99)),
                ("nodes", Double(nodes)), ("heights", Double(decisions)),
            ])
    }

    /// One node falls silent with its links up. Heights that it should have proposed first are decided by its successor.
    private func failover() async throws -> Row {
        let cluster = try await BenchCluster.start(nodes, in: directory + "/failover")
        for number in 0..<5 { _ = try await cluster.decide(from: number) }
        let silent = await cluster.nextProposer()
        await cluster.silence(silent)
        var waits: [Double] = []
        for number in 0..<(8 * nodes) where waits.count < 8 {
            let isFirst = await cluster.nextProposer() == silent
            let from = number % nodes == silent ? (silent + 1) % nodes : number % nodes
            let times = try await cluster.decide(from: from)
            if isFirst { waits.append(times.last / 1_000) }
        }
        await cluster.stop()
        return Row(
            name: "failover",
            figures: [
                ("seconds", waits.max() ?? .nan), ("median_seconds", GossipBench.percentile(waits, 0.5)),
                ("propose_timeout_seconds", Double(BenchCluster.proposeMs) / 1_000), ("samples", Double(waits.count)),
            ])
    }

    /// What one decision costs in messages, and how that grows with the number of voters.
    private func messages() async throws -> [Row] {
        var rows: [Row] = []
        var sizes: [(nodes: Int, signed: Double, copies: Double)] = []
        let heights = 30
        for count in [4, 8, 16] {
            let cluster = try await BenchCluster.start(count, in: directory + "/messages-\(count)")
            for number in 0..<3 { _ = try await cluster.decide(from: number) }
            let before = await cluster.gossiped()
            for number in 0..<heights { _ = try await cluster.decide(from: number % count) }
            let after = await cluster.gossiped()
            await cluster.stop()
            let signed = Double(after.signed - before.signed) / Double(heights)
            let copies = Double(after.copies - before.copies) / Double(heights)
            sizes.append((count, signed, copies))
            rows.append(
                Row(
                    name: "messages_\(count)",
                    figures: [
                        ("signed_per_decision", signed), ("sent_per_decision", copies),
                        ("sent_per_decision_and_node", copies / Double(count)),
                    ]))
        }
        let (first, last) = (sizes[0], sizes[sizes.count - 1])
        // n² of all-to-all votes would be 2; each node passing each message to a bounded number of peers is below.
        func exponent(_ a: Double, _ b: Double) -> Double {
            log(b / a) / log(Double(last.nodes) / Double(first.nodes))
        }
        rows.append(
            Row(
                name: "messages_growth",
                figures: [
                    ("signed_exponent", exponent(first.signed, last.signed)),
                    ("sent_exponent", exponent(first.copies, last.copies)),
                ]))
        return rows
    }

    /// 1,000 heights with the certificates of 20 voters: what `chain verify` does, and what a node does when it starts.
    private func replay() throws -> [Row] {
        let heights = 1_000
        let home = try BenchChain.write(heights: heights, voters: 20, in: directory + "/replay")
        var began = ContinuousClock.now
        let report = try HomeVerifier().verify(home: home, isFull: false) { _ in }
        let verified = GossipBench.seconds(since: began)
        guard report.failures.isEmpty, report.chains.first?.blocks == UInt64(heights) else {
            throw GossipBenchError(description: "the chain that was made does not verify: \(report.failures)")
        }
        began = ContinuousClock.now
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let replayed = try ChainReplay(store: store, genesis: try Genesis.read(bytes))
        let started = GossipBench.seconds(since: began)
        guard replayed.registry.height == UInt64(heights) else {
            throw GossipBenchError(description: "the replay ended at height \(replayed.registry.height)")
        }
        return [
            Row(
                name: "replay_1000", figures: [("seconds", verified), ("start_seconds", started), ("voters", 20)])
        ]
    }
}

/// Whole nodes of one registry in this process.
actor BenchCluster {
    static let proposeMs: UInt32 = 1_000

    private let nodes: [Node]
    private var silent: Set<Int> = []
    private var tasks: [Task<Void, Never>] = []

    private init(_ nodes: [Node]) { self.nodes = nodes }

    static func start(_ count: Int, in directory: String) async throws -> BenchCluster {
        var homes: [HomeDirectory] = []
        var accounts: [Genesis.Account] = []
        for number in 0..<count {
            let home = try HomeDirectory.create(at: directory + "/node\(number)")
            let identity = try home.createIdentity()
            homes.append(home)
            accounts.append(
                KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())
                    .account(balance: 1_000_000, bond: 1_000))
        }
        let genesis = Genesis(
            name: "bench", timeMs: UInt64(Date().timeIntervalSince1970 * 1_000),
            accounts: accounts.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: UInt8(Election.proofBytes), proposeMs: proposeMs, voteMs: 300, settleMs: 300,
                evidenceMs: 300, epochMs: 300))
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        var nodes: [Node] = []
        var ticket: String?
        var running: [Task<Void, Never>] = []
        for home in homes {
            try home.createDatabases(owner: try home.loadIdentity().signingKey().nodeID).storeGenesis(genesis.wireBytes)
            var flags = ["mesh.profile": "loopback", "listen.host": "127.0.0.1", "listen.port": "0"]
            if let ticket { flags["mesh.bootstrap"] = ticket }
            let configuration = try ConfigurationLoader(home: home, environment: [:], flags: flags).load().configuration
            let node = try Node(configuration: configuration, home: home, logger: logger)
            _ = try await node.start()
            running.append(Task { await node.run() })
            if ticket == nil { ticket = try await node.ticket().ticket }
            nodes.append(node)
        }
        let cluster = BenchCluster(nodes)
        await cluster.keep(running)
        // Every node has links to enough others that each message has two ways.
        let end = ContinuousClock.now + .seconds(120)
        for node in nodes {
            while await node.linked.count < min(count - 1, 6) {
                guard ContinuousClock.now < end else {
                    throw GossipBenchError(description: "\(count) nodes do not link within 120 s")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        return cluster
    }

    private func keep(_ running: [Task<Void, Never>]) { tasks = running }

    func stop() async {
        for node in nodes {
            await node.stop()
            // A silent one takes no orders any more.
            await node.transport.shutdown()
        }
        for task in tasks { await task.value }
    }

    /// It handles nothing and sends nothing any more; its links stay.
    func silence(_ index: Int) async {
        silent.insert(index)
        await nodes[index].fallSilent()
    }

    func nextProposer() async -> Int {
        let node = nodes[silent.contains(0) ? 1 : 0]
        let next = await node.nextProposer
        return nodes.firstIndex { $0.nodeID == next } ?? 0
    }

    func gossiped() async -> (signed: UInt64, copies: UInt64) {
        var sum = (signed: UInt64(0), copies: UInt64(0))
        for node in nodes {
            let one = await node.gossiped
            sum.signed += one.signed
            sum.copies += one.copies
        }
        return sum
    }

    /// Sends one transfer and waits until every node that still speaks has its block on disk.
    ///
    /// - Returns: milliseconds until the sender has it, and until the last one has.
    func decide(from index: Int) async throws -> (own: Double, last: Double) {
        let speaking = nodes.indices.filter { !silent.contains($0) }
        let height = await nodes[index].registryHeight + 1
        // All are at the same height, so that one decision is timed and not a rest of the one before.
        for other in speaking { await nodes[other].reached(height - 1) }
        let began = ContinuousClock.now
        _ = try await nodes[index].transfer(1, to: nodes[(index + 1) % nodes.count].nodeID, again: true)
        return await withTaskGroup(of: (Int, Double).self) { group in
            for other in speaking {
                let node = nodes[other]
                group.addTask {
                    await node.reached(height)
                    return (other, (ContinuousClock.now - began) / .milliseconds(1))
                }
            }
            var times = (own: 0.0, last: 0.0)
            for await (other, time) in group {
                if other == index { times.own = time }
                times.last = max(times.last, time)
            }
            return times
        }
    }
}

extension Node {
    var registryHeight: UInt64 { registry.state.height }
    var nextProposer: NodeID { registry.state.nextProposers[0] }

    func fallSilent() { isStopped = true }

    /// Returns when the registry's block of this height is stored here: waits for this node's own events.
    nonisolated func reached(_ height: UInt64) async {
        while await registryHeight < height {
            let last = events.last
            // What was decided between the two lines has made an event that is not waited for.
            guard await registryHeight < height else { return }
            _ = await events.next(after: last, limit: 1)
        }
    }
}

/// A registry chain made by all of its voters at once.
enum BenchChain {
    static func write(heights: Int, voters: Int, in directory: String) throws -> HomeDirectory {
        let home = try HomeDirectory.create(at: directory)
        var keys: [SigningKey] = []
        for _ in 0..<voters { keys.append(SigningKey.generate()) }
        keys.sort { $0.nodeID < $1.nodeID }
        let election = keys.map { _ in RistrettoKey.generate() }
        let genesis = Genesis(
            name: "replay", timeMs: 1_000,
            accounts: keys.indices.map {
                KeyRules.member(key: keys[$0], electionKey: election[$0]).account(balance: 1_000_000, bond: 1_000)
            },
            parameters: .init(electionProofBytes: UInt8(Election.proofBytes), proposeMs: 1_000, voteMs: 300))
        let store = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
        try store.storeGenesis(genesis.wireBytes)
        var state = RegistryState(genesis: genesis)
        try store.store([.chain(ChainRecord(id: state.chain, kind: 0))])
        for number in 0..<heights {
            let author = state.nextProposers[0]
            guard let place = keys.firstIndex(where: { $0.nodeID == author }) else { continue }
            let payer = keys[number % voters]
            let transfer = Envelope.signed(
                Transaction.transfer(to: keys[(number + 1) % voters].nodeID, credits: 1).wireBytes,
                slot: Slot(
                    kind: .transaction, chain: state.chain, major: state.accounts[payer.nodeID]?.nonce ?? 0, minor: 0),
                network: state.network, by: payer)
            guard
                let built = RegistryRules.build(
                    pending: [transfer], state: state, author: author, view: 0,
                    timeMs: 2_000 + UInt64(number) * 1_000, electionKey: election[place])
            else { throw GossipBenchError(description: "height \(number + 1) has no valid block") }
            let header = built.header
            let payload = Vote(block: header.id).wireBytes
            let slot = Slot(kind: .precommit, chain: state.chain, major: header.height, minor: 0)
            let certificate = Certificate(
                chain: state.chain, height: header.height, view: 0, block: header.id,
                precommits: keys.indices.map { index in
                    .init(
                        voter: UInt8(index),
                        signature: Envelope.signed(payload, slot: slot, network: state.network, by: keys[index])
                            .signature)
                })
            state = try RegistryRules.check(header: header, body: built.body, state: state)
            try store.append(
                block: StoredBlock(
                    chain: state.chain, height: header.height, id: header.id, header: header.wireBytes,
                    body: .inline(built.body), certificate: certificate.wireBytes, timeStored: header.timeMs))
        }
        return home
    }
}
