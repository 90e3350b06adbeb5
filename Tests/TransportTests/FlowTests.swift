import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

@Suite("Flow between linked nodes", .serialized)
struct FlowTests {
    private func pair(
        collect: Bool = true, adjust: @escaping (inout TransportConfiguration) -> Void = { _ in }
    ) async throws -> (TestNode, TestNode) {
        let first = try await TestNode(adjust: adjust)
        let second = try await TestNode(collect: collect, adjust: adjust)
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        return (first, second)
    }

    /// Nobody reads `second`'s events, so all that waits at `first` stays there, and then goes in the order that the queue has.
    @Test("a vote overtakes the bulk that waits on its link", .timeLimit(.minutes(3)))
    func votesPassBulk() async throws {
        // The reader holds a few frames only: what its own order of lanes could hide is less than what waits here.
        let (first, second) = try await pair(collect: false) { $0.inboundBytesMax = 64 << 10 }
        let sent = try await fill(first, second)
        #expect(await first.transport.send([7], to: second.id, lane: .control))
        let waiting = await first.transport.peers().first?.queuedFrames[.bulk] ?? 0
        #expect(waiting > 64)
        var before = 0
        for await event in second.transport.events {
            guard case .frame(_, let lane, _) = event else { continue }
            if lane == .control { break }
            before += 1
        }
        #expect(
            before <= sent - waiting, "\(before) of \(sent) bulk frames came first, \(waiting) waited with the vote")
        await first.stop()
        await second.stop()
    }

    /// Sends bulk until no more of it finds room.
    /// - Returns: how many frames were taken.
    private func fill(_ first: TestNode, _ second: TestNode) async throws -> Int {
        let chunk = [UInt8](repeating: 5, count: 32 << 10)
        var sent = 0
        var refusedInARow = 0
        while refusedInARow < 100 {
            if await first.transport.send(chunk, to: second.id, lane: .bulk) {
                sent += 1
                refusedInARow = 0
            } else {
                refusedInARow += 1
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(sent < 4000, "the lane never filled")
            if sent >= 4000 { break }
        }
        return sent
    }

    @Test(
        "bulk that nobody takes is refused, told when there is room again, and all of it arrives",
        .timeLimit(.minutes(3)))
    func bulkBackPressure() async throws {
        let (first, second) = try await pair(collect: false)
        // Nobody reads `second`'s events: its reading pauses, the kernel fills, then the lane.
        let sent = try await fill(first, second)
        #expect(await first.transport.peers().first?.queuedFrames[.bulk] ?? 0 > 64)
        var received = 0
        for await event in second.transport.events {
            if case .frame = event { received += 1 }
            if received == sent { break }
        }
        #expect(received == sent)
        #expect(await eventually { first.collected.contains { if case .drained = $0 { true } else { false } } })
        await first.stop()
        await second.stop()
    }

    @Test("a consumer that takes nothing is dropped with that reason once control overflows", .timeLimit(.minutes(3)))
    func slowConsumer() async throws {
        let (first, second) = try await pair(collect: false) { $0.links.queues.controlFrames = 64 }
        let vote = [UInt8](repeating: 1, count: 60_000)
        #expect(
            await eventually {
                for _ in 0..<200 { await first.transport.send(vote, to: second.id, lane: .control) }
                return first.collected.contains {
                    if case .linkDown(second.id, .here(.slowConsumer)) = $0 { true } else { false }
                }
            })
        await first.stop()
        await second.stop()
    }

    @Test("payloads over the limit and to strangers are refused; the longest passes whole", .timeLimit(.minutes(3)))
    func sizes() async throws {
        let (first, second) = try await pair()
        let longest = (0..<LinkLimits.payloadBytesMax).map { UInt8(truncatingIfNeeded: $0) }
        #expect(await !first.transport.send(longest + [0], to: second.id, lane: .bulk))
        #expect(await !first.transport.send([1], to: SigningKey.generate().nodeID, lane: .control))
        #expect(await first.transport.send(longest, to: second.id, lane: .bulk))
        #expect(await first.transport.send([], to: second.id, lane: .gossip))
        #expect(await eventually { second.frames.count == 2 })
        #expect(second.frames.contains { $0.bytes == longest } && second.frames.contains { $0.bytes.isEmpty })
        let counters = await first.transport.counters()
        #expect(counters.traffic.bulk.sent.frames == 1 && counters.traffic.gossip.sent.frames == 1)
        #expect(counters.traffic.bulk.sent.bytes == 4 + 65_536)
        await first.stop()
        await second.stop()
    }

    @Test("membership probes pass as datagrams", .timeLimit(.minutes(3)))
    func datagrams() async throws {
        let (first, second) = try await pair()
        #expect(
            await eventually {
                let (one, two) = await (first.transport.counters(), second.transport.counters())
                return one.datagramsReceived.frames > 5 && two.datagramsReceived.frames > 5
            })
        #expect(await first.transport.counters().datagramDrops.isEmpty)
        #expect(await first.transport.probeRoundTrip(of: second.id) != nil)
        await first.stop()
        await second.stop()
    }
}

