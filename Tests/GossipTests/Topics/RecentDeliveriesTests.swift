import Testing
import Wire

@testable import Gossip

/// What is on its way to a peer is not sent again for each digest that was written before it came.
@Suite("Recent deliveries")
struct RecentDeliveriesTests {
    /// Holds it where an expectation may change it.
    private final class Sent {
        var deliveries = RecentDeliveries<MessageID>(
            GossipTables.deliveries, settings: TopicSettings(profile: .loopback))
        func take(_ message: MessageID, for node: NodeID, now: Duration) -> Bool {
            deliveries.take(message, for: node, now: now)
        }
    }

    private let nodes = (1...3).map { NodeID([UInt8](repeating: UInt8($0), count: 32)) }
    private func message(_ number: Int) -> MessageID {
        MessageID([UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 0, count: 30))
    }

    @Test("A message that was passed on is not an answer to a digest for two heartbeats")
    func passed() {
        let sent = Sent()
        sent.deliveries.passed(message(1), to: [nodes[0], nodes[1]], now: .zero)
        #expect(!sent.take(message(1), for: nodes[0], now: .milliseconds(399)))
        #expect(sent.take(message(1), for: nodes[2], now: .zero), "it was not passed to this one")
        #expect(sent.take(message(2), for: nodes[0], now: .zero), "it is another message")
        #expect(sent.take(message(1), for: nodes[0], now: .milliseconds(400)), "it may have been lost")
        #expect(!sent.take(message(1), for: nodes[1], now: .milliseconds(399)))
    }

    @Test("Who lacks it for ever is sent it after 1, 2, 4, 8 and 8 seconds")
    func answered() {
        let sent = Sent()
        let beats = (0..<300).filter { beat in
            sent.take(message(1), for: nodes[0], now: .milliseconds(200 * beat))
        }
        #expect(beats == [0, 5, 15, 35, 75, 115, 155, 195, 235, 275])
    }

    @Test("A link that ends takes what was on its way, and nobody else's")
    func gone() {
        let sent = Sent()
        for node in nodes { #expect(sent.take(message(1), for: node, now: .zero)) }
        sent.deliveries.gone(nodes[0])
        #expect(sent.take(message(1), for: nodes[0], now: .zero))
        #expect(!sent.take(message(1), for: nodes[1], now: .zero))
    }

    @Test("A peer that draws much is forgotten about alone")
    func bounded() {
        let sent = Sent()
        #expect(sent.take(message(0), for: nodes[1], now: .zero))
        for number in 0..<2_000 { #expect(sent.take(message(number), for: nodes[0], now: .zero)) }
        #expect(sent.take(message(0), for: nodes[0], now: .zero), "its own oldest went")
        #expect(!sent.take(message(0), for: nodes[1], now: .zero))
    }
}
