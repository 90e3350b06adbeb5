import Gossip
import MeshCrypto
import Wire

/// Several nodes' link tables and machines joined by in-memory connections whose messages pass in any order between
/// connections and in order within one. Everything follows from the seed.
final class LinkWorld {
    final class Node {
        let identity: SigningKey
        var table: LinkTable
        let instance: UInt64
        var accepted: UInt64 = 0
        var downs: [LinkEnd] = []
        var ups = 0

        init(identity: SigningKey, instance: UInt64, settings: LinkSettings, seed: UInt64) {
            self.identity = identity
            self.instance = instance
            table = LinkTable(own: identity.nodeID, settings: settings, seed: seed, now: .zero)
        }
    }

    /// One end of a connection.
    final class End {
        let node: Int
        let id: ConnectionID
        let side: LinkSide
        weak var other: End?
        /// On the way to this end; nil is the end of the stream.
        var inbox: [[UInt8]?] = []
        var isOver = false

        init(node: Int, id: ConnectionID, side: LinkSide) {
            self.node = node
            self.id = id
            self.side = side
        }
    }

    let settings: LinkSettings
    var nodes: [Node] = []
    var ends: [End] = []
    var generator: MeshGenerator
    var now: Duration = .zero
    /// Whether a full node tells of others.
    var introduces = true

    init(seed: UInt64, settings: LinkSettings = LinkSettings(profile: .loopback)) {
        generator = MeshGenerator(seed: seed)
        self.settings = settings
    }

    static func address(_ index: Int) -> PeerAddress { try! PeerAddress(host: "10.0.0.1", port: UInt16(index + 1)) }

    @discardableResult
    func add(identity: SigningKey) -> Int {
        nodes.append(
            Node(identity: identity, instance: generator.next(), settings: settings, seed: generator.next()))
        return nodes.count - 1
    }

    func record(_ index: Int) -> NodeRecord {
        NodeRecord(
            incarnation: 1, addresses: [Self.address(index)], datagramKey: .zero, capabilities: 0,
            signedWith: nodes[index].identity)
    }

    func feed(_ node: Int, _ input: LinkTable.Input) {
        for directive in nodes[node].table.handle(input, now: now) {
            switch directive {
            case .dial(let id, let address, let expected): dial(node, id, Int(address.port) - 1, expected)
            case .admit(let id): feed(end(node, id), .admit)
            case .introduce(let id):
                feed(end(node, id), .introduce(introduces ? nodes.indices.filter { $0 != node }.map(record) : []))
            case .close(let id, let code): feed(end(node, id), .close(code))
            case .linkUp: nodes[node].ups += 1
            case .linkDown(_, let end): nodes[node].downs.append(end)
            case .linkMoved: break
            }
        }
    }

    private func end(_ node: Int, _ id: ConnectionID) -> End? { ends.first { $0.node == node && $0.id == id } }

    private func dial(_ node: Int, _ id: ConnectionID, _ target: Int, _ expected: NodeID?) {
        guard nodes.indices.contains(target) else { return feed(node, .unreachable(id, "nobody there")) }
        nodes[target].accepted += 1
        let near = End(node: node, id: id, side: side(node, .dialler(expected: expected)))
        let far = End(
            node: target, id: LinkTable.acceptedConnection(nodes[target].accepted), side: side(target, .acceptor))
        near.other = far
        far.other = near
        ends += [near, far]
        feed(near, .opened)
        feed(far, .opened)
        feed(target, .accepted(far.id))
    }

    private func side(_ node: Int, _ role: LinkMachine.Role) -> LinkSide {
        LinkSide(role, identity: nodes[node].identity, instance: nodes[node].instance, settings: settings)
    }

    /// Feeds a machine and passes its directives to the table.
    func feed(_ end: End?, _ input: LinkMachine.Input) {
        guard let end, !end.isOver else { return }
        for directive in end.side.machine.handle(input, now: now) {
            end.side.seen.append(directive)
            switch directive {
            case .write(let bytes): end.other?.inbox.append(bytes)
            case .identified(let node, let instance): feed(end.node, .identified(end.id, node, instance: instance))
            case .established: feed(end.node, .established(end.id))
            case .records(let records): for record in records { feed(end.node, .record(record)) }
            case .finish(let reason):
                end.isOver = true
                end.other?.inbox.append(nil)
                feed(end.node, .closed(end.id, reason))
            default: break
            }
        }
    }

    /// Delivers one waiting message of a random connection end; false if none waits.
    func step() -> Bool {
        let waiting = ends.filter { !$0.inbox.isEmpty }
        guard !waiting.isEmpty else { return false }
        let chosen = waiting[Int(generator.next() % UInt64(waiting.count))]
        if let bytes = chosen.inbox.removeFirst() { feed(chosen, .bytes(bytes)) } else { feed(chosen, .ended) }
        return true
    }

    func tick(_ step: Duration = .milliseconds(50)) {
        now += step
        for node in nodes.indices { feed(node, .tick) }
        for end in ends { feed(end, .tick(waiting: false)) }
        for end in ends where end.side.machine.isOpen {
            while let packet = end.side.machine.nextServicePacket(now: now) { end.other?.inbox.append(packet) }
        }
        ends.removeAll { $0.isOver && $0.inbox.isEmpty }
    }

    /// Random delivery with ticks in between, then until nothing moves.
    func run(for duration: Duration) {
        let until = now + duration
        while now < until {
            for _ in 0..<Int(generator.next() % 12) where !step() { break }
            tick()
        }
        while step() {}
    }

    /// The process dies: all its connections break at once.
    func crash(_ node: Int) {
        for end in ends where end.node == node && !end.isOver {
            end.isOver = true
            end.other?.inbox.append(nil)
        }
    }
}
