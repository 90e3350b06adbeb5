/// Links of a testnet that starts: thirty-two nodes have 496, and whoever waits sees how many there are.
struct LinkProgress {
    let nodes: Int
    /// Among all nodes, as they say themselves.
    private(set) var links = 0
    private var toldAt: Double?

    init(nodes: Int) { self.nodes = nodes }

    /// Of each node to every other.
    var wanted: Int { nodes - 1 }
    var all: Int { nodes * (nodes - 1) / 2 }

    /// - Parameter peers: of each node, in their order.
    /// - Returns: what is missing; nil once every node has a link to each other.
    mutating func missing(peers: [Int]) -> String? {
        links = peers.reduce(0, +) / 2
        guard let least = peers.indices.min(by: { peers[$0] < peers[$1] }), peers[least] < wanted else { return nil }
        return "node \(least + 1) has \(peers[least]) peers"
    }

    /// A line every two seconds, from the third on.
    mutating func line(at elapsed: Double) -> String? {
        guard let last = toldAt else {
            toldAt = elapsed
            return nil
        }
        guard elapsed - last > 2 else { return nil }
        toldAt = elapsed
        return "\(links) of \(all) links"
    }
}
