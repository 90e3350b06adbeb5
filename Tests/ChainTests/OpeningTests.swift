import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Seeds that members open unasked, beside the one that convicts a holder.
@Suite("Openings of seeds")
struct OpeningTests {
    private let now = Instant(monotonicMs: 10_000, wallMs: 10_000)

    /// A holder states a wrong vector, and discloses masks that fit it: wrong for the member with the highest id.
    private struct Lie {
        let round: EncryptedFixture
        let liar: NodeID
        let victim: NodeID
        let component: Int
        let statements: [Envelope]
        let claim: Envelope
        let disclosures: [Envelope]

        init() throws {
            let round = try EncryptedFixture(members: 12).keyed()
            let victim = round.set.last!.node
            let place = round.holders.firstIndex { $0 != victim }!
            let liar = round.holders[place]
            let component = round.profile.components(of: place).min()!
            let places = round.profile.holders(of: component)
            var wrong = round.vector(component)
            EncryptedFixture.add(1, to: &wrong, at: 3)
            statements = round.holders.sorted().map { holder in
                round.statement(holder) { if holder == liar, $0 == component { $1 = wrong } }
            }
            claim = round.claim(
                .dispute, element: 3,
                entries: places.map {
                    round.entry($0, component, 3, vector: $0 == place ? wrong : round.vector(component))
                })
            disclosures = places.map { told in
                round.disclosure(round.holders[told], element: 3, components: [component]) { _, masks in
                    if told == place { EncryptedFixture.add(1, to: &masks[masks.count - 1]) }
                }
            }
            (self.round, self.liar, self.victim, self.component) = (round, liar, victim, component)
        }

        /// A voter that has heard all of it, but for the openings.
        func machine(_ now: Instant) -> TaskMachine {
            var machine = TaskMachine(
                state: round.state, key: round.task.key(round.nodes.first { !round.holders.contains($0) }!),
                manual: false, own: [], voteState: nil)
            _ = machine.resume(now)
            for envelope in round.nodes.map({ round.clients[$0]!.envelope }) + statements + [claim] + disclosures {
                #expect(machine.receive(envelope, now).0 == .accept)
            }
            return machine
        }
    }

    /// Eight members with lower ids open seeds of their own, which fit what everybody disclosed: as many as a block carries.
    @Test func openingsThatConvictNobodyHideNoLiar() throws {
        let lie = try Lie()
        let round = lie.round
        var machine = lie.machine(now)
        for member in round.set.prefix(Limits.named) {
            #expect(machine.receive(round.opening(member.node, component: lie.component), now).0 == .accept)
        }
        var out: [ChainDirective] = []
        #expect(machine.convictedHolders(&out) == nil, "nobody has contradicted the liar yet")
        #expect(machine.receive(round.opening(lie.victim, component: lie.component), now).0 == .accept)
        let convicted = try #require(machine.convictedHolders(&out))
        #expect(convicted.liars == [lie.liar])
        #expect(convicted.proof.openings.map(\.signer) == [lie.victim])
        let plain = round.task.result(statements: lie.statements)
        let result = ResultBody(
            manifest: plain.manifest, aggregate: plain.aggregate, model: plain.model, opening: plain.opening,
            rejected: false, keyStatements: lie.statements, opinions: plain.opinions, blame: convicted.proof,
            liars: convicted.liars)
        #expect(round.task.verdict(result) == nil)
    }

    /// A seed that is not the announced one is kept by nobody who can see it; whoever cannot has passed it on, unpunished.
    @Test func anOpeningOfAnotherSeedTakesNoPlace() throws {
        let lie = try Lie()
        let wrong = lie.round.opening(lie.victim, component: lie.component, seed: .random(32))
        var machine = lie.machine(now)
        #expect(machine.receive(wrong, now).0 == .ignore("an opening of another seed than the announced one"))
        #expect(machine.messages(.opening).isEmpty)
        var without = TaskMachine(
            state: lie.round.state, key: lie.round.task.key(lie.round.nodes[0]), manual: false, own: [],
            voteState: nil)
        _ = without.resume(now)
        #expect(without.receive(wrong, now).0 == .accept)
    }
}
