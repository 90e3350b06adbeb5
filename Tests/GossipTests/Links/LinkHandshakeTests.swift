import Gossip
import MeshCrypto
import Testing
import Wire

@Suite("Link handshake")
struct LinkHandshakeTests {
    @Test("both sides prove their keys and carry payloads, however the bytes are cut", arguments: [Int.max, 1, 7])
    func establishes(pieces: Int) {
        let pair = LinkPair.standard()
        pair.pieces = pieces
        pair.open()
        #expect(pair.dialler.seen.contains(.established))
        #expect(pair.acceptor.seen.contains(.established))
        #expect(pair.dialler.identified == testKey(2).nodeID)
        #expect(pair.acceptor.identified == testKey(1).nodeID)
        pair.dialler.send(.control, [1, 2, 3])
        pair.acceptor.send(.bulk, [UInt8](repeating: 9, count: LinkLimits.payloadBytesMax))
        pair.acceptor.send(.gossip, [])
        pair.settle()
        #expect(pair.acceptor.payloads == [[1, 2, 3]])
        #expect(pair.dialler.payloads == [[UInt8](repeating: 9, count: LinkLimits.payloadBytesMax), []])
    }

    @Test("a node of another network is refused in the clear, and both sides know why")
    func otherNetwork() {
        let pair = LinkPair(
            LinkSide(.dialler(expected: nil), identity: testKey(1), network: testNetwork(1)),
            LinkSide(.acceptor, identity: testKey(2), network: testNetwork(2)))
        pair.open()
        #expect(pair.acceptor.end == .here(.wrongNetwork))
        #expect(pair.dialler.end == .peer(.wrongNetwork))
        #expect(pair.dialler.identified == nil && pair.acceptor.identified == nil)
    }

    @Test("a peer of other rules is refused, and both sides know both numbers", arguments: [(2, 3), (3, 2), (1, 2)])
    func otherRules(dialler: UInt16, acceptor: UInt16) {
        let pair = LinkPair(
            LinkSide(.dialler(expected: nil), identity: testKey(1), network: testNetwork(1), rules: dialler),
            LinkSide(.acceptor, identity: testKey(2), network: testNetwork(2), rules: acceptor))
        pair.open()
        #expect(pair.dialler.end == .otherRules(own: dialler, peer: acceptor))
        #expect(pair.acceptor.end == .otherRules(own: acceptor, peer: dialler))
        for end in [pair.dialler.end, pair.acceptor.end] {
            let said = end.map { "\($0)" } ?? ""
            #expect(said.contains("rules \(dialler)") && said.contains("rules \(acceptor)"), "\(said)")
        }
    }

    /// It says 1 in its hello and refuses others by code 3 alone.
    @Test("the release before there were numbers is refused by number, and understands the refusal")
    func rulesBeforeNumbers() throws {
        let old = LinkHello(rules: 1, network: testNetwork(), ephemeral: DatagramKey([UInt8](repeating: 3, count: 32)))
        let acceptor = LinkSide(.acceptor, identity: testKey(2))
        acceptor.feed(.opened)
        acceptor.feed(.bytes(PacketReader.packet(old.wireBytes)))
        #expect(acceptor.end == .otherRules(own: RulesNumber.current, peer: 1))
        // Its own hello in the form that the old release reads, then the refusal.
        #expect(acceptor.outbox.count == 2)
        let answer = try LinkHello(wireBytes: Array(acceptor.outbox[0].dropFirst(4)))
        #expect(answer.rules == RulesNumber.current)
        #expect(acceptor.outbox[1] == PacketReader.packet(LinkRefusal(code: .wrongVersion).wireBytes))
        let dialler = LinkSide(.dialler(expected: nil), identity: testKey(1))
        dialler.feed(.opened)
        dialler.feed(.bytes(PacketReader.packet(LinkRefusal(code: .wrongVersion).wireBytes)))
        #expect(dialler.end == .otherRules(own: RulesNumber.current, peer: 1))
    }

    @Test("a dial to an expected node fails on another key, and both sides know why")
    func unexpectedKey() {
        let pair = LinkPair(
            LinkSide(.dialler(expected: testKey(3).nodeID), identity: testKey(1)),
            LinkSide(.acceptor, identity: testKey(2)))
        pair.open()
        #expect(pair.dialler.end == .here(.unexpectedKey))
        #expect(pair.acceptor.end == .peer(.unexpectedKey))
        // The dialler's own name was not told to the wrong key.
        #expect(pair.acceptor.identified == nil)
    }

    @Test("one's own key does not link, and both sides know why")
    func ownKey() {
        let pair = LinkPair(
            LinkSide(.dialler(expected: nil), identity: testKey(1)), LinkSide(.acceptor, identity: testKey(1)))
        pair.open()
        #expect(pair.dialler.end == .here(.ownKey))
        #expect(pair.acceptor.end == .peer(.ownKey))
    }

