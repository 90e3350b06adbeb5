import Testing

@testable import Learn

/// A round from base file to next file, as the node runs it.
@Suite struct RoundRecipeTests {
    static func recipe(
        _ architecture: ModelArchitecture = .softmax, rule: ServerRule = .fedAvg(rate: 1),
        compression: CompressionSettings? = nil, scaffold: Bool = false, range: Float = 4, adapts: Bool = false,
        privacy: PrivacySettings? = nil, clipNorm: Float = 100
    ) throws -> RoundRecipe {
        try RoundRecipe(
            model: try Model(architecture, for: Digits.split.train), training: Digits.training, rounds: 6, rule: rule,
            compression: compression, usesScaffold: scaffold, bits: 10, range: range, controlRange: 1,
            adaptsRange: adapts, clipNorm: clipNorm, largestGroup: 5, privacy: privacy, taskSeed: Seed.number(1))
    }

    /// Runs rounds through files alone, as nodes do, and gives every state.
    static func run(
        _ recipe: RoundRecipe, rounds: Int, parts: [Dataset], missing: (round: Int, member: Int)? = nil
    ) throws -> [TrainingState] {
        var file = try recipe.model.initialFile(seed: Seed.number(1))
        var memory = [[Float]?](repeating: nil, count: parts.count)
        var states: [TrainingState] = []
        for round in 1...rounds {
            let state = try recipe.state(of: file)
            var sum = [Int64](repeating: 0, count: recipe.coordinates(round: round))
            var members = 0
            for (index, part) in parts.enumerated() {
                let update = try recipe.train(
                    state, memory: memory[index], data: part, round: round, share: (1, 1),
                    seed: Federation.seed(Seed.number(1), participant: index, round: round))
                #expect(update.values.count == sum.count)
                let isMissing = missing.map { $0.round == round && $0.member == index } ?? false
                memory[index] = isMissing ? update.kept?.ifMissed : update.kept?.ifContained
                guard !isMissing else { continue }
                members += 1
                for (place, value) in update.values.enumerated() { sum[place] += Int64(value) }
            }
            let next = try recipe.next(
                state, sum: sum, round: round, rows: members, rowCap: 1, submitters: members)
            file = try recipe.file(of: next)
            #expect(try recipe.state(of: file) == next, "the file holds everything that the next round reads")
            states.append(next)
        }
        return states
    }

    @Test func everyRuleLearnsThroughItsFiles() throws {
        let parts = try Digits.parts(.iid, seed: 0)
        let trainer = Trainer(model: try Model(.softmax, for: Digits.split.train))
        let cases: [(String, RoundRecipe, Double)] = [
            ("fedavg", try Self.recipe(), 0.85),
            ("fedavgm", try Self.recipe(rule: .fedAvgM(rate: 0.3, momentum: 0.7)), 0.80),
            ("fedadam", try Self.recipe(rule: .fedAdam(rate: 0.03, beta1: 0.9, beta2: 0.99, tau: 0.001)), 0.75),
            ("fedyogi", try Self.recipe(rule: .fedYogi(rate: 0.03, beta1: 0.9, beta2: 0.99, tau: 0.001)), 0.75),
            ("diloco", try Self.recipe(rule: .diLoCo(rate: 0.7, momentum: 0.6)), 0.85),
            ("residual", try Self.recipe(compression: CompressionSettings(ratio: 0.25)), 0.80),
            ("masked", try Self.recipe(compression: CompressionSettings(ratio: 0.25, variant: .maskedTraining)), 0.80),
            (
                "residual, fedavgm",
                try Self.recipe(
                    rule: .fedAvgM(rate: 0.3, momentum: 0.7), compression: CompressionSettings(ratio: 0.25)), 0.65
            ),
            ("scaffold", try Self.recipe(scaffold: true), 0.85),
            ("range follows", try Self.recipe(adapts: true), 0.85),
        ]
        for (name, recipe, least) in cases {
            let states = try Self.run(recipe, rounds: 6, parts: parts)
            let accuracy = try trainer.evaluate(
                parameters: try #require(states.last).weights, data: Digits.split.test
            ).accuracy
            #expect((accuracy ?? 0) >= least, "\(name): \(accuracy ?? -1)")
        }
    }

    @Test func sizesFollowTheRoundAlone() throws {
        let ten = try Self.recipe(compression: CompressionSettings(ratio: 0.1))
        #expect((1...4).map { ten.coordinates(round: $0) } == [650, 65, 65, 65])
        let quarter = try Self.recipe(compression: CompressionSettings(ratio: 0.25))
        #expect((1...2).map { quarter.coordinates(round: $0) } == [163, 163])
        #expect(try Self.recipe(scaffold: true).coordinates(round: 3) == 1300)
    }

    /// What a member did not get into a sum waits in its residual and arrives later.
    @Test func aMissedRoundIsNotLost() throws {
        let recipe = try Self.recipe(compression: CompressionSettings(ratio: 0.25))
        let state = try recipe.state(of: try recipe.model.initialFile(seed: Seed.number(1)))
        let part = try Digits.parts(.iid, seed: 0)[0]
        let first = try recipe.train(
            state, memory: nil, data: part, round: 1, share: (1, 1), seed: Seed.number(5))
        let kept = try #require(first.kept)
        let support = try #require(recipe.support(state, round: 1))
        let sent = support.reduce(0.0) { $0 + Double(abs(kept.ifMissed[$1])) }
        let left = support.reduce(0.0) { $0 + Double(abs(kept.ifContained[$1])) }
        #expect(sent > 0 && left < 0.2 * sent, "what was sent is gone but for rounding")
        for index in kept.ifMissed.indices where !support.contains(index) {
            #expect(kept.ifMissed[index] == kept.ifContained[index])
        }
        let both = try Self.run(recipe, rounds: 3, parts: try Digits.parts(.iid, seed: 0), missing: (2, 0))
        #expect(both.count == 3)
    }

