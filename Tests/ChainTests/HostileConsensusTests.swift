import MeshCrypto
import Testing
import Wire

@testable import Chain

/// What one faulty voter may not do to a height.
@Suite("Consensus against hostile voters")
struct HostileConsensusTests {
    typealias Rules = ConsensusRuleTests

    /// A fresh block in the name of the proposer of a later view: it would let view 0 give up as view 3 may.
    @Test func freshBlockOfAnotherViewOrAuthorGetsNil() {
        for (author, view) in [(3, 3), (1, 0), (0, 4)] as [(Int, UInt32)] {
            var machine = Rules.machine()
            _ = machine.handle(.start)
            var header = Rules.header(1)
            header.originView = view
            header.author = Rules.nodes[author]
            let directives = machine.handle(
                .proposal(view: 0, signer: Rules.nodes[0], Proposal(header: header, validView: -1)))
            #expect(Rules.signed(directives) == [.prevote(view: 0, nil, .notItsTurn)])
            #expect(!directives.contains(.validate(header, view: 0)))
        }
    }

    @Test func repeatedBlockIsNotOlderThanItsVotes() {
        var machine = Rules.machine()
        _ = machine.handle(.start)
        let header = Rules.header(1, view: 1)
        for node in Rules.nodes.prefix(3) {
            _ = machine.handle(.vote(.prevote, view: 0, signer: node, block: header.id))
        }
        for node in Rules.nodes.prefix(2) { _ = machine.handle(.vote(.precommit, view: 1, signer: node, block: nil)) }
        #expect(machine.view == 1)
        let directives = machine.handle(
            .proposal(view: 1, signer: Rules.nodes[1], Proposal(header: header, validView: 0)))
        #expect(Rules.signed(directives) == [.prevote(view: 1, nil, .notItsTurn)])
    }

    /// An equivocator voted for a towards one node and for nil towards this one first: the quorum for a still counts.
    @Test func bothVotesOfAnEquivocatorCountForTheirBlocks() {
        let a = Rules.header(1)
        for first in [BlockID?.none, BlockID?.some(Rules.header(2).id)] {
            var machine = Rules.machine()
            _ = machine.handle(.start)
            _ = machine.handle(.proposal(view: 0, signer: Rules.nodes[0], Proposal(header: a, validView: -1)))
            _ = machine.handle(.validated(a.id, true))
            _ = machine.handle(.vote(.prevote, view: 0, signer: Rules.nodes[0], block: first))
            _ = machine.handle(.vote(.prevote, view: 0, signer: Rules.nodes[1], block: a.id))
            let directives = machine.handle(.vote(.prevote, view: 0, signer: Rules.nodes[0], block: a.id))
            #expect(Rules.signed(directives) == [.precommit(view: 0, a.id)])
        }
    }

    @Test func anEquivocatorIsOneVoterInTheTotal() {
        var ballots = Ballots()
        for block in [nil, Rules.header(1).id, Rules.header(2).id] as [BlockID?] {
            ballots.add(Rules.nodes[0], weight: 1, block: block)
        }
        #expect(ballots.total == 1 && ballots.weight(for: nil) == 1 && ballots.weight(for: Rules.header(1).id) == 1)
        // A third one is not even kept.
        #expect(ballots.weight(for: Rules.header(2).id) == 0)
    }

    /// The proposer sent b here and a to the others, who decided a: the second proposal still tells what a is.
    @Test func secondProposalNamesTheDecidedBlock() {
        let (a, b) = (Rules.header(1), Rules.header(2))
        var machine = Rules.machine()
        _ = machine.handle(.start)
        _ = machine.handle(.proposal(view: 0, signer: Rules.nodes[0], Proposal(header: b, validView: -1)))
        for node in Rules.nodes.prefix(3) { _ = machine.handle(.vote(.precommit, view: 0, signer: node, block: a.id)) }
        #expect(machine.decision == a.id && machine.header(of: a.id) == nil)
        _ = machine.handle(.proposal(view: 0, signer: Rules.nodes[0], Proposal(header: a, validView: -1)))
        #expect(machine.header(of: a.id) == a)
    }

    /// A home that was set back learns its own vote from a peer: it stands, nothing else is signed in its slot.
    @Test func ownVoteFromAPeerStands() {
        let a = Rules.header(1)
        var machine = Rules.machine()
        _ = machine.handle(.start)
        _ = machine.handle(.vote(.prevote, view: 0, signer: Rules.nodes[3], block: a.id))
        let directives = machine.handle(.timeout(view: 0, step: .propose))
        #expect(Rules.signed(directives).isEmpty && machine.step == .prevote)
    }

    @Test func aSingleVoterDecidesAgainAfterARestart() {
        let node = Rules.nodes[0]
        func machine() -> ConsensusMachine {
            ConsensusMachine(
                chain: Rules.chain, height: 5, electorate: Electorate(bonds: [.init(node: node, weight: 1)]),
                order: [node], me: node, timing: ConsensusTiming(proposeMs: 1_000, voteMs: 300))
        }
        let a = Rules.header(1)
        var revived = machine()
        let state = VoteState(
            height: 5, view: 0, step: .precommit, locked: .init(view: 0, header: a), valid: .init(view: 0, header: a))
        let restored = revived.handle(
            .restored(
                state,
                own: [
                    .proposal(view: 0, signer: node, Proposal(header: a, validView: -1)),
                    .vote(.prevote, view: 0, signer: node, block: a.id),
                    .vote(.precommit, view: 0, signer: node, block: a.id),
                ]))
        #expect(restored.isEmpty && revived.decision == nil)
        #expect(revived.handle(.start).contains(.decided(block: a.id, view: 0, header: a)))
    }
}
