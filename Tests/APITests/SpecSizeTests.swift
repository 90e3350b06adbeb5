import Testing
import Wire

@testable import MeshNode

/// Specifications of models that no node could hold.
@Suite("Sizes of specifications")
struct SpecSizeTests {
    /// Says the length of initial weights that belongs to the model.
    static func repair(_ spec: inout TaskSpec) {
        guard let size = spec.modelSize, size < 1 << 40 else { return }
        spec.model.initial = .init(id: spec.model.initial.id, length: 4 * size + 512)
    }

    @Test func sumsOfHugeLayersAreFaults() throws {
        var spec = try TaskSpec.example()
        spec.model.architecture = .mlp
        spec.model.hidden = [1 << 31, .max]
        for rule in [TaskSpec.ServerRule.median, .trimmedMean, .krum] {
            spec.training.server = rule
            spec.training.robust = .init(buckets: 5, hostile: 1)
            #expect(TaskSpecValidator.faults(spec).contains { $0.path.hasPrefix("model") })
        }
        spec.training.server = .fedAvg
        spec.training.local.correction = .scaffold
        spec.update.compression = .residual
        spec.update.support.ratioPpm = .max
        spec.update.bits = 64
        #expect(TaskSpecValidator.faults(spec).contains { $0.path.hasPrefix("model") })
    }

    /// Numbers that the memory rule reports, on both sides of its limit.
    @Test func whatNoNodeHasTheMemoryForIsAFault() throws {
        var spec = try TaskSpec.example()
        spec.model.architecture = .mlp
        spec.model.hidden = [4_000, 3_000]
        Self.repair(&spec)
        let faults = TaskSpecValidator.faults(spec)
        #expect(faults.map(\.path) == ["model"])
        #expect(faults.first?.reason.contains("cannot be carried out") == true)
        #expect(faults.first?.reason.contains("\(Limits.roundMemory) are allowed") == true)
        spec.model.hidden = [3_000, 2_000]
        Self.repair(&spec)
        #expect(TaskSpecValidator.faults(spec) == [])
        // Every sample of a batch lies in memory, whatever the model's size.
        spec.model.architecture = .cnn
        spec.model.hidden = [8]
        spec.data.shape = [256, 256]
        spec.training.batchSize = 10_000
        Self.repair(&spec)
        let batch = TaskSpecValidator.faults(spec)
        #expect(batch.map(\.path) == ["model"] && batch.first?.reason.contains("batch_size") == true, "\(batch)")
    }
}
