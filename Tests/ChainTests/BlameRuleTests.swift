import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Who is proven bad by the bytes that a block carries, and who never is.
@Suite("Complaints, blame and silence as validity")
struct BlameRuleTests {
    private func expect(_ verdict: String?, _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(verdict?.contains(part) == true, "\(verdict ?? "valid")", sourceLocation: sourceLocation)
    }

    // MARK: Complaints

    @Test(arguments: [(3, 1), (5, 2)] as [(UInt8, UInt8)])
    func aProvenBadBoxLeavesItsClientOut(_ holders: (UInt8, UInt8)) throws {
        let round = try EncryptedFixture(holders: holders, badBox: 1)
        let bad = round.nodes[1]
        let holder = round.holders.last!
        let complaint = try round.complaint(by: holder, about: [bad])
        let body = round.manifest(complaints: [complaint], evicted: [bad])
        #expect(round.verdict(body) == nil)
        // The proposer cannot keep the client in, leave another one out, or name nobody.
        expect(round.verdict(round.manifest(complaints: [complaint])), "evicted are not those")
        expect(
            round.verdict(round.manifest(complaints: [complaint], evicted: [round.nodes[0]])), "evicted are not those")
        expect(round.verdict(round.manifest(evicted: [bad])), "evicted are not those")
        // It is evicted when the attempt ends, not before: the context stays what it was.
        let set = round.task.set(of: body).filter { $0.node != bad }
        let keyed = try round.task.decided(.manifest(body, set: set))
        #expect(keyed.state.roster.contains(bad) && keyed.context.digest == round.task.context.digest)
        let next = try keyed.decided(.result(keyed.result(), accuracyPpm: 900_000))
        #expect(next.state.evicted == [bad] && !next.state.roster.contains(bad))
    }

