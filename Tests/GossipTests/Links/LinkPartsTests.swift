import Gossip
import MeshCrypto
import Testing
import Wire

@Suite("Parts of a link")
struct LinkPartsTests {
    @Test("packets are cut out of any division of the stream")
    func packets() throws {
        let packets = [[UInt8](), [1], [UInt8](repeating: 2, count: 300), [3, 4]]
        let stream = packets.flatMap { PacketReader.packet($0) }
        for size in 1...stream.count {
            var reader = PacketReader(limit: 300)
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                reader.append(Array(stream[start..<min(stream.count, start + size)]))
                while let packet = try reader.next() { found.append(packet) }
            }
            #expect(found == packets)
            #expect(reader.bufferedBytes == 0)
        }
        var reader = PacketReader(limit: 299)
        reader.append(Array(stream.dropFirst(9)))
        #expect(throws: PacketReader.Failure.oversize(length: 300, limit: 299)) { try reader.next() }
    }

    @Test("fresh keys without end send little more than one rate, and each link has a share of its own")
    func strangersBudget() {
        let rate = 1 << 20
        var budget = StrangersBudget(bytesPerSecond: rate, now: .zero)
        var newcomer = budget.share(now: .zero)
        // Ten seconds of fifty links, each replaced by one under a fresh key as soon as it is paused.
        var links = (0..<50).map { _ in budget.share(now: .zero) }
        var sent = 0
        for step in 0..<1_000 {
            let now = Duration.milliseconds(10 * step)
            for link in links.indices {
                sent += 1_000 + 10 * StrangersBudget.frameCost
                if budget.charge(&links[link], frames: 10, bytes: 1_000, now: now) > .zero {
                    sent -= 1_000 + 10 * StrangersBudget.frameCost
                    links[link] = budget.share(now: now)
                }
            }
            // Ten frames a second, whatever the others do.
            if step % 10 == 0 { #expect(budget.charge(&newcomer, frames: 1, bytes: 100, now: now) == .zero) }
        }
        // What was paid for: the rate of all with a second saved up, and each link's own rate.
        #expect(sent < 11 * rate + 10 * 50 * StrangersBudget.shareRate)
        #expect(sent > 9 * rate)
    }

    @Test("one read of the smallest frames is paid for, what was asked for is free")
    func strangersAnswers() {
        var budget = StrangersBudget(bytesPerSecond: 1 << 20, now: .zero)
        var flood = budget.share(now: .zero)
        #expect(budget.charge(&flood, frames: 3_000, bytes: 65_536, now: .seconds(10)) == StrangersBudget.pauseMax)
        var provider = budget.share(now: .seconds(10))
        provider.expect(chunks: 1_000)
        for _ in 0..<1_000 {
            #expect(
                budget.charge(&provider, frames: 1, bytes: ContentLimits.chunkBytes, now: .seconds(10)) == .zero)
        }
        #expect(budget.charge(&provider, frames: 3_000, bytes: 65_536, now: .seconds(10)) > .zero)
    }

    @Test("control leaves first; neither gossip nor bulk starves")
    func laneOrder() {
        var queue = OutboundQueue(limits: QueueLimits())
        for number: UInt8 in 0..<20 {
            #expect(queue.push([2, number], lane: .bulk) == .queued)
            #expect(queue.push([1, number], lane: .gossip) == .queued)
        }
        for number: UInt8 in 0..<3 { #expect(queue.push([0, number], lane: .control) == .queued) }
        var lanes: [Lane] = []
        while let next = queue.pop() {
            #expect(next.frame[0] == next.lane.rawValue)
            lanes.append(next.lane)
        }
        #expect(lanes.count == 43)
        #expect(Array(lanes[0..<3]) == [.control, .control, .control])
        #expect(Array(lanes[3..<28]) == (0..<25).map { $0 % 5 == 4 ? .bulk : .gossip })
        #expect(queue.isEmpty)
    }

    @Test("control without end leaves a quarter of the bytes to the others")
    func controlFlood() {
        var queue = OutboundQueue(limits: QueueLimits())
        let (vote, chunk) = ([UInt8](repeating: 0, count: 500), [UInt8](repeating: 2, count: 32 << 10))
        var bytes = [Int](repeating: 0, count: Lane.allCases.count)
        var first: Int?
        for turn in 0..<20_000 {
            while queue.frameCount(.control) < 100 { #expect(queue.push(vote, lane: .control) == .queued) }
            while queue.frameCount(.bulk) < 2 { #expect(queue.push(chunk, lane: .bulk) == .queued) }
            while queue.frameCount(.gossip) < 2 { #expect(queue.push(vote, lane: .gossip) == .queued) }
            guard let next = queue.pop() else { break }
            bytes[Int(next.lane.rawValue)] += next.frame.count
            if next.lane != .control, first == nil { first = turn }
        }
        // A burst of votes passes as a whole.
        #expect(first.map { $0 * vote.count >= 96 << 10 } == true, "\(String(describing: first))")
        let all = bytes.reduce(0, +)
        #expect((22...28).contains(100 * (all - bytes[0]) / all), "\(bytes)")
        #expect(bytes[1] > 0 && bytes[2] > 10 * chunk.count, "\(bytes)")
        // With nobody else waiting nothing is owed.
        while queue.frameCount(.bulk) + queue.frameCount(.gossip) > 0 { _ = queue.pop() }
        while queue.frameCount(.control) < 1_000 { _ = queue.push(vote, lane: .control) }
        for _ in 0..<900 { #expect(queue.pop()?.lane == .control) }
        _ = queue.push(chunk, lane: .bulk)
        for _ in 0..<50 { #expect(queue.pop()?.lane == .control) }
        #expect(queue.pop()?.lane == .control)
    }

    @Test("each lane keeps its bound in its own way")
    func laneBounds() {
        var limits = QueueLimits()
        limits.controlFrames = 2
        limits.gossipBytes = 100
        limits.bulkFrames = 4
        var queue = OutboundQueue(limits: limits)
        #expect(queue.push([1], lane: .control) == .queued && queue.push([2], lane: .control) == .queued)
        #expect(queue.push([3], lane: .control) == .overflow)
        #expect(queue.push([UInt8](repeating: 1, count: 60), lane: .gossip) == .queued)
        #expect(queue.push([UInt8](repeating: 2, count: 40), lane: .gossip) == .queued)
        #expect(queue.push([UInt8](repeating: 3, count: 50), lane: .gossip) == .queuedDroppingOldest(1))
        #expect(queue.byteCount(.gossip) == 90 && queue.dropped == 1)
        for _ in 0..<4 { #expect(queue.push([9], lane: .bulk) == .queued) }
        #expect(queue.push([9], lane: .bulk) == .refused)
        #expect(queue.takeDrained() == false)
        while queue.frameCount(.bulk) > 2 { _ = queue.pop() }
        #expect(queue.takeDrained() == true)
        #expect(queue.takeDrained() == false, "told once")
    }

    @Test("a bucket gives its rate and no more")
    func bucket() {
        var bucket = TokenBucket(rate: 10, burst: 20, now: .zero)
        let atOnce = (0..<30).count { _ in bucket.take(now: .zero) }
        #expect(atOnce == 20)
        let overTenSeconds = (1...1000).count { bucket.take(now: .milliseconds(10 * $0)) }
        #expect((99...100).contains(overTenSeconds))
        #expect(bucket.charge(30, now: .seconds(100)) == .seconds(1))
        #expect(bucket.charge(0, now: .milliseconds(100_500)) == .milliseconds(500))
        #expect(bucket.take(now: .seconds(1)) == false, "a clock that goes back gives nothing")
    }

    @Test("addresses: text forms and what no peer can have")
    func addresses() throws {
        #expect(try PeerAddress(parsing: "example.org:80").host == "example.org")
        let v6 = try PeerAddress(parsing: "[::1]:9000")
        #expect(v6.host == "::1" && v6.description == "[::1]:9000")
        for bad in ["", "host", "host:", ":80", "host:0", "host:65536", "::1:80", "a b:80", "h[x:80", "h\u{e9}:80"] {
            #expect(throws: WireError.self, "\(bad)") { try PeerAddress(parsing: bad) }
        }
        #expect(throws: WireError.self) { try PeerAddress(host: String(repeating: "a", count: 254), port: 1) }
    }

    @Test("a ticket survives copying, and says what is wrong with a bad one")
    func tickets() throws {
        let ticket = Ticket(
            network: testNetwork(3), node: testKey(1).nodeID,
            addresses: [try PeerAddress(host: "10.1.2.3", port: 7000), try PeerAddress(host: "::1", port: 1)])
        let text = ticket.text
        #expect(text.hasPrefix("meshnode2b") && text.count < 180)
        #expect(try Ticket(text: text) == ticket)
        #expect(try Ticket(text: "  " + text.uppercased().prefix(40) + "\n" + text.dropFirst(40) + "\n") == ticket)
        #expect(throws: Ticket.Failure.wrongPrefix(found: "http://me")) { try Ticket(text: "http://meshnode2") }
        #expect(throws: Ticket.Failure.wrongPrefix(found: "")) { try Ticket(text: "") }
        #expect(throws: Ticket.Failure.otherVersion("1")) { try Ticket(text: "meshnode1" + text.dropFirst(9)) }
        #expect(throws: Ticket.Failure.damaged(reason: "a letter that no ticket has")) {
            try Ticket(text: text.dropLast() + "0")
        }
        #expect(throws: Ticket.Failure.damaged(reason: "too short")) { try Ticket(text: "meshnode2baaa") }
        #expect(throws: Ticket.Failure.damaged(reason: "too long")) {
            try Ticket(text: "meshnode2" + String(repeating: "b", count: 5000))
        }
        let later = Ticket(
            network: ticket.network, node: ticket.node, addresses: ticket.addresses,
            recent: .init(height: 7, block: BlockID([UInt8](repeating: 7, count: 32))))
        #expect(try Ticket(text: later.text).recent == later.recent && later.text != text)
        let letters = Array(text)
        for index in 9..<letters.count {
            var changed = letters
            changed[index] = changed[index] == "q" ? "r" : "q"
            #expect(throws: Ticket.Failure.self, "letter \(index)") { try Ticket(text: String(changed)) }
            #expect(throws: Ticket.Failure.self) { try Ticket(text: String(letters[0..<index])) }
        }
    }

    @Test("a record is its node's word: every changed byte is noticed")
    func records() throws {
        let record = NodeRecord(
            incarnation: 7, addresses: [try PeerAddress(host: "127.0.0.1", port: 8)],
            datagramKey: DatagramKey([UInt8](repeating: 4, count: 32)), capabilities: 5, signedWith: testKey(1))
        #expect(record.isAuthentic)
        let bytes = record.wireBytes
        #expect(try NodeRecord(wireBytes: bytes) == record)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            if let other = try? NodeRecord(wireBytes: changed) {
                #expect(!other.isAuthentic, "byte \(index)")
                #expect(other.wireBytes == changed)
            }
            #expect(throws: WireError.self) { try NodeRecord(wireBytes: Array(bytes[..<index])) }
        }
        #expect(throws: WireError.trailingBytes(count: 1)) { try NodeRecord(wireBytes: bytes + [0]) }
    }
}
