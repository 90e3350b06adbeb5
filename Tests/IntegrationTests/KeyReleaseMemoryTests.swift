import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// The holder's own memory, asked about sets that MANIFEST validity would never let through.
struct KeyReleaseMemoryTests {
    private func job(
        _ members: ClosedRange<UInt8>, round: UInt32 = 1, attempt: UInt16, mark: UInt8, manifest: UInt8? = nil,
        sums: [[Int]]? = nil
    ) -> KeyJob {
        KeyJob(
            manifest: BlockID([UInt8](repeating: manifest ?? mark, count: 32)), round: round, attempt: attempt,
            context: .zero,
            set: members.map { member in
                Chain.TaskState.SetMember(
                    node: NodeID([UInt8](repeating: member, count: 32)),
                    submission: SubmissionID([mark, member] + [UInt8](repeating: 0, count: 30)))
            }, sums: sums, model: ContentReference(id: .zero, length: 1))
    }

    private func refusal(
        _ memory: inout KeyReleaseMemory, _ job: KeyJob, evicted: [NodeID] = [], _ store: DurableStore
    ) -> String? {
        do throws(RoundError) {
            try memory.admit(job, chain: .zero, evicted: evicted, durable: store)
            return nil
        } catch { return "\(error)" }
    }

    @Test func refusesWhatTheChainWouldAllow() throws {
        let folder = try Folder()
        let owner = SigningKey.generate().nodeID
        let store = try DurableStore(path: folder.path + "/durable.sqlite", owner: owner, opening: .createIfMissing)
        var memory = try KeyReleaseMemory(durable: store, chain: .zero, smallestSet: 4)
        #expect(refusal(&memory, job(1...9, attempt: 0, mark: 1), store) == nil)
        // The same again is the same: a successor gets the same bytes.
        #expect(refusal(&memory, job(1...9, attempt: 0, mark: 1), store) == nil)
        func refused(_ memory: inout KeyReleaseMemory) {
            // One member less: the difference of the sums would be that member's update.
            #expect(refusal(&memory, job(1...8, attempt: 1, mark: 2), store)?.contains("smallAtom") == true)
            #expect(refusal(&memory, job(1...3, attempt: 1, mark: 2), store)?.contains("tooFewMembers") == true)
            #expect(refusal(&memory, job(2...10, attempt: 1, mark: 2), store)?.contains("notNested") == true)
            #expect(refusal(&memory, job(1...9, attempt: 1, mark: 1), store)?.contains("submissionUsedBefore") == true)
            #expect(
                refusal(&memory, job(1...9, attempt: 0, mark: 1, manifest: 7), store)?.contains("alreadyStated") == true
            )
        }
        refused(&memory)
        // A node that starts again remembers from its own records.
        memory = try KeyReleaseMemory(durable: store, chain: .zero, smallestSet: 4)
        refused(&memory)
        // What is nested by a whole atom is released, and a member proven bad is none.
        #expect(refusal(&memory, job(1...5, attempt: 1, mark: 2), store) == nil)
        let bad = NodeID([UInt8](repeating: 5, count: 32))
        #expect(refusal(&memory, job(1...4, attempt: 2, mark: 3), evicted: [bad], store) == nil)
    }

    @Test func bucketsAreRememberedAsTheSumsThatTheyAre() throws {
        let folder = try Folder()
        let owner = SigningKey.generate().nodeID
        let store = try DurableStore(path: folder.path + "/durable.sqlite", owner: owner, opening: .createIfMissing)
        var memory = try KeyReleaseMemory(durable: store, chain: .zero, smallestSet: 4)
        let sums = [[0, 2, 4, 6], [1, 3, 5, 7]]
        #expect(
            refusal(&memory, job(1...8, attempt: 0, mark: 1, sums: [[0, 1, 2], [3, 4, 5, 6, 7]]), store)?
                .contains("tooFewMembers") == true)
        #expect(
            refusal(&memory, job(1...8, attempt: 0, mark: 1, sums: [[0, 1, 2, 3]]), store)?.contains("malformedSets")
                == true)
        #expect(refusal(&memory, job(1...8, attempt: 0, mark: 1, sums: sums), store) == nil)
        memory = try KeyReleaseMemory(durable: store, chain: .zero, smallestSet: 4)
        #expect(refusal(&memory, job(1...8, attempt: 0, mark: 1, sums: sums), store) == nil)
        // The same members cut another way: each pair of buckets shares two.
        #expect(
            refusal(&memory, job(1...8, attempt: 1, mark: 2, sums: [[0, 1, 2, 3], [4, 5, 6, 7]]), store)?
                .contains("smallAtom") == true)
        #expect(refusal(&memory, job(1...8, attempt: 1, mark: 2, sums: sums), store) == nil)
    }
}
