import MeshNode
import Testing

@testable import MeshNodeCLI

/// A task that the node does not know: refused at once, or waited for as long as was asked.
@Suite struct WatchTests {
    private final class Asked {
        var times = 0
        var said: [String] = []
    }

    private func failure(wait: Int, _ asked: Asked) async -> CommandFailure? {
        do {
            _ = try await WatchCommand.find("nosuch", wait: wait, say: { asked.said.append($0) }) {
                asked.times += 1
                throw APIError.problem(
                    Problem(
                        .notFound(what: "no task here is called \"nosuch\"", next: "see: `meshnode task list`")))
            }
            return nil
        } catch { return error as? CommandFailure }
    }

    @Test func aTaskThatIsUnknownIsRefusedAtOnce() async {
        let asked = Asked()
        let refused = await failure(wait: 0, asked)
        #expect(asked.times == 1 && asked.said.isEmpty, "\(asked.said)")
        #expect(refused?.code == 1 && refused?.message.contains("no task here is called \"nosuch\"") == true)
        for way in ["`meshnode task list`", "`meshnode watch --task nosuch --wait 60`"] {
            #expect(refused?.message.contains(way) == true, "\(refused?.message ?? "")")
        }
    }

    @Test func whoeverWaitsIsToldForWhatAndHowLong() async {
        let asked = Asked()
        let refused = await failure(wait: 1, asked)
        #expect(asked.times > 1 && asked.said.count == 1, "\(asked.said)")
        #expect(asked.said.first?.hasPrefix("waiting up to 1 s: no task here is called") == true, "\(asked.said)")
        #expect(refused?.code == 75 && refused?.message.contains("within 1 s") == true)
    }

    /// Any other answer is passed on.
    @Test func anotherFaultIsNotWaitedFor() async {
        let asked = Asked()
        await #expect(throws: APIError.self) {
            _ = try await WatchCommand.find("t", wait: 60, say: { asked.said.append($0) }) {
                throw APIError.problem(Problem(.conflict(reason: "\"t\" fits 2 tasks", next: "give more digits")))
            }
        }
        #expect(asked.said.isEmpty)
    }
}
