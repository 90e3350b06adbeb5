import Gossip
import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Two nodes that heard different things tell each other what the other lacks.
@Suite("Slot book and digest")
struct DigestTests {
    static let keys = (0..<5).map { _ in SigningKey.generate() }.sorted { $0.nodeID < $1.nodeID }
    static let chain = ChainID([UInt8](repeating: 5, count: 32))
    var participants: [NodeID] { Self.keys.map(\.nodeID) }

    private func vote(_ signer: Int, view: UInt32 = 0, block: UInt8? = nil) -> Envelope {
        let payload = Vote(block: block.map { BlockID([UInt8](repeating: $0, count: 32)) }).wireBytes
        return .signed(
            payload, slot: Slot(kind: .prevote, chain: Self.chain, major: 1, minor: view),
            network: NetworkID([UInt8](repeating: 6, count: 32)), by: Self.keys[signer])
    }

    /// Exchanges digests until neither has anything for the other, at most `rounds` times.
    private func exchange(_ a: inout SlotBook, _ b: inout SlotBook, rounds: Int = 5) -> Int {
        for round in 0..<rounds {
            let toB = a.missing(from: b.groups(participants: participants), participants: participants, limit: 64)
            let toA = b.missing(from: a.groups(participants: participants), participants: participants, limit: 64)
            if toA.isEmpty, toB.isEmpty { return round }
            for envelope in toB { b.insert(envelope) }
            for envelope in toA { a.insert(envelope) }
        }
        return rounds
    }

    @Test func eachGetsWhatItLacks() {
        var (a, b) = (SlotBook(), SlotBook())
        for signer in 0..<3 { a.insert(vote(signer)) }
        for signer in 2..<5 { b.insert(vote(signer)) }
        b.insert(vote(0, view: 4))
        #expect(exchange(&a, &b) == 1)
        #expect(a.count == 6 && b.count == 6)
    }

    /// Both know a vote of signer 2, but not the same one: the signer bitmaps alone would never show it.
    @Test func differentMessagesOfOneSignerAreFound() {
        var (a, b) = (SlotBook(), SlotBook())
        for signer in 0..<2 {
            a.insert(vote(signer))
            b.insert(vote(signer))
        }
        a.insert(vote(2, block: 1))
        b.insert(vote(2, block: 2))
        #expect(exchange(&a, &b) < 5)
        for book in [a, b] {
            #expect(book.all(.prevote, major: 1, minor: 0).filter { $0.signer == participants[2] }.count == 2)
        }
        // A third one is not kept by anybody.
        #expect(a.insert(vote(2, block: 3)) == .full)
    }

    /// What is kept beside the messages for digests is what the messages say, however they came and went.
    @Test func whatIsToldFollowsFromTheMessages() throws {
        var book = SlotBook()
        var generator = MeshGenerator(seed: 7)
        func next(_ bound: UInt64) -> Int { Int(generator.next(upperBound: bound)) }
        let strangers = Array(participants.dropLast())
        for step in 0..<400 {
            book.insert(vote(next(5), view: UInt32(next(4)), block: next(3) == 0 ? nil : UInt8(next(3))))
            if step % 90 == 89 {
                let view = UInt32(next(4))
                book.removeAll { $0.minor == view }
            }
            for known in [participants, strangers] {
                var expected: [SlotGroup] = []
                for view in UInt32(0)..<4 {
                    let found = book.all(.prevote, major: 1, minor: view).filter { known.contains($0.signer) }
                    guard !found.isEmpty else { continue }
                    var bits: UInt8 = 0
                    for envelope in found { bits |= 1 << UInt8(known.firstIndex(of: envelope.signer)!) }
                    expected.append(
                        SlotGroup(
                            kind: .prevote, major: 1, minor: view, bitmap: [bits],
                            fingerprint: SlotFingerprint(
                                marks: found.map {
                                    Transcript.hash("meshnode/mark/1", $0.signer.bytes, $0.payload)
                                })))
                }
                #expect(book.groups(participants: known) == expected)
                #expect(book.missing(from: expected, participants: known, limit: 64).isEmpty)
                // Everything to who has nothing, the newest slots first.
                let everything = (UInt32(0)..<4).flatMap { book.all(.prevote, major: 1, minor: $0) }
                    .filter { known.contains($0.signer) }
                let sent = book.missing(from: [], participants: known, limit: 64)
                #expect(Set(sent) == Set(everything))
                #expect(zip(sent, sent.dropFirst()).allSatisfy { $0.slot >= $1.slot })
            }
        }
        // A signer with its share loses its oldest messages, and they are told of no more.
        book.removeAll { _ in true }
        for view in 0..<UInt32(ChainTables.slots.quota + 10) { book.insert(vote(0, view: view + 10)) }
        let told = book.groups(participants: [participants[0]])
        #expect(told.count == ChainTables.slots.quota && told.first!.minor >= 10)
    }

