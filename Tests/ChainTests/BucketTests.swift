import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Buckets of a robust rule: who draws them, what a later attempt may do with them, and blame inside one.
@Suite("Buckets as validity")
struct BucketTests {
    private static func fixture(_ count: Int, buckets: UInt16, rule: TaskSpec.ServerRule = .median) -> TaskFixture {
        TaskFixture(
            seed: 5, weights: [UInt64](repeating: 10, count: count), rounds: 4,
            change: { spec in
                spec.training.server = rule
                spec.training.robust = .init(buckets: buckets, hostile: rule == .median ? 0 : 1)
            })
    }

    private func expect(_ verdict: String?, _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(verdict?.contains(part) == true, "\(verdict ?? "valid")", sourceLocation: sourceLocation)
    }

    private func voided(_ fixture: TaskFixture) throws -> TaskFixture {
        try fixture.decided(
            .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])),
            view: TaskRules.firstVoidView(fixture.state))
    }

    /// The set that validity finds in a manifest of these submitters; nil when it is invalid.
    private func chosen(_ fixture: TaskFixture, _ submitters: [NodeID]) -> [TaskState.SetMember]? {
        let body = fixture.manifest(submitters: submitters)
        let header = fixture.header(.manifest(body, set: []))
        return try? TaskRules.set(of: body, header: header, state: fixture.state)
    }

    private func keyed(_ fixture: TaskFixture, _ submitters: [NodeID]) throws -> TaskFixture {
        let body = fixture.manifest(submitters: submitters)
        let set = try #require(chosen(fixture, submitters))
        return try fixture.decided(.manifest(body, set: set))
    }

    // MARK: The draw

    @Test func bucketsAreLargeEqualAndDisjoint() {
        for (count, most, smallest, expected) in [
            (8, 2, 4, [4, 4]), (11, 2, 4, [6, 5]), (11, 3, 4, [6, 5]), (14, 3, 4, [5, 5, 4]), (7, 2, 4, [7]),
            (256, 64, 4, [Int](repeating: 4, count: 64)),
        ] {
            let nodes = (0..<count).map { _ in NodeID(randomBytes(32)) }.sorted()
            let buckets = BucketPartition.draw(nodes, most: most, smallest: smallest, beacon: Digest(randomBytes(32)))
            #expect(buckets.map(\.count) == expected)
            #expect(buckets.flatMap { $0 }.sorted() == nodes)
            #expect(buckets.allSatisfy { $0 == $0.sorted() })
        }
    }

    /// Written out apart from the code: the bytes that another implementation hashes.
    @Test func theDrawIsThatOfTheDocument() {
        let nodes = (0..<9).map { NodeID([UInt8](repeating: UInt8($0), count: 32)) }
        let beacon = Digest([UInt8](repeating: 7, count: 32))
        func rank(_ node: NodeID) -> [UInt8] {
            func part(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count), 0, 0, 0, 0, 0, 0, 0] + bytes }
            return blake2b(part(Array("meshnode/bucket/1".utf8)) + part(beacon.bytes) + part(node.bytes))
        }
        let order = nodes.sorted { rank($0).lexicographicallyPrecedes(rank($1)) }
        #expect(
            BucketPartition.draw(nodes, most: 2, smallest: 4, beacon: beacon) == [
                order[..<5].sorted(), order[5...].sorted(),
            ])
    }

    /// An author that leaves somebody out moves borders and draws nothing anew.
    @Test func theOrderDoesNotDependOnWhoElseIsThere() {
        let nodes = (0..<24).map { _ in NodeID(randomBytes(32)) }.sorted()
        let beacon = Digest(randomBytes(32))
        let all = BucketPartition.draw(nodes, most: 6, smallest: 4, beacon: beacon)
        for left in nodes {
            let rest = BucketPartition.draw(nodes.filter { $0 != left }, most: 5, smallest: 4, beacon: beacon)
            // Members of the first bucket stay in the first, of the last in the last.
            #expect(Set(rest[0]).isSuperset(of: Set(all[0]).subtracting([left])))
            #expect(Set(rest[4]).isSuperset(of: Set(all[5]).subtracting([left])))
        }
    }

    @Test func theBlockItselfDraws() throws {
        let task = Self.fixture(13, buckets: 3)
        let keyed = try task.keyed()
        #expect(keyed.state.beacon != task.state.beacon)
        #expect(
            keyed.state.buckets
                == BucketPartition.draw(
                    task.keys.map(\.nodeID), most: 3, smallest: 4, beacon: keyed.state.beacon))
        #expect(keyed.state.buckets.map(\.count) == [5, 4, 4])
        let set = try #require(chosen(task, task.keys.map(\.nodeID)))
        let sums = keyed.state.sums(of: set)
        #expect(sums.map { $0.map { set[$0].node } } == keyed.state.buckets)
        // They are part of what the header commits to, and of nothing where there are none.
        var other = Self.fixture(13, buckets: 2)
        other = try other.keyed()
        #expect(other.state.buckets.count == 2 && other.state.root != keyed.state.root)
        let plain = try TaskFixture().keyed()
        #expect(plain.state.buckets.isEmpty)
        #expect(plain.state.sums(of: plain.set(of: plain.manifest())) == [[0, 1, 2, 3, 4]])
    }

    @Test func aSetThatFillsTooFewBucketsIsNone() throws {
        let task = Self.fixture(12, buckets: 3)
        let all = task.keys.map(\.nodeID)
        #expect(task.state.spec.leastMembers == 8)
        let few = task.manifest(submitters: Array(all.prefix(7)))
        expect(task.verdict(few), "7 members, too few")
        // Seven are too few for a set, so the attempt may end at once; eight are enough for two buckets.
        func tooFew(_ count: Int) -> String? {
            let body = task.manifest(submitters: Array(all.prefix(count)))
            return task.verdict(.void(VoidBody(reason: .tooFew, evicted: [], union: body.union, lists: body.lists)))
        }
        #expect(tooFew(7) == nil)
        expect(tooFew(8), "enough for a set")
        #expect(try keyed(task, Array(all.prefix(8))).state.buckets.map(\.count) == [4, 4])
        #expect(try keyed(task, Array(all.prefix(11))).state.buckets.map(\.count) == [6, 5])
        // Trimmed mean with one hostile bucket needs three.
        let trimmed = Self.fixture(12, buckets: 3, rule: .trimmedMean)
        expect(trimmed.verdict(trimmed.manifest(submitters: Array(all.prefix(11)))), "11 members, too few")
        let krum = Self.fixture(20, buckets: 5, rule: .krum)
        #expect(try krum.keyed().state.buckets.count == 5)
    }

    // MARK: Later attempts

    @Test func aBucketThatLosesOneLosesAnAtomOrGoes() throws {
        let task = Self.fixture(20, buckets: 2)
        let all = task.keys.map(\.nodeID)
        let first = try task.keyed()
        let buckets = first.state.buckets
        #expect(buckets.map(\.count) == [10, 10])
        let again = try voided(first)
        #expect(again.state.buckets == buckets)
        // All are back: the same partition, although the beacon has moved on.
        #expect(try again.keyed().state.buckets == buckets)
        // One is missing: four more of its bucket leave by their places, the other bucket stays whole.
        let lost = buckets[0][9]
        let smaller = try keyed(again, all.filter { $0 != lost })
        let left = SetSelectionTests.byPlace(buckets[0].dropLast(), smaller.state.beacon).dropFirst(4).sorted()
        #expect(smaller.state.buckets == [left, buckets[1]])
        // The proposer cannot take another set.
        let body = again.manifest(submitters: all.filter { $0 != lost })
        let set = again.set(of: body)
        expect(again.verdict(body, set: set), "state root")
        // Then one more, and nobody may be left of this bucket: it goes, and one bucket is no median.
        let third = try voided(smaller)
        #expect(chosen(third, all.filter { $0 != left[0] }) == nil)
    }

    @Test func bucketsVanishOneByOne() throws {
        let task = Self.fixture(12, buckets: 3)
        let all = task.keys.map(\.nodeID)
        let first = try task.keyed()
        let buckets = first.state.buckets
        let again = try voided(first)
        let second = try keyed(again, all.filter { $0 != buckets[1][2] })
        #expect(second.state.buckets == [buckets[0], buckets[2]])
        let third = try voided(second)
        // Whoever was in the vanished bucket is a newcomer, and waits.
        let last = try keyed(third, all)
        #expect(last.state.buckets == [buckets[0], buckets[2]])
        #expect(chosen(third, all.filter { $0 != buckets[2][0] }) == nil)
        // The next model starts with a new draw over everybody.
        let done = try last.decided(.result(last.result(), accuracyPpm: 900_000))
        #expect(done.state.buckets.isEmpty)
        #expect(try done.keyed().state.buckets.map(\.count) == [4, 4, 4])
    }

    /// A rejected result leaves the model, and with it the partition.
    @Test func aRejectedResultKeepsThePartition() throws {
        let first = try Self.fixture(9, buckets: 2).keyed()
        let against = first.result(
            rejected: true, opinions: first.keys.map { first.opinion($0.nodeID, .reject) })
        let next = try first.decided(.result(against, accuracyPpm: 900_000))
        #expect(next.state.round == 2 && next.state.buckets == first.state.buckets)
        #expect(try next.keyed().state.buckets == first.state.buckets)
    }

    /// Whatever comes back in which attempt, a holder's own memory, which knows nothing of this rule, finds no small atom.
    @Test func noSequenceOfAttemptsMakesASmallAtom() throws {
        var generator = DrawStream(seed: Digest([UInt8](repeating: 9, count: 32)), domain: "test")
        var restrictions = 0
        for trial in 0..<300 {
            let nodes = (0..<(20 + Int(generator.below(60)))).map { _ in NodeID(randomBytes(32)) }.sorted()
            var buckets = BucketPartition.draw(
                nodes, most: 2 + Int(generator.below(4)), smallest: 4, beacon: Digest(randomBytes(32)))
            var bad: [NodeID] = []
            var gate = KeyReleaseGate(minimumMembers: 4)
            var (present, beacon) = (nodes, Digest.zero)
            for attempt in 0..<6 {
                let set = buckets.flatMap { $0 }.sorted()
                _ = try gate.admit(
                    KeyReleaseGate.Request(
                        task: [1], baseModel: [2], manifest: [UInt8(attempt)], round: 1, attempt: UInt32(attempt),
                        manifestIsDecided: true, members: set.map { ($0.bytes, [UInt8(attempt)] + $0.bytes) },
                        buckets: buckets.map { $0.map(\.bytes) }, provenBad: bad.map(\.bytes),
                        present: present.map(\.bytes), beacon: beacon.bytes))
                if generator.below(3) == 0 { bad.append(set[Int(generator.below(UInt64(set.count)))]) }
                present = nodes.filter { !bad.contains($0) && generator.below(24) > 0 }
                beacon = Digest(Transcript.hash("test", [UInt8(trial & 255), UInt8(attempt)]))
                let next = SetSelection.select(
                    submitters: present, buckets: buckets, provenBad: bad, smallestSet: 4, least: 2, beacon: beacon)
                guard !next.isEmpty else { break }
                let smaller = BucketPartition.restrict(buckets, to: next)
                #expect(smaller.allSatisfy { $0.count >= 4 }, "trial \(trial)")
                if smaller != buckets { restrictions += 1 }
                buckets = smaller
            }
        }
        #expect(restrictions > 100)
    }

    // MARK: Blame

    @Test func aClientIsNamedInsideItsBucket() throws {
        let round = try EncryptedFixture(buckets: 2, outOfRange: 1).keyed()
        let client = round.nodes[1]
        let sums = round.state.sums(of: round.set)
        let bucket = try #require(sums.firstIndex { $0.contains { round.set[$0].node == client } })
        let element = bucket * round.state.spec.elementCount(round: 1) + 3
        let claim = round.recoveryClaim(element: element)
        let disclosures = round.holders.map { round.disclosure($0, element: element) }
        let proof = round.proof(claim: claim, disclosures: disclosures, clients: [client])
        #expect(round.voidVerdict(proof, evicted: [client]) == nil)
        // Of the other bucket nothing is disclosed, and nobody there can be named.
        let masks = try Disclosure(wireBytes: disclosures[0].payload).masks
        #expect(masks.allSatisfy { $0.values.count == sums[bucket].count })
        let stranger = round.set[sums[1 - bucket][0]].node
        expect(
            round.voidVerdict(
                round.proof(claim: claim, disclosures: disclosures, clients: [stranger]), evicted: [stranger]),
            "no member's announcement")
        // An element that is in no sum.
        let beyond = 2 * round.state.spec.elementCount(round: 1)
        expect(
            round.voidVerdict(
                round.proof(
                    claim: round.claim(.recovery, element: beyond, entries: []), disclosures: [], clients: []),
                evicted: [client]), "about no element")
    }

    @Test func aLyingHolderIsConvictedInTheSecondBucket() throws {
        let round = try EncryptedFixture(buckets: 2).keyed()
        let liar = round.holders[0]
        let component = round.profile.components(of: 0).min()!
        let element = round.state.spec.elementCount(round: 1) + 2
        let lie: (Int, inout [UInt8]) -> Void = { changed, vector in
            if changed == component { EncryptedFixture.add(1, to: &vector, at: element) }
        }
        let statements = round.holders.sorted().map { $0 == liar ? round.statement($0, lie: lie) : round.statement($0) }
        var wrong = round.vector(component)
        lie(component, &wrong)
        let entries = round.profile.holders(of: component).map { place in
            round.entry(
                place, component, element, vector: round.holders[place] == liar ? wrong : round.vector(component))
        }
        let claim = round.claim(.dispute, element: element, entries: entries)
        // It admits masks that do not sum to what it signed.
        let disclosures = round.profile.holders(of: component).map {
            round.disclosure(round.holders[$0], element: element, components: [component])
        }
        let proof = round.proof(claim: claim, statements: statements, disclosures: disclosures)
        #expect(round.voidVerdict(proof, replaced: [liar]) == nil)
        // What a client of the first bucket opened for another claim is in the way of nothing.
        let stranger = round.set[round.state.sums(of: round.set)[0][0]].node
        let beside = round.proof(
            claim: claim, statements: statements, disclosures: disclosures,
            openings: [round.opening(stranger, component: component)])
        #expect(round.voidVerdict(beside, replaced: [liar]) == nil)
        // The same position in the first bucket is no difference.
        let first = round.claim(
            .dispute, element: 2,
            entries: round.profile.holders(of: component).map { place in
                round.entry(place, component, 2, vector: round.holders[place] == liar ? wrong : round.vector(component))
            })
        expect(
            round.voidVerdict(round.proof(claim: first, statements: statements, disclosures: []), replaced: [liar]),
            "keys that differ")
    }
}
