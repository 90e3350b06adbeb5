internal import Gossip
internal import MeshCrypto
internal import Wire

/// Layer A of the network: the pure machines of many nodes in one thread, under virtual time in microseconds.
///
/// Everything follows from the seed: latencies, links, losses, sources. The shell here does what `Node` and
/// `MeshTransport` do over sockets: it feeds inputs, performs directives, and sends digests to neighbours.
public struct NetworkSimulation {
    let scenario: NetworkScenario
    var random: SimulationRandom
    var nodes: [NetworkNode] = []
    var positions: [NodeID: Int] = [:]
    var queue = EventQueue<NetworkEvent>()
    var trace = TraceHash()
    var now: UInt64 = 0
    var end: UInt64 = 0
    var isPartitioned = false
    var report: NetworkReport

    let topic = ChainID([UInt8](repeating: 7, count: 32))
    var messages: [TopicMessage] = []
    var indices: [MessageID: Int] = [:]
    var publishedAt: [UInt64] = []
    var sources: [Int] = []
    var lastHop: [Int] = []
    var waits: [UInt64] = []
    /// Of messages sent or delivered while parts were cut off: they wait for the healing, not for the gossip.
    var copies = 0
    var frames = 0
    var bytes = 0
    var crashed: Int?
    var deadTo: Set<Int> = []
    var healedAt: UInt64?
    var contentDone = 0
    let content: [UInt8]
    let contentManifest: ContentManifest

    /// Runs one scenario to its end.
    public static func run(_ scenario: NetworkScenario) -> NetworkReport {
        var simulation = NetworkSimulation(scenario)
        simulation.run()
        return simulation.report
    }

    init(_ scenario: NetworkScenario) {
        self.scenario = scenario
        random = SimulationRandom(seed: scenario.seed)
        if scenario.planted == .unseeded {
            // The standard library's hashing is seeded anew in each process, as the order of its sets is.
            random = SimulationRandom(seed: UInt64(bitPattern: Int64(Hasher().finalize())))
        }
        report = NetworkReport(seed: scenario.seed, nodes: scenario.nodes)
        var state = scenario.seed
        content = (0..<scenario.contentBytes).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        contentManifest = ContentManifest(of: content, kind: .model)
        makeNodes()
        makeLinks()
        makeMessages()
    }

    var time: Duration { .microseconds(Int64(now)) }
    var heartbeat: Duration { TopicSettings(profile: scenario.profile).heartbeat }
    var heartbeatMicros: UInt64 { UInt64(heartbeat / .microseconds(1)) }
    /// As the transport ticks.
    var tickMicros: UInt64 { scenario.profile == .loopback ? 50_000 : 200_000 }

    // MARK: Making the world

