import Chain
import Foundation
import Testing
import Wire

/// A task whose publisher pauses, resumes, pauses and stops it, as the file that is handed over, before both verifiers.
struct OrderedTaskTests {
    private let folder: Folder
    private let history: RegistryHistory
    private let task: RegistryHistory.TaskChain

    init() throws {
        folder = try Folder()
        var history = try RegistryHistory(voters: 6, heights: 2)
        let spec = try ResultCheckTests.spec(encoding: .affine, holders: (3, 1))
        let opened = try history.open(spec)
        var task = try history.chain(of: opened)
        for action in [ControlAction.pause, .resume, .pause, .stop] { try history.order(action, on: &task) }
        (self.history, self.task) = (history, task)
    }

    /// - Parameter registry: the registry's blocks that are in the file.
    private func export(registry: Int) throws -> String {
        let path = folder.path + "/export"
        let text = RegistryHistory.export(history.genesis, [Array(history.blocks.prefix(registry)), task.blocks])
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Everything holds, and only the contents are not here; below the third order the registry block that it rests on is
    /// missed as well, and neither calls the file whole nor wrong.
    private func check(_ verify: (_ file: String) throws -> Program.Outcome) throws {
        #expect(task.state.isEnded && task.state.isPaused && task.blocks.count == 4)
        let rests = "which this block rests on"
        let whole = try verify(try export(registry: history.blocks.count))
        #expect(whole.code == 3 && !whole.output.contains(rests), "\(whole.output)\(whole.errors)")
        #expect(whole.output.contains("NOT HERE") && whole.output.contains("sums, equations and models"))
        let cut = try verify(try export(registry: history.blocks.count - 2))
        let text = "\(cut.output)\(cut.errors)"
        #expect(cut.code == 3, "\(text)")
        for missing in [history.blocks.count - 1, history.blocks.count] {
            #expect(cut.output.contains("registry block \(missing), \(rests)"), "\(text)")
        }
    }

    @Test func theProgramChecksEveryOrder() throws {
        try check { try Program.run("chain", "verify", $0) }
    }

    @Test(.enabled(if: Program.python != nil, "python3 of 3.10 or newer is not here"))
    func theVerifierOfTheDocumentsChecksEveryOrder() throws {
        try check { try Program.runVerifierOfTheDocuments($0) }
    }
}
