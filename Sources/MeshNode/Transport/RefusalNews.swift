internal import Gossip

extension Connection {
    /// By which its refusals are told apart: one that dials in has another port at every try.
    var tellingName: String { direction == .dialled ? "\(address)" : address.host }
}

/// Which refused connections are news: an address that goes on answering the same way is told once an hour, however often it
/// is dialled. Where `most` are told within the hour, one more a minute is: many hosts, or one with many addresses, fill no
/// disk. Counters count every one.
struct RefusalNews {
    /// An array and no table: it is small, and its oldest goes.
    private var told: [(address: String, end: LinkEnd, at: Duration)] = []

    private static let most = 64
    private static let pause = Duration.seconds(3_600)
    private static let surplusPause = Duration.seconds(60)

    /// - Parameter address: `Connection.tellingName`.
    mutating func isNews(_ end: LinkEnd, from address: String, now: Duration) -> Bool {
        told.removeAll { now - $0.at >= Self.pause }
        guard !told.contains(where: { $0.address == address && $0.end == end }) else { return false }
        if told.count >= Self.most {
            guard let last = told.last, now - last.at >= Self.surplusPause else { return false }
            told.removeFirst()
        }
        told.append((address, end, now))
        return true
    }

    /// A link came up there: what is refused afterwards is news again.
    mutating func forget(_ address: String) { told.removeAll { $0.address == address } }
}
