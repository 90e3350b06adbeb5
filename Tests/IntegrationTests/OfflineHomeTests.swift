import Foundation
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a home on disk answers while no node serves it.
@Suite(.serialized) struct OfflineHomeTests {
    /// Every credit stands in a line.
    @Test func theLedgerAddsUp() throws {
        let folder = try Folder()
        let (history, large, _) = try UnsupportedTaskTests.history()
        let home = folder.path + "/home"
        try history.makeHome(home, heights: history.blocks.count)
        let ledger = try OfflineHome(HomeDirectory(path: home)).ledger()
        let accounts = ledger.accounts.reduce(0) {
            $0 + $1.balance + $1.bonded + $1.validatorBond + $1.unbonding + $1.reserve
        }
        let tasks = ledger.escrows.reduce(0) { $0 + $1.credits } + ledger.deposits.reduce(0) { $0 + $1.credits }
        #expect(accounts + tasks + ledger.burned == ledger.total, "\(ledger)")
        #expect(ledger.deposits.count == 2 && ledger.deposits.allSatisfy { $0.credits > 0 })
        let shown = try Program.run("ledger", "balance", "--home", home)
        #expect(shown.code == 0 && shown.output.contains("deposit for \(large.short) \"large\": "), "\(shown.output)")
    }

    /// A running node may collect a content while somebody checks its home: then it is gone, and not damaged.
    @Test func aContentThatGoesMeanwhileIsAbsent() throws {
        let folder = try Folder()
        let home = try HomeDirectory.create(at: folder.path + "/home")
        _ = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
        let id = try ContentStore(home).put([1, 2, 3], kind: .model)
        let (path, kept) = ("\(home.content)/\(id.hex).data", folder.path + "/kept")
        try #require(link(path, kept) == 0)
        // It comes and goes until nothing is kept of it.
        Thread.detachNewThread {
            while link(kept, path) == 0 || errno == EEXIST { unlink(path) }
        }
        defer { unlink(kept) }
        let source = try HomeSource(home)
        var (present, absent) = (0, 0)
        while present < 1_000 || absent < 1_000 {
            if let bytes = try source.content(id) {
                #expect(bytes == [1, 2, 3])
                present += 1
            } else {
                absent += 1
            }
        }
    }

    @Test func aHomeAnswersLikeItsNode() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 12)
        let home = folder.path + "/home"
        try history.makeHome(home, heights: 12)
        let account = history.keys[0].nodeID
        let commands = [
            ["ledger", "balance"], ["ledger", "history", "--node", account.hex], ["contributors"], ["task", "list"],
        ]
        func answers() throws -> [String] {
            try commands.map { command in
                let outcome = try Program.run(command + ["--home", home])
                #expect(outcome.code == 0, "\(command): \(outcome.errors)")
                return outcome.output
            }
        }
        let node = try RunningNode(home: home)
        _ = try #require(try await node.status(), "the node did not answer: \(node.output)")
        let running = try answers()
        node.end()
        #expect(try answers() == running)
        #expect(running[0].contains(account.short) && running[1].contains("sent"))
        // Nobody writes there, so a home that may only be read answers, too.
        let missing = try Program.run("task", "show", "none", "--home", home)
        #expect(missing.code == 1 && missing.errors.contains("no task here is called"), "\(missing.errors)")
    }
}