    /// A signer that votes for hundreds of views fills its own share: its lowest views go, what it said once about the attempt
    /// stays, and everybody else has all of theirs.
    @Test func aSignerFillsItsOwnShareOnly() {
        var book = SlotBook()
        let quota = ChainTables.slots.quota
        let list = Envelope.signed(
            Received(submissions: []).wireBytes, slot: Slot(kind: .received, chain: Self.chain, major: 1, minor: 0),
            network: NetworkID([UInt8](repeating: 6, count: 32)), by: Self.keys[0])
        #expect(book.insert(list) == .new)
        for view in 0..<UInt32(quota + 50) { #expect(book.insert(vote(0, view: view)) == .new) }
        #expect(book.count == quota)
        #expect(book.first(.received, major: 1, minor: 0) == [list])
        #expect(book.first(.prevote, major: 1, minor: 0).isEmpty)
        #expect(!book.first(.prevote, major: 1, minor: UInt32(quota + 49)).isEmpty)
        // An older view than all that it has is not worth a place.
        #expect(book.outcome(of: vote(0, view: 1)) == .full && book.insert(vote(0, view: 1)) == .full)
        // Others are not concerned, and a node keeps what it signed itself.
        #expect(book.insert(vote(1, view: 3)) == .new)
        #expect(book.insert(vote(0, view: 1), isOwn: true) == .new)
        #expect(book.count == quota + 2)
        book.removeAll { $0.kind == .prevote }
        #expect(book.count == 1 && book.insert(vote(0, view: 1)) == .new)
    }

    /// Others need a prevote for a block to follow a re-proposal, and a precommit for one to make a certificate.
    @Test func votesForABlockGoLast() {
        var book = SlotBook()
        let quota = ChainTables.slots.quota
        #expect(book.insert(vote(0, view: 0, block: 1)) == .new && book.insert(vote(0, view: 1, block: 1)) == .new)
        for view in 2..<UInt32(quota + 50) { #expect(book.insert(vote(0, view: view)) == .new) }
        #expect(book.count == quota)
        #expect((0..<2).allSatisfy { !book.first(.prevote, major: 1, minor: $0).isEmpty })
        #expect(book.first(.prevote, major: 1, minor: 2).isEmpty)
        // Where there is nothing else, the lowest of them goes.
        for view in 1_000..<1_000 + UInt32(quota) { #expect(book.insert(vote(0, view: view, block: 1)) == .new) }
        #expect(book.count == quota && book.first(.prevote, major: 1, minor: 0).isEmpty)
    }

    /// Signers with two messages each choose which one to show whom: sums of marks can be made equal, this cannot.
    @Test func aFingerprintIsNoSum() {
        let (a, b, c) = (randomBytes(32), randomBytes(32), randomBytes(32))
        let fourth = zip(zip(a, b), c).map { $0.0 ^ $0.1 ^ $1 }
        #expect(SlotFingerprint(marks: [a, b]) != SlotFingerprint(marks: [c, fourth]))
        #expect(SlotFingerprint(marks: [a, b]) == SlotFingerprint(marks: [b, a]))
        #expect(SlotFingerprint(marks: [a]) != SlotFingerprint(marks: [a, a]))
    }

    @Test func equalBooksHaveNothingToSay() {
        var (a, b) = (SlotBook(), SlotBook())
        for signer in (0..<5).reversed() { a.insert(vote(signer, block: 3)) }
        for signer in 0..<5 { b.insert(vote(signer, block: 3)) }
        #expect(a.groups(participants: participants) == b.groups(participants: participants))
        #expect(exchange(&a, &b) == 0)
    }

    @Test func answersAreBoundedAndNewestFirst() {
        var book = SlotBook()
        for view in 0..<40 { for signer in 0..<5 { book.insert(vote(signer, view: UInt32(view))) } }
        let answer = book.missing(from: [], participants: participants, limit: 64)
        #expect(answer.count == 64 && answer.first?.slot.minor == 39)
    }

    @Test func digestsAlwaysDecode() throws {
        var book = SlotBook()
        for view in 0..<1_100 { book.insert(vote(0, view: UInt32(view))) }
        let digest = ChainDigest(
            chain: Self.chain, height: 1, head: .zero, groups: book.groups(participants: participants), pending: [])
        #expect(try ChainDigest(wireBytes: digest.wireBytes) == digest)
        #expect(digest.groups.last?.minor == 1_099)
    }

    @Test func hostileElectoratesDoNotTrap() throws {
        let huge = [UInt64.max, UInt64.max]
        var encoder = WireEncoder()
        encoder.u32(2)
        for (node, weight) in zip(participants, huge) {
            encoder.value(node)
            encoder.u64(weight)
        }
        #expect(throws: WireError.self) { try Electorate(wireBytes: encoder.bytes) }
        let fine = Electorate(bonds: participants.map { .init(node: $0, weight: 3) })
        #expect(try Electorate(wireBytes: fine.wireBytes) == fine)
        // Another order is another encoding of the same voters: refused.
        var reversed = WireEncoder()
        reversed.list(Array(fine.members.reversed()))
        #expect(throws: WireError.self) { try Electorate(wireBytes: reversed.bytes) }
    }
}
