import MeshCrypto
import Testing
import Wire

@testable import Chain

/// The rules of arXiv 1807.04938 one by one, on one machine fed by hand.
struct ConsensusRuleTests {
    static let nodes = (0..<4).map { _ in SigningKey.generate().nodeID }.sorted()
    static let chain = ChainID(randomBytes(32))
    static let electorate = Electorate(bonds: nodes.map { .init(node: $0, weight: 1) })

    static func machine(me: Int = 3) -> ConsensusMachine {
        ConsensusMachine(
            chain: chain, height: 5, electorate: electorate, order: nodes, me: nodes[me],
            timing: ConsensusTiming(proposeMs: 1_000, voteMs: 300))
    }

    static func header(_ mark: UInt8, view: UInt32 = 0) -> BlockHeader {
        BlockHeader(
            chain: chain, height: 5, parent: .zero, timeMs: UInt64(mark), author: nodes[Int(view) % 4],
            originView: view,
            kind: .void, round: 1, attempt: 0,
            body: ContentReference(id: ContentID([UInt8](repeating: mark, count: 32)), length: 1),
            stateRoot: .zero, payoutRoot: .zero, nextElectorate: .zero, secondElectorate: .zero, electionProof: [])
    }

    static func signed(_ directives: [ConsensusDirective]) -> [ConsensusDirective.Signable] {
        directives.compactMap { if case .sign(let message) = $0 { message } else { nil } }
    }

    /// A started machine that has prevoted and precommitted `a` in view 0: locked on it.
    static func locked(on a: BlockHeader) -> ConsensusMachine {
        var machine = machine()
        _ = machine.handle(.start)
        _ = machine.handle(.proposal(view: 0, signer: nodes[0], Proposal(header: a, validView: -1)))
        _ = machine.handle(.validated(a.id, true))
        _ = machine.handle(.vote(.prevote, view: 0, signer: nodes[0], block: a.id))
        let directives = machine.handle(.vote(.prevote, view: 0, signer: nodes[1], block: a.id))
        #expect(signed(directives) == [.precommit(view: 0, a.id)])
        return machine
    }

    @Test func quorumAndThird() {
        for (total, quorum, third) in [(4, 3, 2), (5, 4, 2), (6, 5, 3), (7, 5, 3), (10, 7, 4), (1, 1, 1)]
            as [(UInt64, UInt64, UInt64)]
        {
            let electorate = Electorate(bonds: [.init(node: Self.nodes[0], weight: total)])
            #expect(electorate.quorum == quorum && electorate.third == third, "W = \(total)")
        }
        let huge = Electorate(bonds: [.init(node: Self.nodes[0], weight: UInt64(Int64.max))])
        #expect(huge.quorum == UInt64(Int64.max) / 3 * 2 + UInt64(Int64.max) % 3 * 2 / 3 + 1)
    }

