internal import Gossip
internal import Logging
internal import MeshCrypto
internal import NIOCore
internal import NIOPosix
internal import Wire

extension MeshTransport {
    // MARK: Channel events, on this actor's event loop

    func makeConnection(
        _ id: ConnectionID, _ channel: any Channel, _ address: PeerAddress, role: LinkMachine.Role
    ) {
        let machine = LinkMachine(
            role: role, network: configuration.network, identity: identity, instance: instance,
            ephemeral: ExchangeKey(), settings: configuration.links, now: now)
        connections[id] = Connection(
            id: id, channel: channel, address: address, direction: role == .acceptor ? .accepted : .dialled,
            machine: machine)
    }

    func registerAccepted(_ channel: any Channel) -> ConnectionID {
        acceptedCount += 1
        let id = LinkTable.acceptedConnection(acceptedCount)
        makeConnection(id, channel, channel.remoteAddress.flatMap(PeerAddress.init) ?? .unknown, role: .acceptor)
        return id
    }

    func connectionOpened(_ id: ConnectionID) {
        feed(id, .opened)
        guard let connection = connections[id], connection.direction == .accepted else { return }
        if phase == .running {
            performTable(table.handle(.accepted(id, host: connection.address.host), now: now))
        } else {
            feed(id, .close(.shutdown))
        }
    }

    func connectionReceived(_ id: ConnectionID, _ bytes: [UInt8]) {
        feed(id, .bytes(bytes))
        answer(id)
    }

    /// Writes a ping or pong that waits; queued frames have a turn of their own.
    func answer(_ id: ConnectionID) {
        guard let connection = connections[id], connection.machine.isOpen, connection.channel.isWritable,
            let packet = connection.machine.nextServicePacket(now: now)
        else { return }
        connection.write(packet)
        connection.channel.flush()
        answer(id)
    }

    func connectionWritable(_ id: ConnectionID) { pump(id) }

    /// The peer ended its direction.
    func connectionEnded(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        feed(id, .ended)
        connection.channel.close(promise: nil)
    }

    func connectionClosed(_ id: ConnectionID) { feed(id, .ended) }

    func connectionRemoved(_ id: ConnectionID) {
        if connections[id]?.direction == .accepted { feed(id, .ended) }
    }

    // MARK: Machine

    func feed(_ id: ConnectionID, _ input: LinkMachine.Input) {
        guard let connection = connections[id], connection.end == nil else { return }
        let framesBefore = connection.machine.traffic.framesIn
        let directives = connection.machine.handle(input, now: now)
        if case .bytes(let bytes) = input {
            chargeStranger(connection, Int(clamping: connection.machine.traffic.framesIn - framesBefore), bytes.count)
        }
        guard !directives.isEmpty else { return }
        var wrote = false
        for directive in directives {
            if case .write(let bytes) = directive {
                connection.write(bytes)
                wrote = true
            }
        }
        if wrote { connection.channel.flush() }
        for directive in directives { perform(directive, connection) }
    }

    private func chargeStranger(_ connection: Connection, _ frames: Int, _ bytes: Int) {
        guard let node = connection.machine.peer, standing.footing(of: node) == .stranger else { return }
        var share = connection.strangersShare ?? strangers.share(now: now)
        let pause = strangers.charge(&share, frames: frames, bytes: bytes, now: now)
        connection.strangersShare = share
        guard pause > .zero else { return }
        totals.strangersPaused += 1
        connection.pausedUntil = max(connection.pausedUntil ?? .zero, now + pause)
        connection.applyReading()
    }

    func awaitChunks(_ count: Int, from peer: LinkedPeer) {
        guard standing.footing(of: peer.node) == .stranger, let connection = connections[peer.connection] else {
            return
        }
        var share = connection.strangersShare ?? strangers.share(now: now)
        share.expect(chunks: count)
        connection.strangersShare = share
    }

