import Testing

@testable import Learn

@Suite struct ModelTests {
    private static func toy(classes: Int, shape: [Int], rows: Int, seed: UInt64) throws -> Dataset {
        var generator = DeterministicGenerator(seed: Seed.number(seed))
        let width = shape.reduce(1, *)
        return try Dataset(
            name: "toy", features: (0..<rows * width).map { _ in generator.unitFloat() * 2 - 1 },
            labels: (0..<rows).map { _ in Int32(generator.below(classes)) }, featureCount: width, classCount: classes,
            sampleShape: shape)
    }

    /// Central differences against the analytic gradient, every parameter.
    private static func checkGradient(_ model: Model, _ data: Dataset) throws {
        let trainer = Trainer(model: model)
        var generator = DeterministicGenerator(seed: Seed.number(8))
        let weights = (0..<model.parameterCount).map { _ in (generator.unitFloat() - 0.5) * 0.8 }
        let (_, gradient) = try trainer.lossAndGradient(parameters: weights, data: data)
        let scale = Clipping.norm(gradient)
        #expect(scale > 0.01)
        var worst = 0.0
        for index in weights.indices {
            var best = Double.infinity
            // A kink of ReLU or pooling may lie within a wide step, rounding blurs a narrow one: the best width counts.
            for width: Float in [8e-3, 4e-3, 2e-3, 1e-3, 5e-4] {
                var moved = weights
                moved[index] = weights[index] + width
                let above = try trainer.lossAndGradient(parameters: moved, data: data).loss
                moved[index] = weights[index] - width
                let below = try trainer.lossAndGradient(parameters: moved, data: data).loss
                let slope = (above - below) / (2 * Double(width))
                best = min(best, abs(slope - Double(gradient[index])))
            }
            worst = max(worst, best)
        }
        #expect(worst < 2e-3 * max(1, scale), "\(model.architecture): \(worst) at norm \(scale)")
    }

    @Test func gradientsAreRight() throws {
        LinearAlgebra.setThreadCount(1)
        let flat = try Self.toy(classes: 3, shape: [5], rows: 11, seed: 1)
        try Self.checkGradient(try Model(.softmax, for: flat), flat)
        try Self.checkGradient(try Model(.mlp(hidden: [4, 3]), for: flat), flat)
        for shape in [[6, 5], [2, 4, 6]] {
            let picture = try Self.toy(classes: 3, shape: shape, rows: 4, seed: 2)
            try Self.checkGradient(try Model(.cnn(channels: [3]), for: picture), picture)
        }
        let deep = try Self.toy(classes: 2, shape: [1, 8, 8], rows: 3, seed: 3)
        try Self.checkGradient(try Model(.cnn(channels: [2, 3]), for: deep), deep)
        let real = try Dataset(
            name: "r", features: flat.features, featureCount: 5, targets: (0..<22).map { Float($0 % 7) / 7 })
        try Self.checkGradient(try Model(.linear, for: real), real)
        try Self.checkGradient(try Model(.mlp(hidden: [4]), for: real), real)
    }

    /// Finite weights whose sums pass binary32: no row has an answer, so none is right, and the loss says so.
    @Test func outputsThatAreNotFiniteAreRightForNoClass() throws {
        LinearAlgebra.setThreadCount(1)
        let data = try Dataset(
            name: "ones", features: [Float](repeating: 1, count: 8), labels: [0, 0], featureCount: 4, classCount: 3)
        for architecture in [ModelArchitecture.softmax, .mlp(hidden: [4])] {
            let model = try Model(architecture, for: data)
            let trainer = Trainer(model: model)
            let weights = [Float](repeating: 3e38, count: model.parameterCount)
            let metrics = try trainer.evaluate(parameters: weights, data: data)
            #expect(metrics.accuracy == 0 && metrics.loss == .infinity, "\(metrics)")
            #expect(metrics.confusion.allSatisfy { $0.allSatisfy { $0 == 0 } }, "\(metrics.confusion)")
            let error = failure { _ = try trainer.outputs(parameters: weights, data: data) }
            #expect(error?.description.hasPrefix("ones, sample 1: ") == true, "\(String(describing: error))")
        }
        let real = try Dataset(name: "r", features: data.features, featureCount: 4, targets: [1, 1])
        let model = try Model(.mlp(hidden: [4]), for: real)
        let weights = [Float](repeating: 3e38, count: model.parameterCount)
        let metrics = try Trainer(model: model).evaluate(parameters: weights, data: real)
        #expect(metrics.loss == .infinity && metrics.score(on: real) == 0, "\(metrics)")
    }

