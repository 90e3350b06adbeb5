import MeshCrypto
import Testing
import Wire

@testable import Chain

/// A MANIFEST is valid by what it carries, and by nothing else.
@Suite("MANIFEST validity")
struct ManifestTests {
    let fixture = TaskFixture()
    var nodes: [NodeID] { fixture.keys.map(\.nodeID) }

    /// Rebuilds a body with some parts replaced.
    private func changed(
        _ body: ManifestBody, context: Digest? = nil, union: [SubmissionID]? = nil, lists: [ReceivedList]? = nil,
        submissions: [Envelope]? = nil, readys: [Envelope]? = nil
    ) -> ManifestBody {
        ManifestBody(
            context: context ?? body.context, union: union ?? body.union, lists: lists ?? body.lists,
            submissions: submissions ?? body.submissions, readys: readys ?? body.readys)
    }

    private func expect(_ verdict: String?, _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(verdict?.contains(part) == true, "\(verdict ?? "valid")", sourceLocation: sourceLocation)
    }

    @Test func theUnchangedBlockIsValid() {
        #expect(fixture.verdict(fixture.manifest()) == nil)
        // A quorum of lists is enough, in whatever subset.
        #expect(fixture.verdict(fixture.manifest(listers: Array(nodes.dropFirst()))) == nil)
        #expect(fixture.verdict(fixture.manifest(submitters: Array(nodes.dropLast()))) == nil)
    }

    @Test func tooFewLists() {
        expect(fixture.verdict(fixture.manifest(listers: Array(nodes.prefix(3)))), "lists weigh 30, the quorum is 34")
    }

    @Test func tamperedList() {
        let body = fixture.manifest()
        // A bit taken out of a signed list: its signature no longer covers it.
        var bitmap = body.lists[0].bitmap
        bitmap[0] ^= 1
        let first = ReceivedList(signer: body.lists[0].signer, bitmap: bitmap, signature: body.lists[0].signature)
        expect(fixture.verdict(changed(body, lists: [first] + body.lists.dropFirst())), "is not signed by it")
        // An unused bit set.
        var unused = body.lists[0].bitmap
        unused[0] |= 0x80
        let second = ReceivedList(signer: body.lists[0].signer, bitmap: unused, signature: body.lists[0].signature)
        expect(fixture.verdict(changed(body, lists: [second] + body.lists.dropFirst())), "unused bits")
        // A bitmap of another length.
        let third = ReceivedList(signer: body.lists[0].signer, bitmap: [31, 0], signature: body.lists[0].signature)
        expect(fixture.verdict(changed(body, lists: [third] + body.lists.dropFirst())), "wrong length")
        let empty = ReceivedList(signer: body.lists[0].signer, bitmap: [], signature: body.lists[0].signature)
        expect(fixture.verdict(changed(body, lists: [empty] + body.lists.dropFirst())), "wrong length")
    }

