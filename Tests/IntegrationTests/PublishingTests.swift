import Foundation
import Testing

@testable import Chain
@testable import MeshNode

/// What a node promises to whoever publishes a task.
@Suite("Publishing", .timeLimit(.minutes(2)))
struct PublishingTests {
    /// Does something after each computation, before whoever waits for it goes on.
    private struct FollowedWorker: NodeWorker {
        let worker: any NodeWorker
        let then: @Sendable () -> Void

        func run<Success: Sendable>(
            _ body: @escaping @Sendable () -> Result<Success, RoundError>
        ) async -> Result<Success, RoundError> {
            let result = await worker.run(body)
            then()
            return result
        }
    }

    /// Nobody else has the first model. Where it is stored and its pin cannot be written, nothing is published: the pin of the
    /// publishing goes when it ends, and the next collection would take the only copy.
    @Test func aFirstModelThatCannotBeKeptIsNotPublished() async throws {
        let folder = try Folder()
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 2).makeHome(home, heights: 2)
        let pins = HomeDirectory(path: home).content + "/pins"
        let process = NodeEnvironment.process
        let node = try await UnsupportedTaskTests.start(
            HomeDirectory(path: home),
            NodeEnvironment(
                executor: process.executor,
                worker: { label in
                    guard label.hasSuffix(".operator") else { return process.worker(label) }
                    return FollowedWorker(worker: process.worker(label)) { Self.breakPins(pins) }
                }, links: process.links))
        await node.giveAccount()
        let task = try PreparedTask(completing: ResultCheckTests.spec(encoding: .affine, holders: (3, 1)))
        do {
            _ = try await node.publish(task, again: false, anyway: false)
            Issue.record("published, and the model has no pin")
        } catch {
            #expect("\(error)".contains("the initial weights cannot be kept"), "\(error)")
        }
        #expect(FileManager.default.fileExists(atPath: pins + ".away"), "the model was stored and pinned before")
        #expect(await node.registry.pendingCount == 0)
        await node.stop()
    }

    /// Once a publishing has its own pin, no other one can be written.
    @Sendable private static func breakPins(_ pins: String) {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: pins)) ?? []
        guard names.contains(where: { $0.contains(".publishing-") }) else { return }
        try? files.moveItem(atPath: pins, toPath: pins + ".away")
        _ = files.createFile(atPath: pins, contents: nil)
    }
}

extension Node {
    /// So that it may publish; no block says so.
    fileprivate func giveAccount() {
        registry.state.accounts[nodeID] = .init(balance: 100_000, nonce: 0, bonded: 0)
    }
}