    private func perform(_ directive: LinkMachine.Directive, _ connection: Connection) {
        let id = connection.id
        switch directive {
        case .write: break
        case .identified(let node, let instance):
            performTable(table.handle(.identified(id, node, instance: instance), now: now))
        case .established: performTable(table.handle(.established(id), now: now))
        case .payload(let lane, let bytes):
            guard let node = connection.machine.peer, linked[node] != nil else { return }
            if !mailbox.push(.frame(from: node, lane: lane, bytes: bytes)), !connection.pausedByMailbox {
                connection.pausedByMailbox = true
                connection.applyReading()
            }
        case .records(let records):
            guard let node = connection.machine.peer else { return }
            feedMembership(.records(from: node, records))
        case .recordsRequested:
            guard let node = connection.machine.peer else { return }
            feedMembership(.recordsRequested(from: node))
        case .roundTrip:
            guard let node = connection.machine.peer else { return }
            feedMembership(.linkAnswered(node))
        case .pauseReading(let until):
            connection.pausedUntil = max(connection.pausedUntil ?? .zero, until)
            connection.applyReading()
        case .finish(let end): finish(connection, end)
        }
    }

    private func finish(_ connection: Connection, _ end: LinkEnd) {
        connection.end = end
        settleTraffic(connection)
        connections[connection.id] = nil
        let wasLink = connection.machine.peer.map { linked[$0]?.connection == connection.id } ?? false
        if !wasLink { logFailedHandshake(connection, end) }
        if end == .lost {
            connection.channel.close(promise: nil)
        } else if lingering >= configuration.links.lingeringMax {
            connection.channel.flush()
            connection.channel.close(promise: nil)
        } else {
            lingering += 1
            connection.channel.closeFuture.whenComplete { [weak self] _ in
                self?.assumeIsolated { $0.lingering -= 1 }
            }
            connection.closeGently()
        }
        performTable(table.handle(.closed(connection.id, end), now: now))
    }

    private func logFailedHandshake(_ connection: Connection, _ end: LinkEnd) {
        // One of two connections between the same nodes always goes: nothing to tell anybody.
        if end.code == .duplicate { return }
        totals.failedHandshakes += 1
        // First whether it may be told at all: what is not told now stays news.
        guard logBucket.take(now: now), refusalNews.isNews(end, from: connection.tellingName, now: now) else { return }
        // Whoever reads the mailbox says it to people.
        if end.code != nil {
            _ = mailbox.push(.refused(end, connection.address))
            return
        }
        let node = connection.machine.peer?.short ?? "unknown"
        let direction = connection.direction == .dialled ? "dialled" : "accepted"
        logger.warning(
            "connection did not become a link",
            metadata: [
                "address": "\(connection.address)", "direction": "\(direction)", "node": "\(node)", "reason": "\(end)",
            ])
    }

    func settleTraffic(_ connection: Connection) {
        totals.traffic += connection.machine.traffic
    }

    // MARK: Table

    func performTable(_ directives: [LinkTable.Directive]) {
        for directive in directives {
            switch directive {
            case .dial(let id, let address, let expected): dial(id, address, expected: expected)
            case .admit(let id): feed(id, .admit)
            case .introduce(let id): feed(id, .introduce(membership?.introduction() ?? []))
            case .close(let id, let code): feed(id, .close(code))
            case .linkUp(let node, let id): linkUp(node, id)
            case .linkMoved(let node, _, let to):
                linked[node]?.connection = to
                schedulePump(to)
            case .linkDown(let node, let end):
                linked[node] = nil
                logger.debug("link down", metadata: ["node": "\(node.short)", "reason": "\(end)"])
                _ = mailbox.push(.linkDown(node, end))
                feedMembership(.linkDown(node))
            }
        }
    }

    private func linkUp(_ node: NodeID, _ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        linked[node] = LinkedPeer(node: node, connection: id, limits: configuration.links.queues)
        let direction = connection.direction == .dialled ? "dialled" : "accepted"
        // Whoever reads the mailbox says it to people.
        logger.debug(
            "link up",
            metadata: ["node": "\(node.short)", "address": "\(connection.address)", "direction": "\(direction)"])
        refusalNews.forget(connection.tellingName)
        _ = mailbox.push(.linkUp(node, connection.address, outbound: connection.direction == .dialled))
        feedMembership(.linkUp(node))
        if let record = membership?.members[node]?.record { _ = mailbox.push(.record(record)) }
        schedulePump(id)
    }

