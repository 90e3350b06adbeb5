import Foundation
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a home on disk answers while no node serves it.
@Suite(.serialized) struct OfflineHomeTests {
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
