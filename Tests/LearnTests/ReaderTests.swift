import Foundation
import Testing

@testable import Learn

@Suite struct ReaderTests {
    /// A label is the number of its class in its one shortest form alone; any other is a name.
    @Test(arguments: [
        (["0", "2", "1"], ["0", "1", "2"], [0, 2, 1]), (["01", "1", "+1"], ["+1", "01", "1"], [1, 2, 0]),
        (["007", "7", "7"], ["007", "7"], [0, 1, 1]), (["-1", "1", "1"], ["-1", "1"], [0, 1, 1]),
        (["-0", "0", "1"], ["-0", "0", "1"], [0, 1, 2]), (["1.0", "0.0", "1.0"], ["0.0", "1.0"], [1, 0, 1]),
    ])
    func labelsAreNumbersInOneForm(_ labels: [String], _ names: [String], _ classes: [Int32]) throws {
        let text = "a,label\n" + labels.map { "1,\($0)\n" }.joined()
        let rows = try TableReader(labelColumn: "label").read(bytes: Array(text.utf8), file: "t.csv", name: "t")
        #expect(rows.classNames == names && rows.labels == classes, "\(rows.classNames) \(rows.labels)")
        let alike = LabelAudit(rows).findings.filter { $0.kind == "similar-classes" }
        #expect(alike.count == (["+1", "007", "-0"].contains(names[0]) ? 1 : 0), "\(alike)")
    }

