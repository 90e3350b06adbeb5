internal import Gossip
public import Wire

extension MeshTransport {
    /// Every node that is linked, known or banned, ordered by id.
    public func peers() -> [PeerInfo] {
        var nodes = Set(linked.keys)
        nodes.formUnion(table.banned)
        if let membership { nodes.formUnion(membership.members.keys) }
        let dialling = table.diallingNodes
        return nodes.sorted().map { node in
            let member = membership?.members[node]
            let link = table.links[node]
            let connection = linked[node].flatMap { connections[$0.connection] }
            let state: PeerInfo.State = link != nil ? .linked : dialling.contains(node) ? .dialling : .known
            var queued: [Lane: Int] = [:]
            if let queue = linked[node]?.queue {
                for lane in Lane.allCases { queued[lane] = queue.frameCount(lane) }
            }
            return PeerInfo(
                node: node, address: connection?.address ?? member?.record.addresses.first, state: state,
                status: member?.status, direction: link?.direction,
                roundTrip: connection?.machine.roundTrip ?? member?.roundTrip,
                linkedFor: link.map { now - $0.since }, traffic: connection?.machine.traffic ?? LinkTraffic(),
                droppedFrames: linked[node]?.queue.dropped ?? 0, queuedFrames: queued, record: member?.record,
                isBanned: table.banned.contains(node))
        }
    }

    /// Nodes with a link right now, ordered.
    public func linkedNodes() -> [NodeID] { linked.keys.sorted() }

    /// Sums since the start, over past and present links.
    public func counters() -> TransportCounters {
        var counters = totals
        for connection in connections.values { counters.traffic += connection.machine.traffic }
        counters.datagramDrops = gate.drops
        counters.refusals = table.refusals
        counters.rejectedRecords = membership?.rejected ?? 0
        counters.droppedEvents = mailbox.droppedEvents
        return counters
    }
}