    /// A batch whose windows do not fit at once goes in slices: the same outputs and gradients but for rounding.
    @Test(arguments: [[1, 8, 8], [3, 7, 9]]) func convolutionInSlicesIsTheSame(shape: [Int]) throws {
        let data = try Self.toy(classes: 3, shape: shape, rows: 11, seed: 5)
        let model = try Model(.cnn(channels: [4, 5]), for: data)
        let weights = model.initialParameters(seed: Seed.number(4))
        func pass(_ budget: Int) -> (outputs: [Float], gradient: [Float]) {
            let engine = NetworkEngine(model, capacity: 11, columnBudget: budget)
            // What an earlier batch left behind must not count.
            var gradient = [Float](repeating: .nan, count: model.parameterCount)
            return data.features.withUnsafeBufferPointer { features in
                let outputs = engine.forward(weights, features.baseAddress!, rows: 11)
                let copy = Array(UnsafeBufferPointer(start: outputs, count: 33))
                gradient.withUnsafeMutableBufferPointer {
                    engine.backward(
                        weights, features.baseAddress!, rows: 11, outputGradient: outputs, gradient: $0.baseAddress!)
                }
                return (copy, gradient)
            }
        }
        let whole = pass(1 << 18)
        for budget in [1, 2_000, 9_000] {
            let sliced = pass(budget)
            for (a, b) in zip(whole.outputs + whole.gradient, sliced.outputs + sliced.gradient) {
                #expect(abs(a - b) <= 1e-4 * max(1, abs(a)))
            }
        }
    }

    @Test func manifestIsCanonical() throws {
        let model = try Model(.softmax, for: Digits.split.train)
        #expect(model.parameterCount == 650)
        #expect(model.manifest.entries.map(\.name) == ["layers.00.bias", "layers.00.weight"])
        #expect(try Model(.mlp(hidden: [256, 128]), for: Digits.split.train).parameterCount == 50_826)
        let deep = try Model(.mlp(hidden: [Int](repeating: 3, count: 12)), for: Digits.split.train)
        let names = deep.manifest.entries.map(\.name)
        #expect(names == names.sorted() && names.count == 26)
        for manifest in [model.manifest, deep.manifest] {
            #expect(try ParameterManifest(canonicalBytes: manifest.canonicalBytes) == manifest)
            let bytes = manifest.canonicalBytes
            for length in 0..<bytes.count {
                #expect(throws: LearnError.self) { try ParameterManifest(canonicalBytes: Array(bytes[..<length])) }
            }
        }
        #expect(throws: LearnError.self) { try ParameterManifest([("a", [1]), ("a", [2])]) }
        #expect(throws: LearnError.self) { try ParameterManifest([("a", [0])]) }
        #expect(throws: LearnError.self) { try ParameterManifest([("", [1])]) }
        #expect(throws: LearnError.self) { try ParameterManifest([]) }
        #expect(throws: LearnError.self) { try ParameterManifest([("a", [1 << 40, 1 << 40])]) }
    }

