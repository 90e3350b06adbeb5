import MeshCrypto
import Testing
import Wire

@testable import Chain

struct SetSelectionTests {
    static let nodes = (0..<12).map { _ in NodeID(randomBytes(32)) }.sorted()

    private func select(_ present: [NodeID], after sets: [[NodeID]], bad: [NodeID] = []) -> [NodeID] {
        SetSelection.select(submitters: present, decidedSets: sets, provenBad: bad, smallestSet: 4)
    }

    @Test func firstSetIsEverybodyListed() {
        #expect(select(Self.nodes, after: []) == Self.nodes)
    }

    @Test func newcomersWaitWhileTheLatestSetIsWhole() {
        let latest = Array(Self.nodes.prefix(8))
        #expect(select(Self.nodes, after: [latest]) == latest)
    }

    /// A key for S∖{x} beside one for S would open x by subtraction.
    @Test func oneMissingMemberTakesAWholeAtomWithIt() {
        let latest = Array(Self.nodes.prefix(10))
        let present = latest.filter { $0 != latest[9] }
        let set = select(present, after: [latest])
        #expect(set.allSatisfy { latest.contains($0) })
        #expect(latest.count - set.count >= 4)
        #expect(set == Array(present.dropFirst(3)))
    }

    @Test func setsOfManyAttemptsStayNestedWithLargeDifferences() {
        var generator = DrawStream(seed: Digest([UInt8](repeating: 7, count: 32)), domain: "test")
        for _ in 0..<500 {
            var sets: [[NodeID]] = [Self.nodes]
            for _ in 0..<3 {
                let present = Self.nodes.filter { _ in generator.below(10) < 8 }
                let set = select(present, after: sets)
                guard set.count >= 4, set != sets.last else { continue }
                sets.append(set)
            }
            for (earlier, later) in zip(sets, sets.dropFirst()) {
                #expect(Set(later).isSubset(of: Set(earlier)))
                #expect(earlier.count - later.count >= 4)
            }
        }
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
