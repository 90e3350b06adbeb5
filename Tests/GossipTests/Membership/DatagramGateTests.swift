import Gossip
import MeshCrypto
import Testing
import Wire

@Suite("Datagrams")
struct DatagramGateTests {
    /// Two nodes that hold each other's records.
    final class Party {
        let identity: SigningKey
        let key: ExchangeKey
        var gate: DatagramGate
        let record: NodeRecord

        init(_ number: UInt8, network: UInt8 = 1) {
            let identity = try! SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))
            self.identity = identity
            let key = ExchangeKey()
            self.key = key
            gate = DatagramGate(
                own: identity.nodeID, network: NetworkID([UInt8](repeating: network, count: 32)), key: key,
                cookieKey: [UInt8](repeating: number, count: 32), now: .zero)
            record = NodeRecord(
                incarnation: 1, addresses: [try! PeerAddress(host: "127.0.0.1", port: UInt16(number))],
                datagramKey: DatagramKey(key.publicKey), capabilities: 0, signedWith: identity)
        }

        func seal(_ message: MembershipMessage, to record: NodeRecord) -> [UInt8]? {
            gate.seal(message, to: record)
        }

        func joinRequest(expected: NodeID? = nil) -> [UInt8] {
            gate.joinRequest(nonce: [UInt8](repeating: 8, count: 16), expected: expected)
        }

        func open(
            _ datagram: [UInt8], from source: String = "1.2.3.4:5", knowing: [NodeRecord], now: Duration = .zero
        ) -> DatagramGate.Outcome {
            gate.open(datagram, from: source, now: now) { node in
                node == record.node ? record : knowing.first { $0.node == node }
            }
        }
    }

    private let ping = MembershipMessage(sequence: 9, body: .ping)

    @Test("members understand each other in both directions")
    func pair() throws {
        let alice = Party(1)
        let bob = Party(2)
        let sealed = try #require(alice.seal(ping, to: bob.record))
        #expect(sealed.count == ping.wireBytes.count + DatagramGate.overhead)
        #expect(bob.open(sealed, knowing: [alice.record]) == .message(from: alice.record.node, ping))
        let back = try #require(bob.seal(ping, to: alice.record))
        #expect(alice.open(back, knowing: [bob.record]) == .message(from: bob.record.node, ping))
    }

    @Test("the longest message fits a datagram, a longer one is not sent")
    func sizes() throws {
        let alice = Party(1)
        let bob = Party(2)
        func message(_ count: Int) -> MembershipMessage {
            MembershipMessage(
                sequence: 1, body: .ping,
                updates: (0..<count).map { .dead(bob.record.node, incarnation: UInt64($0), accuser: alice.record.node) }
            )
        }
        let settings = MembershipSettings(profile: .wan)
        #expect(settings.messageBytesMax + DatagramGate.overhead <= DatagramGate.datagramBytesMax)
        let sealed = try #require(alice.seal(message(14), to: bob.record))
        #expect(sealed.count <= 1200 && sealed.count > 1100)
        #expect(bob.open(sealed, knowing: [alice.record]) == .message(from: alice.record.node, message(14)))
        #expect(alice.seal(message(16), to: bob.record) == nil)
        #expect(bob.open([UInt8](repeating: 0, count: 1201), knowing: []) == .dropped(.oversize))
    }

    @Test("every changed, cut or lengthened byte is noticed")
    func altered() throws {
        let alice = Party(1)
        let bob = Party(2)
        let sealed = try #require(alice.seal(ping, to: bob.record))
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x10
            guard case .dropped = bob.open(changed, knowing: [alice.record]) else {
                Issue.record("byte \(index)")
                continue
            }
            #expect(bob.open(Array(sealed[..<index]), knowing: [alice.record]) == .dropped(.malformed))
        }
        #expect(bob.open(sealed + [0], knowing: [alice.record]) == .dropped(.malformed))
        // The original still counts as new.
        #expect(bob.open(sealed, knowing: [alice.record]) == .message(from: alice.record.node, ping))
    }

    @Test("a replay, a reflection, a datagram for another and one of another network are dropped")
    func misplaced() throws {
        let alice = Party(1)
        let bob = Party(2)
        let carol = Party(3)
        let sealed = try #require(alice.seal(ping, to: bob.record))
        _ = bob.open(sealed, knowing: [alice.record])
        #expect(bob.open(sealed, knowing: [alice.record]) == .dropped(.replayed))
        #expect(alice.open(sealed, knowing: [bob.record]) == .dropped(.unknownSender))
        #expect(carol.open(sealed, knowing: [alice.record]) == .dropped(.staleKey))
        #expect(carol.open(sealed, knowing: []) == .dropped(.unknownSender))
        let foreign = Party(1, network: 9)
        let other = try #require(foreign.seal(ping, to: bob.record))
        #expect(bob.open(other, knowing: [foreign.record]) == .dropped(.notAuthentic))
    }

    @Test("after a restart the old key is stale and the new record opens a new window")
    func restart() throws {
        let alice = Party(1)
        let again = Party(1)
        let bob = Party(2)
        let sealed = try #require(again.seal(ping, to: bob.record))
        #expect(bob.open(sealed, knowing: [alice.record]) == .dropped(.staleKey))
        #expect(bob.open(sealed, knowing: [again.record]) == .message(from: again.record.node, ping))
    }

    @Test("the window takes each counter once, in any order, and nothing older than 64")
    func window() {
        var window = ReplayWindow()
        func take(_ counter: UInt64) -> Bool { window.accept(counter) }
        #expect(!take(0))
        #expect(take(1) && !take(1))
        #expect(take(100) && take(99) && take(37) && !take(36) && !take(37) && !take(100))
        #expect(take(.max) && !take(.max) && take(.max - 63) && !take(.max - 64))
    }

    @Test("a stranger gets a cookie for less than it sent, and only the cookie's address may join")
    func joining() throws {
        let member = Party(1)
        let stranger = Party(2)
        let request = stranger.joinRequest()
        guard case .reply(let cookie) = member.open(request, from: "9.9.9.9:1", knowing: []) else {
            Issue.record("no cookie")
            return
        }
        #expect(cookie.count < request.count)
        guard case .reply(let join) = stranger.open(cookie, knowing: []) else {
            Issue.record("no join")
            return
        }
        #expect(member.open(join, from: "9.9.9.8:1", knowing: []) == .dropped(.badCookie), "another address")
        #expect(member.open(join, from: "9.9.9.9:1", knowing: []) == .joined(stranger.record))
        #expect(member.open(join, from: "9.9.9.9:1", knowing: [], now: .seconds(29)) == .joined(stranger.record))
        #expect(member.open(join, from: "9.9.9.9:1", knowing: [], now: .seconds(61)) == .dropped(.badCookie))
        #expect(stranger.open(cookie, knowing: []) == .dropped(.badCookie), "a cookie nobody asked for any more")
        var changed = join
        changed[join.count - 1] ^= 1
        #expect(member.open(changed, from: "9.9.9.9:1", knowing: []) == .dropped(.notAuthentic))
        // A request that is shorter than its answer gets none.
        var short = Array(request.prefix(70))
        short[4] = 70
        short[5] = 0
        #expect(member.open(short, from: "9.9.9.9:1", knowing: []) == .dropped(.malformed))
        let elsewhere = Party(3, network: 5)
        #expect(elsewhere.open(request, knowing: []) == .dropped(.otherNetwork))
    }

    @Test("a request for one node is answered by that node alone")
    func expectedNode() {
        let member = Party(1)
        let stranger = Party(2)
        let asked = stranger.joinRequest(expected: member.record.node)
        guard case .reply = member.open(asked, knowing: []) else {
            Issue.record("no cookie")
            return
        }
        #expect(Party(3).open(asked, knowing: []) == .dropped(.otherNode))
    }

    @Test("strangers are answered at a bounded rate, members are not concerned")
    func strangerRate() throws {
        let member = Party(1)
        let stranger = Party(2)
        let request = stranger.joinRequest()
        var answered = 0
        for _ in 0..<1000 {
            if case .reply = member.open(request, knowing: []) { answered += 1 }
        }
        #expect(answered == 50)
        let sealed = try #require(stranger.seal(ping, to: member.record))
        #expect(member.open(sealed, knowing: [stranger.record]) == .message(from: stranger.record.node, ping))
    }

    @Test("random datagrams never trap and never pass")
    func garbage() {
        let member = Party(1)
        var generator = MeshGenerator(seed: 2)
        for _ in 0..<3000 {
            let count = Int(generator.next() % 400)
            var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            if count >= 6 {
                bytes.replaceSubrange(
                    0..<6,
                    with: [15, 0, 1, UInt8(generator.next() % 5), UInt8(count & 255), UInt8(count >> 8)])
            }
            switch member.open(bytes, knowing: []) {
            case .dropped, .reply: break
            default: Issue.record("random bytes passed")
            }
        }
    }

    @Test("messages have one encoding and bounded updates")
    func canonical() throws {
        let record = Party(4).record
        let message = MembershipMessage(
            sequence: 3, body: .pingRequest(target: record.node),
            updates: [.alive(record), .suspect(record.node, incarnation: 2, accuser: record.node)])
        #expect(try MembershipMessage(wireBytes: message.wireBytes) == message)
        var encoder = WireEncoder()
        encoder.u32(1)
        encoder.u8(0)
        encoder.u32(33)
        encoder.fixed([UInt8](repeating: 0, count: 200))
        #expect(throws: WireError.tooLong(field: "updates", length: 33, limit: 32)) {
            try MembershipMessage(wireBytes: encoder.bytes)
        }
    }
}