    @Test func listOfAnotherHeight() {
        let body = fixture.manifest()
        var later = fixture
        later.state.apply(
            .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])),
            header: fixture.header(.control(.complete)),
            block: .zero)
        let old = later.list(body.lists[0].signer, body.union, union: body.union)
        expect(fixture.verdict(changed(body, lists: [old] + body.lists.dropFirst())), "is not signed by it")
    }

    @Test func listsOutOfOrderTwiceOrOfStrangers() {
        let body = fixture.manifest()
        expect(fixture.verdict(changed(body, lists: body.lists.reversed())), "lists are not in order")
        expect(fixture.verdict(changed(body, lists: [body.lists[0]] + body.lists)), "lists are not in order")
        let stranger = ReceivedList(
            signer: NodeID([UInt8](repeating: 0, count: 32)), bitmap: body.lists[0].bitmap,
            signature: body.lists[0].signature)
        expect(fixture.verdict(changed(body, lists: [stranger] + body.lists)), "has no vote here")
    }

    @Test func unionThatNamesWhatNobodyLists() {
        let body = fixture.manifest()
        let extra = SubmissionID([UInt8](repeating: 0xff, count: 32))
        let union = (body.union + [extra]).sorted()
        let lists = nodes.map { fixture.list($0, body.union, union: union) }
        expect(fixture.verdict(changed(body, union: union, lists: lists)), "an id that no list has")
        expect(fixture.verdict(changed(body, union: body.union.reversed())), "the union is not in order")
    }

    /// One list in favour is less than a third: the submission may not be in; leaving out one that all listed is as bad.
    @Test func wrongSet() {
        let all = fixture.submissions()
        let ids = all.map(\.submissionID).sorted()
        let odd = all[0].submissionID
        let lists = nodes.enumerated().map { index, node in
            fixture.list(node, index == 0 ? ids : ids.filter { $0 != odd }, union: ids)
        }
        let readys = fixture.state.holders.map(\.node).sorted().map { fixture.ready($0, ids) }
        let body = ManifestBody(
            context: fixture.context.digest, union: ids, lists: lists, submissions: all, readys: readys)
        expect(fixture.verdict(body), "not those listed by a third")
        let rest = changed(body, submissions: Array(all.dropFirst()))
        #expect(fixture.verdict(rest) == nil)

        let whole = fixture.manifest()
        expect(
            fixture.verdict(changed(whole, submissions: Array(whole.submissions.dropFirst()))),
            "not those listed by a third")
        // Two lists are a third: now it must be in.
        let two = nodes.enumerated().map { index, node in
            fixture.list(node, index < 2 ? ids : ids.filter { $0 != odd }, union: ids)
        }
        #expect(fixture.verdict(changed(body, lists: two)) == nil)
        expect(fixture.verdict(changed(body, lists: two, submissions: Array(all.dropFirst()))), "not those listed")
    }

    /// The set is not a choice of the proposer: the state root pins it.
    @Test func smallerSetThanTheListsGive() {
        let body = fixture.manifest()
        let set = Array(fixture.set(of: body).dropFirst())
        expect(fixture.verdict(body, set: set), "state root")
    }

    @Test func foreignSubmission() {
        let other = TaskFixture(seed: 9)
        let body = fixture.manifest()
        let foreign = other.submission(other.keys[0].nodeID)
        let ids = (body.submissions.dropFirst().map(\.submissionID) + [foreign.submissionID]).sorted()
        let forged = ManifestBody(
            context: body.context, union: ids, lists: nodes.map { fixture.list($0, ids, union: ids) },
            submissions: ([foreign] + body.submissions.dropFirst()).sorted { $0.signer < $1.signer },
            readys: fixture.state.holders.map(\.node).sorted().map { fixture.ready($0, ids) })
        expect(fixture.verdict(forged, set: []), "another slot")
    }

    @Test func submissionsThatDoNotFit() {
        func verdict(_ envelope: Envelope) -> String? {
            let others = fixture.submissions().filter { $0.signer != envelope.signer }
            let all = (others + [envelope]).sorted { $0.signer < $1.signer }
            let ids = all.map(\.submissionID).sorted()
            return fixture.verdict(
                ManifestBody(
                    context: fixture.context.digest, union: ids, lists: nodes.map { fixture.list($0, ids, union: ids) },
                    submissions: all, readys: fixture.state.holders.map(\.node).sorted().map { fixture.ready($0, ids) })
            )
        }
        #expect(verdict(fixture.submission(nodes[1], variant: 3)) == nil)
        expect(verdict(fixture.submission(nodes[1], elements: 1)), "another size")
        expect(verdict(fixture.submission(nodes[1], round: 2)), "another context")
        // The announcement of another member under the own name.
        let stolen = fixture.submission(nodes[2], variant: 4)
        expect(
            verdict(fixture.sign(stolen.payload, .submission, by: nodes[1], major: 1, minor: 0)),
            "names another submitter")
        let unsigned = Envelope(
            network: stolen.network, slot: stolen.slot, signer: stolen.signer, payload: stolen.payload,
            signature: Signature([UInt8](repeating: 1, count: 64)))
        expect(verdict(unsigned), "is not signed by it")
    }

    /// Whoever announced two updates that both count is in no set; the four others are.
    @Test func twoAnnouncementsOfOneKey() {
        let twice = fixture.submission(nodes[0], variant: 9)
        let all = (fixture.submissions() + [twice]).sorted {
            ($0.signer, $0.submissionID) < ($1.signer, $1.submissionID)
        }
        let ids = all.map(\.submissionID).sorted()
        let two = all.filter { $0.signer == nodes[0] }.map(\.submissionID)
        func body(_ lists: [ReceivedList]) -> ManifestBody {
            ManifestBody(
                context: fixture.context.digest, union: ids, lists: lists,
                submissions: all, readys: fixture.state.holders.map(\.node).sorted().map { fixture.ready($0, ids) })
        }
        let lists = nodes.enumerated().map { index, node in
            fixture.list(node, ids.filter { $0 != two[index < 2 ? 0 : 1] }, union: ids)
        }
        let set = fixture.set(of: body(lists)).filter { $0.node != nodes[0] }
        #expect(fixture.verdict(body(lists), set: set) == nil)
        expect(fixture.verdict(body(lists)), "state root")
        // A list that names both of them is no list.
        let both = [fixture.list(nodes[0], ids, union: ids)] + lists.dropFirst()
        expect(fixture.verdict(body(both), set: set), "two announcements of one member")
    }

    @Test func uncoveredComponents() {
        let body = fixture.manifest()
        let ids = body.union
        // (3,1): any two holders know every component, one alone does not.
        #expect(fixture.verdict(changed(body, readys: Array(body.readys.dropFirst()))) == nil)
        expect(fixture.verdict(changed(body, readys: Array(body.readys.prefix(1)))), "do not cover the set")
        expect(fixture.verdict(changed(body, readys: [])), "do not cover the set")
        // All holders signed, but two of them could not open one member's seeds.
        let partial = fixture.state.holders.map(\.node).sorted().enumerated().map { index, node in
            fixture.ready(node, index == 0 ? ids : Array(ids.dropFirst()))
        }
        expect(fixture.verdict(changed(body, readys: partial)), "do not cover the set")
        // A Ready of somebody who holds nothing.
        let holders = fixture.state.holders.map(\.node)
        let outsider = nodes.first { !holders.contains($0) }!
        let readys = (body.readys + [fixture.ready(outsider, ids)]).sorted { $0.signer < $1.signer }
        expect(fixture.verdict(changed(body, readys: readys)), "is not a holder")
    }

    @Test func anotherContextOrTime() {
        let body = fixture.manifest()
        expect(fixture.verdict(changed(body, context: .zero)), "another context")
        let content = TaskBlockContent.manifest(body, set: fixture.set(of: body))
        expect(fixture.verdict(content) { $0.timeMs = 1_000 }, "time does not advance")
        expect(fixture.verdict(content) { $0.round = 2 }, "wrong round")
        expect(fixture.verdict(content) { $0.originView = 1 }, "does not belong to author")
        expect(fixture.verdict(content) { $0.height = 2 }, "height 2 does not follow")
        expect(fixture.verdict(content) { $0.payoutRoot = .zero }, "payout root")
        expect(
            fixture.verdict(content) { $0.nextElectorate = Digest([UInt8](repeating: 1, count: 32)) }, "never changes")
        expect(fixture.verdict(content) { $0.kind = .result }, "")
    }

    @Test func secondManifestOfAnAttempt() throws {
        let keyed = try fixture.keyed()
        expect(keyed.verdict(keyed.manifest()), "already decided")
    }

    /// After a keyed VOID the next set on the same model is nested in the first.
    @Test func setsOfOneModelAreNested() throws {
        let large = TaskFixture(seed: 3, weights: [UInt64](repeating: 10, count: 9))
        let all = large.keys.map(\.nodeID)
        var keyed = try large.keyed()
        let first = keyed.state.decidedSets[0]
        #expect(first == all)
        keyed = try keyed.decided(
            .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])),
            view: TaskRules.firstVoidView(keyed.state))
        #expect(keyed.state.attempt == 1 && keyed.state.keyedAttempts == 1)
        // One is gone: four more leave, by their places.
        let present = Array(all.dropLast())
        let body = keyed.manifest(submitters: present)
        let set = keyed.set(of: body)
        #expect(keyed.verdict(body, set: set)?.contains("state root") == true)
        let beacon = Election.beacon(after: keyed.state.beacon, header: keyed.header(.manifest(body, set: [])))
        let left = SetSelectionTests.byPlace(present, beacon).dropFirst(4)
        #expect(keyed.verdict(body, set: set.filter { left.contains($0.node) }) == nil)
        // Those with the smallest keys instead are another set.
        expect(keyed.verdict(body, set: Array(set.dropFirst(4))), "state root")
        // All are back: the same set again, never a subset of the proposer's choice.
        let whole = keyed.manifest()
        #expect(keyed.verdict(whole) == nil)
    }

    /// Fewer than 2·n_min of a keyed set are back: no block gives a set, whichever it names, and no VOID is a short cut. The
    /// attempt ends by its deadline and is tried again; it is none of the three, and the set to be nested in stays.
    @Test func aKeyedSetToWhichTooFewComeBackIsTriedAgain() throws {
        let large = TaskFixture(seed: 3, weights: [UInt64](repeating: 10, count: 9))
        let all = large.keys.map(\.nodeID)
        let deadline = TaskBlockContent.void(VoidBody(reason: .deadline, evicted: [], union: [], lists: []))
        var now = try large.keyed()
        now = try now.decided(deadline, view: TaskRules.firstVoidView(now.state))
        let sets = now.state.decidedSets
        #expect(sets == [all] && now.state.keyedAttempts == 1)
        for attempt in UInt16(1)...5 {
            #expect(now.state.attempt == attempt)
            for count in [4, 7] {
                let body = now.manifest(submitters: Array(all.prefix(count)))
                let present = now.set(of: body)
                for set in [present, Array(present.prefix(4)), []] {
                    expect(now.verdict(body, set: set), "the set has 0 members, too few to key")
                }
                let short = VoidBody(reason: .tooFew, evicted: [], union: body.union, lists: body.lists)
                expect(now.verdict(.void(short)), "enough for a set")
            }
            let view = TaskRules.firstVoidView(now.state)
            expect(now.verdict(deadline, view: view - 1), "too early to give up")
            now = try now.decided(deadline, view: view)
            #expect(now.state.decidedSets == sets && now.state.keyedAttempts == 1 && now.state.round == 1)
            #expect(now.state.impliedControl == nil && !now.state.isEnded)
        }
        // With eight there are four to stay beside four who leave, and with all of them the set is the same.
        let present = Array(all.dropLast())
        let body = now.manifest(submitters: present)
        let beacon = Election.beacon(after: now.state.beacon, header: now.header(.manifest(body, set: [])))
        let left = SetSelectionTests.byPlace(present, beacon).dropFirst(4)
        #expect(left.count == 4)
        #expect(now.verdict(body, set: now.set(of: body).filter { left.contains($0.node) }) == nil)
        #expect(now.verdict(now.manifest()) == nil)
        // Fewer than n_min are proven by their lists alone.
        let three = now.manifest(submitters: Array(all.prefix(3)))
        let short = VoidBody(reason: .tooFew, evicted: [], union: three.union, lists: three.lists)
        #expect(now.verdict(.void(short)) == nil)
    }
}
