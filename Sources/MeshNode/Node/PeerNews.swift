internal import Gossip
internal import Wire

/// Which lines about what peers send are told. A frame costs its sender nothing, and whoever could write a line with each of
/// them would fill the disk of the log and hide what an operator must read. So of each peer one line of a kind is told in
/// ``pause``, and the next one says how many were left out; counters count every one. Whatever a peer's frame can cause again
/// and again, be it a line of the log or an event, asks here first.
struct PeerNews: Sendable {
    enum Kind: String, Sendable {
        case flooding, badContent, rejected, wrongLength, failedContent, keyVector
        // Events of these names.
        case linkUp = "peer-up"
        case linkDown = "peer-down"
        case cutOff = "cut-off"
        case readmitted
        case member
    }

    struct Name: Hashable, Sendable {
        let kind: Kind
        let node: NodeID
    }

    struct Told: Sendable {
        var at: Duration
        var leftOut: UInt64 = 0
    }

    static let pause = Duration.seconds(60)

    private var told = Bounded<NodeID, Name, Told>(NodeTables.peerNews)

    /// Whether a line may be told now.
    /// - Returns: what to put behind it; nil where it may not.
    mutating func tell(_ kind: Kind, of node: NodeID, isKnown: Bool, now: Duration) -> String? {
        let name = Name(kind: kind, node: node)
        if let known = told[name], now - known.at < Self.pause {
            told.update(name) { $0.leftOut += 1 }
            return nil
        }
        let leftOut = told.remove(name)?.leftOut ?? 0
        if told.count >= told.rule.total { told.removeAll { now - $1.at >= Self.pause } }
        // Under ever new keys no more lines are told in that time than there are places.
        guard told.insert(Told(at: now), for: name, by: node, isProtected: isKnown).isIn else { return nil }
        return leftOut == 0 ? "" : "; \(leftOut) like it were left out"
    }
}

extension Node {
    /// Tells of something that a peer's frame caused, if it is news.
    func tell(_ kind: PeerNews.Kind, of node: NodeID, _ line: (_ more: String) -> Void) {
        let isKnown = standing.rank(of: node) > .stranger
        if let more = peerNews.tell(kind, of: node, isKnown: isKnown, now: elapsed) { line(more) }
    }

    /// The same as a warning of the log.
    func warn(_ kind: PeerNews.Kind, of node: NodeID, _ text: @autoclosure () -> String) {
        tell(kind, of: node) { logger.warning("\(text())\($0)") }
    }

    /// An event about a link. Those of known nodes are told each; a stranger comes and goes as often as it likes.
    func noteLink(_ kind: PeerNews.Kind, of node: NodeID, _ text: String) {
        guard standing.rank(of: node) == .stranger else { return note(kind.rawValue, text) }
        tell(kind, of: node) { note(kind.rawValue, text + $0) }
    }
}
