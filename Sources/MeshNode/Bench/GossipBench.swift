internal import Chain
internal import Foundation
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// Times the mesh below the chains over real sockets of this machine, many nodes in one process.
public struct GossipBench: Sendable {
    /// A figure has a name with its unit and a value.
    public struct Row: Sendable {
        public let name: String
        public let figures: [(name: String, value: Double)]

        public var json: String {
            "{\"name\":\"\(name)\"" + figures.map { ",\"\($0.name)\":\(Self.text($0.value))" }.joined() + "}"
        }
        public var text: String {
            name + "  " + figures.map { "\($0.name) \(Self.text($0.value))" }.joined(separator: "  ")
        }

        static func text(_ value: Double) -> String {
            value.isFinite ? "\((value * 1_000).rounded() / 1_000)" : "null"
        }
    }

    public static let names = [
        "idle", "join", "broadcast", "bulk", "ingest_20", "vote_beside_bulk", "hostile",
    ]

    private let nodes: Int
    private let only: Set<String>
    private let directory: String
    let origin = ContinuousClock.now

    /// - Parameters:
    ///   - nodes: of the rows join and broadcast.
    ///   - directory: for contents; the rows write about 400 MB there and remove them.
    public init(nodes: Int, only: Set<String>, directory: String) {
        self.nodes = nodes
        self.only = only
        self.directory = directory
    }

    public func run(_ each: (Row) -> Void) async throws {
        func wants(_ name: String) -> Bool { only.isEmpty || only.contains(name) }
        if wants("idle") { each(try await idle()) }
        if wants("join") || wants("broadcast") { for row in try await mesh() where wants(row.0) { each(row.1) } }
        if wants("bulk") { each(try await bulk()) }
        if wants("ingest_20") { each(try await ingest()) }
        if wants("vote_beside_bulk") { each(try await voteBesideBulk()) }
        if wants("hostile") { each(try await hostile()) }
    }

    // MARK: Rows

    private func idle() async throws -> Row {
        let alone = try await idleNode()
        let first = BenchNode(origin: origin)
        let address = try await first.start()
        let before = Self.residentMiB()
        var others: [BenchNode] = []
        for _ in 0..<20 {
            let node = BenchNode(origin: origin)
            _ = try await node.start(joining: address)
            others.append(node)
        }
        try await until("20 nodes link with one") { await first.transport.linkedNodes().count == 20 }
        try await Task.sleep(for: .seconds(2))
        var ends = 0
        for node in [first] + others { ends += await node.transport.linkedNodes().count }
        let grown = Self.residentMiB() - before
        for node in [first] + others { await node.stop() }
        return Row(
            name: "idle",
            figures: [
                ("rss_mib", alone), ("kib_per_link", grown * 1_024 / Double(max(1, ends))), ("link_ends", Double(ends)),
            ])
    }

