internal import Wire

/// Accepted messages of the last heartbeats, to be told of and delivered on request.
struct TopicCache: Sendable {
    struct Entry: Sendable {
        let message: TopicMessage
        /// Who certainly has it: they sent or told it.
        var holders: [NodeID]
        /// Deliveries on request, by peer.
        var delivered: [NodeID: Int] = [:]
    }

    private let windows: Int
    private let bytesMax: Int
    private(set) var bytes = 0
    private(set) var entries: [MessageID: Entry] = [:]
    /// Newest first; each in order of arrival.
    private var order: [[MessageID]] = [[]]

    init(windows: Int, bytesMax: Int) {
        self.windows = windows
        self.bytesMax = bytesMax
    }

    mutating func insert(_ message: TopicMessage, holders: [NodeID]) {
        guard entries[message.id] == nil, message.bytes.count <= bytesMax else { return }
        bytes += message.bytes.count
        entries[message.id] = Entry(message: message, holders: holders)
        order[0].append(message.id)
        while bytes > bytesMax, let last = order.lastIndex(where: { !$0.isEmpty }) { remove(order[last].removeFirst()) }
    }

    mutating func addHolder(_ node: NodeID, of id: MessageID) {
        guard let entry = entries[id], !entry.holders.contains(node), entry.holders.count < 128 else { return }
        entries[id]!.holders.append(node)
    }

    /// The message, if it may be delivered to `node` once more.
    mutating func take(_ id: MessageID, for node: NodeID, limit: Int) -> TopicMessage? {
        guard let entry = entries[id], entry.delivered[node, default: 0] < limit else { return nil }
        entries[id]!.delivered[node, default: 0] += 1
        return entry.message
    }

    /// Ids of a topic in the newest `count` windows, newest first.
    func ids(of topic: ChainID, windows count: Int) -> [MessageID] {
        order.prefix(count).flatMap { $0.reversed() }.filter { entries[$0]?.message.topic == topic }
    }

    mutating func shift() {
        order.insert([], at: 0)
        while order.count > windows { for id in order.removeLast() { remove(id) } }
    }

    private mutating func remove(_ id: MessageID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        bytes -= entry.message.bytes.count
    }
}
