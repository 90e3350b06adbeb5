import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Which nonce a node signs next while transactions of its own are pending.
@Suite("Nonces of pending transactions")
struct NonceTests {
    /// A transaction that became impossible leaves a gap; what waits behind it would wait for ever.
    @Test func aGapIsFilledFirst() {
        let world = LedgerWorld()
        let node = world.node(0)
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        let now = Instant(monotonicMs: 0, wallMs: world.timeMs)
        #expect(machine.nextNonce(of: node) == 0 && machine.nonceGap(of: node) == nil)
        let later = world.envelope(.transfer(to: world.node(1), credits: 2), 0, nonce: 1)
        #expect(machine.receive(later, now).0 == .ignore("kept until the nonce before it comes"))
        #expect(machine.nextNonce(of: node) == 0 && machine.nonceGap(of: node) == 0)
        let first = world.envelope(.transfer(to: node, credits: 0), 0, nonce: 0)
        #expect(machine.receive(first, now).0 == .accept)
        #expect(machine.nextNonce(of: node) == 2 && machine.nonceGap(of: node) == nil)
        #expect(machine.nextNonce(of: world.node(1)) == 0)
    }

    @Test func anEmptyTransferUsesUpANonceAndNothingElse() throws {
        let world = LedgerWorld()
        var after = world.state
        try after.apply(
            world.envelope(.transfer(to: world.node(0), credits: 0), 0, nonce: 0), height: 1, timeMs: world.timeMs)
        #expect(after.accounts[world.node(0)]?.nonce == 1)
        after.accounts[world.node(0)]!.nonce = 0
        #expect(after == world.state)
        for (to, credits) in [(world.node(0), UInt64(1)), (world.node(1), 0)] {
            #expect(throws: ChainError.self) {
                try after.apply(
                    world.envelope(.transfer(to: to, credits: credits), 0, nonce: 0), height: 1, timeMs: world.timeMs)
            }
        }
    }
}
