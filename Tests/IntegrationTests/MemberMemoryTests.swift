import Foundation
import Testing
import Wire

@testable import Learn
@testable import MeshNode

/// A member's residual across a process that dies, on real files and with the node's own recipe.
@Suite struct MemberMemoryTests {
    private static let rounds = 3

    private static func recipe(_ model: Model) throws -> RoundRecipe {
        try RoundRecipe(
            model: model, training: TrainingSettings(epochs: 2, batchSize: 10, learningRate: 0.1), rounds: rounds,
            rule: .fedAvg(rate: 1), compression: CompressionSettings(ratio: 0.25), usesScaffold: false, bits: 10,
            range: 4, controlRange: 1, adaptsRange: false, clipNorm: 1e6, largestGroup: 4, privacy: nil,
            taskSeed: Seed.number(1))
    }

    enum Death: CaseIterable { case none, inTraining, inTrainingWithoutMark }

    /// One member through three rounds: its first update is in the sum, its second is not, then it trains a third time.
    /// - Returns: memory before the third training and the integers of it.
    private func play(_ death: Death) throws -> (memory: [Float], values: [Int32]) {
        LinearAlgebra.setThreadCount(1)
        let split = try ShippedData.digits.split(folder: Program.repository + "/data")
        let model = try Model(.softmax, for: split.train)
        let recipe = try Self.recipe(model)
        let own = split.train.selecting(Array(0..<300))
        let other = split.train.selecting(Array(300..<600))
        let folder = try Folder()
        let outcomes: [UInt32: MemberMemory.Outcome] = [1: .contained, 2: .missed]
        var states = [try recipe.state(of: try model.initialFile(seed: Seed.number(1)))]
        func reference(_ round: UInt32) -> MemberMemory.Begun {
            MemberMemory.Begun(
                round: round, seed: Digest([UInt8](repeating: UInt8(round), count: 32)),
                model: ContentReference(id: ContentID([UInt8](repeating: UInt8(round), count: 32)), length: 1))
        }
        var result: (memory: [Float], values: [Int32]) = ([], [])
        for round in UInt32(1)...UInt32(Self.rounds) {
            // A process of its own every time: nothing but the files carries over.
            let memory = MemberMemory(files: try VectorFiles(directory: folder.path), chain: .zero)
            let open = try memory.open(before: round).map { (round: $0, outcome: outcomes[$0] ?? .rejected) }
            let before = try memory.current(open, count: recipe.parameterCount) { (begun, kept) throws(RoundError) in
                do {
                    // The base model is found by what the mark says.
                    let base = try #require((1...round).first { reference($0).model == begun.model })
                    return try recipe.train(
                        states[Int(base) - 1], memory: kept, data: own, round: Int(begun.round), share: (1, 1),
                        seed: begun.seed.bytes
                    ).kept
                } catch { throw .failed("\(error)") }
            }
            if round == Self.rounds { #expect(try memory.open(before: round).isEmpty) }
            if !(round == 2 && death == .inTrainingWithoutMark) { try memory.begin(reference(round)) }
            let update = try recipe.train(
                states[Int(round) - 1], memory: before, data: own, round: Int(round), share: (1, 1),
                seed: reference(round).seed.bytes)
            if round == 2, death != .none {
                // The process ends here: trained, and nothing of it stored.
            } else {
                try memory.keep(try #require(update.kept), round: round)
            }
            result = (before ?? [], update.values)
            let others = try recipe.train(
                states[Int(round) - 1], memory: nil, data: other, round: Int(round), share: (1, 1), seed: [])
            let isIn = outcomes[round] == .contained
            let sum = zip(update.values, others.values).map { Int64($1) + (isIn ? Int64($0) : 0) }
            states.append(
                try recipe.next(
                    states[Int(round) - 1], sum: sum, round: Int(round), rows: isIn ? 2 : 1, rowCap: 1,
                    submitters: isIn ? 2 : 1))
        }
        return result
    }

    @Test func aTrainingCutShortIsDoneAgain() throws {
        let unkilled = try play(.none)
        let killed = try play(.inTraining)
        #expect(!unkilled.memory.isEmpty && killed.memory == unkilled.memory)
        #expect(killed.values == unkilled.values)
        // What it was before there was a mark: the round is missing in the residual.
        let lost = try play(.inTrainingWithoutMark)
        #expect(lost.memory != unkilled.memory && lost.values != unkilled.values)
    }

    @Test func damagedMarksAreNoMarks() throws {
        let folder = try Folder()
        let files = try VectorFiles(directory: folder.path)
        let memory = MemberMemory(files: files, chain: .zero)
        let begun = MemberMemory.Begun(
            round: 7, seed: Digest([UInt8](repeating: 3, count: 32)),
            model: ContentReference(id: ContentID([UInt8](repeating: 4, count: 32)), length: 9))
        try memory.begin(begun)
        #expect(try memory.cutShort(7) == begun && memory.open(before: 8) == [7] && memory.open(before: 7) == [])
        let name = try #require(try files.list().first)
        let bytes = try #require(try files.read(name: name))
        // Seed, id and length of the model, and nothing behind them.
        #expect(bytes.count == 32 + 32 + 8)
        for damaged in [[], Array(bytes.dropLast()), bytes + [0], bytes + bytes] {
            try files.write(damaged, name: name)
            #expect(try memory.cutShort(7) == nil, "\(damaged.count) bytes")
            // The round waits for its outcome all the same, and is over with it.
            #expect(try memory.open(before: 8) == [7])
        }
        try files.write(bytes, name: name)
        #expect(try memory.cutShort(7) == begun)
        try memory.forget()
        #expect(try files.list().isEmpty)
    }

    /// A memory of another length than the model's is none: longer ones too, or half of it would be taken for a whole.
    @Test func memoriesOfAnotherLengthAreNone() throws {
        let folder = try Folder()
        let files = try VectorFiles(directory: folder.path)
        let memory = MemberMemory(files: files, chain: .zero)
        let kept = LocalUpdate.Kept(ifMissed: [4, 5, 6], ifContained: [1, 2, 3])
        for (outcome, right) in [(MemberMemory.Outcome.missed, kept.ifMissed), (.contained, kept.ifContained)] {
            try memory.keep(kept, round: 1)
            #expect(try memory.settle([(1, outcome)], count: 3) == right)
            // It is kept until the next round's: of another model it is nothing.
            #expect(try memory.settle([], count: 3) == right)
            for count in [2, 4, 6] { #expect(try memory.settle([], count: count) == nil, "\(count)") }
            try memory.forget()
            for count in [2, 4, 6] {
                try memory.keep(kept, round: 1)
                #expect(try memory.settle([(1, outcome)], count: count) == nil, "\(count)")
                #expect(try files.list().isEmpty)
            }
        }
    }
}
