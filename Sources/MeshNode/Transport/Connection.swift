internal import Gossip
internal import NIOCore
internal import Wire

/// One TCP connection: its channel and the machine that speaks over it.
final class Connection {
    let id: ConnectionID
    let channel: any Channel
    let address: PeerAddress
    let direction: LinkTable.Direction
    var machine: LinkMachine
    /// Said when the machine is through; the channel may still flush.
    var end: LinkEnd?
    var pausedUntil: Duration?
    var pausedByMailbox = false
    /// What it may still send as a stranger; nil until it sends something as one.
    var strangersShare: StrangersBudget.Share?
    /// Traffic up to here is in the totals.
    var counted = LinkTraffic()

    init(
        id: ConnectionID, channel: any Channel, address: PeerAddress, direction: LinkTable.Direction,
        machine: consuming LinkMachine
    ) {
        self.id = id
        self.channel = channel
        self.address = address
        self.direction = direction
        self.machine = machine
    }

    func write(_ bytes: [UInt8]) {
        channel.write(channel.allocator.buffer(bytes: bytes), promise: nil)
    }

    var isReading: Bool { pausedUntil == nil && !pausedByMailbox }

    func applyReading() {
        try? channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Flushes, ends this direction, and closes when the peer has ended the other or after a second: closing at once
    /// could reset the connection before the peer has read why.
    func closeGently() {
        let channel = channel
        try? channel.syncOptions?.setOption(.autoRead, value: true)
        let flushed = channel.eventLoop.makePromise(of: Void.self)
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0), promise: flushed)
        flushed.futureResult.whenSuccess { channel.close(mode: .output, promise: nil) }
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}

/// A linked node: what outlives a move of the link from one connection to another.
final class LinkedPeer {
    let node: NodeID
    var connection: ConnectionID
    var queue: OutboundQueue
    var pumpScheduled = false
    /// Malformed frames that the node was told of.
    var malformedTold: UInt64 = 0

    init(node: NodeID, connection: ConnectionID, limits: QueueLimits) {
        self.node = node
        self.connection = connection
        queue = OutboundQueue(limits: limits)
    }
}
