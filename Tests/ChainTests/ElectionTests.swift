import MeshCrypto
import Testing
import Wire

@testable import Chain

struct ElectionTests {
    @Test func theSameSeedDrawsTheSameOrderAndEveryoneOnce() {
        let members = (0..<9).map {
            Electorate.Member(node: NodeID([UInt8](repeating: UInt8($0), count: 32)), weight: UInt64($0 + 1))
        }
        let seed = Digest([UInt8](repeating: 3, count: 32))
        let order = Election.order(members, seed: seed, domain: "proposers")
        #expect(order == Election.order(members.reversed(), seed: seed, domain: "proposers"))
        #expect(Set(order).count == 9)
        #expect(order != Election.order(members, seed: seed, domain: "holders"))
    }

    /// Over 4,000 beacons the first place goes to each member in proportion to its weight, to 4 standard deviations.
    @Test func firstPlacesFollowTheWeights() {
        let members = [1, 2, 3, 4].map {
            Electorate.Member(node: NodeID([UInt8](repeating: UInt8($0), count: 32)), weight: $0)
        }
        var counts: [NodeID: Int] = [:]
        let draws = 4_000
        for index in 0..<draws {
            let seed = Digest(Transcript.hash("election-test", [UInt8(index & 255), UInt8(index >> 8)]))
            counts[Election.order(members, seed: seed, domain: "proposers")[0], default: 0] += 1
        }
        for member in members {
            let share = Double(member.weight) / 10
            let deviation = (share * (1 - share) * Double(draws)).squareRoot()
            #expect(abs(Double(counts[member.node] ?? 0) - share * Double(draws)) < 4 * deviation)
        }
    }

    @Test func holdersStandLast() {
        let members = (0..<5).map {
            Electorate.Member(node: NodeID([UInt8](repeating: UInt8($0), count: 32)), weight: 1)
        }
        let holders = [members[0].node, members[3].node, members[4].node]
        let order = Election.proposers(
            electorate: Electorate(bonds: members), beacon: Digest([UInt8](repeating: 9, count: 32)), holders: holders)
        #expect(order.count == 5 && Set(order.suffix(3)) == Set(holders))
    }

    @Test func atMost32LargestBondsVote() {
        let members = (0..<40).map {
            Electorate.Member(node: NodeID([UInt8](repeating: UInt8($0), count: 32)), weight: UInt64($0))
        }
        let electorate = Electorate(bonds: members)
        #expect(electorate.members.count == 32)
        #expect(electorate.members.allSatisfy { $0.weight >= 8 })
    }

    /// Who matters alone is found at exactly a third and exactly a quorum.
    @Test func oneBondThatMattersAloneIsNamed() {
        func dominant(_ weights: [UInt64]) -> (member: Electorate.Member, decides: Bool)? {
            Electorate(
                bonds: weights.enumerated().map {
                    .init(node: NodeID([UInt8](repeating: UInt8($0.offset), count: 32)), weight: $0.element)
                }
            ).dominant
        }
        #expect(dominant([100, 100, 100]) == nil)
        #expect(dominant([100, 100, 101])?.member.weight == 101)
        #expect(dominant([100, 100, 101])?.decides == false)
        #expect(dominant([100, 100, 400])?.decides == false)
        #expect(dominant([100, 100, 401])?.decides == true)
        #expect(dominant([]) == nil)
    }
}
