import Gossip
import MeshCrypto
import Wire

/// Membership states over a simulated network: latency 10 to 50 ms, loss, cut pairs, crashed and slow nodes.
/// Everything follows from the seed.
final class MembershipWorld {
    private struct Delivery {
        let at: Duration
        let order: Int
        let to: Int
        let input: MembershipState.Input
    }

    let settings: MembershipSettings
    var nodes: [MembershipState] = []
    var identities: [SigningKey] = []
    var down: Set<Int> = []
    /// Extra delay of everything that reaches the node: a process that gets no processor.
    var slow: [Int: Duration] = [:]
    var lossPercent: UInt64 = 0
    /// Whether datagrams pass from one to another.
    var passes: (Int, Int) -> Bool = { _, _ in true }
    /// Whether a link (for records) is up between two nodes.
    var linked: (Int, Int) -> Bool = { _, _ in true }
    var statusLog: [(at: Duration, observer: Int, subject: NodeID, status: MemberStatus)] = []
    var datagrams = 0
    var now: Duration = .zero
    private var queue: [Delivery] = []
    private var order = 0
    private var positions: [NodeID: Int] = [:]
    private var generator: MeshGenerator

    init(seed: UInt64, profile: LinkProfile = .wan) {
        generator = MeshGenerator(seed: seed)
        settings = MembershipSettings(profile: profile)
    }

    static func identity(_ index: Int) -> SigningKey {
        try! SigningKey(seed: SecretBytes([UInt8(index & 255), UInt8(index >> 8)] + [UInt8](repeating: 1, count: 30)))
    }

    /// Every node of the world has an account, except those added without.
    var standing: Standing { Standing(accounts: accounts) }
    private var accounts: Set<NodeID> = []

    func add(hasAccount: Bool = true) {
        let index = nodes.count
        let identity = Self.identity(index)
        identities.append(identity)
        positions[identity.nodeID] = index
        let record = NodeRecord(
            incarnation: 1, addresses: [try! PeerAddress(host: "10.0.0.1", port: UInt16(index + 1))],
            datagramKey: .zero, capabilities: 0, signedWith: identity)
        nodes.append(
            MembershipState(
                own: record, identity: identity, settings: settings, seed: generator.next(), now: now))
        if hasAccount { accounts.insert(identity.nodeID) }
        for node in nodes.indices { feed(node, .standing(standing)) }
    }

    func index(_ node: NodeID) -> Int? { positions[node] }
    func id(_ index: Int) -> NodeID { identities[index].nodeID }

    func feed(_ node: Int, _ input: MembershipState.Input) {
        guard !down.contains(node) else { return }
        for directive in nodes[node].handle(input, now: now) {
            switch directive {
            case .send(let message, let to):
                guard let target = index(to) else { continue }
                datagrams += 1
                guard message.wireBytes.count <= settings.messageBytesMax else { fatalError("an oversize message") }
                if passes(node, target), generator.next() % 100 >= lossPercent {
                    post(to: target, .message(from: id(node), message))
                }
            case .sendRecords(let records, let to):
                guard let target = index(to), linked(node, target) else { continue }
                post(to: target, .records(from: id(node), records))
            case .requestRecords(let from):
                guard let target = index(from), linked(node, target) else { continue }
                post(to: target, .recordsRequested(from: id(node)))
            case .probeLink(let to):
                guard let target = index(to), linked(node, target), !down.contains(target) else { continue }
                post(to: node, .linkAnswered(to), after: slow[target] ?? .zero)
            case .status(let subject, let status): statusLog.append((now, node, subject, status))
            case .learned, .forgotten, .ownRecord: break
            }
        }
    }

    private func post(to target: Int, _ input: MembershipState.Input, after extra: Duration = .zero) {
        order += 1
        let latency = Duration.milliseconds(10 + Int(generator.next() % 40)) + (slow[target] ?? .zero) + extra
        queue.append(Delivery(at: now + latency, order: order, to: target, input: input))
    }

    func run(for duration: Duration, step: Duration = .milliseconds(20)) {
        let until = now + duration
        while now < until {
            now += step
            var due = queue.filter { $0.at <= now }
            if !due.isEmpty {
                due.sort { ($0.at, $0.order) < ($1.at, $1.order) }
                queue.removeAll { $0.at <= now }
            }
            for delivery in due { feed(delivery.to, delivery.input) }
            for node in nodes.indices where nodes[node].nextDeadline <= now { feed(node, .tick) }
        }
    }

    /// All know all, over full links.
    func introduceAll() {
        for node in nodes.indices {
            for other in nodes.indices where other != node && linked(node, other) { feed(node, .linkUp(id(other))) }
        }
        run(for: .seconds(1))
    }

    func status(_ observer: Int, of subject: Int) -> MemberStatus? {
        nodes[observer].members[id(subject)]?.status
    }
}
