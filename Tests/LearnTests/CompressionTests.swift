import Testing

@testable import Learn

@Suite struct CompressionTests {
    private static let strategies: [PartitionStrategy] = [.iid, .dirichlet(alpha: 0.5), .shards(perPart: 2)]

    /// Mean accuracy over the first seeds at rounds 10 and 30, with the saturations.
    private static func table(
        _ compression: CompressionSettings?, seeds: UInt64 = 5, architecture: ModelArchitecture = .softmax
    ) throws -> [(ten: Double, thirty: Double, saturations: Int)] {
        try strategies.map { strategy in
            var ten = 0.0
            var thirty = 0.0
            var saturations = 0
            for seed in 0..<seeds {
                var settings = FederatedSettings(rounds: 30, training: Digits.training)
                settings.compression = compression
                var federation = try Federation(
                    model: try Model(architecture, for: Digits.split.train),
                    parts: try Digits.parts(strategy, seed: seed),
                    settings: settings, seed: Seed.number(seed))
                let lines = try federation.run(test: Digits.split.test)
                ten += (lines[10].test.accuracy ?? 0) / Double(seeds)
                thirty += (lines[30].test.accuracy ?? 0) / Double(seeds)
                saturations += lines.reduce(0) { $0 + $1.saturations }
            }
            return (ten, thirty, saturations)
        }
    }

    private static func show(_ name: String, _ table: [(ten: Double, thirty: Double, saturations: Int)]) {
        let cells = table.map { "\($0.ten.rounded(to: 3)) \($0.thirty.rounded(to: 3)) (sat. \($0.saturations))" }
        print("\(name), rounds 10 and 30, iid / dirichlet:0.5 / shards:2: \(cells.joined(separator: " | "))")
    }

    /// 25 % and 10 % against dense. At 10 % under shards five seeds scatter by more than the promise (one test image
    /// is 0.28 points), so the gate looks at the mean of twenty.
    @Test func anchorsHold() throws {
        let dense = try Self.table(nil, seeds: 20)
        Self.show("dense, 20 seeds", dense)
        for (ratio, limits) in [(0.25, [0.01, 0.01, 0.015]), (0.1, [0.015, 0.015, 0.015])] {
            let sparse = try Self.table(CompressionSettings(ratio: ratio), seeds: 20)
            Self.show("R \(ratio), 20 seeds", sparse)
            for (index, limit) in limits.enumerated() {
                #expect(dense[index].thirty - sparse[index].thirty <= limit, "\(ratio), \(Self.strategies[index])")
                #expect(sparse[index].saturations == 0)
            }
        }
    }

    /// 25 % of a network of 50,826 parameters. Two seeds: `meshnode bench compression --model mlp:256-128` takes more.
    @Test func anchorsHoldForANetwork() throws {
        let network = ModelArchitecture.mlp(hidden: [256, 128])
        let dense = try Self.table(nil, seeds: 2, architecture: network)
        let sparse = try Self.table(CompressionSettings(ratio: 0.25), seeds: 2, architecture: network)
        Self.show("mlp:256-128 dense, 2 seeds", dense)
        Self.show("mlp:256-128 R 0.25, 2 seeds", sparse)
        for (index, limit) in [0.01, 0.01, 0.015].enumerated() {
            #expect(dense[index].thirty - sparse[index].thirty <= limit, "\(Self.strategies[index])")
            #expect(sparse[index].saturations == 0)
        }
    }

