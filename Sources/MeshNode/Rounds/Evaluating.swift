internal import Learn
internal import Wire

/// A voter's own judgement of a model on its own held-out rows.
enum Evaluating {
    struct Evaluation: Sendable {
        let accuracyPpm: UInt32
        /// Mean cross-entropy in millionths of a nat.
        let lossPpm: UInt64
        let rows: UInt32
    }

    static func evaluate(
        policy: RoundPolicy, model: [UInt8], data: NodeConfiguration.Data
    ) throws(RoundError) -> Evaluation {
        let parameters = try policy.parameters(of: model)
        do {
            let rows = try DataFiles.fitted(
                data.evaluation, label: data.label, labels: policy.spec.data.labels, factor: policy.spec.featureFactor)
            let metrics = try Trainer(model: policy.model).evaluate(parameters: parameters, data: rows)
            return Evaluation(
                accuracyPpm: UInt32(clamping: Int(((metrics.accuracy ?? 0) * 1e6).rounded())),
                lossPpm: metrics.loss.isFinite ? UInt64(clamping: Int64(min(metrics.loss, 1e9) * 1e6)) : UInt64(Int64.max),
                rows: UInt32(clamping: rows.count))
        } catch { throw .failed("evaluation: \(error)") }
    }
}