    @Test func aFalseComplaintHasNoEffect() throws {
        let round = try EncryptedFixture(badBox: 1)
        let holder = round.holders.last!
        let good = round.nodes[2]
        let lie = try round.complaint(by: holder, about: [good])
        expect(round.verdict(round.manifest(complaints: [lie], evicted: [good])), "proves nothing")
        let entry = try Complaint(wireBytes: lie.payload).entries[0]
        #expect(
            TaskRules.judge(entry, holder: holder, header: round.clients[good]!.header, state: round.state)
                == .boxIsGood)
        // Beside a true one it changes nothing: only the bad box counts.
        let both = try round.complaint(by: holder, about: [round.nodes[1], good])
        #expect(round.verdict(round.manifest(complaints: [both], evicted: [round.nodes[1]])) == nil)
        expect(
            round.verdict(round.manifest(complaints: [both], evicted: [round.nodes[1], good])), "evicted are not those")
    }

    @Test func complaintsOfOthersOrWithOtherBytesAreNone() throws {
        let round = try EncryptedFixture(badBox: 1)
        let bad = round.nodes[1]
        let holder = round.holders.last!
        func judged(_ by: NodeID, _ change: (Complaint.Entry) -> Complaint.Entry) throws -> TaskRules.ComplaintVerdict {
            let envelope = try round.complaint(by: holder, about: [bad], change: change)
            return TaskRules.judge(
                try Complaint(wireBytes: envelope.payload).entries[0], holder: by, header: round.clients[bad]!.header,
                state: round.state)
        }
        func entry(
            _ e: Complaint.Entry, point: Digest? = nil, proof: Signature? = nil, boxes: [[UInt8]]? = nil,
            component: UInt8? = nil
        ) -> Complaint.Entry {
            Complaint.Entry(
                submission: e.submission, component: component ?? e.component, sharedPoint: point ?? e.sharedPoint,
                proof: proof ?? e.proof, boxes: boxes ?? e.boxes)
        }
        #expect(try judged(holder) { $0 } == .boxIsBad)
        // The shared point of another holder, another point, a mauled proof, other boxes, another component.
        #expect(try judged(round.holders[0]) { $0 } == .unproven)
        #expect(try judged(holder) { entry($0, point: Digest(RistrettoKey.generate().publicKey)) } == .unproven)
        #expect(try judged(holder) { entry($0, point: .zero) } == .unproven)
        #expect(try judged(holder) { entry($0, proof: Signature([UInt8](repeating: 0, count: 64))) } == .unproven)
        #expect(try judged(holder) { entry($0, boxes: Array($0.boxes.dropLast())) } == .unproven)
        #expect(try judged(holder) { entry($0, component: 99) } == .unproven)
        // A stranger's, or one whose signature is another's.
        let envelope = try round.complaint(by: holder, about: [bad])
        let outsider = round.nodes.first { !round.holders.contains($0) }!
        let stranger = round.roundSigned(envelope.payload, .complaint, by: outsider)
        expect(round.verdict(round.manifest(complaints: [stranger], evicted: [bad])), "is not a holder")
        let forged = Envelope(
            network: envelope.network, slot: envelope.slot, signer: envelope.signer, payload: envelope.payload,
            signature: Signature([UInt8](repeating: 1, count: 64)))
        expect(round.verdict(round.manifest(complaints: [forged], evicted: [bad])), "is not signed by it")
    }

    @Test func aLateComplaintVoidsAndEvicts() throws {
        let round = try EncryptedFixture(badBox: 1).keyed()
        let bad = round.nodes[1]
        let complaint = try round.complaint(by: round.holders.last!, about: [bad])
        func void(_ evicted: [NodeID], _ about: [NodeID]) -> TaskBlockContent {
            .void(
                VoidBody(
                    reason: .blame, evicted: evicted, union: [], lists: [], complaints: [complaint],
                    submissions: about.map { round.clients[$0]!.envelope }))
        }
        #expect(round.task.verdict(void([bad], [bad])) == nil)
        expect(round.task.verdict(void([], [bad])), "evicted are not those")
        expect(round.task.verdict(void([round.nodes[0]], [round.nodes[0]])), "proves nothing")
        let next = try round.task.decided(void([bad], [bad]))
        #expect(next.state.evicted == [bad] && next.state.attempt == 1)
        // The others stand in for the same vectors, and K is the old set without the evicted.
        #expect(next.state.resubmits == round.set)
        let rest = round.nodes.filter { $0 != bad }
        #expect(next.verdict(next.manifest(submitters: rest)) == nil)
    }

    // MARK: Blame

    @Test(arguments: [(3, 1), (5, 2)] as [(UInt8, UInt8)])
    func aClientOutOfRangeIsNamedAlone(_ holders: (UInt8, UInt8)) throws {
        let round = try EncryptedFixture(holders: holders, outOfRange: 2).keyed()
        let guilty = round.nodes[2]
        let claim = round.recoveryClaim(element: 3)
        let told = round.holders.map { round.disclosure($0, element: 3) }
        let proof = round.proof(claim: claim, disclosures: told, clients: [guilty])
        #expect(round.voidVerdict(proof, evicted: [guilty]) == nil)
        // Nobody else can be named, at this element or another.
        let innocent = round.nodes[0]
        expect(
            round.voidVerdict(round.proof(claim: claim, disclosures: told, clients: [innocent]), evicted: [innocent]),
            "is within its range")
        expect(round.voidVerdict(proof, evicted: [guilty, innocent].sorted()), "evicted are not those")
        let other = round.proof(
            claim: round.recoveryClaim(element: 0), disclosures: round.holders.map { round.disclosure($0, element: 0) },
            clients: [guilty])
        expect(round.voidVerdict(other, evicted: [guilty]), "is within its range")
        // The chunk of somebody else under its name.
        let swapped = BlameProof(
            claim: claim, statements: proof.statements, disclosures: proof.disclosures, openings: [],
            submissions: [round.clients[innocent]!.envelope],
            chunks: [.init(submission: round.clients[innocent]!.id, bytes: round.clients[guilty]!.elements, path: [])])
        expect(round.voidVerdict(swapped, evicted: [innocent]), "a chunk is not that of")
    }

    @Test func oneMissingDisclosureNamesNobody() throws {
        let round = try EncryptedFixture(outOfRange: 2).keyed()
        let guilty = round.nodes[2]
        for silent in round.holders {
            let told = round.holders.filter { $0 != silent }.map { round.disclosure($0, element: 3) }
            let proof = round.proof(claim: round.recoveryClaim(element: 3), disclosures: told, clients: [guilty])
            expect(round.voidVerdict(proof, evicted: [guilty]), "not complete and agreed")
            expect(round.voidVerdict(proof, evicted: []), "not complete and agreed")
        }
        let nobody = round.proof(
            claim: round.recoveryClaim(element: 3), disclosures: round.holders.map { round.disclosure($0, element: 3) })
        expect(round.voidVerdict(nobody), "nobody is proven bad")
    }

    @Test func framingAClientConvictsTheHolder() throws {
        let round = try EncryptedFixture(outOfRange: 2).keyed()
        let victim = round.nodes[0]
        let liar = round.holders[1]
        let component = round.profile.components(of: 1)[0]
        let claim = round.recoveryClaim(element: 3)
        // 1. Moved for one client alone: the masks do not sum to the key that it signed.
        func told(_ lie: @escaping (inout [[UInt8]]) -> Void) -> [Envelope] {
            round.holders.map { holder in
                round.disclosure(holder, element: 3) { if holder == liar, $0 == component { lie(&$1) } }
            }
        }
        let alone = round.proof(
            claim: claim, disclosures: told { EncryptedFixture.add(5, to: &$0[0]) }, clients: [])
        #expect(round.voidVerdict(alone, replaced: [liar]) == nil)
        expect(round.voidVerdict(alone, evicted: [victim], replaced: [liar]), "evicted are not those")
        // 2. Swapped between two clients, so that the sum stays: an opened seed convicts, without it nobody is.
        let swap = told { $0.swapAt(0, 1) }
        expect(round.voidVerdict(round.proof(claim: claim, disclosures: swap)), "nobody is proven bad")
        expect(
            round.voidVerdict(round.proof(claim: claim, disclosures: swap, clients: [victim]), evicted: [victim]),
            "not complete and agreed")
        let opened = round.proof(
            claim: claim, disclosures: swap, openings: [round.opening(victim, component: component)])
        #expect(round.voidVerdict(opened, replaced: [liar]) == nil)
        // An opening of another seed says nothing.
        let wrong = round.proof(
            claim: claim, disclosures: swap,
            openings: [round.opening(victim, component: component, seed: .random(32))])
        expect(round.voidVerdict(wrong, replaced: [liar]), "nobody is proven bad")
        // 3. All holders of the component lie alike: the client's rebuttal convicts every one of them.
        let friends = round.profile.holders(of: component).map { round.holders[$0] }
        let colluding = round.holders.map { holder in
            round.disclosure(holder, element: 3) { if friends.contains(holder), $0 == component { $1.swapAt(0, 1) } }
        }
        let rebutted = round.proof(
            claim: claim, disclosures: colluding, openings: [round.opening(victim, component: component)])
        #expect(round.voidVerdict(rebutted, replaced: friends.sorted()) == nil)
    }

    /// A holder that signs a wrong vector, and masks that fit it, against the other holder of the component.
    @Test func aLyingHolderIsConvictedAndTheAttemptGoesOn() throws {
        let round = try EncryptedFixture().keyed()
        let liar = round.holders[0]
        let component = round.profile.components(of: 0)[0]
        let places = round.profile.holders(of: component)
        var lie = round.vector(component)
        EncryptedFixture.add(1, to: &lie, at: 3)
        let statements = round.holders.sorted().map { holder in
            round.statement(holder) { if holder == liar, $0 == component { $1 = lie } }
        }
        let claim = round.claim(
            .dispute, element: 3,
            entries: places.map { round.entry($0, component, 3, vector: $0 == 0 ? lie : round.vector(component)) })
        let told = places.map { place in
            round.disclosure(round.holders[place], element: 3, components: [component]) { _, masks in
                if place == 0 { EncryptedFixture.add(1, to: &masks[0]) }
            }
        }
        let opening = round.opening(round.set[0].node, component: component)
        let proof = round.proof(claim: claim, statements: statements, disclosures: told, openings: [opening])
        func result(_ proof: BlameProof?, _ liars: [NodeID]) -> ResultBody {
            let plain = round.task.result(statements: statements)
            return ResultBody(
                manifest: plain.manifest, aggregate: plain.aggregate, model: plain.model, opening: plain.opening,
                rejected: false, keyStatements: statements, opinions: plain.opinions, blame: proof, liars: liars)
        }
        #expect(round.task.verdict(result(proof, [liar])) == nil)
        expect(round.task.verdict(result(proof, [])), "convicts other holders")
        expect(round.task.verdict(result(nil, [liar])), "without a proof")
        let unopened = round.proof(claim: claim, statements: statements, disclosures: told)
        expect(round.task.verdict(result(unopened, [liar])), "convicts other holders")
        // From the next attempt on its place belongs to the next of the shuffle.
        let next = try round.task.decided(.result(result(proof, [liar]), accuracyPpm: 900_000))
        #expect(next.state.formerHolders == [liar])
        #expect(next.state.holders[0].node == round.state.genesis.holderOrder[3].node)
        #expect(Array(next.state.holders.dropFirst()) == Array(round.state.holders.dropFirst()))
        // With one root for the component there is nothing to dispute, with two there is no failed recovery to claim.
        let agreed = round.proof(claim: claim, disclosures: told, openings: [opening])
        #expect(round.task.verdict(result(agreed, [liar])) != nil)
        let early = round.proof(claim: round.recoveryClaim(element: 3), statements: statements, disclosures: told)
        #expect(round.voidVerdict(early) != nil)
    }

    @Test func thePublisherAloneIsNeverConvicted() throws {
        let round = try EncryptedFixture(holders: (1, 0), outOfRange: 2).keyed()
        let publisher = round.holders[0]
        let claim = round.recoveryClaim(element: 3)
        let lying = round.disclosure(publisher, element: 3) { EncryptedFixture.add(5, to: &$1[0]) }
        let proof = round.proof(claim: claim, disclosures: [lying])
        expect(round.voidVerdict(proof, replaced: [publisher]), "nobody is proven bad")
    }

    // MARK: Silence

    private func absence(_ fixture: TaskFixture, _ node: NodeID, _ holders: [NodeID]) -> Envelope {
        fixture.sign(
            Absence(holders: holders.sorted()).wireBytes, .absence, by: node, major: fixture.height, minor: 0)
    }

    private func void(_ fixture: TaskFixture, _ holders: [NodeID], by count: Int) -> TaskBlockContent {
        .void(
            VoidBody(
                reason: .holders, evicted: [], union: [], lists: [], replaced: holders.sorted(),
                absences: fixture.keys.prefix(count).map { absence(fixture, $0.nodeID, holders) }))
    }

    @Test func silentHoldersAreReplacedAtMostTTimes() throws {
        var fixture = TaskFixture()
        let order = fixture.state.genesis.holderOrder.map(\.node)
        let silent = Array(order.prefix(2))
        // One of three may be silent; and less than a third of the weight says nothing.
        expect(fixture.verdict(void(fixture, [order[0]], by: 5)), "the others know every component")
        expect(fixture.verdict(void(fixture, silent, by: 1)), "the others know every component")
        expect(
            fixture.verdict(
                .void(
                    VoidBody(
                        reason: .holders, evicted: [], union: [], lists: [], replaced: [order[0]],
                        absences: fixture.keys.map { absence(fixture, $0.nodeID, silent) }))), "not the missing holders"
        )
        #expect(fixture.verdict(void(fixture, silent, by: 2)) == nil)
        fixture = try fixture.decided(void(fixture, silent, by: 2))
        // t = 1: the first place goes to the next of the shuffle, the other stays, and two of three are enough.
        #expect(fixture.state.holders.map(\.node) == [order[3], order[1], order[2]])
        #expect(fixture.state.formerHolders == [order[0]] && fixture.state.impliedControl == nil)
        #expect(fixture.state.attempt == 1)
        // Nobody is left to follow: they keep their places and may come back, with more time.
        let before = fixture.state
        fixture = try fixture.decided(void(fixture, [order[3], order[1]], by: 5))
        #expect(fixture.state.holders == before.holders && fixture.state.impliedControl == nil)
        #expect(fixture.state.attempt == 2 && fixture.state.unkeyedAttempts == before.unkeyedAttempts + 1)
        #expect(fixture.verdict(.control(.failed(.holders))) != nil)
    }

    @Test func anAbsenceOfAnotherHeightOrStrangerIsNone() throws {
        let fixture = TaskFixture()
        let silent = Array(fixture.state.holders.map(\.node).prefix(2))
        let old = fixture.keys.map {
            fixture.sign(
                Absence(holders: silent.sorted()).wireBytes, .absence, by: $0.nodeID, major: fixture.height + 1,
                minor: 0)
        }
        expect(
            fixture.verdict(
                .void(
                    VoidBody(
                        reason: .holders, evicted: [], union: [], lists: [], replaced: silent.sorted(), absences: old))),
            "another slot")
        let others = fixture.keys.map(\.nodeID).filter { !fixture.state.holders.map(\.node).contains($0) }
        expect(fixture.verdict(void(fixture, others, by: 5)), "no holder")
    }

    // MARK: Resubmission

    @Test func afterAKeyedVoidOnlyTheSameVectorCounts() throws {
        let fixture = try TaskFixture().keyed()
        let next = try fixture.decided(
            .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])),
            view: TaskRules.firstVoidView(fixture.state))
        #expect(next.state.resubmits.map(\.node) == next.keys.map(\.nodeID))
        #expect(next.verdict(next.manifest()) == nil)
        let node = next.keys[0].nodeID
        let good = next.submission(node)
        var header = try SubmissionHeader(wireBytes: good.payload)
        func reason(_ header: SubmissionHeader) -> String? {
            let envelope = next.sign(header.wireBytes, .submission, by: node, major: 1, minor: 1)
            do {
                _ = try TaskRules.checkSubmission(envelope, context: next.context, state: next.state)
                return nil
            } catch { return "\(error)" }
        }
        #expect(reason(header) == nil)
        header.resubmission = .init(previous: next.state.resubmits[1].submission, lambda: .zero)
        expect(reason(header), "does not prove the vector")
        header.resubmission = nil
        expect(reason(header), "does not prove the vector")
        // In the first attempt there is nothing to repeat.
        let first = TaskFixture()
        var fresh = try SubmissionHeader(wireBytes: first.submission(node).payload)
        fresh.resubmission = .init(previous: .zero, lambda: .zero)
        let envelope = first.sign(fresh.wireBytes, .submission, by: node, major: 1, minor: 0)
        #expect(throws: ChainError.self) {
            try TaskRules.checkSubmission(envelope, context: first.context, state: first.state)
        }
    }
}