    @Test func otherRowsAreReported() throws {
        let dense = try Self.table(nil)
        Self.show("dense", dense)
        Self.show("R 0.5", try Self.table(CompressionSettings(ratio: 0.5)))
        Self.show("R 0.1", try Self.table(CompressionSettings(ratio: 0.1)))
        let masked = try Self.table(CompressionSettings(ratio: 0.1, variant: .maskedTraining))
        Self.show("T 0.1", masked)
        for index in 0..<3 { #expect(dense[index].thirty - masked[index].thirty <= 0.025) }
        let least = try Self.table(CompressionSettings(ratio: 0.01))
        let masks = try Self.table(CompressionSettings(ratio: 0.01, variant: .maskedTraining))
        Self.show("R 0.01", least)
        Self.show("T 0.01", masks)
        // What the recipe says of 1 %: no promise, but masked training is the better one.
        for index in 0..<3 { #expect(masks[index].thirty > least[index].thirty) }
    }

    @Test func supportIsTheRecipe() throws {
        let manifest = try ParameterManifest([("w", [2, 4])])
        var settings = CompressionSettings(ratio: 0.25)
        settings.denseRounds = 1
        var support = try CommonSupport(settings: settings, manifest: manifest, taskSeed: Seed.number(1))
        #expect(support.support(round: 0) == Array(0..<8))
        try support.record(support: Array(0..<8), mean: [8, -7, 1, 1, 1, 1, 1, 0])
        #expect(support.support(round: 1) == [0, 1])
        try support.record(support: [0, 1], mean: [2, 0.5])
        // Rates now 5, 3.75, 1 (five times), 0, ages 1, 1, 2, ...: scores 5, 3.75, 2, ..., 0.05 * 1.72 * 2.
        #expect(support.support(round: 2) == [0, 1])
        try support.record(support: [0, 1], mean: [0, 0])
        try support.record(support: [0, 1], mean: [0, 0])
        // Rates 1.25 and 0.94 at age 1, five of rate 1 at age 4: two of these go next.
        let next = support.support(round: 4)
        #expect(next.count == 2 && next.allSatisfy { (2...6).contains($0) })
        var restored = try CommonSupport(settings: settings, manifest: manifest, taskSeed: Seed.number(1))
        try restored.restore(canonicalBytes: support.canonicalBytes)
        #expect(restored == support)
        var bytes = support.canonicalBytes
        bytes[bytes.count - 1] = 0xff
        #expect(throws: LearnError.self) { try restored.restore(canonicalBytes: bytes) }
        #expect(throws: LearnError.self) { try restored.restore(canonicalBytes: Array(bytes.dropLast())) }
        #expect(throws: LearnError.self) { try support.record(support: [1, 0], mean: [1, 1]) }
        #expect(throws: LearnError.self) { try support.record(support: [8], mean: [1]) }
        #expect(throws: LearnError.self) { try support.record(support: [1], mean: [.nan]) }
    }

    @Test func everyCoordinateIsVisited() throws {
        let model = try Model(.softmax, for: Digits.split.train)
        var support = try CommonSupport(
            settings: CompressionSettings(ratio: 0.1), manifest: model.manifest, taskSeed: [])
        var generator = DeterministicGenerator(seed: Seed.number(2))
        var last = [Int](repeating: 0, count: 650)
        for round in 0..<400 {
            let chosen = support.support(round: round)
            #expect(chosen.count == (round == 0 ? 650 : 65))
            for index in chosen { last[index] = round }
            try support.record(support: chosen, mean: chosen.map { Float($0 < 65 ? 1 : 0) * generator.unitFloat() })
        }
        // The floor of 5 % of the mean rate bounds the wait also of coordinates that never move.
        #expect(last.allSatisfy { $0 > 250 })
    }

    @Test func residualLosesNothing() throws {
        let quantiser = Quantiser.standard
        var residual = Residual(count: 3)
        var sentTotal = [Double](repeating: 0, count: 3)
        for round in 0..<50 {
            let pending = try residual.adding([0.001, -0.02, 0.3], decay: 1)
            let support = [round % 3]
            let values = try quantiser.quantise(
                pending.part(support), rows: 3, rowCap: 5, seed: Seed.number(UInt64(round)))
            let sent = quantiser.dequantise(values.values, rows: 3, rowCap: 5)
            residual = try pending.confirmed(support: support, sent: sent)
            sentTotal[support[0]] += Double(sent[0])
        }
        for (index, expected) in [0.05, -1, 15].enumerated() {
            #expect(abs(sentTotal[index] + Double(residual.values[index]) - expected) < 1e-4)
        }
        #expect(try Residual(storedBytes: residual.storedBytes, count: 3) == residual)
        #expect(throws: LearnError.self) { try Residual(storedBytes: residual.storedBytes, count: 2) }
        #expect(throws: LearnError.self) { try Residual(storedBytes: [], count: 0) }
        #expect(throws: LearnError.self) { try residual.adding([1], decay: 1) }
    }

    @Test func settingsAreParsed() throws {
        #expect(try CompressionSettings.parse("none") == nil)
        #expect(try CompressionSettings.parse("residual:0.1") == CompressionSettings(ratio: 0.1))
        #expect(try CompressionSettings.parse("masked:0.25")?.rateFactor == 4)
        for text in ["", "topk:0.1", "residual", "residual:0", "residual:2", "residual:nan"] {
            #expect(throws: LearnError.self) { try CompressionSettings.parse(text) }
        }
    }
}