    /// Texts that are kept have a limit together, in every reader that keeps them.
    @Test func textsThatAreHeldHaveALimitTogether() throws {
        let told = "at most 10 bytes of texts in all"
        func fault(_ body: () throws -> Void) -> String { failure(body)?.description ?? "nothing" }
        var reader = TableReader(labelColumn: "label")
        reader.held = HeldTexts(limit: 10)
        let table = Array("note,a,label\nn1234,1,abcd\nn5678,2,efgh\nn9012,3,ijkl\n".utf8)
        reader.featureColumns = ["a"]
        #expect(
            fault { _ = try reader.read(bytes: table, file: "t.csv", name: "t") }.contains("row 4: expected " + told))
        let path = FileManager.default.temporaryDirectory.path + "/held-\(UUID().uuidString).csv"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileBytes.write(table, to: path)
        #expect(fault { _ = try reader.others(path: path, than: ["a"]) }.contains("row 3: expected " + told))
        let lines = Array(#"{"instruction":"abc","output":"def"}"#.utf8) + [0x0a]
        let records = try ByteStream(bytes: lines + lines, file: "r.jsonl")
        #expect(
            fault { _ = try InstructionReader.read(records, held: HeldTexts(limit: 10)) }.contains(
                "row 2: expected " + told))
        let names = try ByteStream(bytes: NPYText.encoded(["abcdef", "ghijkl"]), file: "classes")
        #expect(fault { _ = try NPYText.read(names, most: 9, held: HeldTexts(limit: 10)) }.contains(told))
        // Each text once: labels repeat.
        var labels = LabelColumn(held: HeldTexts(limit: 10))
        for _ in 0..<9 { try labels.append("abcdefgh", line: 1, column: "label", file: "t") }
    }

    static let folder = "\(Repository.vectors)/learn-arrays"

    private func bytes(_ name: String) throws -> [UInt8] {
        try FileBytes.read("\(Self.folder)/\(name)", limit: 1 << 20)
    }
    private func array(_ name: String) throws -> NPYArray { try NPYArray(bytes: try bytes(name), file: name) }

    private func temporaryFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("meshnode-learn-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: path + "/images", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(arguments: ["f4", "f8", "u1", "i8", "i2", "f2", "v1", "v2", "v3"])
    func arraysOfAllTypes(_ name: String) throws {
        let array = try array("\(name).npy")
        #expect(array.shape == [2, 3, 4])
        #expect(try array.floats() == (0..<24).map { Float($0) })
        #expect(try array.integers() == (0..<24).map { Int64($0) })
    }

    @Test func unusualArrays() throws {
        #expect(try array("b1.npy").integers() == (0..<24).map { Int64($0 % 2) })
        #expect(try array("scalar.npy").shape == [])
        // Either order of axes and of bytes, as pandas, MATLAB and old machines write them.
        for name in ["fortran.npy", "big.npy", "fortran-big.npy"] {
            let array = try array(name)
            #expect(array.shape == [2, 3, 4])
            #expect(try array.floats() == (0..<24).map { Float($0) }, "\(name)")
            #expect(try array.integers() == (0..<24).map { Int64($0) }, "\(name)")
        }
        let object = failure { _ = try self.array("object.npy") }
        #expect(object?.description.contains("|O") == true, "\(String(describing: object))")
        let broken = failure { _ = try self.array("nan.npy").floats() }
        guard case .badData(let fault)? = broken else { Issue.record("nan was accepted"); return }
        #expect(fault.row == 2 && fault.field == "element 2")
    }

    @Test func arraysRoundTrip() throws {
        let made = try NPYArray([1.5, -2, 3], shape: [3])
        #expect(made.encoded.count.isMultiple(of: 4) && (made.encoded.count - 12) % 64 == 0)
        #expect(try NPYArray(bytes: made.encoded, file: "x").floats() == [1.5, -2, 3])
        let whole = try NPYArray([Int64.min, 5], shape: [2, 1])
        #expect(try NPYArray(bytes: whole.encoded, file: "x").integers() == [.min, 5])
        #expect(throws: LearnError.self) { try NPYArray([Float(1)], shape: [2]) }
        #expect(throws: LearnError.self) { try NPYArray([Float(1)], shape: [Int.max, Int.max]) }
    }

    @Test func hostileArraysAndArchives() throws {
        var generator = DeterministicGenerator(seed: Seed.number(4))
        for name in ["f4.npy", "v3.npy", "medmnist.npz", "pair.npz"] {
            let good = try bytes(name)
            let isArchive = name.hasSuffix("z")
            for length in stride(from: 0, to: good.count, by: isArchive ? 7 : 1) {
                let cut = Array(good[..<length])
                if isArchive {
                    #expect(throws: LearnError.self) { try NPZReader.read(bytes: cut, file: name) }
                } else {
                    #expect(throws: LearnError.self) { try NPYArray(bytes: cut, file: name) }
                }
            }
            for _ in 0..<4000 {
                var changed = good
                for _ in 0...generator.below(4) {
                    changed[generator.below(changed.count)] = UInt8(generator.below(256))
                }
                if isArchive {
                    _ = try? NPZReader.read(bytes: changed, file: name)
                } else {
                    _ = try? NPYArray(bytes: changed, file: name).floats()
                }
            }
        }
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }\n"
        var huge: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]
        huge.appendLittleEndian(UInt16(header.utf8.count))
        #expect(throws: LearnError.self) { try NPYArray(bytes: huge + Array(header.utf8), file: "h") }
    }

    @Test func medicalArchive() throws {
        let splits = try NPZReader.read(path: "\(Self.folder)/medmnist.npz")
        #expect(splits.train.count == 12 && splits.validation?.count == 4 && splits.test?.count == 6)
        #expect(splits.train.sampleShape == [3, 4, 5] && splits.train.classCount == 3)
        // Pixel (1, 2) of the first picture is (10, 20, 30): channels first puts them 20 apart.
        #expect([7, 27, 47].map { splits.train.features[$0] } == [10, 20, 30])
        #expect(splits.train.labels == (0..<12).map { Int32($0 % 3) })
        let error = failure { _ = try NPZReader.read(path: "\(Self.folder)/multilabel.npz") }
        #expect(error?.description.contains("row 1, field label: expected one class a row") == true)
        let wrong = failure { _ = try NPZReader.read(path: "\(Self.folder)/medmnist.npz", classCount: 2) }
        #expect(wrong?.description.contains("row 3, field label") == true)
        let pair = try NPZReader.read(path: "\(Self.folder)/pair.npz")
        #expect(pair.train.count == 6 && pair.train.featureCount == 4 && pair.test == nil)
    }

    @Test func idx() throws {
        let source = DataSource()
        let data = try source.load("\(Self.folder)/train-images-idx3-ubyte.gz").train
        #expect(data.count == 5 && data.sampleShape == [1, 3, 2] && data.classCount == 8)
        #expect(data.labels == [7, 2, 1, 0, 4] && data.features == (0..<30).map { Float($0) })
        let images = try bytes("train-images-idx3-ubyte.gz")
        let plain = try Inflate.gunzipIfNeeded(images, limit: 1 << 20, file: "i")
        for length in 0..<plain.count {
            #expect(throws: LearnError.self) { try IDXReader.array(bytes: Array(plain[..<length]), file: "i") }
        }
        var wide = plain
        for index in 4..<16 { wide[index] = 0xff }
        #expect(throws: LearnError.self) { try IDXReader.array(bytes: wide, file: "i") }
        for index in 4..<8 { wide[index] = 0 }
        #expect(throws: LearnError.self) { try IDXReader.array(bytes: wide, file: "i") }
        let four = IDXReader.Content(shape: [4], values: [0, 1, 2, 3])
        let five = try IDXReader.array(bytes: plain, file: "i")
        let error = failure {
            _ = try IDXReader.dataset(
                name: "x", images: five, imagesFile: "i", labels: four, labelsFile: "l", classCount: nil)
        }
        #expect(error == .badData(DataFault(file: "l", expected: "5 labels, one a row", found: "shape [4]")))
    }

    /// An extent of zero hides no other: what is no product with them all is refused, wherever the zero stands.
    @Test func zeroHidesNoExtent() throws {
        #expect(Extents.elements(of: [], atMost: 1) == 1 && Extents.elements(of: [3, 0, 4], atMost: 12) == 0)
        #expect(Extents.elements(of: [3, 0, 4], atMost: 11) == nil && Extents.elements(of: [0, -1], atMost: 9) == nil)
        #expect(Extents.elements(of: [0, .max, .max], atMost: .max) == nil)
        func array(_ shape: String) -> [UInt8] {
            let header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }\n".utf8)
            return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header
        }
        #expect(try NPYArray(bytes: array("(0, 4)"), file: "a.npy").floats().isEmpty)
        for shape in ["(0, 4294967295, 4294967295, 4)", "(4294967295, 4294967295, 0)"] {
            #expect(throws: LearnError.self) { try NPYArray(bytes: array(shape), file: "a.npy") }
            let extents = shape.dropFirst().dropLast()
            let header = Array("{\"X\":{\"dtype\":\"F32\",\"shape\":[\(extents)],\"data_offsets\":[0,0]}}".utf8)
            #expect(throws: LearnError.self) { try Safetensors(bytes: UInt64(header.count).bytes + header) }
        }
    }

    /// Elements of eight bytes behind a header of twelve lie across the ends of the pieces that are read.
    @Test func elementsAcrossPieces() throws {
        let values = (0..<30_000).map { Double($0) * 0.5 - 7 }
        var bytes: [UInt8] = [0, 0, 0x0e, 2, 0, 0, 0x27, 0x10, 0, 0, 0, 3]
        for value in values { bytes += value.bitPattern.bigEndian.bytes }
        #expect(bytes.count > 3 * ByteStream.capacity)
        let content = try IDXReader.array(bytes: bytes, file: "i")
        #expect(content.shape == [10_000, 3] && content.values == values.map { Float($0) })
        #expect(throws: LearnError.self) { try IDXReader.array(bytes: Array(bytes.dropLast()), file: "i") }
        #expect(throws: LearnError.self) { try IDXReader.array(bytes: bytes + [0], file: "i") }
    }

    @Test func folderLayout() throws {
        try temporaryFolder { path in
            func write(_ name: String, _ values: [Float], _ shape: [Int]) throws {
                try FileBytes.write(try NPYArray(values, shape: shape).encoded, to: "\(path)/images/\(name).npy")
            }
            func labels(_ text: String) throws { try FileBytes.write(Array(text.utf8), to: "\(path)/labels.json") }
            #expect(throws: LearnError.self) { try FolderReader.read(path: path) }
            try labels(#"{"b": 1, "a": 2}"#)
            let empty = failure { _ = try FolderReader.read(path: path) }
            #expect(empty?.description.contains("at least one .npy file") == true)
            try write("b", [1, 2, 3, 4], [1, 2, 2])
            try write("a", [5, 6, 7, 8], [1, 2, 2])
            let data = try DataSource().load(path).train
            #expect(
                data.labels == [2, 1] && data.features[0] == 5 && data.sampleShape == [1, 2, 2] && data.classCount == 3)
            try write("c", [1, 2, 3, 4], [1, 2, 2])
            let missing = failure { _ = try FolderReader.read(path: path) }
            #expect(missing?.description.contains("a label for images/c.npy") == true)
            try labels(#"{"b": 1, "a": 2, "c": 0, "d": 1}"#)
            let extra = failure { _ = try FolderReader.read(path: path) }
            #expect(extra?.description.contains("an image images/d.npy") == true)
            try labels(#"{"b": 1, "a": 2, "c": 0}"#)
            try write("c", [1, 2], [1, 1, 2])
            let shape = failure { _ = try FolderReader.read(path: path) }
            #expect(shape?.description.contains("c.npy") == true && shape?.description.contains("[1, 1, 2]") == true)
            try write("c", [1, .nan, 0, 0], [1, 2, 2])
            #expect(failure { _ = try FolderReader.read(path: path) }?.description.contains("finite") == true)
            try labels(#"{"b": 1, "a": 2, "c": -1}"#)
            #expect(failure { _ = try FolderReader.read(path: path) }?.description.contains("field c") == true)
            try labels(#"["b"]"#)
            #expect(throws: LearnError.self) { try FolderReader.read(path: path) }
        }
    }

    @Test func instructions() throws {
        let good = """
            {"instruction": "Add", "input": "1 2", "output": "3"}

            {"instruction": "Greet", "output": "Hello", "extra": 1}
            """
        let records = try InstructionReader.read(bytes: Array(good.utf8), file: "a.jsonl")
        #expect(
            records == [
                .init(instruction: "Add", input: "1 2", output: "3"),
                .init(instruction: "Greet", input: "", output: "Hello"),
            ])
        for (line, field) in [
            (#"{"instruction": "x"}"#, "output"), (#"{"output": "x"}"#, "instruction"),
            (#"{"instruction": " ", "output": "x"}"#, "instruction"),
            (#"{"instruction": "x", "input": 3, "output": "y"}"#, "input"),
            ("[1]", ""), ("{", ""),
        ] {
            let text = good + "\n" + line
            guard
                case .badData(let fault)? = failure({
                    _ = try InstructionReader.read(bytes: Array(text.utf8), file: "a")
                })
            else {
                Issue.record("accepted: \(line)")
                continue
            }
            #expect(fault.row == 4 && (fault.field ?? "") == field, "\(line): \(fault)")
        }
        #expect(throws: LearnError.self) { try InstructionReader.read(bytes: [], file: "a") }
    }

    @Test func sourcesByName() throws {
        let source = DataSource(shippedFolder: Repository.data)
        // A shipped name is its file: all rows, as they stand there, for the task's own steps follow.
        for shipped in ShippedData.allCases {
            let rows = try source.load(shipped.rawValue)
            #expect(try rows == DataSplits(train: shipped.load(folder: Repository.data)))
        }
        var turned = source
        turned.classNames = ["malignant", "benign"]
        let (own, other) = (try source.load("wdbc").train.labels, try turned.load("wdbc").train.labels)
        #expect(zip(own, other).allSatisfy { $0 == 1 - $1 })
        #expect(failure { _ = try source.load("/nowhere/x.csv") }?.description.contains("no such file") == true)
        try temporaryFolder { path in
            try FileBytes.write([1, 2, 3], to: "\(path)/model.pt")
            #expect(failure { _ = try source.load("\(path)/model.pt") }?.description.contains("pickle") == true)
            try FileBytes.write([1, 2, 3], to: "\(path)/data.parquet")
            #expect(failure { _ = try source.load("\(path)/data.parquet") }?.description.contains("unknown") == true)
            let digits = Digits.split.test
            for name in ["d.csv", "d.npz", "d.safetensors"] {
                try DatasetWriter.write(digits, to: "\(path)/\(name)")
                let back = try source.load("\(path)/\(name)").train
                #expect(
                    back.labels == digits.labels && back.features == digits.features && back.classCount == 10, "\(name)"
                )
                #expect(back.columnNames == digits.columnNames && back.classNames == digits.classNames, "\(name)")
            }
            #expect(throws: LearnError.self) { try DatasetWriter.write(digits, to: "\(path)/d.xls") }
        }
    }

    @Test func inspectionCounts() throws {
        let inspection = DataInspection(try ShippedData.wdbc.load(folder: Repository.data))
        #expect(inspection.classes.map(\.rows) == [357, 212])
        #expect(inspection.imbalance == 357.0 / 212.0 && inspection.constantFeatures == 0)
        #expect(inspection.text.contains("benign: 357 (62.7 %)"))
        let digits = DataInspection(Digits.split.train)
        #expect(digits.constantFeatures == 3 && digits.minimum == 0 && digits.maximum == 1)
    }

    @Test func auditFindsPlantedFaults() throws {
        let split = Digits.split
        let clean = DataAudit(DataSplits(train: split.train, test: split.test))
        #expect(clean.isClean)
        let leaking = split.test.selecting([0, 1, 2, 2], name: "test")
        let train = try Dataset(
            name: "train",
            features: split.train.features + Array(split.test.features[..<64]) + Array(split.train.features[..<64]),
            labels: split.train.labels + [split.test.labels[0], (split.train.labels[0] + 1) % 10], featureCount: 64,
            classCount: 10)
        let audit = DataAudit(DataSplits(train: train, test: leaking))
        #expect(!audit.isClean)
        func count(_ kind: String, _ part: String) -> Int? {
            audit.findings.first { $0.kind == kind && $0.message.hasPrefix(part) }?.count
        }
        #expect(count("leakage", "test") == 1)
        #expect(count("contradiction", "train") == 1)
        #expect(count("duplicate", "train") == 1)
        #expect(count("duplicate", "test") == 1)
        #expect(count("tiny", "test") == 4)
        #expect(count("absent-class", "test") == 10 - Set(leaking.labels).count)
    }

    @Test func preprocessing() throws {
        let data = try Dataset(
            name: "p", features: [0, 1, 2, 3, 10, 11, 12, 13], labels: [0, 1], featureCount: 4, classCount: 2,
            sampleShape: [2, 2])
        let larger = try Preprocessing(height: 4, width: 4).apply(to: data)
        // PyTorch: F.interpolate(tensor([[0,1],[2,3]]), size=(4,4), mode="bilinear", align_corners=False).
        #expect(Array(larger.features[..<8]) == [0, 0.25, 0.75, 1, 0.5, 0.75, 1.25, 1.5])
        #expect(larger.sampleShape == [4, 4] && larger.featureCount == 16)
        let smaller = try Preprocessing(height: 1, width: 1).apply(to: data)
        #expect(smaller.features == [1.5, 11.5])
        let scaled = try Preprocessing(scale: 0.5, mean: [1], deviation: [2]).apply(to: data)
        #expect(scaled.features[3] == 0.25)
        let colour = try NPZReader.read(path: "\(Self.folder)/medmnist.npz").train
        let normal = try Preprocessing(scale: 1, mean: [0, 10, 20], deviation: [1, 2, 4]).apply(to: colour)
        #expect([7, 27, 47].map { normal.features[$0] } == [10, 5, 2.5])
        for bad in [
            Preprocessing(height: 3), Preprocessing(height: 0, width: 1), Preprocessing(scale: 0),
            Preprocessing(mean: [1]),
            Preprocessing(mean: [1], deviation: [0]), Preprocessing(mean: [1, 2], deviation: [1, 1]),
        ] {
            #expect(throws: LearnError.self) { try bad.apply(to: colour) }
        }
        #expect(throws: LearnError.self) {
            try Preprocessing(height: 2, width: 2).apply(to: try ShippedData.wdbc.load(folder: Repository.data))
        }
    }
}

extension UInt64 {
    /// As they lie in memory on a little-endian machine.
    fileprivate var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (8 * UInt64($0))) } }
}
