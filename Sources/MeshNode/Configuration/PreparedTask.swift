internal import Gossip
internal import Learn
public import Wire

/// A task that may be published: a valid specification and the initial weights it names.
public struct PreparedTask: Sendable, Equatable {
    public let spec: TaskSpec
    /// The safetensors file that `spec.model.initial` names. Content of kind `model`.
    public let initialWeights: [UInt8]
    /// What should be read before publishing.
    public var warnings: [String] { TaskSpecValidator.warnings(spec) }

    /// Completes a specification: makes the initial weights from its seed and names them.
    ///
    /// - Parameter spec: `model.initial` is replaced.
    /// - Throws: everything that is wrong with the specification.
    public init(completing spec: TaskSpec) throws(TaskError) {
        var spec = spec
        let faults = TaskSpecValidator.faults(spec, ignoring: ["model.initial"])
        guard faults.isEmpty else { throw TaskError(file: nil, faults: faults) }
        let bytes = try Self.weights(spec)
        spec.model.initial = Self.reference(bytes)
        let rest = TaskSpecValidator.faults(spec)
        guard rest.isEmpty else { throw TaskError(file: nil, faults: rest) }
        self.spec = spec
        initialWeights = bytes
    }

    /// Takes a complete specification and makes the weights that it names.
    ///
    /// - Throws: everything that is wrong with it, also when its weights are not those of its seed.
    public init(checking spec: TaskSpec) throws(TaskError) {
        let faults = TaskSpecValidator.faults(spec)
        guard faults.isEmpty else { throw TaskError(file: nil, faults: faults) }
        let bytes = try Self.weights(spec)
        guard Self.reference(bytes) == spec.model.initial else {
            throw TaskError(
                file: nil,
                faults: [
                    Fault("model.initial", "\(spec.model.initial.id.short) are not the weights of seed \(spec.seed)")
                ])
        }
        self.spec = spec
        initialWeights = bytes
    }

    private static func reference(_ bytes: [UInt8]) -> ContentReference {
        ContentReference(id: ContentManifest(of: bytes, kind: .model).contentID, length: UInt64(bytes.count))
    }

    private static func weights(_ spec: TaskSpec) throws(TaskError) -> [UInt8] {
        do {
            return try spec.learnModel().initialFile(seed: Seed.number(spec.seed))
        } catch {
            throw TaskError(file: nil, faults: [Fault("model", error.description)])
        }
    }
}

/// Why a task cannot be published: all of it at once.
public struct TaskError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file that was read; nil when the task came otherwise.
    public var file: String?
    public let faults: [Fault]

    public init(file: String?, faults: [Fault]) {
        self.file = file
        self.faults = faults
    }

    public var description: String {
        "the task has \(faults.count == 1 ? "one fault" : "\(faults.count) faults")"
            + (file.map { " (file \($0))" } ?? "") + ":\n"
            + faults.map { "  \($0)" }.joined(separator: "\n")
    }
}