    private func dial(_ id: ConnectionID, _ address: PeerAddress, expected: NodeID?) {
        guard phase == .running else {
            return performTable(table.handle(.unreachable(id, "not started"), now: now))
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(configuration.links.handshakeLimit / .nanoseconds(1))))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    assumeIsolated { $0.makeConnection(id, channel, address, role: .dialler(expected: expected)) }
                    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(id: id, transport: self))
                }
            }
        let connecting: EventLoopFuture<any Channel>
        if let literal = try? SocketAddress(ipAddress: address.host, port: Int(address.port)) {
            connecting = bootstrap.connect(to: literal)
        } else {
            connecting = bootstrap.connect(host: address.host, port: Int(address.port))
        }
        connecting.whenFailure { [weak self] error in
            self?.assumeIsolated { $0.dialFailed(id, address, "\(error)") }
        }
    }

    private func dialFailed(_ id: ConnectionID, _ address: PeerAddress, _ reason: String) {
        connections[id] = nil
        totals.failedDials += 1
        logger.debug("dial failed", metadata: ["address": "\(address)", "reason": "\(reason)"])
        performTable(table.handle(.unreachable(id, reason), now: now))
    }

    /// Control must not wait behind much that the kernel or NIO already holds.
    static var waterMark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: 64 << 10, high: 256 << 10) }

    // MARK: Outbound

    func enqueue(_ frame: [UInt8], lane: Lane, peer: LinkedPeer) -> Bool {
        switch peer.queue.push(frame, lane: lane) {
        case .queued, .queuedDroppingOldest:
            schedulePump(peer.connection)
            return true
        case .refused: return false
        case .overflow:
            logger.warning("slow consumer dropped", metadata: ["node": "\(peer.node.short)"])
            feed(peer.connection, .close(.slowConsumer))
            return false
        }
    }

    /// Writes once for all that is queued in this turn of the loop.
    func schedulePump(_ id: ConnectionID) {
        guard let node = connections[id]?.machine.peer, let peer = linked[node], peer.connection == id else { return }
        guard !peer.pumpScheduled else { return }
        peer.pumpScheduled = true
        loop.execute { [weak self] in self?.assumeIsolated { $0.pump(node) } }
    }

    private func pump(_ node: NodeID) {
        guard let peer = linked[node] else { return }
        peer.pumpScheduled = false
        pump(peer.connection)
    }

    private func pump(_ id: ConnectionID) {
        guard let connection = connections[id], connection.machine.isOpen, let node = connection.machine.peer,
            let peer = linked[node], peer.connection == id
        else { return }
        let now = now
        var wrote = false
        while connection.channel.isWritable {
            if let packet = connection.machine.nextServicePacket(now: now) {
                connection.write(packet)
            } else if let next = peer.queue.pop(), let packet = connection.machine.seal(frame: next.frame, now: now) {
                connection.write(packet)
            } else {
                break
            }
            wrote = true
        }
        if wrote { connection.channel.flush() }
        if peer.queue.takeDrained() { _ = mailbox.push(.drained(node)) }
    }

    func resumeReading(_ node: NodeID) {
        for id in connections.keys.sorted() {
            guard let connection = connections[id], connection.machine.peer == node else { continue }
            connection.pausedByMailbox = false
            connection.applyReading()
        }
    }
}

extension PeerAddress {
    init?(_ address: SocketAddress) {
        guard let host = address.ipAddress, let port = address.port, let number = UInt16(exactly: port) else {
            return nil
        }
        guard let made = try? PeerAddress(host: host, port: number) else { return nil }
        self = made
    }

    /// For a socket that no longer tells its other end.
    static var unknown: PeerAddress { try! PeerAddress(host: "unknown", port: 1) }
}