    @Test("a refusal by policy reaches the other side", arguments: [LinkCode.banned, .full, .busy, .duplicate])
    func policy(code: LinkCode) {
        let byAcceptor = LinkPair.standard()
        byAcceptor.acceptor.answer = .close(code)
        byAcceptor.open()
        #expect(byAcceptor.acceptor.end == .here(code))
        #expect(byAcceptor.dialler.end == .peer(code))
        let byDialler = LinkPair.standard()
        byDialler.dialler.answer = .close(code)
        byDialler.open()
        #expect(byDialler.dialler.end == .here(code))
        #expect(byDialler.acceptor.end == .peer(code))
    }

    @Test(
        "a full acceptor tells of others in one frame, whatever it knows, and ends; more than one frame is no handshake"
    )
    func introduction() {
        func records(_ count: Int, _ addresses: Int) -> [NodeRecord] {
            let long = try! PeerAddress(host: String(repeating: "h", count: PeerAddress.hostBytesMax), port: 1)
            return (0..<count).map { number in
                NodeRecord(
                    incarnation: 1, addresses: Array(repeating: long, count: addresses), datagramKey: .zero,
                    capabilities: 0, signedWith: testKey(UInt8(100 + number)))
            }
        }
        for (known, told) in [(0, 0), (1, 1), (LinkLimits.introductionMax, 32), (LinkLimits.introductionMax + 5, 32)] {
            let pair = LinkPair.standard()
            let all = records(known, 0)
            pair.acceptor.answer = .introduce(all)
            pair.open()
            #expect(pair.acceptor.end == .here(.full) && pair.dialler.end == .peer(.full))
            let heard = pair.dialler.seen.compactMap { if case .records(let some) = $0 { some } else { nil } }
            #expect(heard == (told == 0 ? [] : [Array(all.prefix(told))]))
            #expect(!pair.dialler.seen.contains(.established) && !pair.acceptor.seen.contains(.established))
        }
        let long = LinkPair.standard()
        long.acceptor.answer = .introduce(records(LinkLimits.introductionMax, LinkLimits.addressesMax))
        long.open()
        #expect(long.dialler.end == .peer(.full), "the frame keeps to the limit of a packet")
        // A dialler has no place to give away.
        let wrong = LinkPair.standard()
        wrong.dialler.answer = .introduce(records(1, 0))
        wrong.open()
        #expect(wrong.acceptor.end == nil && wrong.dialler.end == nil)
    }

