import Foundation
import Testing

/// Five real processes, of which one or two attack: every attack is proven from decided blocks and survived, and the
/// decrypted sums stay those of the honest clients. One run at a time: they share two cores.
@Suite(.serialized) struct AttackTests {
    private func attack(_ name: String, _ more: String...) throws -> (output: String, summary: Summary) {
        let folder = try Folder()
        let outcome = try Program.run(
            ["testnet", "--rounds", "2", "--attack", name, "--out", folder.path] + more)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        let summary = try Summary(folder: folder.path)
        #expect(summary.exact && summary.heads_equal && summary.verified && summary.completed)
        #expect(outcome.output.contains("PASSED"))
        return (outcome.output, summary)
    }

    private func expect(_ output: String, _ pattern: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            output.range(of: pattern, options: .regularExpression) != nil, "\(pattern) in\n\(output)",
            sourceLocation: sourceLocation)
    }

    @Test func aBadBoxIsProvenAndItsClientEvicted() throws {
        let (output, _) = try attack("bad-box")
        expect(output, "client [0-9a-f]{8} evicted, holder nobody convicted, holder nobody replaced")
        expect(output, "4/5")
    }

    @Test func aClientOutOfRangeIsNamedAndEvicted() throws {
        let (output, _) = try attack("out-of-range")
        expect(output, "VOID, attempt 0: an update was proven bad, client [0-9a-f]{8} evicted")
        expect(output, "client [0-9a-f]{8} evicted, holder nobody convicted")
        expect(output, "4/5")
    }

    @Test func aLyingHolderIsOutvotedAndReplaced() throws {
        let (output, _) = try attack("lying-holder")
        expect(output, "client nobody evicted, holder ([0-9a-f]{8}) convicted, holder \\1 replaced")
        #expect(!output.contains("VOID"))
        expect(output, "5/5")
    }

    @Test func silentHoldersAreReplaced() throws {
        let (output, _) = try attack("silent-holder")
        expect(output, "VOID, attempt 0: key holders were silent, holder [0-9a-f]{8} silent, holder [0-9a-f]{8} silent")
        expect(output, "holder [0-9a-f]{8} replaced")
    }

    @Test func aFalseComplaintChangesNothing() throws {
        let (output, _) = try attack("false-complaint")
        expect(output, "client nobody evicted, holder nobody convicted, holder nobody replaced")
        expect(output, "5/5")
    }

    @Test func fiveHoldersServeSevenNodes() throws {
        let folder = try Folder()
        let outcome = try Program.run(
            "testnet", "--rounds", "2", "--nodes", "7", "--holders", "5,2", "--out", folder.path)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        expect(outcome.output, "3 of the 5 key holders collude; odds of more than 2 bad ones .* \\.01, \\.06, \\.21")
        expect(outcome.output, "7/7")
    }

    @Test func attacksNeedATestNetwork() throws {
        let folder = try Folder()
        let home = folder.path + "/home"
        #expect(try Program.run("init", "--home", home).code == 0)
        let outcome = try Program.run("run", "--home", home, "--set", "debug.attack=bad-box")
        #expect(outcome.code == 78)
        #expect(outcome.errors.contains("debug.attack"))
    }
}