    @Test func architecturesAreParsed() throws {
        for (text, known) in [
            ("softmax", ModelArchitecture.softmax), ("linear", .linear), ("mlp:32", .mlp(hidden: [32])),
            ("mlp:256-128", .mlp(hidden: [256, 128])), ("cnn:8-16", .cnn(channels: [8, 16])),
        ] {
            #expect(try ModelArchitecture(parsing: text) == known)
            #expect(known.description == text)
        }
        for text in ["", "mlp", "mlp:", "mlp:0", "mlp:1-", "resnet", "softmax:3", "mlp:99999999"] {
            #expect(throws: LearnError.self) { try ModelArchitecture(parsing: text) }
        }
        #expect(throws: LearnError.self) { try Model(.cnn(channels: [2, 2, 2, 2]), sampleShape: [8, 8], outputs: 2) }
        #expect(throws: LearnError.self) { try Model(.cnn(channels: [2]), sampleShape: [64], outputs: 2) }
        #expect(throws: LearnError.self) { try Model(.softmax, sampleShape: [Int.max, 2], outputs: 2) }
        #expect(throws: LearnError.self) { try Model(.softmax, sampleShape: [2], outputs: 1) }
        #expect(throws: LearnError.self) { try Model(.mlp(hidden: [65_536, 65_536]), sampleShape: [4], outputs: 2) }
    }

    @Test func trainingRepeatsAndCanBeStopped() throws {
        let trainer = Trainer(model: try Model(.mlp(hidden: [8]), for: Digits.split.train))
        let start = trainer.model.initialParameters(seed: Seed.number(1))
        let settings = TrainingSettings(epochs: 1, batchSize: 10, learningRate: 0.1)
        var steps = 0
        func train(_ seed: UInt64) throws -> TrainingOutcome {
            try trainer.train(
                parameters: start, data: Digits.split.train, settings: settings, seed: Seed.number(seed),
                progress: { steps = $0.step })
        }
        let first = try train(1)
        #expect(steps == 144 && first.steps == 144)
        #expect(first == (try train(1)))
        #expect(first.parameters != (try train(2)).parameters)
        var asked = 0
        let stopped = failure {
            _ = try trainer.train(
                parameters: start, data: Digits.split.train, settings: settings, seed: [],
                isCancelled: {
                    asked += 1
                    return asked == 5
                })
        }
        #expect(stopped == .cancelled && asked == 5)
        let diverged = failure {
            _ = try trainer.train(
                parameters: start, data: Digits.split.train.scaled(by: 1e38),
                settings: TrainingSettings(epochs: 3, batchSize: 10, learningRate: 100), seed: [])
        }
        guard case .notFinite? = diverged else { Issue.record("diverged: \(String(describing: diverged))"); return }
        #expect(throws: LearnError.self) { try trainer.evaluate(parameters: [1], data: Digits.split.test) }
    }

    @Test func metricsAddUp() throws {
        let trainer = Trainer(model: try Model(.softmax, for: Digits.split.train))
        let outcome = try trainer.train(
            parameters: trainer.model.initialParameters(seed: []), data: Digits.split.train, settings: Digits.training,
            seed: [])
        let metrics = try trainer.evaluate(parameters: outcome.parameters, data: Digits.split.test)
        let diagonal = metrics.confusion.indices.reduce(0) { $0 + metrics.confusion[$1][$1] }
        #expect(metrics.confusion.flatMap { $0 }.reduce(0, +) == 360)
        #expect(metrics.accuracy == Double(diagonal) / 360)
        #expect(metrics.perClass.map(\.support) == Digits.split.test.classCounts)
        let untrained = try trainer.evaluate(
            parameters: [Float](repeating: 0, count: 650), data: Digits.split.test)
        #expect(abs(untrained.loss - 2.302585) < 1e-4)
    }

