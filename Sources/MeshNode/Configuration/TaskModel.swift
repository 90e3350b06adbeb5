public import Learn
public import Wire

extension TaskSpec {
    /// The model of this task as the learning module builds it.
    /// - Throws: `LearnError.invalid` where the numbers make no model.
    public func learnModel() throws(LearnError) -> Learn.Model {
        let architecture: ModelArchitecture
        switch model.architecture {
        case .softmax: architecture = .softmax
        case .mlp: architecture = .mlp(hidden: model.hidden.map { Int($0) })
        }
        return try Learn.Model(architecture, sampleShape: [Int(data.features)], outputs: data.labels.count)
    }

    /// A participant's local recipe.
    public var learnSettings: TrainingSettings {
        TrainingSettings(
            epochs: Int(training.localEpochs), batchSize: Int(training.batchSize),
            learningRate: Float(Double(training.learningRatePpm) / 1_000_000))
    }

    /// What features are multiplied by before training.
    public var featureFactor: Float { Float(1_000_000 / Double(max(1, data.scalePpm))) }
}
