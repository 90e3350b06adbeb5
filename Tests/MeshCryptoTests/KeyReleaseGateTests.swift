import Testing

@testable import MeshCrypto

@Suite("What a holder releases keys for")
struct KeyReleaseGateTests {
    private let model = [UInt8](repeating: 1, count: 32)

    private func key(_ index: Int) -> [UInt8] { [UInt8](repeating: 0, count: 31) + [UInt8(index)] }

    private func request(
        _ members: [Int], round: UInt64 = 1, attempt: UInt32 = 0, baseModel: [UInt8]? = nil, decided: Bool = true,
        buckets: [[Int]]? = nil, bad: [Int] = [], present: [Int]? = nil, submissionSalt: UInt8? = nil,
        previous: [Int]? = nil, dropped: [Int] = []
    ) -> KeyReleaseGate.Request {
        // Every attempt has its own submissions.
        let salt = submissionSalt ?? UInt8(truncatingIfNeeded: Int(round) * 16 + Int(attempt))
        return KeyReleaseGate.Request(
            task: [9], baseModel: baseModel ?? model,
            manifest: [UInt8(round), UInt8(attempt)] + members.map(UInt8.init),
            round: round, attempt: attempt, manifestIsDecided: decided,
            members: members.map { (key($0), [salt] + key($0)) },
            buckets: buckets?.map { $0.map(key) }, provenBad: bad.map(key), present: present?.map(key), beacon: beacon,
            previous: previous?.map(key), dropped: dropped.map(key))
    }

    private let beacon = [UInt8](repeating: 3, count: 32)

    /// What the beacon leaves of a set without `missing`.
    private func left(of set: [Int], missing: Set<Int>) throws -> [Int] {
        let next = NestingRule.next(
            after: set.map(key), isPresent: { !missing.contains(Int($0[31])) }, smallest: 4, beacon: beacon)
        return try #require(next).map { Int($0[31]) }
    }

