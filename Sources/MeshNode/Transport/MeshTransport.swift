public import Gossip
public import Logging
public import MeshCrypto
internal import NIOCore
internal import NIOPosix
public import Wire

/// The mesh's sockets: links over TCP, membership datagrams over UDP.
///
/// It decides nothing. `LinkTable` chooses connections, a `LinkMachine` each speaks over one, `MembershipState` keeps
/// records and statuses, `DatagramGate` guards the datagrams; this actor feeds them and performs their directives in
/// order. It runs on one event loop together with its channels, so bytes reach the state without a hop or a lock, and a
/// process that is busy elsewhere still answers probes.
///
/// `shutdown()` has to be called: the listening sockets keep the transport alive.
public actor MeshTransport {
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    /// What happens, in a bounded queue for one consumer.
    public nonisolated let events: TransportEvents
    public nonisolated let node: NodeID

    enum Phase {
        case new
        case starting
        case running
        case stopping
        case stopped
    }

    nonisolated let loop: any EventLoop
    nonisolated let mailbox: EventMailbox
    let configuration: TransportConfiguration
    let identity: SigningKey
    let logger: Logger
    let origin = ContinuousClock.now
    /// Of this process run, told in the handshake.
    let instance: UInt64
    let datagramKey = ExchangeKey()

    var phase = Phase.new
    var table: LinkTable
    var gate: DatagramGate
    /// From `start` on.
    var membership: MembershipState?
    var connections: [ConnectionID: Connection] = [:]
    var linked: [NodeID: LinkedPeer] = [:]
    var acceptedCount: UInt64 = 0
    var lingering = 0
    var server: (any Channel)?
    var datagrams: (any Channel)?
    var ticking: RepeatedTask?
    var listenAddress: PeerAddress?
    var advertised: [PeerAddress] = []
    var bootstrapAddresses: [(address: PeerAddress, expected: NodeID?)] = []
    var nextJoinAt: Duration = .zero
    var routes: [NodeID: SocketAddress] = [:]
    /// Answers of name servers, by address.
    var resolved = Bounded<NodeID, String, ResolvedName>(NodeTables.resolvedNames)
    var standing = Standing()
    var strangers: StrangersBudget
    var probeCount = 0
    var ticks = 0
    var totals = TransportCounters()
    var logBucket: TokenBucket
    var refusalNews = RefusalNews()

    public init(configuration: TransportConfiguration, identity: SigningKey, logger: Logger) {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        var configuration = configuration
        if let free = configuration.descriptors, configuration.links.fit(descriptors: free) {
            logger.warning(
                "the limit of open files allows \(configuration.links.dialledMax) dialled and \(configuration.links.acceptedMax) accepted links; raise it (ulimit -n) for more"
            )
        }
        self.configuration = configuration
        self.identity = identity
        self.logger = logger
        node = identity.nodeID
        var seed = MeshGenerator(seed: randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) })
        instance = seed.next()
        table = LinkTable(own: identity.nodeID, settings: configuration.links, seed: seed.next(), now: .zero)
        _ = table.handle(.allowOnly(configuration.allowed), now: .zero)
        gate = DatagramGate(
            own: identity.nodeID, network: configuration.network, key: datagramKey, cookieKey: randomBytes(32),
            now: .zero)
        strangers = StrangersBudget(bytesPerSecond: configuration.links.strangersBytesPerSecond, now: .zero)
        logBucket = TokenBucket(rate: 10, burst: 50, now: .zero)
        let relay = ResumeRelay()
        mailbox = EventMailbox(creditMax: configuration.inboundBytesMax) { node in
            loop.execute { relay.transport?.assumeIsolated { $0.resumeReading(node) } }
        }
        events = TransportEvents(mailbox: mailbox)
        relay.transport = self
    }

    var now: Duration { ContinuousClock.now - origin }

    // MARK: Start and stop

    /// Listens, and begins to dial what it knows.
    /// - Returns: where it listens; the port is the chosen one if 0 was asked for.
    public func start() async throws(TransportError) -> PeerAddress {
        guard phase == .new else { throw phase == .stopped || phase == .stopping ? .stopped : .alreadyStarted }
        phase = .starting
        do {
            let address = try await listen()
            phase = .running
            listenAddress = address
            advertised = try advertisedAddresses(address)
        } catch {
            await closeSockets()
            phase = .stopped
            mailbox.finish()
            throw error
        }
        let incarnation = UInt64(max(1, wallMilliseconds()))
        let own = NodeRecord(
            incarnation: incarnation, addresses: advertised, datagramKey: DatagramKey(datagramKey.publicKey),
            capabilities: configuration.capabilities, signedWith: identity)
        var seed = MeshGenerator(seed: instance)
        membership = MembershipState(
            own: own, identity: identity, settings: configuration.membership,
            recordsPerSecond: configuration.links.recordsPerSecond, seed: seed.next(), now: now)
        let tick: TimeAmount = configuration.profile == .loopback ? .milliseconds(50) : .milliseconds(200)
        ticking = loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [weak self] _ in
            self?.assumeIsolated { $0.tick() }
        }
        feedMembership(.standing(standing))
        feedMembership(.knownRecords(configuration.knownRecords))
        logger.info("listening", metadata: ["address": "\(listenAddress!)", "node": "\(node.short)"])
        return listenAddress!
    }

    /// Says goodbye on every link, then closes all sockets and ends `events`.
    public func shutdown() async {
        guard phase == .running else { return }
        phase = .stopping
        ticking?.cancel()
        for id in connections.keys.sorted() { feed(id, .close(.shutdown)) }
        // The peers' own goodbyes end the connections; those that stay silent get a second.
        let deadline = now + .seconds(1)
        while !connections.isEmpty, now < deadline {
            let loop = loop
            try? await loop.scheduleTask(in: .milliseconds(5)) {}.futureResult.get()
        }
        for id in connections.keys.sorted() { feed(id, .ended) }
        await closeSockets()
        phase = .stopped
        mailbox.finish()
        logger.info("stopped", metadata: ["node": "\(node.short)"])
    }

    func closeSockets() async {
        let open = [server, datagrams].compactMap { $0 }
        server = nil
        datagrams = nil
        for channel in open { try? await channel.close().get() }
    }

    // MARK: The node's side

    /// Queues one payload for a linked node.
    /// - Returns: false if the node is not linked, the payload exceeds `LinkLimits.payloadBytesMax`, or the lane is full
    ///   (bulk: `TransportEvent.drained` follows; control: the link is closed as a slow consumer).
    @discardableResult
    public func send(_ bytes: [UInt8], to node: NodeID, lane: Lane) -> Bool {
        guard bytes.count <= LinkLimits.payloadBytesMax, let peer = linked[node] else { return false }
        return enqueue(LinkFrame.payload(lane, bytes).bytes, lane: lane, peer: peer)
    }

    /// Sends one payload to every linked node but `except`; the number of queues that took it.
    @discardableResult
    public func broadcast(_ bytes: [UInt8], lane: Lane = .gossip, except: Set<NodeID> = []) -> Int {
        guard bytes.count <= LinkLimits.payloadBytesMax else { return 0 }
        let frame = LinkFrame.payload(lane, bytes).bytes
        var count = 0
        for node in linked.keys.sorted() where !except.contains(node) {
            if enqueue(frame, lane: lane, peer: linked[node]!) { count += 1 }
        }
        return count
    }

    /// Queues a batch in order, in one visit to this actor. Frames for nodes that are not linked are dropped.
    public func send(_ frames: [OutboundFrame]) {
        for frame in frames where frame.bytes.count <= LinkLimits.payloadBytesMax {
            let bytes = LinkFrame.payload(frame.lane, frame.bytes).bytes
            for node in frame.nodes ?? linked.keys.sorted() {
                guard let peer = linked[node] else { continue }
                _ = enqueue(bytes, lane: frame.lane, peer: peer)
                if frame.asksForChunks > 0 { awaitChunks(frame.asksForChunks, from: peer) }
            }
        }
    }

    /// Addresses to join by; they are tried for ever, with a growing pause.
    public func bootstrap(_ addresses: [PeerAddress]) { bootstrap(addresses, expected: nil) }

    /// Joins the node of a ticket; another key at its addresses is refused.
    public func bootstrap(ticket: Ticket) throws(TransportError) {
        guard ticket.network == configuration.network else {
            throw .invalid(
                field: "ticket",
                reason: "it is for network \(ticket.network.short), this node is of \(configuration.network.short); "
                    + "ask for a ticket of this network or start the node with that network's genesis")
        }
        bootstrap(ticket.addresses, expected: ticket.node)
    }

    private func bootstrap(_ addresses: [PeerAddress], expected: NodeID?) {
        for address in addresses where !bootstrapAddresses.contains(where: { $0.address == address }) {
            bootstrapAddresses.append((address, expected))
        }
        performTable(table.handle(.bootstrap(addresses, expected: expected), now: now))
        if phase == .running { performTable(table.handle(.tick, now: now)) }
    }

    /// What the chains say of nodes: who is dialled first and keeps a place.
    public func stand(_ standing: Standing) {
        self.standing = standing
        mailbox.stand(standing)
        performTable(table.handle(.standing(standing), now: now))
        feedMembership(.standing(standing))
    }

    /// Closes the node's links and refuses new ones until `allow`.
    public func ban(_ node: NodeID) { performTable(table.handle(.ban(node), now: now)) }

    public func allow(_ node: NodeID) { performTable(table.handle(.allow(node), now: now)) }

    /// Verified records of other nodes, for a peer cache.
    public func knownRecords() -> [NodeRecord] {
        guard let membership else { return [] }
        return membership.allRecords.filter { $0.node != node }
    }

    /// This node's own record; nil before `start`.
    public func nodeRecord() -> NodeRecord? { membership?.own }

    /// What another node needs to join through this one; nil before `start`.
    public func ticket() -> Ticket? {
        guard !advertised.isEmpty else { return nil }
        return Ticket(network: configuration.network, node: node, addresses: advertised)
    }

    // MARK: Time

    private func tick() {
        let now = now
        performTable(table.handle(.tick, now: now))
        // Limits of a link are seconds: with many nodes in one process their clocks would be most of its work.
        ticks &+= 1
        let linksToo = configuration.profile == .wan || ticks % 4 == 0
        for id in connections.keys.sorted() {
            guard let connection = connections[id] else { continue }
            if let until = connection.pausedUntil, now >= until {
                connection.pausedUntil = nil
                connection.applyReading()
            }
            guard linksToo else { continue }
            let peer = connection.machine.peer.flatMap { linked[$0] }
            let waiting = peer?.connection == id && peer?.queue.isEmpty == false && !connection.channel.isWritable
            feed(id, .tick(waiting: waiting, reading: connection.isReading))
            answer(id)
            if peer?.queue.isEmpty == false { schedulePump(id) }
            if let peer, peer.connection == id { tellMalformed(peer, connection.machine.traffic.malformed) }
        }
        feedMembership(.tick)
        joinByDatagram()
    }

    private func tellMalformed(_ peer: LinkedPeer, _ total: UInt64) {
        // A link that moved counts from nought.
        let known = min(peer.malformedTold, total)
        peer.malformedTold = total
        guard total > known else { return }
        _ = mailbox.push(.malformed(peer.node, count: Int(clamping: total - known)))
    }
}

struct ResolvedName: Sendable {
    /// Nil while it is being looked up.
    var address: SocketAddress?
    var until: Duration
}

/// Breaks the circle between the mailbox, made first, and the transport that it wakes.
private final class ResumeRelay: Sendable {
    nonisolated(unsafe) weak var transport: MeshTransport?
}
