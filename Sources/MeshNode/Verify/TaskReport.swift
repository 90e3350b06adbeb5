internal import Chain
internal import Foundation
public import Learn
public import Wire

/// A decided task as figures for people: every accepted model on held-out rows, with what this home measured.
///
/// Reads a home alone, whether its node runs or not. Training loss, saturations, seconds and bytes are this node's own;
/// what it did not see is absent.
public enum TaskReport {
    /// - Parameters:
    ///   - evaluation: held-out rows, `label` its column of the class in tables; nil where there are none, and no model is
    ///     measured.
    ///   - centralised, alone: baselines where somebody holds all rows; a mesh cannot know them.
    /// - Throws: `StorageError`, `NodeError`, `RoundError`, `LearnError`.
    public static func make(
        home: HomeDirectory, task: TaskID, evaluation: String?, label: String, centralised: [RoundMetrics] = [],
        alone: [Double] = []
    ) throws -> RunReport {
        let decided = try DecidedRounds(home: home, task: task)
        let spec = decided.spec
        let policy = try RoundPolicy(spec)
        let content = try ContentStore(reading: home)
        let rows = try evaluation.map { try DataFiles.fitted($0, label: label, to: spec, part: .evaluation) }
        let trainer = Trainer(model: policy.model)
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        let views = try store.roundMetrics(chain: task).compactMap {
            try? JSONDecoder().decode(RoundView.self, from: Data($0.json.utf8))
        }
        func metrics(_ reference: ContentReference) throws -> Metrics? {
            guard let rows else { return Metrics(accuracy: nil, loss: .nan, rows: 0, confusion: []) }
            guard let bytes = try content.get(reference.id) else { return nil }
            return try trainer.evaluate(parameters: try policy.parameters(of: bytes), data: rows)
        }
        var lines: [RunReport.Line] = []
        if let start = try metrics(spec.model.initial) {
            lines.append(.init(metrics: RoundMetrics(round: 0, test: start, trainingLoss: nil)))
        }
        for round in decided.rounds where !round.isRejected {
            // A model that the quota has taken leaves a gap in the curve, not a figure.
            guard let test = try metrics(round.model) else { continue }
            let view = views.last { $0.round == round.round && $0.outcome == .accepted }
            let phases = (view?.seconds.phases ?? []).compactMap { phase in
                phase.seconds.map { RunReport.Phase(name: phase.name, seconds: $0, bytes: 0) }
            }
            let traffic = view?.bytesIn.map { Int(clamping: $0) + Int(clamping: view?.bytesOut ?? 0) }
            lines.append(
                .init(
                    metrics: RoundMetrics(
                        round: Int(round.round), test: test, trainingLoss: view?.trainingLoss,
                        saturations: view?.saturations ?? 0, clipped: view?.wasClipped == true ? 1 : 0,
                        sent: policy.coordinateCount(round: round.round)),
                    phases: phases + (traffic.map { [RunReport.Phase(name: "traffic", seconds: 0, bytes: $0)] } ?? []),
                    epsilon: try policy.recipe.epsilon(after: Int(round.round))))
        }
        return RunReport(
            title: "\(spec.name), task \(task.short)",
            settings: settings(spec, decided)
                + (rows == nil ? [.init("held-out rows", "none: no model was measured; give --evaluation FILE")] : []),
            lines: lines, classNames: spec.data.labels, centralised: centralised,
            alone: alone)
    }

