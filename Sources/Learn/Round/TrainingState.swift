/// A model between two rounds, with everything that the next round's rules read: the content that a decided result
/// names. Every voter computes the same bytes from the base file and the decided sum.
///
/// The file is a safetensors file: the model's tensors, and beside them only what the task's rules keep, all binary32:
/// `state.server.first`, `state.server.second` (d each), `state.support.rate`, `state.support.age` (d each; an age below
/// zero belongs to a coordinate that was never sent), `state.control` (d) and `state.range` (1). The initial file has
/// none of them.
public struct TrainingState: Equatable, Sendable {
    /// In manifest order.
    public var weights: [Float]
    public var server: ServerState
    /// Nil where the task does not compress.
    public var support: CommonSupport?
    /// SCAFFOLD's c; empty where the task does not use it.
    public var control: [Float]
    /// What the largest integer of the next round stands for.
    public var range: Float

    /// Whether a tensor of this name is state, and none of the model's.
    public static func isState(_ tensor: String) -> Bool { tensor.hasPrefix(Name.prefix) }

    enum Name {
        static let first = "state.server.first"
        static let second = "state.server.second"
        static let rate = "state.support.rate"
        static let age = "state.support.age"
        static let control = "state.control"
        static let range = "state.range"
        static let prefix = "state."
    }
}

extension RoundRecipe {
    /// Reads a base model.
    /// - Throws: `.badTensors` for a file of another model or with other state than the task's rules keep.
    public func state(of bytes: [UInt8], file: String = "model") throws(LearnError) -> TrainingState {
        let content = try Safetensors(bytes: bytes, file: file)
        let extras = content.tensors.filter { $0.name.hasPrefix(TrainingState.Name.prefix) }
        let manifest = model.manifest
        guard content.tensors.count - extras.count == manifest.entries.count else {
            throw .badTensors(
                file: file,
                reason: "holds \(content.tensors.count - extras.count) tensors, the manifest \(manifest.entries.count)")
        }
        var weights: [Float] = []
        weights.reserveCapacity(manifest.count)
        for entry in manifest.entries {
            weights += try Self.values(entry.name, entry.shape, content, file)
        }
        var state = TrainingState(
            weights: weights, server: ServerState(), support: try freshSupport(),
            control: usesScaffold ? [Float](repeating: 0, count: manifest.count) : [], range: range)
        guard !extras.isEmpty else { return state }
        let expected = stateShapes.map(\.name)
        guard extras.map(\.name) == expected else {
            throw .badTensors(
                file: file, reason: "keeps the state \(extras.map(\.name)), the task's rules keep \(expected)")
        }
        var found: [String: [Float]] = [:]
        for (name, shape) in stateShapes { found[name] = try Self.values(name, shape, content, file) }
        state.server.first = found[TrainingState.Name.first] ?? []
        state.server.second = found[TrainingState.Name.second] ?? []
        if let rate = found[TrainingState.Name.rate], let age = found[TrainingState.Name.age] {
            try state.support?.restore(rate: rate, age: age)
        }
        if let control = found[TrainingState.Name.control] { state.control = control }
        if let range = found[TrainingState.Name.range]?.first {
            guard range > 0, range <= self.range else {
                throw .badTensors(file: file, reason: "state.range \(range) is not in (0, \(self.range)]")
            }
            state.range = range
        }
        return state
    }

    /// The canonical file of a state after at least one round.
    public func file(of state: TrainingState) throws(LearnError) -> [UInt8] {
        guard state.weights.count == model.manifest.count else {
            throw .mismatch(field: "parameters", expected: model.manifest.count, found: state.weights.count)
        }
        var tensors: [(name: String, shape: [Int], values: [Float])] = model.manifest.entries.map {
            ($0.name, $0.shape, Array(state.weights[$0.range]))
        }
        for (name, shape) in stateShapes {
            let values: [Float]
            switch name {
            case TrainingState.Name.first: values = state.server.first
            case TrainingState.Name.second: values = state.server.second
            case TrainingState.Name.rate: values = state.support?.storedRates ?? []
            case TrainingState.Name.age: values = state.support?.storedAges ?? []
            case TrainingState.Name.control: values = state.control
            default: values = [state.range]
            }
            tensors.append((name, shape, values))
        }
        return try Safetensors.encode(tensors)
    }

    /// The model's tensors of a file alone, without state: what other programs load.
    public func weightsFile(of bytes: [UInt8]) throws(LearnError) -> [UInt8] {
        try Safetensors.encode(parameters: try state(of: bytes).weights, manifest: model.manifest)
    }

    /// State tensors that this task's rules keep, in order of name.
    private var stateShapes: [(name: String, shape: [Int])] {
        let count = model.manifest.count
        var shapes: [(name: String, shape: [Int])] = []
        if usesScaffold { shapes.append((TrainingState.Name.control, [count])) }
        if adaptsRange { shapes.append((TrainingState.Name.range, [1])) }
        switch step.rule {
        case .fedAvg: break
        case .fedAvgM, .diLoCo: shapes.append((TrainingState.Name.first, [count]))
        case .fedAdam, .fedYogi:
            shapes.append((TrainingState.Name.first, [count]))
            shapes.append((TrainingState.Name.second, [count]))
        }
        if compression != nil {
            shapes.append((TrainingState.Name.age, [count]))
            shapes.append((TrainingState.Name.rate, [count]))
        }
        return shapes
    }

    private func freshSupport() throws(LearnError) -> CommonSupport? {
        guard let compression else { return nil }
        return try CommonSupport(settings: compression, manifest: model.manifest, taskSeed: taskSeed)
    }

    private static func values(
        _ name: String, _ shape: [Int], _ content: Safetensors, _ file: String
    ) throws(LearnError) -> [Float] {
        guard let tensor = content.tensor(named: name), tensor.shape == shape, tensor.dtype == "F32" else {
            throw .badTensors(
                file: file,
                reason: "expected \"\(name)\" F32 \(shape), found "
                    + (content.tensor(named: name).map { "\($0.dtype) \($0.shape)" } ?? "no such tensor"))
        }
        let values = try content.floats(tensor)
        if let bad = values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(field: "\(file), tensor \(name)", index: bad)
        }
        return values
    }
}
