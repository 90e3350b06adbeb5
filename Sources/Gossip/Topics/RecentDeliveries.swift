public import Wire

/// What each peer was sent a moment ago and so is on its way to it.
///
/// A digest says what its sender lacked when it was written. Where a machine is busy or a link slow, what it asks for has
/// been sent already and not been read yet: answered again at every heartbeat, by each neighbour, one late message becomes
/// a hundred, everything behind it is later still, and in the end nothing but answers is read. So the same thing goes to
/// the same peer again only after a while, which doubles each time. Whatever answers what is asked again by itself rests
/// on this. What was lost with a link is forgotten with it.
public struct RecentDeliveries<Item: Hashable & Sendable>: Sendable {
    private struct Name: Hashable {
        let node: NodeID
        let item: Item
    }

    private struct Delivery {
        var until: Duration
        var answers: Int
    }

    private let settings: TopicSettings
    private var deliveries: Bounded<NodeID, Name, Delivery>

    /// - Parameter rule: of a table whose senders are those that things are sent to.
    public init(_ rule: TableRule, settings: TopicSettings) {
        deliveries = Bounded(rule)
        self.settings = settings
    }

    /// It was passed on to these peers.
    public mutating func passed(_ item: Item, to nodes: [NodeID], now: Duration) {
        for node in nodes {
            let name = Name(node: node, item: item)
            guard deliveries[name] == nil else { continue }
            insert(Delivery(until: now + settings.passedWait, answers: 0), name)
        }
    }

    /// Whether a digest of `node` may be answered with it now; it counts as sent then.
    public mutating func take(_ item: Item, for node: NodeID, now: Duration) -> Bool {
        let name = Name(node: node, item: item)
        let known = deliveries[name]
        if let known, now < known.until { return false }
        let answers = known?.answers ?? 0
        let wait = settings.answeredWait * (1 << min(answers, Self.doublings))
        insert(Delivery(until: now + wait, answers: answers + 1), name)
        return true
    }

    /// Its link ended, and whatever was on its way is lost.
    public mutating func gone(_ node: NodeID) { deliveries.removeAll(of: node) }

    /// The longest wait is eight times the first.
    private static var doublings: Int { 3 }

    private mutating func insert(_ delivery: Delivery, _ name: Name) {
        // One that is not remembered goes once more at worst, within its peer's budget of answers.
        _ = deliveries.insert(delivery, for: name, by: name.node)
    }
}