    @Test("no changed byte of the handshake leads to a link")
    func bitFlips() {
        let plain = LinkPair.standard()
        var lengths: [Int] = []
        plain.tamper = { _, _, bytes in
            lengths.append(bytes.count)
            return bytes
        }
        plain.open()
        #expect(lengths.count == 5, "hello, hello, proof, proof, accept")
        for (message, length) in lengths.enumerated() {
            for offset in 0..<length {
                let pair = LinkPair.standard()
                pair.tamper = { index, _, bytes in
                    guard index == message else { return bytes }
                    var changed = bytes
                    changed[offset] ^= 1 << UInt8(offset % 8)
                    return changed
                }
                pair.open()
                // A length that grew waits for bytes that never come; time ends that.
                pair.dialler.feed(.tick(waiting: false), now: .seconds(6))
                pair.acceptor.feed(.tick(waiting: false), now: .seconds(6))
                let linked = pair.dialler.seen.contains(.established)
                #expect(!linked, "byte \(offset) of message \(message)")
                if message < 4 { #expect(!pair.acceptor.seen.contains(.established)) }
            }
        }
    }

    @Test("a proof recorded on one connection is worth nothing on another")
    func replayedProof() {
        var recorded: [UInt8] = []
        let first = LinkPair.standard()
        first.tamper = { index, _, bytes in
            if index == 3 { recorded = bytes }
            return bytes
        }
        first.open()
        #expect(first.acceptor.seen.contains(.established) && !recorded.isEmpty)
        let second = LinkPair.standard()
        second.tamper = { index, _, bytes in index == 3 ? recorded : bytes }
        second.open()
        #expect(second.acceptor.identified == nil)
        #expect(second.acceptor.end == .here(.malformed))
    }

    @Test("a man in the middle with own ephemerals cannot pass the proofs on")
    func relayedProof() throws {
        // Mallory runs one handshake with each side and re-encrypts the acceptor's proof for the dialler.
        let dialler = LinkSide(.dialler(expected: testKey(2).nodeID), identity: testKey(1))
        let acceptor = LinkSide(.acceptor, identity: testKey(2))
        let towardsAcceptor = ExchangeKey()
        let towardsDialler = ExchangeKey()
        dialler.feed(.opened)
        acceptor.feed(.opened)
        let helloD = try LinkHello(wireBytes: Array(dialler.outbox.removeFirst().dropFirst(4)))
        let own = LinkHello(network: testNetwork(), ephemeral: DatagramKey(towardsAcceptor.publicKey)).wireBytes
        acceptor.feed(.bytes(PacketReader.packet(own)))
        let helloA = try LinkHello(wireBytes: Array(acceptor.outbox[0].dropFirst(4)))
        let proofPacket = Array(acceptor.outbox[1].dropFirst(4))
        let keysA = try towardsAcceptor.sessionKeys(peer: helloA.ephemeral.bytes, dialled: true)
        var receiver = try StreamReceiver(key: keysA.receive, header: Array(proofPacket[..<24]))
        let proof = try receiver.pull(Array(proofPacket[24...])).plaintext
        // It opens: Mallory is a legitimate stranger to the acceptor.
        guard case .proof = try LinkFrame(bytes: proof) else {
            Issue.record("no proof in the acceptor's first frame")
            return
        }
        let keysD = try towardsDialler.sessionKeys(peer: helloD.ephemeral.bytes, dialled: false)
        var sender = StreamSender(key: keysD.send)
        let fake = LinkHello(network: testNetwork(), ephemeral: DatagramKey(towardsDialler.publicKey)).wireBytes
        dialler.feed(.bytes(PacketReader.packet(fake)))
        dialler.feed(.bytes(PacketReader.packet(sender.header + sender.push(proof))))
        #expect(dialler.end == .here(.badProof))
        #expect(dialler.identified == nil)
    }

    @Test("a handshake that is not finished within five seconds ends, at every stage", arguments: 0...4)
    func timeout(stage: Int) {
        let pair = LinkPair.standard()
        pair.tamper = { index, _, bytes in index < stage ? bytes : nil }
        pair.open()
        for side in [pair.dialler, pair.acceptor] {
            side.feed(.tick(waiting: false), now: .seconds(5))
            let early = side.end
            side.feed(.tick(waiting: false), now: .milliseconds(5001))
            if side.seen.contains(.established) { continue }
            #expect(early == nil && side.end == .here(.handshakeTimeout))
        }
        #expect(!pair.dialler.seen.contains(.established))
    }

    @Test("a connection that breaks in the handshake is lost, not refused")
    func cut() {
        let pair = LinkPair.standard()
        pair.tamper = { index, _, bytes in index < 3 ? bytes : nil }
        pair.open()
        pair.acceptor.feed(.ended)
        #expect(pair.acceptor.end == .lost)
        pair.acceptor.feed(.ended)
        #expect(pair.acceptor.seen.count { if case .finish = $0 { true } else { false } } == 1)
    }

    @Test("a low-order ephemeral key is refused")
    func lowOrder() {
        let acceptor = LinkSide(.acceptor, identity: testKey(2))
        acceptor.feed(.opened)
        let hello = LinkHello(network: testNetwork(), ephemeral: .zero)
        acceptor.feed(.bytes(PacketReader.packet(hello.wireBytes)))
        #expect(acceptor.end == .here(.malformed))
    }

    @Test("before the peer is known no packet longer than 512 bytes is waited for")
    func oversizeHello() {
        for length: UInt32 in [513, 65_536, .max] {
            let acceptor = LinkSide(.acceptor, identity: testKey(2))
            acceptor.feed(.opened)
            var encoder = WireEncoder()
            encoder.u32(length)
            acceptor.feed(.bytes(encoder.bytes))
            #expect(acceptor.end == .here(.oversize))
        }
    }

    @Test("random bytes never trap and never link")
    func garbage() {
        var generator = MeshGenerator(seed: 11)
        for _ in 0..<500 {
            let acceptor = LinkSide(.acceptor, identity: testKey(2))
            acceptor.feed(.opened)
            for _ in 0..<4 {
                let count = Int(generator.next() % 300)
                var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                if count > 4, generator.next() % 2 == 0 { bytes[1...3] = [0, 0, 0] }
                acceptor.feed(.bytes(bytes))
            }
            acceptor.feed(.ended)
            #expect(acceptor.identified == nil && acceptor.end != nil)
        }
    }

    @Test("what is signed is fixed: a second implementation can check itself against these hashes")
    func transcriptVectors() {
        let hello = { (ephemeral: UInt8) in
            LinkHello(network: testNetwork(5), ephemeral: DatagramKey([UInt8](repeating: ephemeral, count: 32)))
                .wireBytes
        }
        #expect(
            hello(1).hex == "0e0001" + "01" + "0200" + String(repeating: "05", count: 32)
                + String(repeating: "01", count: 32))
        var transcript = LinkTranscript(dialler: hello(1), acceptor: hello(2))
        let header = [UInt8](repeating: 6, count: 24)
        let acceptor = transcript.signedByAcceptor(node: testKey(2).nodeID, instance: 8, header: header)
        #expect(acceptor.hex == "1075e8ab3cdc31089b255ab7abe83ce25940c88115c75eddcd8932b1ab10de54")
        let proof = LinkProof(node: testKey(2).nodeID, instance: 8, signature: testKey(2).sign(acceptor))
        transcript.append(acceptorProof: header + proof.wireBytes)
        let dialler = transcript.signedByDialler(node: testKey(1).nodeID, instance: 9, header: header)
        #expect(dialler.hex == "f07315ab540ac403428d0e4c5d8cb53422f906fa2588ce72af09c7f017a9517a")
        #expect(LinkRefusal(code: .wrongNetwork).wireBytes.hex == "0e00010202")
    }
}
