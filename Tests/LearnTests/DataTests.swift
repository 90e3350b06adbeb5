import Testing

@testable import Learn

@Suite struct DataTests {
    @Test func shippedSetsAreWhatTheyClaim() throws {
        let digits = try ShippedData.digits.load(folder: Repository.data)
        #expect(digits.count == 1797 && digits.featureCount == 64 && digits.classCount == 10)
        #expect(digits.classCounts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        #expect(digits.features.allSatisfy { $0 >= 0 && $0 <= 16 && $0 == $0.rounded() })
        let wdbc = try ShippedData.wdbc.load(folder: Repository.data)
        #expect(wdbc.count == 569 && wdbc.featureCount == 30)
        #expect(wdbc.classNames == ["benign", "malignant"] && wdbc.classCounts == [357, 212])
        #expect(throws: LearnError.self) { try ShippedData(parsing: "mnist") }
        #expect(throws: LearnError.self) { try ShippedData.digits.load(folder: "/nonexistent") }
    }

    /// First and last rows of scikit-learn 1.9.1's `train_test_split(range(n), test_size=0.2, random_state=0)`.
    @Test func splitIsTheReferenceSplit() throws {
        var generator = MersenneTwister(seed: 0)
        let digits = generator.permutation(1797)
        #expect(Array(digits[..<8]) == [1081, 1707, 927, 713, 262, 182, 303, 895])
        #expect(Array(digits[360..<368]) == [1109, 940, 192, 260, 1148, 966, 1720, 554])
        #expect(Array(digits.suffix(3)) == [1653, 559, 684])
        var other = MersenneTwister(seed: 0)
        let wdbc = other.permutation(569)
        #expect(Array(wdbc[..<3]) == [512, 457, 439] && Array(wdbc.suffix(3)) == [359, 192, 559])
        let split = Digits.split
        #expect(split.train.count == 1437 && split.test.count == 360)
        #expect(split.train.features.max() == 1)
        let raw = try ShippedData.digits.load(folder: Repository.data)
        #expect(split.test.labels[0] == raw.labels[1081] && split.train.labels[0] == raw.labels[1109])
    }

    @Test func wdbcLearns() throws {
        let split = try ShippedData.wdbc.split(folder: Repository.data)
        #expect(split.train.count == 455 && split.test.count == 114)
        let trainer = Trainer(model: try Model(.softmax, for: split.train))
        let outcome = try trainer.train(
            parameters: trainer.model.initialParameters(seed: []), data: split.train,
            settings: TrainingSettings(epochs: 20, batchSize: 10, learningRate: 0.1), seed: [])
        let accuracy = try #require(try trainer.evaluate(parameters: outcome.parameters, data: split.test).accuracy)
        #expect(accuracy >= 0.95)
    }

    private func read(_ text: String, label: String = "y", classes: [String]? = nil) throws -> Dataset {
        try TableReader(labelColumn: label, classNames: classes).read(bytes: Array(text.utf8), file: "t.csv", name: "t")
    }

    private func fault(_ text: String, classes: [String]? = nil) -> DataFault? {
        if case .badData(let fault)? = failure({ _ = try read(text, classes: classes) }) { return fault }
        return nil
    }

    @Test func tablesAreRead() throws {
        let plain = try read("a,y,b\r\n1,0,2\r\n\r\n3.5,2,-4e1\n")
        #expect(plain.features == [1, 2, 3.5, -40] && plain.labels == [0, 2] && plain.classCount == 3)
        let named = try read("\u{feff}y,\"a, b\"\n\"cat \"\"x\"\"\",1\ndog,2\n")
        #expect(named.classNames == ["cat \"x\"", "dog"] && named.labels == [0, 1])
        let fixed = try read("a,y\n1,dog\n", classes: ["cat", "dog"])
        #expect(fixed.labels == [1] && fixed.classCount == 2)
        let tabs = try TableReader(labelColumn: "y").read(bytes: Array("a\ty\n1\t1\n".utf8), file: "x.tsv", name: "x")
        #expect(tabs.labels == [1])
        let chosen = try TableReader(labelColumn: "y", featureColumns: ["b", "a"])
            .read(bytes: Array("a,b,c,y\n1,2,oops,1\n".utf8), file: "t.csv", name: "t")
        #expect(chosen.features == [2, 1])
        let real = try TableReader(labelColumn: "y", regression: true)
            .read(bytes: Array("a,y\n1,0.5\n2,-1\n".utf8), file: "t.csv", name: "t")
        #expect(real.isRegression && real.targets == [0.5, -1] && real.targetCount == 1)
    }

