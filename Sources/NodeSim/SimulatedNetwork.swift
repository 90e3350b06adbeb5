internal import Gossip
internal import MeshNode
internal import MeshSim
internal import Wire

/// Links in memory: everybody is linked with everybody, frames of a pair stay in order, are late, and while faults are on
/// some are lost (as in a real node whose lanes are full) and links break and come back.
final class SimulatedNetwork: @unchecked Sendable {
    private let schedule: Schedule
    private let latency: [[UInt64]]
    let lossPpm: UInt64
    var hasFaults = true
    /// Told of every frame before it leaves.
    var observe: (NodeID, [UInt8]) -> Void = { _, _ in }
    private var present: [SimulatedLinks] = []
    private var lastArrival: [Pair: UInt64] = [:]
    private(set) var frames = 0
    private(set) var lost = 0

    private struct Pair: Hashable {
        let from: Int
        let to: Int
    }

    init(schedule: Schedule, nodes: Int, lossPpm: UInt64) {
        self.schedule = schedule
        self.lossPpm = lossPpm
        latency = (0..<nodes).map { _ in (0..<nodes).map { _ in schedule.draw { $0.within(500...20_000) } } }
    }

    func join(_ links: SimulatedLinks) {
        for other in present { connect(links, other) }
        present.append(links)
    }

    private func connect(_ one: SimulatedLinks, _ other: SimulatedLinks) {
        schedule.at(schedule.time + delay(one.index, other.index), on: nil) { [self] in
            guard isPresent(one), isPresent(other), !one.linked.contains(other.node) else { return }
            one.up(other, outbound: true)
            other.up(one, outbound: false)
        }
    }

    private func isPresent(_ links: SimulatedLinks) -> Bool { present.contains { $0 === links } }

    /// A process that has ended: its peers find out a little later.
    func leave(_ links: SimulatedLinks) {
        present.removeAll { $0 === links }
        for other in present where other.linked.contains(links.node) {
            schedule.at(schedule.time + delay(links.index, other.index), on: nil) { other.down(links.node) }
        }
    }

    /// Breaks the link of two nodes; it comes back.
    func breakLink(_ one: Int, _ other: Int) {
        guard let first = present.first(where: { $0.index == one }),
            let second = present.first(where: { $0.index == other }), first.linked.contains(second.node)
        else { return }
        first.down(second.node)
        second.down(first.node)
        schedule.at(schedule.time + schedule.draw { $0.within(50_000...1_500_000) }, on: nil) { [self] in
            guard isPresent(first), isPresent(second) else { return }
            connect(first, second)
        }
    }

    private func delay(_ from: Int, _ to: Int) -> UInt64 {
        latency[from][to] + schedule.draw { $0.within(0...5_000) }
    }

    func send(_ batch: [OutboundFrame], from links: SimulatedLinks) {
        guard isPresent(links) else { return }
        for frame in batch {
            observe(links.node, frame.bytes)
            for node in frame.nodes ?? links.linked where links.linked.contains(node) {
                guard let receiver = present.first(where: { $0.node == node }) else { continue }
                deliver(frame, from: links, to: receiver)
            }
        }
    }

    private func deliver(_ frame: OutboundFrame, from links: SimulatedLinks, to receiver: SimulatedLinks) {
        frames += 1
        if hasFaults, schedule.draw({ $0.chance(lossPpm) }) {
            lost += 1
            return
        }
        let pair = Pair(from: links.index, to: receiver.index)
        let moment = max((lastArrival[pair] ?? 0) + 1, schedule.time + delay(links.index, receiver.index))
        lastArrival[pair] = moment
        schedule.at(moment, on: nil) { [self] in
            guard isPresent(receiver), isPresent(links), receiver.linked.contains(links.node) else { return }
            schedule.trace.mix(frame.bytes)
            receiver.take(.frame(from: links.node, lane: frame.lane, bytes: frame.bytes))
        }
    }
}

/// What a node sees of the network in memory.
final class SimulatedLinks: NodeLinks, @unchecked Sendable {
    let index: Int
    let node: NodeID
    let events: TransportEvents
    private let mailbox: EventMailbox
    private let network: SimulatedNetwork
    /// Ascending.
    private(set) var linked: [NodeID] = []

    init(index: Int, node: NodeID, network: SimulatedNetwork) {
        self.index = index
        self.node = node
        self.network = network
        mailbox = EventMailbox(creditMax: .max) { _ in }
        events = TransportEvents(mailbox: mailbox)
    }

    private var address: PeerAddress { get throws(WireError) { try PeerAddress(host: "127.0.0.1", port: 7_000) } }

    func take(_ event: TransportEvent) { _ = mailbox.push(event) }

    func up(_ other: SimulatedLinks, outbound: Bool) {
        linked = (linked + [other.node]).sorted()
        if let address = try? other.address { take(.linkUp(other.node, address, outbound: outbound)) }
    }

    func down(_ other: NodeID) {
        guard linked.contains(other) else { return }
        linked.removeAll { $0 == other }
        take(.linkDown(other, .lost))
    }

    // MARK: NodeLinks

    func start() async throws(TransportError) -> PeerAddress {
        network.join(self)
        do { return try address } catch { throw .invalid(field: "address", reason: "\(error)") }
    }

    func shutdown() async {
        network.leave(self)
        mailbox.finish()
    }

    func send(_ frames: [OutboundFrame]) async { network.send(frames, from: self) }

    /// Everybody is linked already.
    func bootstrap(ticket: Ticket) async throws(TransportError) {}

    func ban(_ node: NodeID) async { down(node) }

    func allow(_ node: NodeID) async {}

    func stand(_ standing: Standing) async { mailbox.stand(standing) }

    func peers() async -> [PeerInfo] { [] }

    func counters() async -> TransportCounters { TransportCounters() }

    func ticket() async -> Ticket? { nil }
}
