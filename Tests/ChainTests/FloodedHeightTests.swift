import MeshCrypto
import Testing
import Wire

@testable import Chain

/// What a height needs is there at its end, whatever signers put into the tables beside it.
@Suite("Heights under a flood")
struct FloodedHeightTests {
    private let now = Instant(monotonicMs: 10_000, wallMs: 10_000)
    private static let network = NetworkID([UInt8](repeating: 6, count: 32))

    // MARK: One height by hand

    /// A height of as many equal voters; node 0 proposes view 0, and so on.
    private struct Height {
        let keys: [SigningKey]
        var core: ChainCore
        var nodes: [NodeID] { keys.map(\.nodeID) }

        init(voters: Int) {
            keys = (0..<voters).map { _ in SigningKey.generate() }.sorted { $0.nodeID < $1.nodeID }
            let nodes = keys.map(\.nodeID)
            core = ChainCore(
                network: FloodedHeightTests.network, chain: ConsensusRuleTests.chain, key: keys[voters - 1],
                consensus: ConsensusMachine(
                    chain: ConsensusRuleTests.chain, height: 5,
                    electorate: Electorate(bonds: nodes.map { .init(node: $0, weight: 1) }), order: nodes,
                    me: nodes[voters - 1], timing: ConsensusTiming(proposeMs: 1_000, voteMs: 300)),
                certificates: [])
        }

        /// A fresh block of the proposer of `view`, with a body of its own.
        func header(_ mark: UInt64, view: UInt32 = 0) -> BlockHeader {
            var header = ConsensusRuleTests.header(1, view: view)
            header.author = nodes[Int(view) % keys.count]
            header.body = ContentReference(id: ContentID(Transcript.hash("body", Array("\(mark)".utf8))), length: 1)
            return header
        }

        mutating func drive(_ input: ConsensusInput) {
            guard core.take(input) else { return }
            while let event = core.next() {
                if case .decided(let block, let view) = event { core.undelivered = (block, view) }
            }
        }

        mutating func keep(_ header: BlockHeader) { core.keepBody(header.body.id, [1], awaited: [header]) }
        func hasBody(_ header: BlockHeader) -> Bool { core.bodies[header.body.id] != nil }

        func vote(_ kind: MessageKind, _ signer: Int, view: UInt32, _ block: BlockID?) -> Envelope {
            .signed(
                Vote(block: block).wireBytes,
                slot: Slot(kind: kind, chain: ConsensusRuleTests.chain, major: 5, minor: view),
                network: FloodedHeightTests.network, by: keys[signer])
        }

        /// A vote as it comes from a peer.
        mutating func receive(_ vote: Envelope) {
            var out: [ChainDirective] = []
            _ = core.keep(vote, &out)
            if let input = try? ChainCore.consensusInput(vote) { drive(input) }
        }
    }

