internal import Wire

/// A task as programs keep it: the canonical bytes of its specification.
public enum TaskDocument {
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