    @Test func line22PrevotesAValidFreshProposal() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        let a = Self.header(1)
        let asked = machine.handle(.proposal(view: 0, signer: Self.nodes[0], Proposal(header: a, validView: -1)))
        #expect(asked.contains(.validate(a, view: 0)) && Self.signed(asked).isEmpty)
        #expect(Self.signed(machine.handle(.validated(a.id, true))) == [.prevote(view: 0, a.id)])
    }

    @Test func line22PrevotesNilForAnInvalidProposal() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        let a = Self.header(1)
        _ = machine.handle(.proposal(view: 0, signer: Self.nodes[0], Proposal(header: a, validView: -1)))
        #expect(Self.signed(machine.handle(.validated(a.id, false))) == [.prevote(view: 0, nil, .refused)])
    }

    @Test func proposalOfSomebodyElseIsIgnored() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        let directives = machine.handle(
            .proposal(view: 0, signer: Self.nodes[1], Proposal(header: Self.header(1), validView: -1)))
        #expect(directives.isEmpty)
    }

    @Test func lockedNodePrevotesNilForAnotherFreshValue() {
        let a = Self.header(1)
        var machine = Self.locked(on: a)
        _ = machine.handle(.timeout(view: 0, step: .precommit))
        let b = Self.header(2, view: 1)
        let directives = machine.handle(.proposal(view: 1, signer: Self.nodes[1], Proposal(header: b, validView: -1)))
        #expect(Self.signed(directives) == [.prevote(view: 1, nil, .locked)])
    }

    @Test func line28UnlocksOnlyThroughAnEqualOrLaterQuorumOfPrevotes() {
        let a = Self.header(1)
        let b = Self.header(2, view: 1)
        // Locked in view 0, b got a quorum of prevotes in view 1: the lock may be left in view 2.
        var machine = Self.locked(on: a)
        _ = machine.handle(.timeout(view: 0, step: .precommit))
        for node in Self.nodes.prefix(3) { _ = machine.handle(.vote(.prevote, view: 1, signer: node, block: b.id)) }
        _ = machine.handle(.timeout(view: 1, step: .propose))
        _ = machine.handle(.timeout(view: 1, step: .precommit))
        #expect(machine.view == 2)
        let free = machine.handle(.proposal(view: 2, signer: Self.nodes[2], Proposal(header: b, validView: 1)))
        #expect(Self.signed(free).contains(.prevote(view: 2, b.id)))

        // Without that quorum there is no vote for it.
        var bound = Self.locked(on: a)
        _ = bound.handle(.timeout(view: 0, step: .precommit))
        _ = bound.handle(.timeout(view: 1, step: .propose))
        _ = bound.handle(.timeout(view: 1, step: .precommit))
        for node in Self.nodes.prefix(2) { _ = bound.handle(.vote(.precommit, view: 2, signer: node, block: nil)) }
        let directives = bound.handle(.proposal(view: 2, signer: Self.nodes[2], Proposal(header: b, validView: 1)))
        #expect(!Self.signed(directives).contains(.prevote(view: 2, b.id)))
    }

    @Test func line44PrecommitsNilOnAQuorumOfNil() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        _ = machine.handle(.timeout(view: 0, step: .propose))
        _ = machine.handle(.vote(.prevote, view: 0, signer: Self.nodes[0], block: nil))
        let directives = machine.handle(.vote(.prevote, view: 0, signer: Self.nodes[1], block: nil))
        #expect(Self.signed(directives) == [.precommit(view: 0, nil, .quorumForNil)])
    }

    @Test func line49DecidesOnAQuorumInAnyViewEvenBeforeTheStart() {
        var machine = Self.machine()
        let a = Self.header(1)
        _ = machine.handle(.vote(.precommit, view: 3, signer: Self.nodes[0], block: a.id))
        _ = machine.handle(.vote(.precommit, view: 3, signer: Self.nodes[1], block: a.id))
        #expect(machine.decision == nil)
        let directives = machine.handle(.vote(.precommit, view: 3, signer: Self.nodes[2], block: a.id))
        #expect(directives.contains(.decided(block: a.id, view: 3, header: nil)))
    }

    @Test func twoVotesOfOneSignerCountOnce() {
        var machine = Self.machine()
        let a = Self.header(1)
        for _ in 0..<5 { _ = machine.handle(.vote(.precommit, view: 0, signer: Self.nodes[0], block: a.id)) }
        _ = machine.handle(.vote(.precommit, view: 0, signer: SigningKey.generate().nodeID, block: a.id))
        _ = machine.handle(.vote(.precommit, view: 0, signer: Self.nodes[1], block: a.id))
        #expect(machine.decision == nil)
    }

    @Test func line55JumpsWhenAThirdSpeaksInAHigherView() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        _ = machine.handle(.vote(.prevote, view: 4, signer: Self.nodes[0], block: nil))
        #expect(machine.view == 0)
        _ = machine.handle(.vote(.prevote, view: 4, signer: Self.nodes[1], block: nil))
        #expect(machine.view == 4)
    }

    @Test func line57And65TimeoutsMoveOn() {
        var machine = Self.machine()
        _ = machine.handle(.start)
        #expect(Self.signed(machine.handle(.timeout(view: 0, step: .propose))) == [.prevote(view: 0, nil, .noProposal)])
        #expect(Self.signed(machine.handle(.timeout(view: 0, step: .prevote))) == [.precommit(view: 0, nil, .noQuorum)])
        _ = machine.handle(.timeout(view: 0, step: .precommit))
        #expect(machine.view == 1)
        // A clock of a view that is over says nothing.
        #expect(machine.handle(.timeout(view: 0, step: .precommit)).isEmpty)
    }

    @Test func proposerRepeatsTheValidValueOfAnotherAuthor() {
        let a = Self.header(1)
        var machine = Self.locked(on: a)
        _ = machine.handle(.timeout(view: 0, step: .precommit))
        for view in UInt32(1)..<3 {
            _ = machine.handle(.timeout(view: view, step: .propose))
            _ = machine.handle(.timeout(view: view, step: .prevote))
            _ = machine.handle(.timeout(view: view, step: .precommit))
        }
        #expect(machine.view == 3 && machine.isProposer)
        let directives = machine.handle(.proposable(Self.header(9, view: 3)))
        #expect(Self.signed(directives).first == .proposal(view: 3, Proposal(header: a, validView: 0)))
    }

    /// A crash between precommit and decision: what was durable is all that comes back.
    private func restarted(_ machine: ConsensusMachine, precommit a: BlockHeader, withState: Bool) -> ConsensusMachine {
        var revived = Self.machine()
        if withState {
            _ = revived.handle(
                .restored(
                    machine.voteState,
                    own: [
                        .vote(.prevote, view: 0, signer: Self.nodes[3], block: a.id),
                        .vote(.precommit, view: 0, signer: Self.nodes[3], block: a.id),
                    ]))
        }
        _ = revived.handle(.start)
        return revived
    }

    /// What the revived node votes when a colluding proposer offers another value in view 1.
    private func voteForAnother(_ machine: ConsensusMachine) -> [ConsensusDirective.Signable] {
        var machine = machine
        for node in Self.nodes.prefix(2) { _ = machine.handle(.vote(.precommit, view: 1, signer: node, block: nil)) }
        #expect(machine.view == 1)
        let b = Self.header(2, view: 1)
        _ = machine.handle(.proposal(view: 1, signer: Self.nodes[1], Proposal(header: b, validView: -1)))
        return Self.signed(machine.handle(.validated(b.id, true)))
            + Self.signed(machine.handle(.timeout(view: 1, step: .propose)))
    }

    @Test func lockSurvivesACrashBetweenPrecommitAndDecision() {
        let a = Self.header(1)
        let machine = Self.locked(on: a)
        let b = Self.header(2, view: 1)
        let revived = restarted(machine, precommit: a, withState: true)
        #expect(!voteForAnother(revived).contains(.prevote(view: 1, b.id)))
        // The same crash without the durable state: the node helps to decide b beside a. This is the planted bug
        // that the line above is there to catch.
        let amnesiac = restarted(machine, precommit: a, withState: false)
        #expect(voteForAnother(amnesiac).contains(.prevote(view: 1, b.id)))
    }

    @Test func noSecondVoteInASlotAfterARestart() {
        let a = Self.header(1)
        var revived = restarted(Self.locked(on: a), precommit: a, withState: true)
        var votes: [ConsensusDirective.Signable] = []
        votes += Self.signed(revived.handle(.timeout(view: 0, step: .propose)))
        votes += Self.signed(revived.handle(.timeout(view: 0, step: .prevote)))
        #expect(votes.isEmpty)
    }

    /// The step says nothing where the votes came back without it: stored ones of a height that is fetched again, or this
    /// node's own from its peers after its storage was rolled back.
    @Test(arguments: [true, false]) func noSecondVoteWhereOnlyTheVotesCameBack(stored: Bool) {
        let a = Self.header(1)
        let own = [MessageKind.prevote, .precommit].map { kind in
            ConsensusInput.vote(kind, view: 0, signer: Self.nodes[3], block: a.id)
        }
        var machine = Self.machine()
        if stored {
            let fresh = VoteState(height: 5, view: 0, step: .propose, locked: nil, valid: nil)
            _ = machine.handle(.restored(fresh, own: own))
        }
        _ = machine.handle(.start)
        if !stored { for vote in own { #expect(Self.signed(machine.handle(vote)).isEmpty) } }
        for step in [VoteState.Step.propose, .prevote] {
            #expect(Self.signed(machine.handle(.timeout(view: 0, step: step))).isEmpty, "\(step)")
        }
        // In the next view it votes.
        _ = machine.handle(.timeout(view: 0, step: .precommit))
        #expect(!Self.signed(machine.handle(.timeout(view: 1, step: .propose))).isEmpty)
    }
}
