import MeshCrypto
import Testing

@testable import Chain
@testable import Wire

/// Members who collude play what they can against the nesting rule: they drop out, choose who of them is listed, pass their
/// views, and repeat it. A sum over a group with one honest member in it, less their own updates, is that member's update.
@Suite("What colluding members can read")
struct ReadingTests {
    private static func nodes(_ count: Int, _ seed: Int) -> [NodeID] {
        (0..<count).map { NodeID(Transcript.hash("member", [UInt8(seed & 255), UInt8(seed >> 8), UInt8($0)])) }.sorted()
    }

    private static func beacon(_ numbers: Int...) -> Digest {
        Digest(Transcript.hash("draw", numbers.flatMap { [UInt8($0 & 255), UInt8($0 >> 8 & 255), UInt8($0 >> 16)] }))
    }

    private func left(_ set: [NodeID], present: [NodeID], _ beacon: Digest) -> [NodeID] {
        SetSelection.select(submitters: present, decidedSets: [set], provenBad: [], smallestSet: 4, beacon: beacon)
    }

    private func chosen(_ group: ArraySlice<NodeID>, _ mask: Int) -> Set<NodeID> {
        Set(group.enumerated().filter { mask >> $0.offset & 1 == 1 }.map(\.element))
    }

    /// The one honest member among those, if there is exactly one.
    private func victim(_ group: [NodeID], _ colluders: Set<NodeID>) -> NodeID? {
        let honest = group.filter { !colluders.contains($0) }
        return honest.count == 1 ? honest[0] : nil
    }

    /// What was once enough: members that drop out counted, and the rest left in key order.
    private func counting(_ set: [NodeID], present: [NodeID]) -> [NodeID] {
        Array(present.dropFirst(max(0, 4 - (set.count - present.count))))
    }

    @Test func threeOfAHundredThatDropOutReadNobody() throws {
        let set = Self.nodes(100, 1)
        // Their update and everybody's, one coordinate.
        let values = Dictionary(uniqueKeysWithValues: set.enumerated().map { ($1, $0 * 7 + 3) })
        func sum(_ members: [NodeID]) -> Int { members.reduce(0) { $0 + (values[$1] ?? 0) } }
        var reads = 0
        for trial in 0..<200 {
            let first = trial % 97
            let colluders = Set([set[first + 1], set[first + 2], set[(first + 50) % 100]])
            let present = set.filter { !colluders.contains($0) }
            let next = left(set, present: present, Self.beacon(trial))
            let gone = set.filter { !next.contains($0) }
            #expect(gone.count == 3 + 33 && Set(next).isSubset(of: Set(present)))
            if victim(gone, colluders) != nil { reads += 1 }
            // The same attackers against the rule that counted them: the difference of two public sums is one update.
            let old = counting(set, present: present)
            let exposed = try #require(victim(set.filter { !old.contains($0) }, colluders))
            #expect(sum(set) - sum(old) - sum(Array(colluders)) == values[exposed])
        }
        #expect(reads == 0)
    }