    @Test func badTablesNameRowAndField() {
        #expect(
            fault("a,y\n1,0\nx,1\n")
                == DataFault(file: "t.csv", row: 3, field: "a", expected: "a finite number", found: "\"x\""))
        #expect(fault("a,y\n1,0\nnan,1\n")?.row == 3)
        #expect(fault("a,y\n1,0\ninf,1\n")?.field == "a")
        #expect(fault("a,y\n1,0\n,1\n")?.found == "nothing")
        #expect(fault("a,y\n1,0\n2\n") == DataFault(file: "t.csv", row: 3, expected: "2 fields", found: "1"))
        #expect(fault("a,y\n1,0\n2,1,9\n")?.found == "3")
        #expect(
            fault("a,y\n1,\n2,1\n")
                == DataFault(file: "t.csv", row: 2, field: "y", expected: "a label", found: "nothing"))
        #expect(fault("a,y\n1,bird\n", classes: ["cat", "dog"])?.found == "\"bird\"")
        #expect(fault("a,b\n1,2\n")?.field == "y")
        #expect(fault("a,a,y\n1,2,0\n")?.field == "a")
        #expect(fault("y\n1\n")?.expected == "at least one feature column")
        #expect(fault("")?.expected == "a header line")
        #expect(fault("a,y\n")?.expected == "at least one row below the header")
        #expect(fault("a,y\n\"1,0\n")?.expected == "a closing quote")
        #expect(fault("a,y\n\"1\"x,0\n")?.found == "more text")
        #expect(throws: LearnError.self) {
            try TableReader(labelColumn: "y").read(
                bytes: [0x79, 0x2c, 0x61, 0x0a, 0xff, 0x2c, 0x31], file: "t.csv", name: "t")
        }
    }

    @Test func brokenArchivesAreRefused() throws {
        let good = try FileBytes.read("\(Repository.data)/digits.csv.gz", limit: 1 << 20)
        let text = try Inflate.gunzipIfNeeded(good, limit: 1 << 20, file: "d")
        #expect(text.count > 100_000)
        #expect(throws: LearnError.self) { try Inflate.gunzipIfNeeded(good, limit: 1000, file: "d") }
        for length in [2, 10, 11, 100, good.count - 9, good.count - 1] {
            #expect(throws: LearnError.self) {
                try Inflate.gunzipIfNeeded(Array(good[..<length]), limit: 1 << 20, file: "d")
            }
        }
        var flipped = good
        flipped[20_000] ^= 1
        #expect(throws: LearnError.self) { try Inflate.gunzipIfNeeded(flipped, limit: 1 << 20, file: "d") }
        #expect(try Inflate.gunzipIfNeeded(good + good, limit: 1 << 20, file: "d") == text + text)
    }

    @Test func datasetsRefuseNonsense() {
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [], labels: [], featureCount: 1, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [1], labels: [2], featureCount: 1, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [1], labels: [-1], featureCount: 1, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [1], labels: [], featureCount: 1, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [.nan], labels: [0], featureCount: 1, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(name: "x", features: [1, 2, 3], labels: [0], featureCount: 2, classCount: 2)
        }
        #expect(throws: LearnError.self) {
            try Dataset(
                name: "x", features: [1, 2], labels: [0], featureCount: 2, classCount: 2, sampleShape: [Int.max, 2])
        }
    }
}
