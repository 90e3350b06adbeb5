import Gossip
import MeshCrypto
import Testing
import Wire

@Suite("Open link")
struct LinkFramesTests {
    @Test("a stream that ends without the final tag is lost, one with it is not")
    func finalTag() {
        let cut = LinkPair.standard()
        cut.open()
        cut.dialler.feed(.ended)
        #expect(cut.dialler.end == .lost)

        let closed = LinkPair.standard()
        closed.open()
        closed.acceptor.feed(.close(.shutdown))
        closed.settle()
        #expect(closed.dialler.end == .peer(.shutdown))
        #expect(closed.acceptor.end == .here(.shutdown))
    }

    @Test("payloads under way when a side closes as a duplicate still arrive; after a ban they do not")
    func draining() {
        for (code, arrives) in [(LinkCode.duplicate, true), (.shutdown, true), (.banned, false)] {
            let pair = LinkPair.standard()
            pair.open()
            pair.dialler.send(.control, [7])
            pair.acceptor.feed(.close(code))
            pair.settle()
            #expect(pair.acceptor.payloads == (arrives ? [[7]] : []))
            #expect(pair.acceptor.end == .here(code) && pair.dialler.end == .peer(code))
        }
    }

    @Test("a peer that does not answer a goodbye is left after two seconds")
    func silentGoodbye() {
        let pair = LinkPair.standard()
        pair.open()
        pair.acceptor.feed(.close(.shutdown), now: .seconds(1))
        pair.acceptor.feed(.tick(waiting: false), now: .milliseconds(2999))
        #expect(pair.acceptor.end == nil)
        pair.acceptor.feed(.tick(waiting: false), now: .seconds(3))
        #expect(pair.acceptor.end == .here(.shutdown))
    }

    @Test("a replayed, swapped, cut or changed packet ends the link")
    func alteredPackets() {
        typealias Change = ([[UInt8]]) -> [[UInt8]]
        let changes: [(String, Change)] = [
            ("replayed", { [$0[0], $0[0], $0[1]] }),
            ("swapped", { [$0[1], $0[0]] }),
            ("dropped", { [$0[1]] }),
            (
                "flipped",
                { packets in
                    var first = packets[0]
                    first[20] ^= 4
                    return [first, packets[1]]
                }
            ),
            ("shortened", { packets in [PacketReader.packet(Array(packets[0].dropFirst(4).dropLast()))] }),
        ]
        for (name, change) in changes {
            let pair = LinkPair.standard()
            pair.open()
            pair.dialler.send(.gossip, [UInt8](repeating: 1, count: 50))
            pair.dialler.send(.gossip, [UInt8](repeating: 2, count: 50))
            let packets = change(pair.dialler.outbox)
            for packet in packets { pair.acceptor.feed(.bytes(packet)) }
            #expect(pair.acceptor.end == .here(.malformed), "\(name)")
            #expect(pair.acceptor.payloads.count <= 1, "\(name)")
        }
    }

    @Test("a packet length over the limit ends the link before its bytes are kept")
    func oversize() {
        let pair = LinkPair.standard()
        pair.open()
        pair.acceptor.feed(.bytes([1, 0, 1, 0]))
        #expect(pair.acceptor.end == .here(.oversize))
        pair.settle()
        #expect(pair.dialler.end == .peer(.oversize))
    }

    @Test("frames that mean nothing are counted and dropped, and the link goes on")
    func malformedFrames() {
        let pair = LinkPair.standard()
        pair.open()
        let bad: [[UInt8]] = [
            [], [99], [16, 1], [18, 255, 255, 255, 255], [21, 200], [22], LinkFrame.goodbye(.banned).bytes,
            LinkFrame.pong(77).bytes, [19, 0],
        ]
        for plaintext in bad where !plaintext.isEmpty {
            pair.dialler.outbox.append(pair.dialler.machine.seal(frame: plaintext, now: .zero)!)
        }
        pair.dialler.send(.control, [5])
        pair.settle()
        #expect(pair.acceptor.machine.traffic.malformed == UInt64(bad.count - 1))
        #expect(pair.acceptor.payloads == [[5]])
        #expect(pair.acceptor.end == nil)
    }

    @Test("keys change after the byte limit, on both sides at the same place")
    func rekeys() {
        let pair = LinkPair.standard(rekeyBytes: 1000)
        pair.open()
        for number in 0..<40 { pair.dialler.send(.bulk, [UInt8](repeating: UInt8(number), count: 100)) }
        pair.settle()
        #expect(pair.acceptor.payloads.count == 40)
        // One more service frame each 1000 bytes: the rekeys themselves.
        #expect(pair.acceptor.machine.traffic.service.received.frames == 3)
        #expect(pair.acceptor.end == nil)
        pair.dialler.send(.control, [1], now: .seconds(3600))
        pair.settle()
        #expect(pair.acceptor.machine.traffic.service.received.frames == 4)
        #expect(pair.acceptor.payloads.count == 41)
    }