    /// An author that knows R tries every subset of the colluders as those who are listed, with up to all of them.
    @Test func anAuthorThatSearchesSubsetsAndListsReadsNoMoreThanIsPrinted() {
        for (members, colluding) in [(12, 4), (15, 5), (20, 6), (24, 8)] {
            let set = Self.nodes(members, members)
            // One honest member is missing already: it costs the colluders nothing.
            let honest = members - colluding - 1
            var found = 0
            let trials = 1_500
            for trial in 0..<trials {
                let order = SetSelectionTests.byPlace(set, Self.beacon(9, members, trial))
                // Who colludes is independent of the places.
                let colluders = Set(set.prefix(colluding))
                let missing = set[set.count - 1]
                var hit = false
                for mask in 0..<1 << colluding where !hit {
                    let absent = chosen(set.prefix(colluding), mask)
                    let present = order.filter { $0 != missing && !absent.contains($0) }
                    guard let count = NestingRule.leaving(present: present.count, smallest: 4) else { continue }
                    hit =
                        victim(Array(present.prefix(count)), colluders) != nil
                        || victim(Array(present.dropFirst(count)), colluders) != nil
                }
                if hit { found += 1 }
            }
            let campaign = Campaign(honest: honest, smallest: 4, fixed: nil)
            let bound = campaign.chosen(honest, colluding)
            let rate = Double(found) / Double(trials)
            #expect(
                rate <= bound + 3 * (bound * (1 - bound) / Double(trials)).squareRoot() + 1e-9,
                "\(members): found \(rate), at most \(bound) is counted")
            #expect(bound < 0.25)
        }
    }

    /// Whoever is listed or drops out beside: no honest member moves before another.
    @Test func noChoiceOfTheColludersMovesHonestMembers() {
        let set = Self.nodes(30, 3)
        let colluders = Set(set.prefix(9))
        let order = SetSelectionTests.byPlace(set, Self.beacon(5)).filter { !colluders.contains($0) }
        for mask in 1..<1 << 9 {
            let absent = chosen(set.prefix(9), mask)
            let present = set.filter { !absent.contains($0) }
            let next = left(set, present: present, Self.beacon(5))
            let gone = present.filter { !next.contains($0) && !colluders.contains($0) }
            #expect(Set(gone) == Set(order.prefix(gone.count)))
        }
    }

    /// A third of the members repeats it in every round, twice in each, until none of them is left: not more often than the
    /// function says, and not much less often.
    @Test(arguments: [(9, 3), (12, 4), (18, 6)])
    func aGroupThatRepeatsItEveryRound(members: Int, colluding: Int) {
        var successes = 0
        let trials = 1_200
        for trial in 0..<trials {
            let all = Self.nodes(members, trial)
            var stream = DrawStream(seed: Self.beacon(members, trial), domain: "test")
            var group = Array(all.prefix(colluding))
            let honest = all.suffix(members - colluding)
            var draw = 0
            var read = false
            while !group.isEmpty, !read {
                var set = group + honest
                for attempt in 0..<2 where !group.isEmpty && !read {
                    // A VOID costs one of them, in this round or in the next one.
                    let insiders = group.filter { set.contains($0) }
                    guard !insiders.isEmpty, set.contains(where: { honest.contains($0) }) else { break }
                    let before = set.count
                    let next = tries(set, insiders, &stream, &draw, trial)
                    if let next { set = next } else { read = true }
                    if attempt == 0 || before >= 9 { group.removeAll { $0 == insiders[0] } }
                    set.removeAll { $0 == insiders[0] }
                }
            }
            if read { successes += 1 }
        }
        let rate = Double(successes) / Double(trials)
        let odds = ReadingOdds.task(members: members, colluders: colluding, smallest: 4, rounds: 30)
        let deviation = (odds * (1 - odds) / Double(trials)).squareRoot()
        #expect(rate <= odds + 3 * deviation, "\(members): \(rate), printed \(odds)")
        #expect(rate >= odds * 0.7 - 3 * deviation, "\(members): \(rate), printed \(odds)")
        #expect(odds > 0.05)
    }

    /// One MANIFEST after a VOID, one honest member missing: views of colluding authors pass until one of them, or the first
    /// honest author, proposes. Nil: somebody's update is read; else the set that is decided.
    private func tries(
        _ set: [NodeID], _ group: [NodeID], _ stream: inout DrawStream, _ draw: inout Int, _ trial: Int
    ) -> [NodeID]? {
        let members = set.sorted()
        let missing = members.last { !group.contains($0) }
        var own = group.count
        let others = members.count - group.count
        while own + others > 0 {
            let mine = stream.below(UInt64(own + others)) < UInt64(own)
            draw += 1
            let beacon = Self.beacon(trial, draw)
            for mask in 0..<(mine ? 1 << group.count : 1) {
                let absent = chosen(group[...], mask)
                let present = members.filter { $0 != missing && !absent.contains($0) }
                let next = left(members, present: present, beacon)
                guard !next.isEmpty else { continue }
                let gone = present.filter { !next.contains($0) }
                if victim(gone, Set(group)) != nil || victim(next, Set(group)) != nil { return nil }
                if !mine { return next }
            }
            guard mine else { break }
            own -= 1
        }
        return []
    }

    // MARK: The figures

    /// Counted by hand, and the two anchors: four who leave a hundred, and a third of them.
    @Test func theFunctionIsWhatCountingGives() {
        // 7 honest and 4 colluders present: 4 leave; exactly one honest: C(4,3)·7 of C(11,4).
        let plain = Campaign(honest: 7, smallest: 4, fixed: nil)
        #expect(abs(plain.exposed(7, 4) - 28.0 / 330) < 1e-12)
        // 5 and 3 present: four leave and four stay, each with one honest member: 5 of 70 twice.
        #expect(abs(Campaign(honest: 5, smallest: 4, fixed: nil).exposed(5, 3) - 10.0 / 70) < 1e-12)
        let four = ReadingOdds.task(members: 100, colluders: 33, smallest: 4, rounds: 100, alwaysLeaving: 4)
        #expect(four > 0.6 && four < 0.9, "\(four)")
        let third = ReadingOdds.task(members: 100, colluders: 33, smallest: 4, rounds: 100)
        #expect(third < 1e-6, "\(third)")
        // Three of a hundred, by any draw.
        #expect(ReadingOdds.task(members: 100, colluders: 3, smallest: 4, rounds: 1000) == 0)
        for members in 51...256 {
            #expect(ReadingOdds.task(members: members, colluders: members / 3, smallest: 4, rounds: 30) < 0.001)
        }
    }

    /// Buckets of four with a third of the members colluding: drawn again and again, counted.
    @Test func bucketsAreCountedAsTheyAreDrawn() {
        let set = Self.nodes(12, 2)
        let colluders = Set(set.prefix(4))
        let trials = 3_000
        let hits = (0..<trials).count { trial in
            BucketPartition.draw(set, most: 3, smallest: 4, beacon: Self.beacon(8, trial)).contains {
                victim($0, colluders) != nil
            }
        }
        // Three colluders and one honest member in one of three buckets: 3·C(4,3)·C(8,1) of C(12,4).
        let odds = ReadingOdds.exposingBuckets([4, 4, 4], colluders: 4)
        #expect(abs(odds - 96.0 / 495) < 1e-12)
        #expect(abs(Double(hits) / Double(trials) - odds) < 3 * (odds * (1 - odds) / Double(trials)).squareRoot())
        #expect(ReadingOdds.task(members: 12, colluders: 4, smallest: 4, rounds: 30, buckets: 3) > 0.99)
        #expect(ReadingOdds.task(members: 12, colluders: 2, smallest: 4, rounds: 30, buckets: 3) == 0)
    }

    /// What is printed is what the function says, for the members there are or may be.
    @Test func theSentenceIsTheFunctionsWord() throws {
        var spec = RegistryTests.spec()
        spec.rounds = 30
        spec.participants = .init(minimum: 9, maximum: 12, smallestSet: 4)
        let worst = ReadingOdds.shares.map { share in
            (9...12).map { members in
                ReadingOdds.task(
                    members: members, colluders: share == 33 ? members / 3 : members * share / 100, smallest: 4,
                    rounds: 30)
            }.max() ?? 0
        }
        let text = TaskSpecValidator.readers(spec)
        let numbers = worst.map(ReadingOdds.words).joined(separator: ", ")
        #expect(text.contains("2 of the 3 key holders"))
        #expect(text.hasSuffix("20, 33 % of the members (9 to 12, at worst) read somebody's: \(numbers)"), "\(text)")
        #expect(numbers.hasPrefix("0, 0, .2"))
        #expect(
            TaskSpecValidator.readers(spec, members: 100).hasSuffix("(100) read somebody's: 0, 0, below .001"))
        // With fewer than nine a lost member ends the task: it is a warning, and there is nothing to read.
        spec.participants = .init(minimum: 8, maximum: 8, smallestSet: 4)
        #expect(!TaskSpecValidator.readers(spec).contains("members"))
        #expect(TaskSpecValidator.warnings(spec).contains { $0.contains("below 9") })
        spec.participants = .init(minimum: 9, maximum: 9, smallestSet: 4)
        #expect(!TaskSpecValidator.warnings(spec).contains { $0.contains("below 9") })
        let odds = [0, 0.0001, 0.0031, 0.085, 0.2, 0.995]
        #expect(odds.map(ReadingOdds.words) == ["0", "below .001", ".004", ".09", ".20", "nearly 1"])
    }
}