    @Test func optimisersLearn() throws {
        let trainer = Trainer(model: try Model(.softmax, for: Digits.split.train))
        let start = trainer.model.initialParameters(seed: [])
        for (optimiser, rate) in [
            (Optimiser.sgd, Float(0.1)), (.momentum(0.9), 0.02),
            (.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), 0.01),
        ] {
            let settings = TrainingSettings(
                epochs: 5, batchSize: 10, learningRate: rate, optimiser: optimiser, weightDecay: 1e-4, gradientClip: 5)
            let outcome = try trainer.train(parameters: start, data: Digits.split.train, settings: settings, seed: [])
            let accuracy = try #require(
                try trainer.evaluate(parameters: outcome.parameters, data: Digits.split.test).accuracy)
            #expect(accuracy >= 0.93, "\(optimiser): \(accuracy)")
        }
    }

    @Test func proximalTermHoldsBack() throws {
        let trainer = Trainer(model: try Model(.softmax, for: Digits.split.train))
        let start = trainer.model.initialParameters(seed: [])
        func distance(_ proximal: Float) throws -> Double {
            var settings = Digits.training
            settings.proximal = proximal
            let outcome = try trainer.train(parameters: start, data: Digits.split.train, settings: settings, seed: [])
            return Clipping.norm(try UpdatePath.delta(old: start, new: outcome.parameters))
        }
        let (free, mild, strong) = (try distance(0), try distance(0.1), try distance(1))
        #expect(free > mild && mild > strong && strong > 0)
    }

    @Test(arguments: [Optimiser.sgd, .momentum(0.9), .adamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8)], [0, 0.01])
    func maskFreezesTheRest(_ optimiser: Optimiser, _ decay: Float) throws {
        let trainer = Trainer(model: try Model(.softmax, for: Digits.split.train))
        let start = trainer.model.initialParameters(seed: [])
        var settings = Digits.training
        settings.optimiser = optimiser
        settings.weightDecay = decay
        let outcome = try trainer.train(
            parameters: start, data: Digits.split.train, settings: settings, seed: [], mask: [0, 5, 649])
        let changed = start.indices.filter { start[$0] != outcome.parameters[$0] }
        #expect(!changed.isEmpty && Set(changed).isSubset(of: [0, 5, 649]))
        #expect(throws: LearnError.self) {
            try trainer.train(parameters: start, data: Digits.split.train, settings: settings, seed: [], mask: [650])
        }
    }

    @Test func settingsAreValidated() throws {
        let good = TrainingSettings(epochs: 1, batchSize: 1, learningRate: 1)
        try good.validate()
        for change: (inout TrainingSettings) -> Void in [
            { $0.epochs = 0 }, { $0.epochs = 1001 }, { $0.batchSize = 0 }, { $0.batchSize = 10_001 },
            { $0.learningRate = 0 }, { $0.learningRate = .nan }, { $0.learningRate = 101 }, { $0.weightDecay = -1 },
            { $0.proximal = -1 }, { $0.gradientClip = 0 }, { $0.optimiser = .momentum(1) },
            { $0.optimiser = .adamW(beta1: 0.9, beta2: 1, epsilon: 1e-8) },
            { $0.schedule = .step(rounds: 0, factor: 0.5) },
        ] {
            var bad = good
            change(&bad)
            #expect(throws: LearnError.self) { try bad.validate() }
        }
        for text in ["", "adam", "momentum", "momentum:x", "sgd:1"] {
            #expect(throws: LearnError.self) { try Optimiser(parsing: text) }
        }
        var settings = good
        settings.schedule = .cosine(floor: 0.1)
        #expect(settings.learningRate(round: 0, of: 11) == 1)
        #expect(abs(settings.learningRate(round: 10, of: 11) - 0.1) < 1e-6)
        settings.schedule = .step(rounds: 2, factor: 0.5)
        #expect((0..<5).map { settings.learningRate(round: $0, of: 5) } == [1, 1, 0.5, 0.5, 0.25])
        settings.schedule = .warmUp(rounds: 4)
        #expect((0..<5).map { settings.learningRate(round: $0, of: 5) } == [0.25, 0.5, 0.75, 1, 1])
    }

    /// Pinned bytes: the initial model's hash goes into a task, so every machine must make the same.
    @Test func initialWeightsArePinned() throws {
        let model = try Model(.mlp(hidden: [32]), for: Digits.split.train)
        let file = try model.initialFile(seed: Seed.number(7))
        #expect(Inflate.checksum(file) == 2_343_291_726)
        #expect(
            try Safetensors.parameters(from: file, manifest: model.manifest)
                == model.initialParameters(seed: Seed.number(7)))
    }
}