    private mutating func makeNodes() {
        for index in 0..<scenario.nodes {
            var id = NodeID((0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            var membership: MembershipState?
            if scenario.runsMembership {
                let seed = (0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? index >> (8 * $0) : 1) }
                guard let identity = try? SigningKey(seed: SecretBytes(seed)),
                    let address = try? PeerAddress(host: "10.0.0.1", port: UInt16(clamping: index + 1))
                else { preconditionFailure("a key of 32 bytes and a literal address are valid") }
                id = identity.nodeID
                let record = NodeRecord(
                    incarnation: 1, addresses: [address], datagramKey: .zero, capabilities: 0, signedWith: identity)
                var settings = MembershipSettings(profile: scenario.profile)
                if scenario.planted == .noSuspicion { settings.suspicionMultiplier = 0 }
                membership = MembershipState(
                    own: record, identity: identity, settings: settings, seed: random.next(), now: .zero)
            }
            var node = NetworkNode(
                id: id,
                topics: TopicMesh(
                    own: id, settings: TopicSettings(profile: scenario.profile), seed: random.next(), now: .zero),
                membership: membership,
                exchange: ContentExchange(settings: scenario.profile == .loopback ? .loopback : ContentSettings()))
            node.has = [UInt64](repeating: 0, count: (scenario.messages + 63) / 64)
            positions[id] = index
            nodes.append(node)
        }
        // Everybody has an account: these networks have no chain that could say otherwise.
        let standing = Standing(accounts: Set(nodes.map(\.id)))
        for index in nodes.indices { feedMembership(index, .standing(standing)) }
        let lots = random.shuffled(Array(0..<scenario.nodes))
        sources = Array(lots.prefix(max(1, min(scenario.sources, scenario.nodes))))
        let others = lots.dropFirst(sources.count)
        for index in others.prefix(scenario.nodes * scenario.silentPercent / 100) { nodes[index].isSilent = true }
        for index in others.suffix(scenario.busy) { nodes[index].stall = scenario.busyStall }
        crashed = scenario.crashAt == nil ? nil : others.first { nodes[$0].stall == 0 && !nodes[$0].isSilent }
    }

    private mutating func makeLinks() {
        let each = max(1, min(scenario.links / 2, scenario.nodes - 1))
        for index in nodes.indices {
            var missing = each
            for _ in 0..<(20 * each) where missing > 0 {
                let other = random.below(scenario.nodes)
                guard other != index, !nodes[index].links.contains(other) else { continue }
                nodes[index].links.append(other)
                nodes[index].dialled.insert(other)
                nodes[other].links.append(index)
                missing -= 1
            }
        }
        for index in nodes.indices { nodes[index].links.sort() }
        for index in nodes.indices {
            // Links come up over the first second.
            feed(index, .join(topic))
            queue.push(.tick(index), at: random.within(1...tickMicros))
            queue.push(.heartbeat(index), at: random.within(1...heartbeatMicros))
        }
        for index in nodes.indices {
            for other in nodes[index].links {
                feed(index, .linked(nodes[other].id, outbound: nodes[index].dialled.contains(other)))
                feedMembership(index, .linkUp(nodes[other].id))
            }
        }
    }

    private mutating func makeMessages() {
        for number in 0..<scenario.messages {
            var body = [UInt8](repeating: 0, count: max(16, scenario.messageBytes))
            for index in 0..<8 { body[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
            let id = MessageID(blake2b(body))
            indices[id] = number
            messages.append(TopicMessage(id: id, topic: topic, bytes: body, isUrgent: true))
            queue.push(.publish(number), at: scenario.start + UInt64(number) * scenario.interval)
        }
        publishedAt = [UInt64](repeating: 0, count: scenario.messages)
        lastHop = [Int](repeating: 0, count: scenario.messages)
        let last = scenario.start + UInt64(scenario.messages) * scenario.interval
        end = last + scenario.tail
        if let partition = scenario.partition {
            queue.push(.partition(true), at: partition.lowerBound)
            queue.push(.partition(false), at: partition.upperBound)
            end = max(end, partition.upperBound + scenario.tail)
        }
        if let crash = scenario.crashAt, let crashed {
            queue.push(.crash(crashed), at: crash)
            end = max(end, crash + 70_000_000)
        }
        if scenario.invented > 0 { queue.push(.invent(sources.last ?? 0), at: scenario.inventedAt) }
    }

    // MARK: Running

    mutating func run() {
        if scenario.contentBytes > 0 { startContent() }
        queue.push(.check, at: heartbeatMicros)
        while let (time, event) = queue.pop(), time <= end {
            now = time
            report.events += 1
            handle(event)
        }
        summarise()
    }

    private mutating func handle(_ event: NetworkEvent) {
        switch event {
        case .deliver(let from, let to, let packet): deliver(from, to, packet)
        case .tick(let index):
            guard !nodes[index].isDown else { return }
            if isStalled(index, event) { return }
            if scenario.planted != .noProbes { feedMembership(index, .tick) }
            queue.push(.tick(index), at: now + tickMicros)
        case .wake(let index):
            guard !nodes[index].isDown else { return }
            if isStalled(index, event) { return }
            feed(index, .tick)
        case .contentTimer(let index): feedContent(index, .timer)
        case .heartbeat(let index):
            guard !nodes[index].isDown else { return }
            if isStalled(index, event) { return }
            sendDigest(index)
            queue.push(.heartbeat(index), at: now + heartbeatMicros)
        case .publish(let number):
            let source = sources[number % sources.count]
            publishedAt[number] = now
            report.published += 1
            mark(source, number)
            nodes[source].hops[messages[number].id] = 0
            feed(source, .publish(messages[number]))
        case .judged(let index, let id, let hop): judged(index, id, hop)
        case .partition(let cut):
            isPartitioned = cut
            if !cut { healedAt = now }
        case .crash(let index): nodes[index].isDown = true
        case .invent(let index): tellOfInvented(index)
        case .check:
            checkHealing()
            queue.push(.check, at: now + heartbeatMicros / 4)
        }
    }

    /// A node without a processor handles nothing: what comes waits until it gets one.
    private mutating func isStalled(_ index: Int, _ event: NetworkEvent) -> Bool {
        guard nodes[index].stall > 0 else { return false }
        if now >= nodes[index].stalledUntil {
            // Runs for a twentieth of the stall, then gets nothing.
            let period = nodes[index].stall
            if now % period < period / 20 { return false }
            nodes[index].stalledUntil = (now / period + 1) * period
        }
        queue.push(event, at: nodes[index].stalledUntil)
        return true
    }

    private mutating func deliver(_ from: Int, _ to: Int, _ packet: NetworkPacket) {
        guard !nodes[to].isDown else { return }
        if isStalled(to, .deliver(from: from, to: to, packet)) { return }
        trace.mix(now)
        trace.mix(UInt64(from) << 32 | UInt64(to))
        trace.mix(packet.size.kind)
        let sender = nodes[from].id
        switch packet {
        case .message(let message, let hop):
            copies += 1
            if nodes[to].hops[message.id] == nil, nodes[to].has.isSet(indices[message.id] ?? 0) == false {
                nodes[to].hops[message.id] = hop
            }
            feed(to, .message(message, from: sender))
        case .control(let control): feed(to, .control(control, from: sender))
        case .digest(let words): answer(words, of: from, by: to)
        case .content(let message): feedContent(to, .frame(from: sender, message))
        case .datagram(let message): feedMembership(to, .message(from: sender, message))
        case .records(let records):
            feedMembership(to, .records(from: sender, records))
            guard scenario.planted == .believesRecords else { return }
            for record in records where positions[record.node] == nil { feedMembership(to, .linkUp(record.node)) }
        case .recordsRequest: feedMembership(to, .recordsRequested(from: sender))
        case .linkPing: send(.linkPong, from: to, to: from)
        case .linkPong: feedMembership(to, .linkAnswered(sender))
        }
    }
}

extension [UInt64] {
    func isSet(_ bit: Int) -> Bool { self[bit / 64] >> UInt64(bit % 64) & 1 == 1 }
    mutating func set(_ bit: Int) { self[bit / 64] |= 1 << UInt64(bit % 64) }
}
