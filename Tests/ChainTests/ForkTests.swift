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
        let alarm = halts(machine.receive(other.blocks[0], now).1)
        #expect(alarm.count == 1 && alarm[0].contains("registry: height 1 has two certificates"))
        try one.decide([(.transfer(to: world.node(1), credits: 7), 0)])
        #expect(machine.receive(one.blocks[1], now).1.isEmpty && machine.height == 2)
        #expect(machine.receive(world.envelope(.transfer(to: world.node(1), credits: 1), 4), now).1.isEmpty)
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
        let alarm = halts(machine.receive(blocks[1], now).1)
        #expect(alarm.count == 1 && alarm[0].contains("height 1 has two certificates"))
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