    /// Thirty-two authors with two bodies each fill the table to the last place, nobody above its share.
    @Test func bodiesThatAreNeededAlwaysFindAPlace() {
        var height = Height(voters: 32)
        height.drive(.start)
        for view in 0..<64 as Range<UInt32> { height.keep(height.header(UInt64(view) + 1_000, view: view)) }
        #expect(height.core.bodies.count == ChainTables.bodies.total)
        let idle = height.header(2_000)
        height.keep(idle)
        #expect(!height.hasBody(idle), "nothing needs it")

        // Every view's proposal, long after as many were needed as there are places.
        var last = idle
        for view in 0..<100 as Range<UInt32> {
            last = height.header(UInt64(view), view: view)
            height.drive(.proposal(view: view, signer: last.author, Proposal(header: last, validView: -1)))
            height.keep(last)
            #expect(height.hasBody(last), "view \(view)")
            if view < 99 {
                height.drive(.timeout(view: view, step: .propose))
                height.drive(.timeout(view: view, step: .prevote))
                height.drive(.timeout(view: view, step: .precommit))
            }
        }
        // Locked on in view 99, it stays, whatever its own author brings in later views.
        for node in height.nodes.prefix(22) {
            height.drive(.vote(.prevote, view: 99, signer: node, block: last.id))
        }
        height.drive(.validated(last.id, true))
        #expect(height.core.consensus.locked?.header == last)
        height.drive(.timeout(view: 99, step: .precommit))
        height.core.bodies.removeAll { id, _ in id != last.body.id }
        for mark in 3_000..<3_020 as Range<UInt64> {
            var other = height.header(mark, view: 100)
            other.author = last.author
            height.keep(other)
        }
        #expect(height.hasBody(last) && height.core.bodies.count(of: last.author) == ChainTables.bodies.quota)

        // A block that others decided in a view that passed.
        let decided = height.header(64, view: 64)
        #expect(height.core.consensus.header(of: decided.id) == decided && !height.hasBody(decided))
        for view in 0..<64 as Range<UInt32> { height.keep(height.header(UInt64(view) + 5_000, view: view)) }
        #expect(height.core.bodies.count == ChainTables.bodies.total)
        for node in height.nodes.prefix(22) {
            height.drive(.vote(.precommit, view: 64, signer: node, block: decided.id))
        }
        height.keep(decided)
        #expect(height.hasBody(decided))
    }

    /// A header that another proposer brought first goes with that one's others, and is still known when the quorum comes.
    @Test func aHeaderOutlivesThePlaceOfWhoBroughtItFirst() {
        let nodes = ConsensusRuleTests.nodes
        let honest = ConsensusRuleTests.header(7, view: 1)
        for isLocked in [false, true] {
            var machine = ConsensusRuleTests.machine()
            _ = machine.handle(.start)
            _ = machine.handle(.proposal(view: 4, signer: nodes[0], Proposal(header: honest, validView: 1)))
            _ = machine.handle(.proposal(view: 1, signer: nodes[1], Proposal(header: honest, validView: -1)))
            for number in 0..<300 as Range<UInt32> {
                let own = ConsensusRuleTests.header(UInt8(number % 250), view: 8 + 4 * number)
                _ = machine.handle(
                    .proposal(view: 8 + 4 * number, signer: nodes[0], Proposal(header: own, validView: -1)))
            }
            #expect(!machine.headers.contains(honest.id) && machine.header(of: honest.id) == honest)
            if isLocked {
                for node in nodes.prefix(2) { _ = machine.handle(.vote(.precommit, view: 1, signer: node, block: nil)) }
                #expect(machine.view == 1)
                _ = machine.handle(.validated(honest.id, true))
                for node in nodes.prefix(2) {
                    _ = machine.handle(.vote(.prevote, view: 1, signer: node, block: honest.id))
                }
                #expect(machine.locked?.header == honest)
            } else {
                var directives: [ConsensusDirective] = []
                for node in nodes.prefix(3) {
                    directives += machine.handle(.vote(.precommit, view: 1, signer: node, block: honest.id))
                }
                #expect(directives.contains(.decided(block: honest.id, view: 1, header: honest)))
            }
        }
    }

    // MARK: Certificates

    private func commits(_ directives: [ChainDirective]) -> [DecidedBlock] {
        directives.compactMap { if case .commit(let block) = $0 { block } else { nil } }
    }