    @Test func aSubsetASingletonAndEverybodyButOneAreRefused() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(try gate.admit(request(Array(0..<10))) == .first)
        let before = gate
        for members in [[3], [], [0, 1, 2]] {
            #expect(throws: KeyReleaseGate.Refusal.tooFewMembers(found: members.count, minimum: 4)) {
                try gate.admit(request(members, attempt: 1))
            }
        }
        // Whoever dropped out hides nobody, however many they are.
        for count in [9, 7, 6, 4] {
            #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 0, minimum: 4)) {
                try gate.admit(request(Array(0..<count), attempt: 1))
            }
        }
        #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 1, minimum: 4)) {
            try gate.admit(request(Array(0..<9), attempt: 1, present: Array(0..<10)))
        }
        #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 3, minimum: 4)) {
            try gate.admit(request(Array(0..<6), attempt: 1, present: Array(0..<9)))
        }
        #expect(throws: KeyReleaseGate.Refusal.notNested(key(10))) {
            try gate.admit(request(Array(0..<11), attempt: 1))
        }
        // Four who were present left, but not those whom the beacon draws; nor may four leave when nobody is missing.
        let drawn = try left(of: Array(0..<10), missing: [9])
        #expect(drawn.count == 5)
        var chosen = drawn
        chosen[0] = (0..<9).first { !drawn.contains($0) }!
        #expect(throws: KeyReleaseGate.Refusal.notDrawn) {
            try gate.admit(request(chosen.sorted(), attempt: 1, present: Array(0..<9)))
        }
        #expect(throws: KeyReleaseGate.Refusal.notDrawn) {
            try gate.admit(request(drawn, attempt: 1, present: Array(0..<10)))
        }
        // A refusal leaves no trace.
        #expect(gate == before)
        #expect(try gate.admit(request(drawn, attempt: 1, present: Array(0..<9))) == .first)
        // The minimum is never below four.
        var low = KeyReleaseGate(minimumMembers: 1)
        #expect(throws: KeyReleaseGate.Refusal.tooFewMembers(found: 3, minimum: 4)) {
            try low.admit(request([0, 1, 2]))
        }
    }

    /// A holder that was away while a set was decided between knows no draw; nesting and atoms it still checks.
    @Test func aHolderThatMissedASetBetweenGoesOn() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        let first = Array(0..<24)
        #expect(try gate.admit(request(first)) == .first)
        let second = try left(of: first, missing: [23])
        let third = try left(of: second, missing: [second[0]])
        let present = first.filter { $0 != second[0] }
        // Whoever dropped out of the second set may be back: it hides nobody all the same.
        #expect(
            try gate.admit(
                request(third, attempt: 2, present: present, previous: second, dropped: [23, second[0]])) == .first)
        #expect(throws: KeyReleaseGate.Refusal.notDrawn) {
            try gate.admit(
                request(Array(third.dropFirst(5)), attempt: 3, present: Array(third.dropFirst()), previous: third))
        }
        // Three who dropped out and one beside: no other set between makes that an atom.
        var other = KeyReleaseGate(minimumMembers: 4)
        #expect(try other.admit(request(first)) == .first)
        #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 1, minimum: 4)) {
            try other.admit(
                request(
                    Array(4..<24), attempt: 2, present: first, previous: Array(1..<24), dropped: [0, 1, 2]))
        }
    }

    @Test func nothingBeforeTheDecision() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(throws: KeyReleaseGate.Refusal.manifestNotDecided) {
            try gate.admit(request(Array(0..<5), decided: false))
        }
    }

    @Test func twoManifestsForOneAttemptAreRefusedAndTheSameOneIsRepeated() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(try gate.admit(request(Array(0..<10))) == .first)
        #expect(try gate.admit(request(Array(0..<10))) == .again)
        #expect(throws: KeyReleaseGate.Refusal.alreadyStated) { try gate.admit(request(Array(0..<5))) }
        // Asked twice under the same manifest hash but other members.
        var forged = request(Array(0..<5))
        forged.manifest = request(Array(0..<10)).manifest
        #expect(throws: KeyReleaseGate.Refusal.alreadyStated) { try gate.admit(forged) }
    }

    @Test func aSubmissionServesOnce() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(try gate.admit(request(Array(0..<10), submissionSalt: 1)) == .first)
        #expect(throws: KeyReleaseGate.Refusal.submissionUsedBefore([1] + key(0))) {
            try gate.admit(request(Array(0..<10), round: 2, baseModel: [5], submissionSalt: 1))
        }
        var twice = request(Array(0..<5), round: 3)
        twice.members[1].submission = twice.members[0].submission
        #expect(throws: KeyReleaseGate.Refusal.malformedSets) { try gate.admit(twice) }
    }

    @Test func provenBadMembersMayLeaveAlone() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(try gate.admit(request(Array(0..<6))) == .first)
        #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 0, minimum: 4)) {
            try gate.admit(request(Array(0..<5), attempt: 1))
        }
        #expect(try gate.admit(request(Array(0..<5), attempt: 1, bad: [5])) == .first)
    }

    @Test func threeSetsThatPassPairwiseAreRefused() throws {
        // Buckets of two attempts on one base model: each bucket has eight members, each pair of buckets of different
        // attempts shares four, which a pairwise rule would accept; the third partition cuts these into twos.
        let minimum = 4
        let all = Array(0..<16)
        func split(_ bit: Int) -> [[Int]] { [all.filter { $0 >> bit & 1 == 0 }, all.filter { $0 >> bit & 1 == 1 }] }
        for left in 0..<3 {
            for right in 0..<3 where left != right {
                for a in split(left) {
                    for b in split(right) {
                        let shared = Set(a).intersection(b).count
                        #expect(shared >= minimum && a.count - shared >= minimum && b.count - shared >= minimum)
                    }
                }
            }
        }
        var gate = KeyReleaseGate(minimumMembers: minimum)
        #expect(try gate.admit(request(all, attempt: 0, buckets: split(0))) == .first)
        let sums = { (bits: ClosedRange<Int>) in bits.flatMap { split($0).map { $0.map(key) } } }
        #expect(KeyReleaseGate.atoms(of: sums(0...1), without: []).values.map(\.count).min() == 4)
        #expect(KeyReleaseGate.atoms(of: sums(0...2), without: []).values.map(\.count).min() == 2)
        // The gate does not even let the second partition pass: buckets are never cut anew.
        #expect(throws: KeyReleaseGate.Refusal.notDrawn) {
            try gate.admit(request(all, attempt: 1, buckets: split(1)))
        }
        // On another base model it stands alone.
        #expect(try gate.admit(request(all, round: 2, baseModel: [7], buckets: split(2))) == .first)
    }

    @Test func bucketsMustBeAPartition() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        for buckets in [[[0, 1, 2, 3], [3, 4, 5, 6, 7]], [[0, 1, 2, 3]], [[0, 1, 2, 3], [4, 5, 6, 8]], []] {
            #expect(throws: KeyReleaseGate.Refusal.malformedSets) {
                try gate.admit(request(Array(0..<8), buckets: buckets))
            }
        }
        #expect(throws: KeyReleaseGate.Refusal.tooFewMembers(found: 3, minimum: 4)) {
            try gate.admit(request(Array(0..<8), buckets: [[0, 1, 2, 3, 4], [5, 6, 7]]))
        }
        #expect(throws: KeyReleaseGate.Refusal.malformedSets) { try gate.admit(request([3, 2, 1, 0])) }
        #expect(throws: KeyReleaseGate.Refusal.malformedSets) { try gate.admit(request([0, 1, 1, 2, 3])) }
    }

    @Test func bucketsThatOnlyShrinkByWholeAtomsAreReleased() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        let first = [Array(0..<9), Array(9..<17)]
        #expect(try gate.admit(request(Array(0..<17), buckets: first)) == .first)
        // One of a bucket alone, two of it, one moved to the other bucket.
        for buckets in [
            [Array(0..<8), first[1]], [Array(0..<7), first[1]], [first[0], Array(9..<16)],
            [Array(0..<8), [8] + first[1]],
        ] {
            let members = buckets.flatMap { $0 }.sorted()
            #expect(throws: KeyReleaseGate.Refusal.self) {
                try gate.admit(request(members, attempt: 1, buckets: buckets))
            }
        }
        // One of the first bucket is missing, and four more of it go.
        let rest = try left(of: first[0], missing: [8])
        #expect(rest.count == 4)
        let present = Array(0..<8) + first[1]
        #expect(
            try gate.admit(
                request(rest + first[1], attempt: 1, buckets: [rest, first[1]], present: present)) == .first)
        // One of the second is missing: three would be left, so it goes as a whole.
        #expect(throws: KeyReleaseGate.Refusal.notDrawn) {
            try gate.admit(
                request(rest + first[1], attempt: 2, buckets: [rest, first[1]], present: present.dropLast()))
        }
        #expect(try gate.admit(request(rest, attempt: 2, buckets: [rest], present: present.dropLast())) == .first)
    }

    /// A member of a bucket that is not keyed any more is proven bad: nothing new is released about the others of it.
    @Test func anAtomThatNothingIsReleasedAboutMayBecomeSmall() throws {
        var gate = KeyReleaseGate(minimumMembers: 4)
        let buckets = [Array(0..<4), Array(4..<8), Array(8..<12)]
        #expect(try gate.admit(request(Array(0..<12), buckets: buckets)) == .first)
        let rest = Array(buckets[1...])
        let present = [0, 1] + Array(4..<12)
        #expect(
            try gate.admit(request(Array(4..<12), attempt: 1, buckets: rest, bad: [2], present: present)) == .first)
        // But not what is released again: of this bucket only three are left to hide in.
        #expect(throws: KeyReleaseGate.Refusal.smallAtom(size: 3, minimum: 4)) {
            try gate.admit(request(Array(4..<12), attempt: 2, buckets: rest, bad: [2, 5]))
        }
    }
}
