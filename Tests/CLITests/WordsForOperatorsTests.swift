import Foundation
import Glibc
import Testing
import Wire

@testable import MeshNode
@testable import MeshNodeCLI

/// What is shown to an operator is a sentence of ours: no name of a case, no number of the system without its meaning.
@Suite struct WordsForOperatorsTests {
    private static let failures = (0...UInt8.max).compactMap { FailureReason(rawValue: $0) }

    @Test func reasonsOfRoundsAndTasksAreWords() {
        #expect(Self.failures.count == 4)
        let all = VoidReason.allCases.map { ("\($0)", $0.words) } + Self.failures.map { ("\($0)", $0.words) }
        // A name of one word may be a word of the sentence; a name of several is never one.
        for (name, words) in all {
            let isShown = !name.allSatisfy(\.isLowercase) && words.contains(name)
            #expect(words.contains(" ") && !isShown, "\(name): \(words)")
        }
        #expect(Set(all.map(\.1)).count == all.count)
        for reason in VoidReason.allCases {
            let node = NodeID([UInt8](repeating: 0xab, count: 32))
            let text = BlockDescription.reason(VoidBody(reason: reason, evicted: [node], union: [], lists: []))
            #expect(text == "\(reason.words), client abababab evicted")
        }
    }

    /// Rows, a picture or a model in the place of a task: one sentence instead of a fault a line.
    @Test func aFileThatIsNoTaskIsOneSentence() async throws {
        let scratch = try Scratch()
        let rows = try scratch.write("a,b,label\n" + (0..<40).map { "\($0),1,0\n" }.joined(), "rows.csv")
        let outcome = try await Executable().run(["task", "create", rows])
        #expect(outcome.status == 65 && outcome.errors.contains("this is no task file"), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count <= 2, "\(outcome.errors)")
        let none = try await Executable().run(["data", "inspect", scratch.path + "/none.csv"])
        #expect(none.errors.contains("there is no such file, and no shipped set"), "\(none.errors)")
    }

    /// A socket of another user is denied (77); a node that does not run is unreachable (69), each by its own words.
    @Test(arguments: [
        (EACCES, Int32(77), "only the user whose node it is may"), (EPERM, 77, "only the user whose node it is may"),
        (ENOENT, 69, "there is no such socket"), (ECONNREFUSED, 69, "nobody listens there any more"),
        (ETIMEDOUT, 69, "system error 110"),
    ])
    func theSystemsAnswerIsUnderstood(_ code: Int32, _ status: Int32, _ words: String) {
        let error = APIClient.refusal(code, of: "/home/other/api.sock")
        let failure = CommandFailure(any: error)
        #expect(failure?.code == status && failure?.message.contains(words) == true, "\(error)")
        #expect(failure?.message.contains("/home/other/api.sock") == true)
    }

    /// Whoever leaves a task by hand knows whether the node may join it again by itself.
    @Test func leavingSaysWhetherTheNodeStaysOut() {
        let task = TaskID([UInt8](repeating: 0xab, count: 32))
        let text = HandChoices.leftText(task, joinsByItself: true)
        #expect(text.contains("miner.auto_join stays out of this task, also after a restart"), "\(text)")
        #expect(text.hasSuffix("until: `meshnode task join abababab`"), "\(text)")
        #expect(!HandChoices.leftText(task, joinsByItself: false).contains("auto_join"))
    }

    /// Of a clock only the system can say that it is synchronised.
    @Test func aClockOfWhichNothingIsKnownIsUnknown() {
        func check(_ kernel: Int32?) -> HealthCheck { Doctor.clock("2026-01-02T03:04:05Z", kernel: kernel) }
        for (kernel, words) in [(nil, "does not say whether"), (5, "nothing on this machine says")]
            as [(Int32?, String)]
        {
            let found = check(kernel)
            #expect(found.outcome == .unknown && found.detail.contains(words), "\(found.detail)")
            #expect(found.next?.contains("NTP client") == true && found.detail.hasPrefix("2026-01-02T03:04:05Z"))
        }
        for kernel: Int32 in 0...4 { #expect(check(kernel).outcome == .ok && check(kernel).next == nil) }
    }
}