    private static func settings(_ spec: TaskSpec, _ decided: DecidedRounds) -> [RunReport.Setting] {
        let update = spec.update
        return [
            .init(
                "model", "\(spec.model.architecture.word) \(spec.model.hidden.map(String.init).joined(separator: "-"))"),
            .init("parameters", "\(spec.modelSize ?? 0)"),
            .init("samples", "\(spec.data.shape.map(String.init).joined(separator: " x "))"),
            .init("members", "\(decided.rows.count), \(decided.rows.values.reduce(0) { $0 + Int($1) }) rows"),
            .init(
                "local",
                "\(spec.training.local.optimiser.word), \(spec.training.localEpochs) epochs, batch "
                    + "\(spec.training.batchSize), rate \(Ppm.text(UInt64(spec.training.learningRatePpm)))"),
            .init(
                "server",
                "\(spec.training.server.word), rate \(Ppm.text(UInt64(spec.training.serverRatePpm))), weights "
                    + spec.training.weighting.word),
            .init("update", "\(update.bits) bits on \(Ppm.text(UInt64(update.rangePpm))), scale \(update.scale.word)"),
            .init(
                "compression",
                update.compression == .none
                    ? "none" : "\(update.compression.word) \(Ppm.text(UInt64(update.support.ratioPpm)))"),
            .init("readers", TaskSpecValidator.readers(spec, members: decided.rows.count)),
            .init("noise", spec.privacy.noisePpm == 0 ? "none" : Ppm.text(UInt64(spec.privacy.noisePpm))),
            .init("head", decided.head.hex),
        ]
    }

    /// Files of the models that a policy keeps: `all`, `last` or `every:N` (and the last).
    /// - Parameter label: title of the home's label column, which the files name.
    /// - Returns: round and weights without state.
    public static func models(
        home: HomeDirectory, task: TaskID, keep: String, label: String = "label"
    ) throws -> [(round: UInt32, weights: [UInt8], content: ContentID)] {
        let decided = try DecidedRounds(home: home, task: task)
        let policy = try RoundPolicy(decided.spec)
        let content = try ContentStore(reading: home)
        let accepted = decided.rounds.filter { !$0.isRejected }
        let wanted: [DecidedRounds.Round]
        if keep == "all" {
            wanted = accepted
        } else if keep == "last" {
            wanted = Array(accepted.suffix(1))
        } else if keep.hasPrefix("every:"), let step = UInt32(keep.dropFirst(6)), step > 0 {
            wanted = accepted.filter { $0.round.isMultiple(of: step) || $0.round == accepted.last?.round }
        } else {
            throw LearnError.invalid(field: "keep", reason: "\"\(keep)\" is unknown", next: "use all, last or every:N")
        }
        let cards = try CardMaker(home: home, task: task, spec: decided.spec, label: label)
        return try wanted.map { round in
            guard let bytes = try content.get(round.model.id) else {
                throw RoundError.failed("the model of round \(round.round) is not stored in \(home.path)")
            }
            let card = cards.card(round.round, round.model.id)
            return (round.round, try card.written(into: try policy.recipe.weightsFile(of: bytes)), round.model.id)
        }
    }

    /// The last decided model as the chain has it, state included, with what it says of itself.
    package static func decidedModel(
        _ decided: DecidedRounds, home: HomeDirectory, task: TaskID, label: String
    ) throws -> [UInt8] {
        let last = decided.rounds.last { !$0.isRejected }
        return try CardMaker(home: home, task: task, spec: decided.spec, label: label)
            .card(last?.round ?? 0, last?.model.id ?? decided.spec.model.initial.id).written(into: decided.finalModel)
    }

    /// What the models of one task at one home say of themselves.
    private struct CardMaker {
        private let task: TaskID
        private let spec: TaskSpec
        private let label: String
        private let network: String
        private var views: [UInt32: RoundView] = [:]

        init(home: HomeDirectory, task: TaskID, spec: TaskSpec, label: String) throws {
            (self.task, self.spec, self.label) = (task, spec, label)
            let store = try ChainStore.openReadOnly(path: home.chainDatabase)
            network = try store.genesis().map { try Genesis(wireBytes: $0).networkID.hex } ?? ""
            for row in try store.roundMetrics(chain: task) {
                let view = try? JSONDecoder().decode(RoundView.self, from: Data(row.json.utf8))
                if let view, view.outcome == .accepted { views[view.round] = view }
            }
        }

        func card(_ round: UInt32, _ model: ContentID) -> ModelCard {
            ModelCard(
                spec: spec, task: task.hex, network: network, round: round, content: model.hex,
                accuracy: views[round]?.accuracy, loss: views[round]?.loss, labelColumn: label)
        }
    }
}
