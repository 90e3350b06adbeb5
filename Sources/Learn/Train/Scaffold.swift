/// SCAFFOLD's control variates (Karimireddy et al. 2020, option II): a second vector beside the update.
///
/// The client trains with the correction c - c_i on every gradient, then sets
/// c_i' = c_i - c + (w - w_i) / (K * rate) and sends c_i' - c_i, quantised like the update. Meant for plain SGD: the
/// quotient is the mean gradient only there, so other optimisers are refused.
public struct Scaffold: Equatable, Sendable {
    /// c_i, private to the client, zero at the start.
    public private(set) var control: [Float]

    public init(count: Int) { control = [Float](repeating: 0, count: count) }

    public init(control: [Float]) { self.control = control }

    /// c - c_i for `Trainer.train(correction:)`.
    public func correction(server: [Float]) throws(LearnError) -> [Float] {
        guard server.count == control.count else {
            throw .mismatch(field: "server control", expected: control.count, found: server.count)
        }
        return zip(server, control).map { $0 - $1 }
    }

    /// Takes over c_i' and returns c_i' - c_i.
    /// - Parameters:
    ///   - old: the round's base model; `outcome` is what training made of it.
    /// - Throws: `.invalid` for an optimiser other than SGD.
    public mutating func update(
        old: [Float], outcome: TrainingOutcome, server: [Float], settings: TrainingSettings
    ) throws(LearnError) -> [Float] {
        guard settings.optimiser == .sgd else {
            throw .invalid(field: "train.optimiser", reason: "SCAFFOLD needs plain SGD", next: "use sgd")
        }
        guard old.count == control.count, outcome.parameters.count == old.count, server.count == old.count else {
            throw .mismatch(field: "control", expected: control.count, found: old.count)
        }
        let factor = 1 / (Float(outcome.steps) * outcome.learningRate)
        var difference = [Float](repeating: 0, count: control.count)
        for index in control.indices {
            difference[index] = (old[index] - outcome.parameters[index]) * factor - server[index]
            control[index] += difference[index]
        }
        return difference
    }

    /// The server's c after a round: c + mean change * share of participants, in binary32, one rounding each.
    /// - Parameters:
    ///   - mean: of the submitted changes, unweighted (`ServerStep.mean`).
    ///   - submitters: of `participants` enrolled.
    public static func serverControl(
        _ control: [Float], mean: [Float], submitters: Int, participants: Int
    ) throws(LearnError) -> [Float] {
        guard mean.count == control.count else {
            throw .mismatch(field: "control", expected: control.count, found: mean.count)
        }
        guard submitters >= 1, participants >= submitters else {
            throw .invalid(
                field: "participants", reason: "\(submitters) submitters of \(participants)", next: "count the enrolled"
            )
        }
        let share = Float(submitters) / Float(participants)
        return zip(control, mean).map { old, change in
            let step = share * change
            return old + step
        }
    }
}
