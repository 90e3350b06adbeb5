import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Two certificates at one height: a third or more of the weight has signed both, and the chain stops with an alarm.
@Suite("Forks")
struct ForkTests {
    private let now = Instant(monotonicMs: 10_000, wallMs: 10_000)

    private func halts(_ directives: [ChainDirective]) -> [String] {
        directives.compactMap { if case .halt(let reason) = $0 { reason } else { nil } }
    }

    /// Against whom the directives hold evidence that the registry would take.
    private func accused(_ directives: [ChainDirective]) -> [NodeID] {
        directives.compactMap { directive in
            guard case .evidence(let one, let other) = directive, Evidence.transaction(one, other) != nil else {
                return nil
            }
            return one.signer
        }
    }

    private func votes(_ fixture: TaskFixture, _ header: BlockHeader, of count: Int) -> Certificate {
        let slot = Slot(kind: .precommit, chain: header.chain, major: header.height, minor: 0)
        let members = fixture.state.electorate.members
        return Certificate(
            chain: header.chain, height: header.height, view: 0, block: header.id,
            precommits: (0..<count).map { index in
                .init(
                    voter: UInt8(index),
                    signature: Envelope.signed(
                        Vote(block: header.id).wireBytes, slot: slot, network: fixture.state.genesis.network,
                        by: fixture.key(members[index].node)
                    ).signature)
            })
    }

    @Test func theRegistryStopsAndTakesNothingMore() throws {
        let world = LedgerWorld()
        var one = world
        var other = world
        try one.decide([(.transfer(to: world.node(1), credits: 5), 0)])
        try other.decide([(.transfer(to: world.node(2), credits: 6), 0)])
        var machine = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        let (first, committed) = machine.receive(one.blocks[0], now)
        #expect(first == .accept && halts(committed).isEmpty && machine.height == 2)
        // The same block again is nothing new.
        #expect(halts(machine.receive(one.blocks[0], now).1).isEmpty)
        // A block without a quorum is no second certificate.
        let thin = DecidedBlock(
            header: other.blocks[0].header, body: other.blocks[0].body,
            certificate: world.certificate(
                other.blocks[0].header, by: world.state.validators, except: (0..<3).map { world.node($0) }))
        #expect(halts(machine.receive(thin, now).1).isEmpty)
        let found = machine.receive(other.blocks[0], now).1
        let alarm = halts(found)
        #expect(alarm.count == 1 && alarm[0].contains("registry: height 1 has two certificates"))
        #expect(accused(found) == world.keys.map(\.nodeID) && alarm[0].contains(world.node(0).short))
        try one.decide([(.transfer(to: world.node(1), credits: 7), 0)])
        #expect(machine.receive(one.blocks[1], now).1.isEmpty && machine.height == 2)
        #expect(machine.receive(world.envelope(.transfer(to: world.node(1), credits: 1), 4), now).1.isEmpty)
    }

    /// The certificate of the first block comes from the store then.
    @Test func aRestartedNodeConvictsToo() throws {
        let world = LedgerWorld()
        var one = world
        var other = world
        try one.decide([(.transfer(to: world.node(1), credits: 5), 0)])
        try other.decide([(.transfer(to: world.node(2), credits: 6), 0)])
        let few = world.certificate(
            other.blocks[0].header, by: world.state.validators, except: [world.node(4)])
        var machine = RegistryMachine(
            state: one.state, key: world.keys[3], own: [], voteState: nil, certificates: one.blocks.map(\.certificate))
        let found = machine.receive(
            DecidedBlock(header: other.blocks[0].header, body: other.blocks[0].body, certificate: few), now
        ).1
        #expect(halts(found).count == 1)
        #expect(accused(found) == world.keys.map(\.nodeID).filter { $0 != world.node(4) })
    }

    /// A vote in another view may be an honest one: the chain stops, nobody is convicted.
    @Test func certificatesOfTwoViewsConvictNobody() throws {
        let world = LedgerWorld()
        var one = world
        try one.decide([(.transfer(to: world.node(1), credits: 5), 0)])
        let certificate = one.blocks[0].certificate
        let later = Certificate(
            chain: certificate.chain, height: 1, view: 1, block: .zero, precommits: certificate.precommits)
        #expect(
            Evidence.doublePrecommits(
                certificate, later, network: world.state.network, electorate: world.state.validators
            ).isEmpty)
    }

    /// Who decided another block below is asked for it and shown the own one; who is behind gets what it lacks.
    @Test func digestsLeadToTheFork() {
        func id(_ branch: UInt8, _ height: UInt64) -> BlockID {
            BlockID([UInt8](repeating: branch * 16 + UInt8(height), count: 32))
        }
        func digest(_ height: UInt64, _ head: BlockID) -> ChainDigest {
            ChainDigest(chain: ChainID.zero, height: height, head: head, groups: [], pending: [])
        }
        // Six blocks here; the other branch leaves this one at height 4.
        func here(_ height: UInt64) -> BlockID? { id(1, height) }
        func there(_ height: UInt64) -> BlockID? { id(height < 4 ? 1 : 2, height) }
        let behind = digest(4, id(1, 3))
        #expect(behind.firstMissing(below: 7, block: here) == 4 && behind.question(below: 7, block: here) == nil)
        #expect(digest(7, id(1, 6)).firstMissing(below: 7, block: here) == nil)
        #expect(digest(9, id(2, 8)).firstMissing(below: 7, block: here) == nil)
        #expect(digest(1, .zero).firstMissing(below: 7, block: here) == 1)
        // Their heights are 6; question and answer go down to the height at which the branches part.
        var theirs = digest(6, id(2, 5))
        var asked: [UInt64] = []
        while let question = theirs.question(below: 7, block: here) {
            asked.append(question.height)
            #expect(theirs.firstMissing(below: 7, block: here) == question.height)
            #expect(question.firstMissing(below: 6, block: there) == max(4, question.height - 1))
            theirs = digest(question.height, there(question.height - 1)!)
        }
        #expect(asked == [5, 4])
    }

    @Test func aTaskStopsAlone() throws {
        let fixture = TaskFixture()
        let all = fixture.manifest()
        let fewer = fixture.manifest(submitters: Array(fixture.keys.map(\.nodeID).dropLast()))
        var blocks: [DecidedBlock] = []
        for body in [all, fewer] {
            let content = TaskBlockContent.manifest(body, set: fixture.set(of: body))
            let header = fixture.header(content)
            blocks.append(
                DecidedBlock(header: header, body: content.bytes, certificate: votes(fixture, header, of: 5)))
        }
        var machine = TaskMachine(
            state: fixture.state, key: fixture.keys[0], manual: false, own: [], voteState: nil)
        #expect(machine.receive(blocks[0], now).0 == .accept && machine.state.height == 1)
        let found = machine.receive(blocks[1], now).1
        let alarm = halts(found)
        #expect(alarm.count == 1 && alarm[0].contains("height 1 has two certificates"))
        #expect(accused(found) == fixture.state.electorate.members.prefix(5).map(\.node))
        #expect(machine.receive(blocks[1], now).1.isEmpty)
    }

    @Test func atMostTheLargest32BondsVote() {
        let bonds = (0..<40).map { index in
            Electorate.Member(
                node: NodeID([UInt8](repeating: UInt8(index), count: 32)), weight: UInt64(100 - index / 2))
        }
        let electorate = Electorate(
            bonds: bonds.reversed() + [.init(node: NodeID([UInt8](repeating: 255, count: 32)), weight: 0)])
        #expect(electorate.members.map(\.node) == bonds.prefix(32).map(\.node))
    }
}