@Suite("Event mailbox")
struct EventMailboxTests {
    private let peer = SigningKey.generate().nodeID

    private func frame(_ lane: Lane, _ count: Int) -> TransportEvent {
        .frame(from: peer, lane: lane, bytes: [UInt8](repeating: lane.rawValue, count: count))
    }

    @Test("states come before control, control before gossip, gossip before bulk")
    func order() async {
        let mailbox = EventMailbox(creditMax: 1 << 20) { _ in }
        for lane in [Lane.bulk, .gossip, .control] { #expect(mailbox.push(frame(lane, 1))) }
        #expect(mailbox.push(.linkDown(peer, .lost)))
        var order: [String] = []
        for _ in 0..<4 {
            switch await mailbox.next() {
            case .linkDown: order.append("state")
            case .frame(_, let lane, _): order.append("\(lane)")
            default: order.append("?")
            }
        }
        #expect(order == ["state", "control", "gossip", "bulk"])
    }

    /// One stranger's flood of gossip, then some bulk and gossip of two members.
    @Test("a stranger's flood waits: members' bulk gets its turns, and peers of one kind take turns")
    func strangersWait() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        let (stranger, other) = (SigningKey.generate().nodeID, SigningKey.generate().nodeID)
        let members = [peer, SigningKey.generate().nodeID]
        mailbox.stand(Standing(members: Set(members)))
        func push(_ node: NodeID, _ lane: Lane, _ count: Int) {
            for _ in 0..<count { _ = mailbox.push(.frame(from: node, lane: lane, bytes: [1])) }
        }
        push(stranger, .control, 500)
        push(stranger, .gossip, 5_000)
        push(other, .gossip, 3)
        push(members[0], .gossip, 300)
        for member in members { push(member, .bulk, 100) }
        func take(_ count: Int) async -> [(NodeID, Lane)] {
            var taken: [(NodeID, Lane)] = []
            for _ in 0..<count {
                if case .frame(let node, let lane, _)? = await mailbox.next() { taken.append((node, lane)) }
            }
            return taken
        }
        let first = await take(400)
        #expect(first.count { $0.0 == stranger } == 50, "one turn of eight")
        #expect(first.count { $0.1 == .bulk } == 150)
        for member in members { #expect(first.count { $0.0 == member && $0.1 == .bulk } == 75) }
        // A vote that comes now is next.
        push(members[1], .control, 1)
        let next = await take(1)
        #expect(next.first?.0 == members[1] && next.first?.1 == .control)
        // What remains is all there, the second stranger's beside the first's.
        let rest = await take(5_803 - 200)
        #expect(rest.count { $0.0 == other } == 3)
    }

    @Test("what a stranger sent is dropped when its link ends, what a known node said is taken")
    func framesOfAnEndedLink() async {
        let mailbox = EventMailbox(creditMax: 1_000) { _ in }
        let (stranger, other) = (SigningKey.generate().nodeID, SigningKey.generate().nodeID)
        mailbox.stand(Standing(members: [peer]))
        for lane in Lane.allCases {
            for node in [stranger, other, peer] { _ = mailbox.push(.frame(from: node, lane: lane, bytes: [1])) }
        }
        for node in [stranger, peer] { _ = mailbox.push(.linkDown(node, .lost)) }
        // Linked again: what it says now counts, and so does its credit.
        #expect(mailbox.push(.frame(from: stranger, lane: .control, bytes: [2])), "its credit is as before")
        var taken: [(NodeID, [UInt8])] = []
        mailbox.finish()
        while let event = await mailbox.next() {
            if case .frame(let node, _, let bytes) = event { taken.append((node, bytes)) }
        }
        #expect(taken.filter { $0.0 == stranger }.map(\.1) == [[2]])
        #expect(taken.count { $0.0 == other } == Lane.allCases.count)
        #expect(taken.count { $0.0 == peer } == Lane.allCases.count)
    }

    @Test(
        "what a known node's flood leaves behind is dropped unread, but for its last words",
        arguments: [
            (LinkEnd.lost, EventMailbox.lastWords), (.peer(.shutdown), EventMailbox.lastWords),
            (.here(.banned), 0), (.here(.oversize), 0), (.here(.malformed), 0),
        ])
    func floodOfAnEndedLink(_ end: LinkEnd, _ kept: Int) async {
        let mailbox = EventMailbox(creditMax: 1 << 20) { _ in }
        let other = SigningKey.generate().nodeID
        mailbox.stand(Standing(members: [peer, other]))
        for number in 0..<500 {
            for lane in Lane.allCases {
                _ = mailbox.push(.frame(from: peer, lane: lane, bytes: [UInt8(number & 255)]))
            }
        }
        for _ in 0..<10 { _ = mailbox.push(.frame(from: other, lane: .bulk, bytes: [1])) }
        _ = mailbox.push(.linkDown(peer, end))
        mailbox.finish()
        var taken: [Lane: [UInt8]] = [:]
        var others = 0
        while let event = await mailbox.next() {
            guard case .frame(let node, let lane, let bytes) = event else { continue }
            if node == peer { taken[lane, default: []] += bytes } else { others += 1 }
        }
        for lane in Lane.allCases { #expect(taken[lane] ?? [] == (0..<kept).map { UInt8($0) }, "\(lane)") }
        #expect(others == 10)
    }

    @Test("gossip that waits unread is seen, but no bulk, no stranger's, and nobody's whose time is used up")
    func unread() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        let other = SigningKey.generate().nodeID
        mailbox.stand(Standing(members: [peer]))
        #expect(mailbox.push(frame(.bulk, 1)) && mailbox.push(.frame(from: other, lane: .control, bytes: [1])))
        #expect(!mailbox.hasUnreadGossip)
        for lane in [Lane.control, .gossip] {
            #expect(mailbox.push(frame(lane, 1)))
            #expect(mailbox.hasUnreadGossip)
            _ = await mailbox.next()
            #expect(!mailbox.hasUnreadGossip)
        }
        #expect(mailbox.push(frame(.gossip, 1)))
        mailbox.charge(peer, .seconds(1), now: .zero)
        #expect(!mailbox.hasUnreadGossip)
    }

    /// Accounts are cheap: forty of them, each with as much as the member.
    @Test("a member's frames take every second turn, however many accounts wait beside it")
    func accountsShareHalf() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        let accounts = (0..<40).map { _ in SigningKey.generate().nodeID }
        mailbox.stand(Standing(members: [peer], accounts: Set(accounts)))
        for lane in Lane.allCases {
            for node in accounts + [peer] {
                for _ in 0..<10 { _ = mailbox.push(.frame(from: node, lane: lane, bytes: [1])) }
            }
        }
        var ofMember = 0
        for _ in 0..<100 {
            if case .frame(let node, _, _)? = await mailbox.next(), node == peer { ofMember += 1 }
        }
        // All of its control, and of the others what there were turns for.
        #expect(ofMember >= 15, "\(ofMember) of a hundred")
    }

