import Gossip
import Testing
import Wire

/// One value, one encoding; nothing longer than its limit; nothing traps.
@Suite("Topic control frames")
struct TopicControlTests {
    static let topic = ChainID([UInt8](repeating: 7, count: 32))
    static let samples: [TopicControl] = [
        .join([topic]), .leave([topic, ChainID.zero]), .graft(topic), .prune(topic, backoffMs: 60_000),
        .have(topic, [MessageID([UInt8](repeating: 1, count: 32))]), .want([]),
    ]

    @Test func framesByHand() {
        let name = [UInt8](repeating: 7, count: 32)
        #expect(TopicControl.graft(Self.topic).wireBytes == [3] + name)
        #expect(TopicControl.prune(Self.topic, backoffMs: 0x0102_0304).wireBytes == [4] + name + [4, 3, 2, 1])
        #expect(TopicControl.want([]).wireBytes == [6, 0, 0, 0, 0])
    }

    @Test(arguments: samples)
    func whatIsAcceptedIsCanonical(control: TopicControl) throws {
        let bytes = control.wireBytes
        #expect(try TopicControl(wireBytes: bytes) == control)
        for count in 0..<bytes.count { #expect((try? TopicControl(wireBytes: Array(bytes.prefix(count)))) == nil) }
        for position in bytes.indices {
            for value: UInt8 in [0, 1, 2, 3, 4, 5, 6, 7, 0x7f, 0x80, 0xff] {
                var mutant = bytes
                mutant[position] = value
                if let again = try? TopicControl(wireBytes: mutant) { #expect(again.wireBytes == mutant) }
            }
        }
        #expect((try? TopicControl(wireBytes: bytes + [0])) == nil)
    }

    @Test func listsBeyondTheirLimitAreRefused() {
        func ids(_ count: Int) -> [MessageID] { (0..<count).map { _ in MessageID.zero } }
        #expect((try? TopicControl(wireBytes: TopicControl.want(ids(500)).wireBytes)) != nil)
        #expect((try? TopicControl(wireBytes: TopicControl.want(ids(501)).wireBytes)) == nil)
        #expect((try? TopicControl(wireBytes: TopicControl.have(Self.topic, ids(501)).wireBytes)) == nil)
    }
}
