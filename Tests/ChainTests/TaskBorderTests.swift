import MeshCrypto
import Testing

@testable import Chain
@testable import Wire

/// What a member of a task may send, and what the others make of it.
@Suite("A task's node and its peers")
struct TaskBorderTests {
    private let now = Instant(monotonicMs: 10_000, wallMs: 10_000)

    private func machine(_ fixture: TaskFixture, _ node: NodeID) -> TaskMachine {
        TaskMachine(state: fixture.state, key: fixture.key(node), manual: false, own: [], voteState: nil)
    }

    private func sent(_ directives: [ChainDirective], _ kind: MessageKind) -> [Envelope] {
        directives.compactMap { directive in
            if case .broadcast(let envelope) = directive, envelope.slot.kind == kind { envelope } else { nil }
        }
    }

    /// A task of as many members as there may be, some of whom announce two updates each, which all voters store: every list
    /// still decodes, names one a member, and a MANIFEST is decided by them.
    @Test func doubleAnnouncersBlockNoTaskOf256() throws {
        let fixture = TaskFixture(
            weights: [UInt64](repeating: 10, count: 256),
            change: { spec in
                spec.participants.minimum = 256
                spec.participants.maximum = 256
            })
        let nodes = fixture.keys.map(\.nodeID)
        let twice = Set(nodes.suffix(20))
        let announced = nodes.flatMap { node in
            (twice.contains(node) ? [UInt8(0), 1] : [0]).map { fixture.submission(node, variant: $0) }
        }
        let proposer = fixture.author
        var machine = machine(fixture, proposer)
        _ = machine.resume(now)
        var out: [ChainDirective] = []
        for envelope in announced {
            #expect(machine.receive(envelope, now).0 == .accept)
            out += machine.bodyChecked(envelope.submissionID, isValid: true, now)
            out += machine.seedsOpened(envelope.submissionID, isComplete: true, now)
        }
        out += machine.timer(.phase(height: 1), now)
        let list = try #require(sent(out, .received).first)
        let named = try Received(wireBytes: list.payload).submissions
        #expect(named.count == 256)
        let announcer = Dictionary(uniqueKeysWithValues: announced.map { ($0.submissionID, $0.signer) })
        #expect(Set(named.compactMap { announcer[$0] }).count == 256)
        // Others stored the other one of each first: their lists name these, and the union holds more than 256 ids.
        let other = announced.filter { !twice.contains($0.signer) || !named.contains($0.submissionID) }
            .map(\.submissionID).sorted()
        let voters = fixture.state.electorate.members.map(\.node)
        for (index, voter) in voters.enumerated() where voter != proposer {
            let envelope = fixture.sign(
                Received(submissions: index % 2 == 0 ? named : other).wireBytes, .received, by: voter, major: 1,
                minor: 0)
            let (admission, directives) = machine.receive(envelope, now)
            #expect(admission == .accept)
            out += directives
        }
        let every = announced.map(\.submissionID).sorted()
        for holder in fixture.state.holders.map(\.node) where holder != proposer {
            let ready = fixture.ready(holder, every)
            #expect(try Ready(wireBytes: ready.payload).opened.count == 276)
            out += machine.receive(ready, now).1
        }
        out += machine.timer(.grace(height: 1, .manifest), now)
        let proposal = try #require(sent(out, .proposal).first)
        let header = try Proposal(wireBytes: proposal.payload).header
        #expect(header.kind == .manifest)
        let stored = out.compactMap { directive -> [UInt8]? in
            if case .store(let bytes, _, .blockBody) = directive { bytes } else { nil }
        }
        let body = try #require(stored.last)
        #expect(body.count <= Limits.blockBody)
        guard
            case .manifest(let manifest, let set) = try TaskRules.check(
                header: header, body: body, state: fixture.state)
        else { throw ChainError.invalid("no manifest") }
        // Both announcements are in L, so their members are in no set; everybody else is.
        #expect(manifest.union.count == 276 && set.count == 236 && set.allSatisfy { !twice.contains($0.node) })
    }