    @Test("who loses its standing takes what waits along, and who gains one too")
    func standingChanges() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        let other = SigningKey.generate().nodeID
        mailbox.stand(Standing(members: [peer, other]))
        for number in 0..<200 {
            for node in [peer, other] {
                _ = mailbox.push(.frame(from: node, lane: .gossip, bytes: [UInt8(number)]))
            }
        }
        func take(_ count: Int) async -> [UInt8] {
            var taken: [UInt8] = []
            for _ in 0..<count {
                if case .frame(let node, _, let bytes)? = await mailbox.next(), node == peer { taken += bytes }
            }
            return taken
        }
        // Evicted: one turn of eight, in the order in which it spoke.
        mailbox.stand(Standing(members: [other]))
        _ = mailbox.push(.frame(from: peer, lane: .gossip, bytes: [200]))
        #expect(await take(80) == (0..<10).map { UInt8($0) })
        // Back again: every second one.
        mailbox.stand(Standing(members: [peer, other]))
        #expect(await take(80) == (10..<50).map { UInt8($0) })
        // And gone as a stranger: nothing.
        mailbox.stand(Standing(members: [other]))
        _ = mailbox.push(.linkDown(peer, .lost))
        mailbox.finish()
        #expect(await take(400).isEmpty)
    }

    @Test("who has used up its time waits behind others of its kind")
    func chargedTime() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        let other = SigningKey.generate().nodeID
        for _ in 0..<100 { _ = mailbox.push(.frame(from: peer, lane: .gossip, bytes: [1])) }
        for _ in 0..<100 { _ = mailbox.push(.frame(from: other, lane: .gossip, bytes: [1])) }
        mailbox.charge(peer, .milliseconds(300), now: .seconds(1))
        var taken: [NodeID] = []
        for _ in 0..<100 { if case .frame(let node, _, _)? = await mailbox.next() { taken.append(node) } }
        #expect(taken.allSatisfy { $0 == other })
        // Nobody else waits: it goes on. And its debt fades.
        if case .frame(let node, _, _)? = await mailbox.next() { #expect(node == peer) }
        mailbox.charge(peer, .zero, now: .seconds(11))
        _ = mailbox.push(.frame(from: other, lane: .gossip, bytes: [1]))
        var next: [NodeID] = []
        for _ in 0..<2 { if case .frame(let node, _, _)? = await mailbox.next() { next.append(node) } }
        #expect(Set(next) == [peer, other])
    }

    /// Votes of many views and no end of them: the body that could end it is taken all the same.
    @Test("control leaves every eighth turn to what waits behind it")
    func controlIsNeverAlone() async {
        let mailbox = EventMailbox(creditMax: 1 << 30) { _ in }
        mailbox.stand(Standing(members: [peer]))
        for _ in 0..<100 { _ = mailbox.push(frame(.control, 1)) }
        for _ in 0..<5 { _ = mailbox.push(frame(.bulk, 1)) }
        var lanes: [Lane] = []
        for _ in 0..<48 { if case .frame(_, let lane, _)? = await mailbox.next() { lanes.append(lane) } }
        #expect(lanes.indices.filter { lanes[$0] == .bulk } == [7, 15, 23, 31, 39])
    }

    @Test("a peer over its credit pauses and resumes at half")
    func credit() async {
        let resumed = Collected()
        let mailbox = EventMailbox(creditMax: 10_000) { resumed.add($0) }
        var pushed = 1
        while mailbox.push(frame(.bulk, 1000)) { pushed += 1 }
        #expect(pushed == 8)
        for taken in 1...pushed {
            _ = await mailbox.next()
            #expect(resumed.all == (taken >= 5 ? [peer] : []), "after \(taken)")
        }
    }

    @Test("notices beyond the bound are dropped and counted, link states never")
    func notices() async {
        let mailbox = EventMailbox(creditMax: 1) { _ in }
        for _ in 0..<EventMailbox.noticesMax + 10 { _ = mailbox.push(.status(peer, .dead)) }
        _ = mailbox.push(.linkDown(peer, .lost))
        #expect(mailbox.droppedEvents == 10)
        mailbox.finish()
        var count = 0
        while await mailbox.next() != nil { count += 1 }
        #expect(count == EventMailbox.noticesMax + 1)
    }

    @Test("a cancelled consumer gets nil, and the next one the event")
    func cancellation() async {
        let mailbox = EventMailbox(creditMax: 1000) { _ in }
        let waiting = Task { await mailbox.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        #expect(mailbox.push(.linkDown(peer, .lost)))
        #expect(await mailbox.next() != nil)
    }
}
