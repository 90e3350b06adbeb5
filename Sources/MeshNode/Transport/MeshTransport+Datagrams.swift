internal import Gossip
internal import Logging
internal import MeshCrypto
internal import NIOCore
internal import NIOPosix
internal import Wire

extension MeshTransport {
    // MARK: Membership

    /// - Parameter unproven: the sender of a datagram and where it says to be; only the answer goes there.
    func feedMembership(
        _ input: MembershipState.Input, unproven: (node: NodeID, source: SocketAddress)? = nil
    ) {
        guard let directives = membership?.handle(input, now: now) else { return }
        for directive in directives {
            switch directive {
            case .send(let message, let to):
                let isAnswer = unproven?.node == to && message.body == .ack
                sendDatagram(message, to: to, at: isAnswer ? unproven?.source : nil)
            case .sendRecords(let records, let to):
                guard let peer = linked[to] else { continue }
                // What this lane may drop comes again with the next push/pull.
                for frame in LinkFrame.packing(records) where linked[to] === peer {
                    _ = enqueue(frame.bytes, lane: .gossip, peer: peer)
                }
            case .requestRecords(let node):
                guard let peer = linked[node] else { continue }
                _ = enqueue(LinkFrame.recordsRequest.bytes, lane: .gossip, peer: peer)
            case .probeLink(let node):
                guard let peer = linked[node] else { continue }
                feed(peer.connection, .ping)
                schedulePump(peer.connection)
            case .learned(let record):
                routes[record.node] = nil
                let isRemembered = membership?.members[record.node]?.isRemembered ?? false
                performTable(table.handle(.record(record, isRemembered: isRemembered), now: now))
                // Told of is not met: only who is linked is worth a place in the peer cache.
                if linked[record.node] != nil { _ = mailbox.push(.record(record)) }
            case .forgotten(let node):
                routes[node] = nil
                gate.forget(node)
                performTable(table.handle(.forget(node), now: now))
            case .status(let node, let status):
                logger.debug("member", metadata: ["node": "\(node.short)", "status": "\(status.rawValue)"])
                _ = mailbox.push(.status(node, status))
            case .ownRecord(let record):
                logger.debug("own record renewed", metadata: ["incarnation": "\(record.incarnation)"])
            }
        }
    }

    // MARK: Datagrams out

    private func sendDatagram(_ message: MembershipMessage, to node: NodeID, at source: SocketAddress?) {
        guard let record = membership?.members[node]?.record, let address = source ?? route(to: record) else { return }
        guard let bytes = gate.seal(message, to: record) else { return }
        write(bytes, to: address)
    }

    private func write(_ bytes: [UInt8], to address: SocketAddress) {
        guard let channel = datagrams else { return }
        totals.datagramsSent.frames += 1
        totals.datagramsSent.bytes += UInt64(bytes.count)
        let envelope = AddressedEnvelope(remoteAddress: address, data: channel.allocator.buffer(bytes: bytes))
        channel.writeAndFlush(envelope, promise: nil)
    }

    /// Where the node's last datagram from a proven address came from, else its addresses in turn.
    private func route(to record: NodeRecord) -> SocketAddress? {
        if let known = routes[record.node] { return known }
        // A stranger must not make this node ask name servers for what it likes.
        let maySayNames = standing.rank(of: record.node) > .stranger || linked[record.node] != nil
        let addresses = record.addresses.filter { maySayNames || $0.isLiteral }
        guard !addresses.isEmpty else { return nil }
        probeCount &+= 1
        return socketAddress(addresses[probeCount % addresses.count], of: record.node)
    }

    /// Nil while a name is being looked up; the next datagram finds the answer.
    private func socketAddress(_ address: PeerAddress, of node: NodeID) -> SocketAddress? {
        if let literal = try? SocketAddress(ipAddress: address.host, port: Int(address.port)) { return literal }
        if let known = resolved[address.description], now < known.until { return known.address }
        let key = address.description
        resolved.remove(key)
        // Without a place nobody would find the answer, and each datagram would ask again.
        guard resolved.insert(ResolvedName(address: nil, until: now + .seconds(5)), for: key, by: node).isIn else {
            return nil
        }
        let host = address.host
        let port = Int(address.port)
        NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            try SocketAddress.makeAddressResolvingHost(host, port: port)
        }.whenSuccess { [weak self] found in
            self?.assumeIsolated { own in
                own.resolved.update(key) { $0 = ResolvedName(address: found, until: own.now + .seconds(60)) }
            }
        }
        return nil
    }

    /// While no link is up, bootstrap addresses are asked by datagram too.
    func joinByDatagram() {
        let now = now
        guard phase == .running, linked.isEmpty, !bootstrapAddresses.isEmpty, now >= nextJoinAt else { return }
        nextJoinAt = now + configuration.links.retryMax
        for (address, expected) in bootstrapAddresses.prefix(8) {
            guard let target = socketAddress(address, of: node) else { continue }
            write(gate.joinRequest(nonce: randomBytes(16), expected: expected), to: target)
        }
    }

    // MARK: Datagrams in

    /// Whether a node is known to hold an address. Whoever seals a datagram can write any source on it, and what is sent there
    /// later would reach a third: the host has to be that of its link, which answered, or the node one with something to lose.
    private func isProven(_ source: SocketAddress, of node: NodeID) -> Bool {
        if routes[node] == source || standing.footing(of: node) == .member { return true }
        guard let peer = linked[node], let link = connections[peer.connection]?.channel.remoteAddress else {
            return false
        }
        return link.plainHost != nil && link.plainHost == source.plainHost
    }

    func datagramReceived(_ bytes: [UInt8], from source: SocketAddress) {
        totals.datagramsReceived.frames += 1
        totals.datagramsReceived.bytes += UInt64(bytes.count)
        guard let known = membership, let text = PeerAddress(source)?.description else { return }
        let outcome = gate.open(bytes, from: text, now: now) { node in
            node == known.own.node ? known.own : known.members[node]?.record
        }
        switch outcome {
        case .message(let sender, let message):
            guard !table.refuses(sender) else { return }
            let isProven = isProven(source, of: sender)
            if isProven { routes[sender] = source }
            feedMembership(
                .message(from: sender, message, isProven: isProven), unproven: isProven ? nil : (sender, source))
        case .reply(let reply): write(reply, to: source)
        case .joined(let record):
            guard !table.refuses(record.node) else { return }
            feedMembership(.joined(record))
        case .dropped(let reason):
            logger.trace("datagram dropped", metadata: ["source": "\(text)", "reason": "\(reason.rawValue)"])
        }
    }
}

extension SocketAddress {
    /// The host, alike on sockets of one family and of both.
    fileprivate var plainHost: String? {
        guard let host = ipAddress else { return nil }
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst(7)) : host
    }
}
