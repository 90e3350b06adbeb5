import MeshCrypto
import Testing
import Wire

@testable import Chain

/// What one signer may fill of the machines' own tables, and what the accounts' table keeps.
@Suite("Tables of the chains")
struct ChainTableTests {
    private func header(_ author: NodeID, _ number: UInt64) -> BlockHeader {
        var header = ConsensusRuleTests.header(1)
        header.author = author
        header.timeMs = number
        return header
    }

    @Test func anAuthorsWaitingProposalsTakeItsOwnPlaces() {
        let (loud, quiet) = (SigningKey.generate().nodeID, SigningKey.generate().nodeID)
        var waiting = WaitingHeaders()
        let first = header(quiet, 1)
        waiting.wait(first, for: .body(first.body.id))
        for number in 0..<200 as Range<UInt64> { waiting.wait(header(loud, number), for: .scores) }
        #expect(waiting.count == 1 + ChainTables.waiting.quota)
        #expect(waiting.take(.scores).map(\.timeMs) == [196, 197, 198, 199])
        // It waits for one thing at a time.
        waiting.wait(first, for: .rebuttal)
        #expect(waiting.take(.body(first.body.id)).isEmpty)
        #expect(waiting.take(.rebuttal) == [first] && waiting.count == 0)
    }

    /// One proposer of four sends a fresh header for each of its views, two of a slot, for ever.
    @Test func aProposersHeadersTakeItsOwnPlaces() {
        var machine = ConsensusRuleTests.machine()
        _ = machine.handle(.start)
        let nodes = ConsensusRuleTests.nodes
        let honest = header(nodes[1], 7)
        _ = machine.handle(.proposal(view: 1, signer: nodes[1], Proposal(header: honest, validView: -1)))
        for view in stride(from: UInt32(0), to: 4_000, by: 4) {
            for number in 0..<2 as Range<UInt64> {
                let own = header(nodes[0], UInt64(view) * 2 + number)
                _ = machine.handle(.proposal(view: view, signer: nodes[0], Proposal(header: own, validView: -1)))
            }
        }
        #expect(machine.headers.count == 1 + ChainTables.headers.quota)
        #expect(machine.header(of: honest.id) == honest)
    }

    /// At the end of its range a counter stays there: it neither traps nor begins anew.
    @Test func countersStayAtTheirEnd() {
        #expect(UInt32.max.clampedSum(1) == .max && (UInt32.max - 1).clampedSum(1) == .max)
        #expect(UInt64.max.clampedSum(UInt64.max) == .max && UInt64(3).clampedSum(4) == 7)
        #expect(Int8(-100).clampedSum(-100) == .min && Int8(100).clampedSum(100) == .max)
        #expect((UInt32.max - 5).clampedSum(100) == .max)
    }

    @Test func accountsAreKeptWhole() {
        var table = AccountTable()
        let nodes = (0..<3_000).map { _ in NodeID(randomBytes(32)) }
        for (number, node) in nodes.enumerated() {
            table[node] = .init(balance: UInt64(number), nonce: 0, bonded: 0)
        }
        let before = table
        table[nodes[5]]!.balance += 1
        table[nodes[6]]!.unbonding.append(.init(credits: 1, releaseMs: 2))
        #expect(table.unbonding == [nodes[6]] && before.unbonding.isEmpty)
        table[nodes[6]]!.unbonding.removeFirst()
        #expect(table.unbonding.isEmpty && table[nodes[6]] == before[nodes[6]])
        #expect(before[nodes[5]]?.balance == 5 && table[nodes[5]]?.balance == 6 && table != before)
        #expect(table.count == 3_000 && Set(table.keys) == Set(nodes))
        #expect(table.values.reduce(0) { $0 + $1.balance } == 2_999 * 1_500 + 1)
        #expect(table.mapValues(\.balance)[nodes[9]] == 9)
        #expect(table.reduce(0) { $0 + Int($1.value.balance) } == 2_999 * 1_500 + 1)
        #expect(table[NodeID(randomBytes(32))] == nil)
    }
}
