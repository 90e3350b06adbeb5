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
    /// - Parameters:
    ///   - spec: `model.initial` is replaced.
    ///   - weights: safetensors of the model's tensors, where `model.start` is `given`; state of another task is left out.
    /// - Throws: everything that is wrong with the specification.
    public init(completing spec: TaskSpec, weights: [UInt8]? = nil) throws(TaskError) {
        var spec = spec
        if weights != nil { spec.model.start = .given }
        let faults = TaskSpecValidator.faults(spec, ignoring: ["model.initial"])
        guard faults.isEmpty else { throw TaskError(file: nil, faults: faults) }
        let bytes = try Self.weights(spec, given: weights)
        spec.model.initial = Self.reference(bytes)
        let rest = TaskSpecValidator.faults(spec)
        guard rest.isEmpty else { throw TaskError(file: nil, faults: rest) }
        self.spec = spec
        initialWeights = bytes
    }

    /// Takes a complete specification and makes the weights that it names.
    ///
    /// - Throws: everything that is wrong with it, also when its weights are not those of its seed, or not the given ones.
    public init(checking spec: TaskSpec, weights: [UInt8]? = nil) throws(TaskError) {
        let faults = TaskSpecValidator.faults(spec)
        guard faults.isEmpty else { throw TaskError(file: nil, faults: faults) }
        let bytes = try Self.weights(spec, given: weights)
        guard Self.reference(bytes) == spec.model.initial else {
            throw TaskError(
                file: nil,
                faults: [
                    Fault(
                        "model.initial",
                        "\(spec.model.initial.id.short) are not the weights "
                            + (spec.model.start == .seed ? "of seed \(spec.seed)" : "that were given"))
                ])
        }
        self.spec = spec
        initialWeights = bytes
    }

    /// The same task with the titles of its publisher's own rows written out, so that nobody trains on other columns.
    /// - Returns: itself where it names columns already, or where the titles are not those of its features.
    func naming(columns: [String], inOrder: Bool) throws(TaskError) -> PreparedTask {
        guard spec.data.columns.isEmpty, !columns.isEmpty, columns.count <= Limits.columns else { return self }
        var named = spec
        named.data.columns = columns
        named.data.columnsInOrder = inOrder
        guard columns.count == Int(spec.data.features) || named.data.namesChannels else { return self }
        let faults = TaskSpecValidator.faults(named)
        guard faults.isEmpty else { throw TaskError(file: nil, faults: faults) }
        return PreparedTask(spec: named, initialWeights: initialWeights)
    }

    private init(spec: TaskSpec, initialWeights: [UInt8]) {
        self.spec = spec
        self.initialWeights = initialWeights
    }

    private static func reference(_ bytes: [UInt8]) -> ContentReference {
        ContentReference(id: ContentManifest(of: bytes, kind: .model).contentID, length: UInt64(bytes.count))
    }

    private static func weights(_ spec: TaskSpec, given: [UInt8]?) throws(TaskError) -> [UInt8] {
        do {
            if spec.model.start == .given {
                guard let given else {
                    throw TaskError(
                        file: nil,
                        faults: [
                            Fault(
                                "model.start",
                                "\"given\" needs the weights; use: `meshnode task publish FILE --weights WEIGHTS`")
                        ])
                }
                // Canonical bytes of the model's own tensors, whatever wrote the file and kept beside them.
                let model = try spec.learnModel()
                let file = try Safetensors(bytes: given, file: "weights")
                let own = Set(model.manifest.entries.map(\.name))
                var tensors: [(name: String, shape: [Int], values: [Float])] = []
                for tensor in file.tensors where own.contains(tensor.name) {
                    tensors.append((tensor.name, tensor.shape, try file.floats(tensor)))
                }
                let bytes = try Safetensors.encode(tensors)
                _ = try Safetensors.parameters(from: bytes, manifest: model.manifest, file: "weights")
                return bytes
            }
            return try spec.learnModel().initialFile(seed: Seed.number(spec.seed))
        } catch let error as TaskError {
            throw error
        } catch {
            throw TaskError(file: nil, faults: [Fault("model", "\(error)")])
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
