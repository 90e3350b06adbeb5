import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// The holder's own memory, asked about sets that MANIFEST validity would never let through.
struct KeyReleaseMemoryTests {
    private func job(
        _ members: ClosedRange<UInt8>, round: UInt32 = 1, attempt: UInt16, mark: UInt8, manifest: UInt8? = nil,
        sums: [[Int]]? = nil, present: ClosedRange<UInt8>? = nil
    ) -> KeyJob {
        job(
            Array(members), round: round, attempt: attempt, mark: mark, manifest: manifest, sums: sums,
            present: present)
    }

    private let beacon = Digest([UInt8](repeating: 3, count: 32))

    private func job(
        _ members: [UInt8], round: UInt32 = 1, attempt: UInt16, mark: UInt8, manifest: UInt8? = nil,
        sums: [[Int]]? = nil, present: ClosedRange<UInt8>? = nil, previous: [UInt8]? = nil
    ) -> KeyJob {
        KeyJob(
            manifest: BlockID([UInt8](repeating: manifest ?? mark, count: 32)), round: round, attempt: attempt,
            context: .zero,
            set: members.map { member in
                Chain.TaskState.SetMember(
                    node: NodeID([UInt8](repeating: member, count: 32)),
                    submission: SubmissionID([mark, member] + [UInt8](repeating: 0, count: 30)))
            }, sums: sums,
            presence: .init(
                submitters: (present.map { Array($0) } ?? members).map { NodeID([UInt8](repeating: $0, count: 32)) },
                beacon: beacon,
                previous: (attempt == 0 ? [] : previous ?? Array(sums == nil ? 1...10 : 1...8)).map {
                    NodeID([UInt8](repeating: $0, count: 32))
                }),
            model: ContentReference(id: .zero, length: 1))
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
        #expect(refusal(&memory, job(1...10, attempt: 0, mark: 1), store) == nil)
        // The same again is the same: a successor gets the same bytes.
        #expect(refusal(&memory, job(1...10, attempt: 0, mark: 1), store) == nil)
        func refused(_ memory: inout KeyReleaseMemory) {
            // One member less: the difference of the sums would be that member's update.
            #expect(refusal(&memory, job(1...8, attempt: 1, mark: 2), store)?.contains("smallAtom") == true)
            #expect(refusal(&memory, job(1...3, attempt: 1, mark: 2), store)?.contains("tooFewMembers") == true)
            #expect(refusal(&memory, job(2...11, attempt: 1, mark: 2), store)?.contains("notNested") == true)
            #expect(refusal(&memory, job(1...10, attempt: 1, mark: 1), store)?.contains("submissionUsedBefore") == true)
            #expect(
                refusal(&memory, job(1...10, attempt: 0, mark: 1, manifest: 7), store)?.contains("alreadyStated")
                    == true
            )
        }
        refused(&memory)
        // A node that starts again remembers from its own records.
        memory = try KeyReleaseMemory(durable: store, chain: .zero, smallestSet: 4)
        refused(&memory)
        // Four who are present leave beside the one who is not: those whom the beacon draws, and nobody else.
        let drawn = NestingRule.next(
            after: (1...10).map { [UInt8](repeating: $0, count: 32) }, isPresent: { $0[0] < 10 }, smallest: 4,
            beacon: beacon.bytes)
        let left = try #require(drawn).map { $0[0] }
        let others = (1...9).filter { !left.contains($0) } + [left[0]]
        #expect(
            refusal(&memory, job(others.sorted(), attempt: 1, mark: 2, present: 1...9), store)?.contains("notDrawn")
                == true)
        #expect(refusal(&memory, job(left, attempt: 1, mark: 2, present: 1...9), store) == nil)
        // A member proven bad needs no company.
        let bad = NodeID([UInt8](repeating: left[0], count: 32))
        #expect(
            refusal(
                &memory, job(Array(left.dropFirst()), attempt: 2, mark: 3, present: 1...9, previous: left),
                evicted: [bad], store)
                == nil)
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
        // The same members cut another way, before anything reminds it.
        #expect(
            refusal(&memory, job(1...8, attempt: 1, mark: 2, sums: [[0, 1, 2, 3], [4, 5, 6, 7]]), store)?
                .contains("smallAtom") == true)
        #expect(
            refusal(&memory, job(1...8, attempt: 1, mark: 2, sums: sums.reversed()), store)?.contains("notDrawn")
                == true)
        #expect(refusal(&memory, job(1...8, attempt: 0, mark: 1, sums: sums), store) == nil)
        #expect(refusal(&memory, job(1...8, attempt: 1, mark: 2, sums: sums), store) == nil)
    }
}