    @Test("pings measure the round trip; many pings of a peer make one pong")
    func pings() {
        let pair = LinkPair.standard()
        pair.open()
        pair.dialler.service(now: .seconds(1))
        let ping = pair.dialler.outbox
        #expect(ping.count == 1)
        pair.settle(now: .seconds(1))
        pair.acceptor.service(now: .seconds(1))
        // The acceptor's own first ping goes out too.
        #expect(pair.acceptor.outbox.count == 2)
        pair.settle(now: .milliseconds(1250))
        #expect(pair.dialler.machine.roundTrip == .milliseconds(250))
        for nonce: UInt64 in 1...50 {
            pair.dialler.outbox.append(
                pair.dialler.machine.seal(frame: LinkFrame.ping(nonce).bytes, now: .seconds(2))!)
        }
        pair.settle(now: .seconds(2))
        pair.acceptor.service(now: .seconds(2))
        #expect(pair.acceptor.outbox.count == 1)
    }

    @Test("silence ends the link at the idle limit, traffic keeps it")
    func idle() {
        let pair = LinkPair.standard()
        pair.open()
        pair.dialler.send(.gossip, [1], now: .seconds(9))
        pair.settle(now: .seconds(9))
        pair.acceptor.feed(.tick(waiting: false), now: .seconds(19))
        #expect(pair.acceptor.end == nil)
        pair.acceptor.feed(.tick(waiting: false), now: .milliseconds(19_001))
        pair.settle(now: .milliseconds(19_001))
        #expect(pair.acceptor.end == .here(.idle))
        #expect(pair.dialler.end == .peer(.idle))
    }

    @Test("silence is nobody's fault while this side does not read")
    func notReading() {
        let pair = LinkPair.standard()
        pair.open()
        for second in 1...60 { pair.acceptor.feed(.tick(waiting: false, reading: false), now: .seconds(second)) }
        pair.acceptor.feed(.tick(waiting: false), now: .seconds(70))
        #expect(pair.acceptor.end == nil && pair.acceptor.isOpen)
        pair.acceptor.feed(.tick(waiting: false), now: .milliseconds(70_001))
        pair.settle(now: .milliseconds(70_001))
        #expect(pair.acceptor.end == .here(.idle))
    }

    @Test("a peer that takes nothing while bytes wait is dropped as a slow consumer")
    func slowConsumer() {
        let pair = LinkPair.standard()
        pair.open()
        // Waiting from second 13 on; the last progress that counts was at second 12.
        for second in 1...22 {
            pair.dialler.send(.gossip, [1], now: .seconds(second))
            pair.settle(now: .seconds(second))
            pair.acceptor.feed(.tick(waiting: second > 12), now: .seconds(second))
        }
        #expect(pair.acceptor.end == nil && pair.acceptor.isOpen)
        pair.acceptor.feed(.tick(waiting: true), now: .milliseconds(22_001))
        pair.settle(now: .milliseconds(22_001))
        #expect(pair.acceptor.end == .here(.slowConsumer))
        #expect(pair.dialler.end == .peer(.slowConsumer))
    }

    @Test("a peer over its rate is read later, and nothing is lost")
    func rates() {
        var settings = LinkSettings(profile: .loopback)
        settings.framesPerSecond = 10
        let pair = LinkPair.standard(settings: settings)
        pair.open()
        for number in 0..<30 { pair.dialler.send(.gossip, [UInt8(number)]) }
        pair.settle()
        #expect(pair.acceptor.payloads.count == 30)
        let pauses = pair.acceptor.seen.compactMap { if case .pauseReading(let until) = $0 { until } else { nil } }
        #expect(pauses.max() == .seconds(2))
    }

    @Test("records pass, more than one frame's worth in several frames")
    func records() throws {
        let records = (0..<600).map { number in
            NodeRecord(
                incarnation: UInt64(number), addresses: [try! PeerAddress(host: "127.0.0.1", port: 99)],
                datagramKey: .zero, capabilities: 0, signedWith: testKey(1))
        }
        let frames = LinkFrame.packing(records)
        #expect(frames.count == 3)
        var back: [NodeRecord] = []
        for frame in frames {
            let bytes = frame.bytes
            #expect(bytes.count <= LinkLimits.payloadBytesMax + 1)
            guard case .records(let some) = try LinkFrame(bytes: bytes) else {
                Issue.record("not records")
                return
            }
            back += some
        }
        #expect(back == records)
        let pair = LinkPair.standard()
        pair.open()
        pair.dialler.outbox.append(pair.dialler.machine.seal(frame: frames[0].bytes, now: .zero)!)
        pair.settle()
        #expect(pair.acceptor.seen.contains { if case .records(let some) = $0 { some.count == 256 } else { false } })
    }

    @Test("every accepted frame has exactly one encoding")
    func canonical() {
        var generator = MeshGenerator(seed: 5)
        var accepted = 0
        let kinds: [UInt8] = [0, 1, 2, 16, 17, 18, 19, 20, 21, 22, 23]
        for _ in 0..<20_000 {
            var bytes = (0..<Int(generator.next() % 14)).map { _ in UInt8(truncatingIfNeeded: generator.next() % 16) }
            bytes.insert(kinds[Int(generator.next() % 11)], at: 0)
            guard let frame = try? LinkFrame(bytes: bytes) else { continue }
            accepted += 1
            #expect(frame.bytes == bytes)
        }
        #expect(accepted > 1000)
    }
}
