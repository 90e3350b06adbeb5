internal import Learn
internal import Synchronization
internal import Wire

/// A voter's own judgement of a model on its own held-out rows.
enum Evaluating {
    struct Evaluation: Sendable {
        /// Share of right answers; for a regression the share of the variance that the model explains, 0 or more.
        let accuracyPpm: UInt32
        /// Mean cross-entropy in millionths of a nat; for a regression mean half squared distance.
        let lossPpm: UInt64
        let rows: UInt32
    }

    static func evaluate(
        policy: RoundPolicy, model: [UInt8], rows: Dataset
    ) throws(RoundError) -> Evaluation {
        let parameters = try policy.parameters(of: model)
        do {
            let metrics = try Trainer(model: policy.model).evaluate(parameters: parameters, data: rows)
            let accuracy = metrics.score(on: rows)
            return Evaluation(
                accuracyPpm: UInt32(clamping: Ppm.nearest(accuracy) ?? 0),
                lossPpm: metrics.loss.isFinite
                    ? UInt64(clamping: Int64(min(metrics.loss, 1e9) * 1e6)) : UInt64(Int64.max),
                rows: UInt32(clamping: rows.count))
        } catch { throw .failed("evaluation: \(error)") }
    }
}

/// A task's own rows, read and prepared once: what was enrolled is what is trained on, whatever happens to the file.
final class FittedRows: Sendable {
    private let kept = Mutex<[DataFiles.Part: Dataset]>([:])

    func rows(
        _ part: DataFiles.Part, data: NodeConfiguration.Data, spec: TaskSpec
    ) throws(RoundError) -> Dataset {
        if let known = kept.withLock({ $0[part] }) { return known }
        do {
            let read = try data.fitted(part, to: spec)
            kept.withLock { $0[part] = read }
            return read
        } catch { throw .failed("\(error)") }
    }
}
