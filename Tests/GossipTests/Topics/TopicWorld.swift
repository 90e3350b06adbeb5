@testable import Gossip
import Wire

/// Topic meshes of a few nodes, joined by links without delay; every message is accepted unless the test says otherwise.
struct TopicWorld {
    var meshes: [NodeID: TopicMesh] = [:]
    let topic = ChainID([UInt8](repeating: 9, count: 32))
    var now: Duration = .zero
    /// What a node thinks of a message.
    var verdict: (NodeID, TopicMessage) -> TopicVerdict = { _, _ in .accept }
    /// Whether a directive reaches the network.
    var passes: (NodeID, TopicDirective) -> Bool = { _, _ in true }
    var delivered: [NodeID: [MessageID]] = [:]
    var sent: [(from: NodeID, directive: TopicDirective)] = []
    var cut: [(by: NodeID, node: NodeID)] = []
    var readmitted: [NodeID] = []
    private var queue: [(NodeID, TopicInput)] = []

    init(_ count: UInt8, change: (inout TopicSettings) -> Void = { _ in }) {
        var settings = TopicSettings(profile: .wan)
        change(&settings)
        for number in 1...count {
            meshes[node(number)] = TopicMesh(own: node(number), settings: settings, seed: UInt64(number), now: .zero)
        }
        for number in 1...count { feed(node(number), .join(topic)) }
    }

    mutating func link(_ left: UInt8, _ right: UInt8) {
        feed(node(left), .linked(node(right), outbound: true))
        feed(node(right), .linked(node(left), outbound: false))
        settle()
    }

    mutating func linkAll() {
        let count = UInt8(meshes.count)
        for left in 1...count { for right in 1...count where left < right { link(left, right) } }
    }

    static func message(_ number: UInt8, topic: ChainID, bytes: Int = 100) -> TopicMessage {
        TopicMessage(
            id: MessageID([UInt8](repeating: number, count: 32)), topic: topic,
            bytes: [UInt8](repeating: number, count: bytes), isUrgent: true)
    }

    func message(_ number: UInt8, bytes: Int = 100) -> TopicMessage { Self.message(number, topic: topic, bytes: bytes) }

    mutating func feed(_ id: NodeID, _ input: TopicInput) {
        for directive in meshes[id]!.handle(input, now: now) {
            switch directive {
            case .judge(let message, _):
                let verdict = verdict(id, message)
                if verdict == .accept { delivered[id, default: []].append(message.id) }
                feed(id, .verdict(message.id, verdict))
            case .send(let message, let nodes):
                sent.append((id, directive))
                guard passes(id, directive) else { continue }
                for other in nodes { queue.append((other, .message(message, from: id))) }
            case .control(let control, let other):
                sent.append((id, directive))
                guard passes(id, directive) else { continue }
                queue.append((other, .control(control, from: id)))
            case .cutOff(let node): cut.append((id, node))
            case .readmit(let node): readmitted.append(node)
            case .wake: break
            }
        }
    }

    /// Until nothing is under way.
    mutating func settle() {
        while !queue.isEmpty {
            let (id, input) = queue.removeFirst()
            if meshes[id] != nil { feed(id, input) }
        }
    }

    mutating func run(for duration: Duration, step: Duration = .milliseconds(100)) {
        let until = now + duration
        while now < until {
            now += step
            for id in meshes.keys.sorted() { feed(id, .tick) }
            settle()
        }
    }

    func count(where condition: (TopicControl) -> Bool) -> Int {
        sent.count { if case .control(let control, _) = $0.directive { condition(control) } else { false } }
    }
}
