extension RoundRecipe {
    /// The direction that a round's updates are scored along: the sign of the larger half of the validation gradient at the
    /// base model, over the coordinates that the round sends; 0 over SCAFFOLD's second vector.
    ///
    /// - Parameters:
    ///   - data: validation rows of whoever publishes.
    ///   - round: from 1.
    /// - Returns: `coordinates(round:)` entries, each -1, 0 or 1, at least a quarter of them not 0.
    /// - Throws: `.invalid` where too few entries of the gradient differ from zero, `.notFinite`.
    public func direction(_ state: TrainingState, data: Dataset, round: Int) throws(LearnError) -> [Int8] {
        let gradient = try Trainer(model: model).lossAndGradient(parameters: state.weights, data: data).gradient
        let sent = support(state, round: round).map { support in support.map { gradient[$0] } } ?? gradient
        let signs = try ValidationDirection(gradient: sent).values
        let rest = coordinates(round: round) - signs.count
        guard rest > 0 else { return signs }
        return try ValidationDirection(values: signs + [Int8](repeating: 0, count: rest)).values
    }
}