    /// Resident memory of this process while a whole node, with databases and API, has nothing to do.
    private func idleNode() async throws -> Double {
        defer { removeStores() }
        let home = try HomeDirectory.create(at: directory)
        let identity = try home.createIdentity()
        let node = identity.signingKey().nodeID
        let genesis = Genesis(
            name: "bench", timeMs: 1,
            accounts: [
                KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())
                    .account(balance: 1, bond: 1)
            ],
            parameters: .init(
                electionProofBytes: 80, proposeMs: 1_000, voteMs: 300, settleMs: 60_000, evidenceMs: 60_000))
        try home.createDatabases(owner: node).storeGenesis(genesis.wireBytes)
        let flags = [
            "listen.host": "127.0.0.1", "listen.port": "0", "mesh.profile": "loopback", "log.level": "error",
        ]
        let configuration = try ConfigurationLoader(home: home, environment: [:], flags: flags).load().configuration
        let running = Task { try await NodeRuntime().run(configuration, home: home) }
        let client = APIClient(socket: home.apiSocket)
        try await until("a node answers") { await client.isAnswering }
        try await Task.sleep(for: .seconds(3))
        let resident = Self.residentMiB()
        _ = try await client.post("/v1/shutdown", as: Receipt.self)
        try await running.value
        return resident
    }

    private func mesh() async throws -> [(String, Row)] {
        let before = Self.residentMiB()
        let began = ContinuousClock.now
        let first = BenchNode(origin: origin)
        let address = try await first.start()
        // All at once: one after another, a busy machine's scheduler would be what is measured.
        let all = try await withThrowingTaskGroup(of: BenchNode.self) { group in
            for _ in 1..<nodes {
                group.addTask { [origin] in
                    let node = BenchNode(origin: origin)
                    _ = try await node.start(joining: address)
                    return node
                }
            }
            var all = [first]
            for try await node in group { all.append(node) }
            return all
        }
        try await until("\(nodes) nodes know each other and have a mesh") { [nodes] in
            for node in all {
                guard await node.transport.knownRecords().count >= nodes - 1, await node.meshSize >= min(4, nodes - 1)
                else { return false }
            }
            return true
        }
        let joined = Self.seconds(since: began)
        let each = (Self.residentMiB() - before) / Double(nodes)
        let join = Row(name: "join_\(nodes)", figures: [("seconds", joined), ("rss_mib_per_node", each)])
        guard only.isEmpty || only.contains("broadcast") else {
            await Self.stop(all)
            return [("join", join)]
        }
        try await Task.sleep(for: .seconds(3))
        var waits: [Double] = []
        var missed = 0
        let copiesBefore = await Self.sum(all) { await $0.copies }
        var sent: [(id: MessageID, at: Duration, source: Int)] = []
        for number in 0..<60 {
            let source = number % 5 * (nodes / 5)
            let message = await all[source].publish()
            sent.append((message.id, message.at, source))
            try await Task.sleep(for: .milliseconds(150))
        }
        try await Task.sleep(for: .seconds(3))
        for message in sent {
            for (index, node) in all.enumerated() where index != message.source {
                if let at = await node.arrival(of: message.id) {
                    waits.append((at - message.at) / .milliseconds(1))
                } else {
                    missed += 1
                }
            }
        }
        let copies = await Self.sum(all) { await $0.copies } - copiesBefore
        await Self.stop(all)
        return [
            ("join", join),
            (
                "broadcast",
                Row(
                    name: "broadcast_\(nodes)",
                    figures: [
                        ("p50_ms", Self.percentile(waits, 0.5)), ("p99_ms", Self.percentile(waits, 0.99)),
                        ("copies_per_delivery", Double(copies) / Double(max(1, waits.count))),
                        ("missed", Double(missed)),
                    ])
            ),
        ]
    }

    private func bulk() async throws -> Row {
        let (sender, receiver, ids) = try await pair(contents: 1, bytes: 128 << 20)
        let began = ContinuousClock.now
        await receiver.fetch(ids[0], length: 128 << 20, from: sender.id)
        let seconds = Self.seconds(since: began)
        await Self.stop([sender, receiver])
        removeStores()
        return Row(name: "bulk", figures: [("mb_per_s", Double(128 << 20) / 1e6 / seconds)])
    }

    private func ingest() async throws -> Row {
        let length: UInt64 = 3_200_000
        let collector = BenchNode(origin: origin, store: try store("collector"))
        let address = try await collector.start()
        var miners: [(node: BenchNode, content: ContentID)] = []
        for number in 0..<20 {
            let own = try store("miner-\(number)")
            let content = try own.put(Self.noise(Int(length), UInt64(number)), kind: .submission)
            let node = BenchNode(origin: origin, store: own)
            _ = try await node.start(joining: address)
            miners.append((node, content))
        }
        try await until("20 nodes link with one") { await collector.transport.linkedNodes().count == 20 }
        let began = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for miner in miners {
                group.addTask { await collector.fetch(miner.content, length: length, from: miner.node.id) }
            }
        }
        let seconds = Self.seconds(since: began)
        await Self.stop([collector] + miners.map(\.node))
        removeStores()
        return Row(name: "ingest_20", figures: [("seconds", seconds)])
    }

    private func voteBesideBulk() async throws -> Row {
        let (sender, receiver, ids) = try await pair(contents: 4, bytes: 64 << 20)
        let fetching = Task {
            for id in ids { await receiver.fetch(id, length: 64 << 20, from: sender.id) }
        }
        var sent: [Duration] = []
        for number in 0..<200 {
            sent.append(await sender.ping(UInt64(number), to: receiver.id))
            try await Task.sleep(for: .milliseconds(5))
        }
        await fetching.value
        try await Task.sleep(for: .milliseconds(200))
        let arrivals = await receiver.directArrivals()
        let waits = sent.indices.compactMap { index in
            arrivals[UInt64(index)].map { ($0 - sent[index]) / .milliseconds(1) }
        }
        await Self.stop([sender, receiver])
        removeStores()
        return Row(
            name: "vote_beside_bulk",
            figures: [
                ("p50_ms", Self.percentile(waits, 0.5)), ("p99_ms", Self.percentile(waits, 0.99)),
                ("missed", Double(sent.count - waits.count)),
            ])
    }

    // MARK: Means

    private func pair(contents: Int, bytes: Int) async throws -> (BenchNode, BenchNode, [ContentID]) {
        let own = try store("sender")
        let ids = try (0..<contents).map { try own.put(Self.noise(bytes, UInt64($0)), kind: .other) }
        let sender = BenchNode(origin: origin, store: own)
        let receiver = BenchNode(origin: origin, store: try store("receiver"))
        _ = try await receiver.start(joining: try await sender.start())
        try await until("two nodes link") { await receiver.transport.linkedNodes() == [sender.id] }
        return (sender, receiver, ids)
    }

    private func store(_ name: String) throws -> ContentStore {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return try ContentStore(directory: directory + "/" + name)
    }

    private func removeStores() { try? FileManager.default.removeItem(atPath: directory) }

    /// - Throws: after five minutes, with what did not happen.
    func until(_ what: String, _ condition: @Sendable () async -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(300)
        while !(await condition()) {
            guard ContinuousClock.now < end else { throw GossipBenchError(description: "not within 300 s: \(what)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    static func stop(_ nodes: [BenchNode]) async {
        await withTaskGroup(of: Void.self) { group in for node in nodes { group.addTask { await node.stop() } } }
    }

    static func sum(_ nodes: [BenchNode], _ value: (BenchNode) async -> Int) async -> Int {
        var total = 0
        for node in nodes { total += await value(node) }
        return total
    }

    static func seconds(since start: ContinuousClock.Instant) -> Double { (ContinuousClock.now - start) / .seconds(1) }

    static func percentile(_ values: [Double], _ share: Double) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    /// As incompressible as ciphertext.
    static func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var generator = MeshGenerator(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }

    static func residentMiB() -> Double {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return .nan }
        return pages * 4_096 / 1_048_576
    }
}

public struct GossipBenchError: Error, CustomStringConvertible {
    public let description: String
}