    /// A list that names both announcements of a member is not counted: its voter would make the block invalid.
    @Test func aListWithTwoOfOneMemberIsNotCarried() throws {
        let fixture = TaskFixture(weights: [10, 10, 10, 10, 10, 10, 10])
        let nodes = fixture.keys.map(\.nodeID)
        let announced = fixture.submissions() + [fixture.submission(nodes[0], variant: 1)]
        let all = announced.map(\.submissionID).sorted()
        let proposer = fixture.author
        var machine = machine(fixture, proposer)
        _ = machine.resume(now)
        var out: [ChainDirective] = []
        for envelope in announced {
            _ = machine.receive(envelope, now)
            out += machine.bodyChecked(envelope.submissionID, isValid: true, now)
            out += machine.seedsOpened(envelope.submissionID, isComplete: true, now)
        }
        let ones = try Received(wireBytes: #require(sent(out, .received).first).payload).submissions
        #expect(ones.count == 7)
        let hostile = try #require(nodes.last { $0 != proposer })
        for voter in nodes where voter != proposer {
            let ids = voter == hostile ? all : ones
            out +=
                machine.receive(
                    fixture.sign(Received(submissions: ids).wireBytes, .received, by: voter, major: 1, minor: 0), now
                ).1
        }
        for holder in fixture.state.holders.map(\.node) where holder != proposer {
            out += machine.receive(fixture.ready(holder, all), now).1
        }
        out += machine.timer(.grace(height: 1, .manifest), now)
        let proposal = try #require(sent(out, .proposal).first)
        let stored = out.compactMap { directive -> [UInt8]? in
            if case .store(let bytes, _, .blockBody) = directive { bytes } else { nil }
        }
        let body = try ManifestBody(wireBytes: #require(stored.last))
        #expect(body.lists.count == 6 && !body.lists.contains { $0.signer == hostile })
        _ = try TaskRules.check(
            header: Proposal(wireBytes: proposal.payload).header, body: body.wireBytes, state: fixture.state)
    }

    // MARK: Tables

    /// Somebody floods the next height and offers bodies that nobody asked for: its share is eight, and others have theirs.
    @Test func whatOneMemberSendsAheadTakesNobodysPlace() throws {
        let fixture = TaskFixture()
        let nodes = fixture.keys.map(\.nodeID)
        var machine = machine(fixture, nodes[0])
        _ = machine.resume(now)
        let before = machine.queuedMessages
        for view in 0..<50 {
            let vote = fixture.sign(Vote(block: nil).wireBytes, .prevote, by: nodes[1], major: 2, minor: UInt32(view))
            _ = machine.receive(vote, now)
        }
        #expect(machine.queuedMessages == before + ChainTables.deferred.quota)
        let other = fixture.sign(Vote(block: nil).wireBytes, .prevote, by: nodes[2], major: 2, minor: 0)
        _ = machine.receive(other, now)
        #expect(machine.queuedMessages == before + ChainTables.deferred.quota + 1)
        let body = [UInt8](repeating: 1, count: 1_000)
        for number in 0..<100 {
            let bytes = body + [UInt8(number)]
            _ = machine.content(ContentReference.of(bytes, kind: .blockBody).id, bytes, now)
        }
        #expect(machine.core.bodies.isEmpty)
    }

    /// What others sent too early counts later. A late node has much of it, and the others have it: none is sent as its own.
    @Test func whatWasKeptForLaterIsRelayedNotBroadcast() throws {
        let fixture = TaskFixture()
        let keyed = try fixture.keyed()
        let holder = fixture.state.holders[0].node
        let node = try #require(fixture.keys.map(\.nodeID).first { $0 != holder })
        var machine = machine(fixture, node)
        _ = machine.resume(now)
        let statement = keyed.statement(holder)
        #expect(machine.receive(statement, now).0 == .ignore("kept for the next height"))
        machine.state = keyed.state
        var out: [ChainDirective] = []
        machine.replayDeferred(now, &out)
        #expect(machine.messages(.keyStatement) == [statement])
        #expect(out.contains { if case .relay(statement) = $0 { true } else { false } })
        #expect(sent(out, .keyStatement).isEmpty)
    }

    // MARK: Reject only what is wrong in every state

    /// A holder that signs two statements: a claim fits one of them. Nodes that heard the other one first do not punish whoever
    /// passed it on, nor do they keep it.
    @Test func aClaimOnTheOtherStatementOfAHolderPunishesNobody() throws {
        let round = try EncryptedFixture().keyed()
        let liar = round.holders[0]
        let component = try #require(round.profile.components(of: 0).min())
        let lie: (Int, inout [UInt8]) -> Void = { changed, vector in
            if changed == component { EncryptedFixture.add(1, to: &vector, at: 2) }
        }
        var wrong = round.vector(component)
        lie(component, &wrong)
        let entries = round.profile.holders(of: component).map { place in
            round.entry(
                place, component, 2, vector: round.holders[place] == liar ? wrong : round.vector(component))
        }
        let claim = round.claim(.dispute, element: 2, entries: entries)
        let voter = try #require(round.nodes.first { !round.holders.contains($0) && $0 != claim.signer })
        for (first, expected) in [(round.statement(liar, lie: lie), true), (round.statement(liar), false)] {
            var machine = machine(round.task, voter)
            _ = machine.resume(now)
            for holder in round.holders {
                #expect(machine.receive(holder == liar ? first : round.statement(holder), now).0 == .accept)
            }
            let (admission, _) = machine.receive(claim, now)
            if case .reject(let reason) = admission { Issue.record("rejected: \(reason)") }
            #expect((admission == .accept) == expected)
        }
    }

    /// A complaint that proves nothing is seen only by those who have the announcement; the others pass it on.
    @Test func aComplaintWithoutProofPunishesNobodyWhoPassedItOn() throws {
        let round = try EncryptedFixture()
        let holder = round.holders[0]
        let client = try #require(round.nodes.last)
        let complaint = try round.complaint(by: holder, about: [client]) { entry in
            Complaint.Entry(
                submission: entry.submission, component: entry.component, sharedPoint: entry.sharedPoint,
                proof: Signature([UInt8](repeating: 0, count: 64)), boxes: entry.boxes)
        }
        let node = try #require(round.nodes.first { $0 != holder })
        var without = machine(round.task, node)
        _ = without.resume(now)
        #expect(without.receive(complaint, now).0 == .accept)
        var with = machine(round.task, node)
        _ = with.resume(now)
        _ = with.receive(try #require(round.clients[client]).envelope, now)
        guard case .ignore = with.receive(complaint, now).0 else {
            Issue.record("\(with.receive(complaint, now).0)")
            return
        }
    }
}
