import MeshCrypto
import Testing
import Wire

@testable import Chain

struct SetSelectionTests {
    static let nodes = (0..<12).map { _ in NodeID(randomBytes(32)) }.sorted()

    static let beacon = Digest([UInt8](repeating: 3, count: 32))

    private func select(
        _ present: [NodeID], after sets: [[NodeID]], bad: [NodeID] = [], beacon: Digest = Self.beacon
    ) -> [NodeID] {
        SetSelection.select(submitters: present, decidedSets: sets, provenBad: bad, smallestSet: 4, beacon: beacon)
    }

    /// Ascending by place in the order of leaving: written out apart from the code.
    static func byPlace(_ nodes: [NodeID], _ beacon: Digest) -> [NodeID] {
        func rank(_ node: NodeID) -> [UInt8] {
            func part(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count), 0, 0, 0, 0, 0, 0, 0] + bytes }
            return blake2b(part(Array("meshnode/leave/1".utf8)) + part(beacon.bytes) + part(node.bytes))
        }
        return nodes.sorted { rank($0).lexicographicallyPrecedes(rank($1)) }
    }

    @Test func firstSetIsEverybodyListed() {
        #expect(select(Self.nodes, after: []) == Self.nodes)
    }

    @Test func newcomersWaitWhileTheLatestSetIsWhole() {
        let latest = Array(Self.nodes.prefix(8))
        #expect(select(Self.nodes, after: [latest]) == latest)
    }

    /// A key for S∖{x} beside one for S would open x by subtraction; four go with it, by the beacon and not by their keys.
    @Test func oneMissingMemberTakesThoseWhomTheBeaconDraws() {
        let latest = Array(Self.nodes.prefix(10))
        let present = Array(latest.dropLast())
        for seed in 0..<20 {
            let beacon = Digest([UInt8](repeating: UInt8(seed), count: 32))
            let set = select(present, after: [latest], beacon: beacon)
            #expect(set == Self.byPlace(present, beacon).dropFirst(4).sorted())
        }
    }

    /// A third of those present, at least n_min, and never so many that fewer than n_min are left.
    @Test func howManyLeave() {
        #expect(NestingRule.leaving(present: 7, smallest: 4) == nil)
        #expect(NestingRule.leaving(present: 8, smallest: 4) == 4)
        #expect(NestingRule.leaving(present: 12, smallest: 4) == 4)
        #expect(NestingRule.leaving(present: 13, smallest: 4) == 5)
        #expect(NestingRule.leaving(present: 99, smallest: 4) == 33)
        #expect(NestingRule.leaving(present: 0, smallest: 4) == nil)
        // With eight members nobody can be lost, with nine one can.
        #expect(select(Array(Self.nodes.prefix(7)), after: [Array(Self.nodes.prefix(8))]) == [])
        #expect(select(Array(Self.nodes.prefix(8)), after: [Array(Self.nodes.prefix(9))]).count == 4)
    }

    /// Whoever drops out, or is not listed, moves nobody else before a third one: places are each member's own.
    @Test func theOrderOfLeavingDoesNotDependOnWhoIsMissing() {
        let many = (0..<40).map { _ in NodeID(randomBytes(32)) }.sorted()
        let order = Self.byPlace(many, Self.beacon)
        for missing in many {
            let present = many.filter { $0 != missing }
            let left = Set(present).subtracting(select(present, after: [many]))
            #expect(left == Set(order.filter { $0 != missing }.prefix(13)))
        }
    }

    @Test func setsOfManyAttemptsStayNestedWithLargeDifferences() {
        var generator = DrawStream(seed: Digest([UInt8](repeating: 7, count: 32)), domain: "test")
        var smaller = 0
        for trial in 0..<500 {
            let everybody = (0..<30).map { _ in NodeID(randomBytes(32)) }.sorted()
            var sets: [[NodeID]] = [everybody]
            for _ in 0..<3 {
                let present = everybody.filter { _ in generator.below(20) < 19 }
                let beacon = Digest(Transcript.hash("test", [UInt8(trial & 255), UInt8(sets.count)]))
                let set = select(present, after: sets, beacon: beacon)
                guard set.count >= 4, set != sets.last else { continue }
                // Those who were present and left, not counting who dropped out.
                let left = Set(sets[sets.count - 1]).intersection(present).subtracting(set)
                #expect(left.count >= 4)
                sets.append(set)
                smaller += 1
            }
            for (earlier, later) in zip(sets, sets.dropFirst()) { #expect(Set(later).isSubset(of: Set(earlier))) }
        }
        #expect(smaller > 500)
    }

    @Test func membersProvenBadMayLeaveAlone() {
        let latest = Array(Self.nodes.prefix(8))
        let bad = [latest[2]]
        let present = latest.filter { !bad.contains($0) }
        #expect(select(present, after: [latest], bad: bad) == present)
    }

    @Test func listedNeedsAThirdOfTheWeight() {
        let voters = Array(Self.nodes.prefix(5))
        let electorate = Electorate(bonds: voters.map { .init(node: $0, weight: 1) })
        let ids = (0..<3).map { _ in SubmissionID(randomBytes(32)) }.sorted()
        func list(_ voter: Int, _ chosen: [SubmissionID]) -> ReceivedList {
            ReceivedList(
                signer: voters[voter], bitmap: TaskRules.bitmap(of: chosen, in: ids),
                signature: Signature([UInt8](repeating: 0, count: 64)))
        }
        let lists = [list(0, ids), list(1, [ids[0], ids[1]]), list(2, [ids[0]]), list(3, [ids[0]])]
        // Weights 4, 2 and 1; T is 2.
        #expect(SetSelection.listed(union: ids, lists: lists, electorate: electorate) == [ids[0], ids[1]])
    }
}