    @Test func stateOfOtherRulesIsRefused() throws {
        let adam = try Self.recipe(rule: .fedAdam(rate: 0.03, beta1: 0.9, beta2: 0.99, tau: 0.001))
        let states = try Self.run(adam, rounds: 1, parts: try Digits.parts(.iid, seed: 0))
        let file = try adam.file(of: states[0])
        #expect(failure { _ = try Self.recipe().state(of: file) } != nil)
        #expect(failure { _ = try Self.recipe(.mlp(hidden: [4])).state(of: file) } != nil)
        #expect(try adam.state(of: try adam.weightsFile(of: file)).server == ServerState())
        var damaged = states[0]
        damaged.server.second[3] = .nan
        #expect(failure { _ = try adam.state(of: try adam.file(of: damaged)) } != nil)
    }

    @Test func scaffoldNeedsPlainSteps() throws {
        #expect(failure { _ = try Self.recipe(compression: CompressionSettings(ratio: 0.25), scaffold: true) } != nil)
        #expect(
            failure { _ = try Self.recipe(adapts: true, privacy: .init(noise: 1, delta: 1e-5, smallestSet: 4)) } != nil)
    }

    @Test func adaptedRangeStaysWithinTheTasks() throws {
        let states = try Self.run(
            try Self.recipe(range: 64, adapts: true), rounds: 3, parts: try Digits.parts(.iid, seed: 0))
        for state in states {
            #expect(state.range <= 64 && state.range >= 0.25)
            #expect(state.range.significand == 1, "a power of two below the task's range")
        }
        #expect(states[0].range < 64)
    }

    /// The variance of the noise on a sum, the norm that it is measured against, and the printed figure.
    @Test func noiseIsWhatTheAccountantCounts() throws {
        let privacy = PrivacySettings(noise: 1.5, delta: 1e-5, smallestSet: 4)
        let recipe = try Self.recipe(privacy: privacy, clipNorm: 1)
        let quantiser = try Quantiser(bits: 10, range: 4)
        let norm = privacy.norm(quantiser: quantiser, clipNorm: 1, coordinates: 650)
        let variance = Double(privacy.variance(quantiser: quantiser, clipNorm: 1, coordinates: 650))
        #expect(abs((4 * variance).squareRoot() / norm - 1.5) < 0.001)
        let state = try recipe.state(of: try recipe.model.initialFile(seed: Seed.number(1)))
        let part = try Digits.parts(.iid, seed: 0)[0]
        let clean = try Self.recipe(clipNorm: 1).train(
            state, memory: nil, data: part, round: 1, share: (1, 1), seed: Seed.number(5))
        func word() -> UInt64 {
            var system = SystemRandomNumberGenerator()
            return system.next()
        }
        let noisy = try recipe.train(
            state, memory: nil, data: part, round: 1, share: (1, 1), seed: Seed.number(5), noise: word)
        let again = try recipe.train(
            state, memory: nil, data: part, round: 1, share: (1, 1), seed: Seed.number(5), noise: word)
        #expect(throws: LearnError.self) {
            try recipe.train(state, memory: nil, data: part, round: 1, share: (1, 1), seed: Seed.number(5))
        }
        #expect(noisy.values != again.values, "the noise does not come from the seed")
        var squares = 0.0
        for (left, right) in zip(noisy.values, clean.values) { squares += Double(left - right) * Double(left - right) }
        let measured = squares / 650
        #expect(measured > 0.75 * variance && measured < 1.3 * variance, "\(measured) of \(variance)")
        var length = 0.0
        for value in clean.values { length += Double(value) * Double(value) }
        #expect(length.squareRoot() <= norm)
        let one = try #require(try recipe.epsilon(after: 1))
        let ten = try #require(try recipe.epsilon(after: 10))
        let alone = try #require(try recipe.epsilonAgainstMembers(after: 10))
        #expect(one > 0 && ten > one && alone > ten)
        #expect(try Self.recipe().epsilon(after: 3) == nil)
    }

    /// A step on a support is the whole step where the coordinates were sent, and nothing elsewhere.
    @Test func partialStepIsTheStepOfItsPart() throws {
        let rules: [ServerRule] = [
            .fedAvg(rate: 0.5), .fedAvgM(rate: 0.5, momentum: 0.9), .diLoCo(rate: 0.7, momentum: 0.9),
            .fedAdam(rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.01),
            .fedYogi(rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.01),
        ]
        var generator = DeterministicGenerator(seed: Seed.number(3))
        let weights = (0..<20).map { _ in Float(generator.normal()) }
        let support = [1, 4, 5, 13, 19]
        for rule in rules {
            let step = try ServerStep(rule: rule)
            var (part, whole) = (
                (weights: support.map { weights[$0] }, state: ServerState()), (weights: weights, state: ServerState())
            )
            for _ in 0..<3 {
                let mean = support.map { _ in Float(generator.normal()) }
                part = try step.apply(weights: part.weights, state: part.state, mean: mean)
                whole = try step.apply(weights: whole.weights, state: whole.state, mean: mean, support: support)
            }
            #expect(support.map { whole.weights[$0] } == part.weights, "\(rule)")
            for index in 0..<20 where !support.contains(index) { #expect(whole.weights[index] == weights[index]) }
        }
    }
}