    /// One voter of four fills its share with votes of later views: its precommit for the block stays, and counts.
    @Test func aSignerOfVeryManyViewsBreaksNoCertificate() throws {
        let world = LedgerWorld(count: 4)
        let state = world.state
        let author = state.nextProposers[0]
        let built = try #require(
            RegistryRules.build(
                pending: [world.envelope(.transfer(to: world.node(1), credits: 5), 0)], state: state, author: author,
                view: 0, timeMs: 9_000, electionKey: world.electionKeys[world.place(author)]))
        func envelope(_ payload: [UInt8], _ kind: MessageKind, _ signer: Int, view: UInt32) -> Envelope {
            .signed(
                payload, slot: Slot(kind: kind, chain: state.chain, major: 1, minor: view), network: state.network,
                by: world.keys[signer])
        }
        // A node that has no vote here, so that nothing but what it hears decides.
        var machine = RegistryMachine(state: state, key: .generate(), own: [], voteState: nil)
        func receive(_ envelope: Envelope) -> [ChainDirective] { machine.receive(envelope, now).1 }
        _ = receive(
            envelope(
                Proposal(header: built.header, validView: -1).wireBytes, .proposal, world.place(author), view: 0))
        let precommit = Vote(block: built.header.id).wireBytes
        for signer in 0..<2 { _ = receive(envelope(precommit, .precommit, signer, view: 0)) }
        for view in [90, 180] as [UInt32] {
            for signer in 1..<3 { _ = receive(envelope(Vote(block: nil).wireBytes, .prevote, signer, view: view)) }
            #expect(machine.view == view)
        }
        for view in 1..<280 as Range<UInt32> {
            for kind in [MessageKind.prevote, .precommit] {
                for reason in [Vote.Reason.noProposal, .noQuorum] {
                    _ = receive(envelope(Vote(block: nil, reason: reason).wireBytes, kind, 0, view: view))
                }
            }
        }
        #expect(machine.queuedMessages > ChainTables.slots.quota, "its share is full")
        let asked = receive(envelope(precommit, .precommit, 2, view: 0))
        #expect(asked.contains { if case .fetch(built.header.body, _, _) = $0 { true } else { false } })
        let decided = commits(machine.content(built.header.body.id, built.body, now))
        #expect(decided.count == 1 && machine.height == 2)
        for block in decided {
            #expect(throws: Never.self) {
                try block.certificate.check(
                    network: state.network, header: block.header, electorate: state.validators)
            }
        }
    }

    /// Where nothing but precommits for blocks is left to go, the one that goes counts no more.
    @Test func whatIsNotKeptDoesNotCount() {
        var height = Height(voters: 4)
        height.drive(.start)
        let block = height.header(1)
        height.drive(.proposal(view: 0, signer: block.author, Proposal(header: block, validView: -1)))
        height.receive(height.vote(.precommit, 0, view: 0, block.id))
        for view in 1...UInt32(ChainTables.slots.quota) {
            height.receive(height.vote(.precommit, 0, view: view, BlockID(randomBytes(32))))
        }
        #expect(
            !height.core.book.contains(
                .precommit, major: 5, minor: 0, signer: height.nodes[0], chain: ConsensusRuleTests.chain))
        for signer in 1..<3 { height.receive(height.vote(.precommit, signer, view: 0, block.id)) }
        #expect(height.core.consensus.decision == nil && height.core.undelivered == nil)
        // It comes again where there is room for it.
        height.core.book.removeAll { $0.minor > 0 }
        height.receive(height.vote(.precommit, 0, view: 0, block.id))
        #expect(height.core.consensus.decision == block.id)
    }

    /// Nothing is stored as decided that others would refuse.
    @Test func anIncompleteCertificateIsNotCommitted() throws {
        var height = Height(voters: 4)
        height.drive(.start)
        let block = height.header(1)
        height.drive(.proposal(view: 0, signer: block.author, Proposal(header: block, validView: -1)))
        height.keep(block)
        for signer in 0..<2 { height.receive(height.vote(.precommit, signer, view: 0, block.id)) }
        // Counted, and not kept.
        height.drive(.vote(.precommit, view: 0, signer: height.nodes[2], block: block.id))
        #expect(height.core.undelivered?.block == block.id)
        var out: [ChainDirective] = []
        for _ in 0..<3 {
            let incomplete = height.core.deliverable(&out)
            #expect(incomplete == nil)
        }
        #expect(out.count == 1, "it is said once")
        height.receive(height.vote(.precommit, 2, view: 0, block.id))
        let complete = height.core.deliverable(&out)
        let decided = try #require(complete)
        #expect(decided.header == block && decided.certificate.precommits.count == 3 && out.count == 1)
    }

    // MARK: Candidates

    private struct Aggregating {
        let fixture: TaskFixture
        var machine: TaskMachine
        let order: [NodeID]

        /// The second proposer's node, in a view that the third and fourth have moved to.
        init(view: UInt32, _ now: Instant) throws {
            fixture = try TaskFixture().keyed()
            order = fixture.state.nextProposers
            machine = TaskMachine(
                state: fixture.state, key: fixture.key(order[1]), manual: false, own: [], voteState: nil)
            _ = machine.resume(now)
            move(to: view, now)
        }

        mutating func move(to view: UInt32, _ now: Instant) {
            for node in order[2...3] {
                _ = machine.receive(
                    fixture.sign(
                        Vote(block: nil).wireBytes, .prevote, by: node, major: fixture.height, minor: view), now)
            }
        }

        func proposal(_ header: BlockHeader) -> Envelope {
            fixture.sign(
                Proposal(header: header, validView: -1).wireBytes, .proposal, by: header.author,
                major: fixture.height, minor: header.originView)
        }

        /// What the first proposer announces as the aggregator of one of its views.
        func announcement(_ candidate: Candidate, view: UInt32) -> Envelope {
            fixture.sign(candidate.wireBytes, .candidate, by: order[0], major: fixture.height, minor: view)
        }

        func invented() -> Candidate {
            let (manifest, opening) = (fixture.manifestBlock!, Digest(randomBytes(32)))
            return Candidate(
                manifest: manifest,
                payload: TaskRules.payloadID(
                    manifest: manifest, aggregate: fixture.aggregate, model: fixture.model, opening: opening),
                aggregate: fixture.aggregate, model: fixture.model, opening: opening)
        }
    }

    private func checks(_ directives: [ChainDirective]) -> [PayloadID] {
        directives.compactMap { directive in
            if case .work(.checkCandidate(let candidate, _)) = directive { candidate.payload } else { nil }
        }
    }

    /// Every aggregator finds the same payload. One that announces it first and then invents others pushes out its own.
    @Test func inventedCandidatesPushOutNothingThatAProposalNeeds() throws {
        var world = try Aggregating(view: 24, now)
        #expect(world.machine.view == 24)
        let result = world.fixture.result()
        let good = TaskMachine.candidate(of: result)
        #expect(checks(world.machine.receive(world.announcement(good, view: 0), now).1) == [good.payload])
        let content = TaskBlockContent.result(result, accuracyPpm: 900_000)
        let header = world.fixture.header(content, view: 24)
        _ = world.machine.receive(world.proposal(header), now)
        _ = world.machine.content(header.body.id, content.bytes, now)
        for (view, isChecked) in [(5, true), (10, true), (15, true), (20, false), (25, true)] as [(UInt32, Bool)] {
            let other = world.invented()
            let (admission, directives) = world.machine.receive(world.announcement(other, view: view), now)
            #expect(admission == .accept && checks(directives) == (isChecked ? [other.payload] : []), "view \(view)")
        }
        #expect(world.machine.candidates.count == ChainTables.candidates.quota)
        let votes = world.machine.candidateChecked(good.payload, .init(isValid: true), now).compactMap { directive in
            if case .broadcast(let envelope) = directive, envelope.slot.kind == .prevote {
                try? Vote(wireBytes: envelope.payload)
            } else {
                nil
            }
        }
        #expect(votes == [Vote(block: header.id)])
    }

    /// The body of a proposal whose view has passed comes late: nothing is checked for it.
    @Test func aProposalOfAViewThatPassedCostsNoCheck() throws {
        for passes in [false, true] {
            var world = try Aggregating(view: 24, now)
            let content = TaskBlockContent.result(world.fixture.result(), accuracyPpm: 900_000)
            let header = world.fixture.header(content, view: 24)
            let (_, asked) = world.machine.receive(world.proposal(header), now)
            #expect(asked.contains { if case .fetch(header.body, _, _) = $0 { true } else { false } })
            if passes { world.move(to: 25, now) }
            #expect(checks(world.machine.content(header.body.id, content.bytes, now)).isEmpty == passes)
        }
    }
}
