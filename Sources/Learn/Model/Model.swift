/// An architecture fitted to a sample shape and a number of outputs: its layers, its manifest and its loss.
public struct Model: Sendable, Equatable {
    public enum Loss: Sendable, Equatable {
        /// Mean over rows of -log softmax at the label.
        case crossEntropy
        /// Mean over rows of half the squared distance to the targets.
        case squaredError
    }

    public let architecture: ModelArchitecture
    public let sampleShape: [Int]
    /// Classes, or regression outputs.
    public let outputs: Int
    public let loss: Loss
    public let manifest: ParameterManifest
    let layers: [Layer]

    public var parameterCount: Int { manifest.count }
    public var featureCount: Int { sampleShape.reduce(1, *) }

    /// - Parameters:
    ///   - sampleShape: one sample; a CNN reads it as height x width or channels x height x width.
    ///   - outputs: classes or regression outputs, 1 to `DataLimits.classes`.
    /// - Throws: `.invalid` when the architecture cannot take that shape, or grows beyond the limits.
    public init(
        _ architecture: ModelArchitecture, sampleShape: [Int], outputs: Int, loss: Loss? = nil
    ) throws(LearnError) {
        guard let inputs = ParameterManifest.elements(of: sampleShape), inputs <= DataLimits.features else {
            throw .invalid(
                field: "model.input", reason: "\(sampleShape) is not a sample shape",
                next: "use positive extents with at most \(DataLimits.features) values")
        }
        guard (1...DataLimits.classes).contains(outputs) else {
            throw .invalid(
                field: "model.outputs", reason: "\(outputs) is out of range", next: "use 1 to \(DataLimits.classes)")
        }
        let chosen = loss ?? (architecture == .linear ? .squaredError : .crossEntropy)
        guard chosen == .squaredError || (architecture != .linear && outputs >= 2) else {
            throw .invalid(
                field: "model", reason: "\(architecture) with \(outputs) outputs cannot classify",
                next: "use softmax, mlp or cnn and two classes or more")
        }
        guard chosen == .crossEntropy || architecture != .softmax else {
            throw .invalid(field: "model", reason: "softmax does not regress", next: "use linear or mlp")
        }
        var stack = LayerStack(inputs: inputs)
        switch architecture {
        case .linear, .softmax:
            try stack.dense(outputs)
        case .mlp(let hidden):
            for width in hidden {
                try stack.dense(width)
                stack.rectify()
            }
            try stack.dense(outputs)
        case .cnn(let channels):
            try stack.image(sampleShape)
            for count in channels {
                try stack.convolution(count)
                stack.rectify()
                try stack.pool()
            }
            try stack.dense(outputs)
        }
        manifest = try ParameterManifest(stack.tensors)
        layers = try stack.layers(in: manifest)
        self.architecture = architecture
        self.sampleShape = sampleShape
        self.outputs = outputs
        self.loss = chosen
    }

    /// The model for a data set's shape and classes (or targets).
    public init(_ architecture: ModelArchitecture, for data: Dataset) throws(LearnError) {
        try self.init(
            architecture, sampleShape: data.sampleShape,
            outputs: data.isRegression ? data.targetCount : data.classCount,
            loss: data.isRegression ? .squaredError : .crossEntropy)
    }

    /// Initial weights in manifest order: uniform in +-sqrt(6 / fan-in) for weights before a ReLU (He et al. 2015),
    /// +-sqrt(1 / fan-in) for the last layer, biases zero.
    ///
    /// Only integer draws, one correctly rounded root and one product a value: the same bytes on every machine.
    public func initialParameters(seed: [UInt8]) -> [Float] {
        var generator = DeterministicGenerator(seed: seed, label: "initial weights")
        var parameters = [Float](repeating: 0, count: manifest.count)
        for (index, layer) in layers.enumerated() {
            guard let (weights, fanIn) = layer.weights else { continue }
            let gain: Float = index == layers.count - 1 ? 1 : 6
            let bound = (gain / Float(fanIn)).squareRoot()
            for position in weights { parameters[position] = (generator.unitFloat() * 2 - 1) * bound }
        }
        return parameters
    }

    /// The initial weights as the safetensors file whose hash goes into the task.
    public func initialFile(seed: [UInt8]) throws(LearnError) -> [UInt8] {
        try Safetensors.encode(parameters: initialParameters(seed: seed), manifest: manifest)
    }

    func check(_ parameters: [Float], field: String = "parameters") throws(LearnError) {
        guard parameters.count == manifest.count else {
            throw .mismatch(field: field, expected: manifest.count, found: parameters.count)
        }
        if let bad = parameters.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: field, index: bad) }
    }

    func check(_ data: Dataset) throws(LearnError) {
        guard data.featureCount == featureCount else {
            throw .mismatch(field: "features of \(data.name)", expected: featureCount, found: data.featureCount)
        }
        switch loss {
        case .crossEntropy:
            guard data.classCount == outputs else {
                throw .mismatch(field: "classes of \(data.name)", expected: outputs, found: data.classCount)
            }
        case .squaredError:
            guard data.targetCount == outputs else {
                throw .mismatch(field: "targets of \(data.name)", expected: outputs, found: data.targetCount)
            }
        }
    }
}
