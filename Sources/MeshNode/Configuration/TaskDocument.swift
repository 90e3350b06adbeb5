internal import Wire

/// A task as programs keep it: the canonical bytes of its specification.
public enum TaskDocument {
    /// The specification and, behind it, the weights that it names: u32 length and bytes of each, for a warm start.
    public static func withWeights(_ task: PreparedTask) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: task.initialWeights.count + 4_096)
        encoder.data(task.spec.wireBytes)
        encoder.data(task.initialWeights)
        return encoder.bytes
    }

    /// Reads what ``withWeights(_:)`` wrote.
    public static func readWithWeights(_ bytes: [UInt8]) throws(TaskError) -> PreparedTask {
        let spec: TaskSpec
        let weights: [UInt8]
        do {
            var decoder = WireDecoder(bytes)
            spec = try TaskSpec(wireBytes: try decoder.data(limit: 1 << 20, "task"))
            weights = try decoder.data(limit: bytes.count, "weights")
        } catch {
            throw TaskError(file: nil, faults: [Fault("", "is no encoded task with weights: \(error)")])
        }
        return try PreparedTask(checking: spec, weights: weights)
    }

    /// - Throws: `TaskError` for bytes that are no specification, and for everything that is wrong with one.
    public static func read(_ bytes: [UInt8]) throws(TaskError) -> PreparedTask {
        let spec: TaskSpec
        do {
            spec = try TaskSpec(wireBytes: bytes)
        } catch {
            throw TaskError(file: nil, faults: [Fault("", "is no encoded task: \(error)")])
        }
        return try PreparedTask(checking: spec)
    }
}
