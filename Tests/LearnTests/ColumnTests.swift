import Foundation
import Testing

@testable import Learn

/// Tables: what a column is called decides what it means, and what is no measurement is named.
@Suite struct ColumnTests {
    private func read(_ text: String, _ reader: TableReader = TableReader(labelColumn: "label")) throws -> Dataset {
        try reader.read(bytes: Array(text.utf8), file: "t.csv", name: "t")
    }

    @Test func titlesLoseTheSpaceAroundThem() throws {
        let rows = try read("\u{a0}a, b\u{202f},\tc , label\u{a0}\n1,2\u{a0},3,0\n4,5,6,1\n")
        #expect(rows.columnNames == ["a", "b", "c"] && rows.features == [1, 2, 3, 4, 5, 6])
        #expect(rows.labels == [0, 1] && rows.labelName == "label")
    }

    @Test func namesWithCommasAreQuoted() throws {
        let text = DataInspection(try read("a,label\n1,\"ill, acute\"\n2,well\n")).text
        #expect(text.contains("class \"ill, acute\": 1") && text.contains("class well: 1"), "\(text)")
    }

    /// A member may hold one class of a task's; an audit says what it is.
    @Test func rowsOfOneClassAreRows() throws {
        let rows = try read("a,label\n1,ill\n2,ill\n3,ill\n")
        #expect(rows.classCount == 1 && rows.classNames == ["ill"])
        let kinds = DataAudit(DataSplits(train: rows)).findings.map(\.kind)
        #expect(kinds.contains("one-class"), "\(kinds)")
        let both = try read("a,label\n1,ill\n2,well\n3,ill\n")
        #expect(!DataAudit(DataSplits(train: both)).findings.map(\.kind).contains("one-class"))
    }

    /// The same word in one scalar more is another one to a task, and sorts elsewhere.
    @Test func titlesAndLabelsAreComposed() throws {
        let rows = try read("Gro\u{308}ße,label\n1,U\u{308}\n2,V\n3,Ü\n")
        func scalars(_ texts: [String]) -> [[UInt32]] { texts.map { $0.unicodeScalars.map(\.value) } }
        #expect(scalars(rows.columnNames) == [[0x47, 0x72, 0xf6, 0xdf, 0x65]])
        #expect(scalars(rows.classNames) == [[0x56], [0xdc]] && rows.labels == [1, 0, 1])
        let array = NPYText.encoded(["U\u{308}"])
        #expect(scalars(try NPYText.read(try ByteStream(bytes: array, file: "x"), most: 1)) == [[0xdc]])
    }

    /// NumPy makes an array without dimensions of a single text.
    @Test func aTextWithoutDimensionsIsOneText() throws {
        var bytes = NPYText.encoded(["befund"])
        let shape = try #require(bytes.firstRange(of: Array("(1,), }".utf8)))
        bytes.replaceSubrange(shape, with: Array("(), }  ".utf8))
        #expect(try NPYText.read(try ByteStream(bytes: bytes, file: "x"), most: 1) == ["befund"])
    }

    @Test func columnsAreFoundByName() throws {
        var reader = TableReader(labelColumn: "label", featureColumns: ["c", "a"])
        #expect(try read("a,b,label,c\n1,2,0,3\n4,5,1,6\n", reader).features == [3, 1, 6, 4])
        let missing = failure { _ = try read("a,b,label\n1,2,0\n", reader) }
        #expect(missing?.description.contains("field c: expected a feature column of this name") == true)
        reader.columnsInOrder = true
        #expect(try read("c,label,a\n1,0,2\n", reader).features == [1, 2])
        let turned = failure { _ = try read("a,c,label\n1,2,0\n", reader) }
        #expect(
            turned?.description.contains("t.csv, column 1: is \"a\" here and \"c\" in the task") == true,
            "\(String(describing: turned))")
        let more = failure { _ = try read("c,a,b,label\n1,2,3,0\n", reader) }
        #expect(more?.description.contains("column 3: is \"b\" here and not there") == true)
        let fewer = failure { _ = try read("c,label\n1,0\n", reader) }
        #expect(fewer?.description.contains("column 2: is missing here and \"a\"") == true)
    }

    /// The standard library's conversion stops at a NUL and takes more than decimals.
    @Test(arguments: ["1\u{0}009", "\u{0}", "0x10", "nan", "inf", "1_000", "1,5", "١", "1e400", "+", "", "1 2"])
    func whatIsNoNumberIsRefused(_ text: String) throws {
        #expect(NumberText.finite(text) == nil)
        let quoted = "\"\(text)\""
        let error = failure { _ = try read("a,label\n1,0\n\(quoted),1\n") }
        guard case .badData(let fault)? = error else {
            Issue.record("\(text) was taken: \(String(describing: error))"); return
        }
        #expect(fault.row == 3 && fault.field == "a", "\(fault)")
        #expect(!fault.description.unicodeScalars.contains { $0.value < 0x20 }, "\(fault)")
        if text.contains("\u{0}") { #expect(fault.found.contains("NUL")) }
        if text == "1,5" { #expect(fault.found.contains("decimal comma")) }
    }

    /// A point in the place of a comma that parts thousands would be a thousandth of the value.
    @Test(arguments: [
        ("1,000", "write 1000 if the comma parts thousands, 1.000 if it is a decimal comma"),
        ("12,345,678", "write 12345678 if the comma parts thousands"), ("1,25", "a decimal comma; write a point"),
        ("1,2,3", "\"1,2,3\""), (",5", "\",5\""),
    ])
    func commasInNumbersAreNamed(_ text: String, _ said: String) { #expect(NumberText.found(text).hasSuffix(said)) }

    @Test func labelsThatAreProbablyNoClassesAreNamed() throws {
        func findings(_ label: (Int) -> String) throws -> [DataAudit.Finding] {
            let text = "a,b,label\n" + (0..<60).map { "\($0 * 7 % 61).5,\($0 * 31 % 59).25,\(label($0))\n" }.joined()
            return DataAudit(DataSplits(train: try read(text))).findings.filter { $0.kind != "leaking" }
        }
        let missing = try findings { $0 % 6 == 0 ? "NA" : $0 % 2 == 0 ? "ill" : "well" }
        #expect(missing.map(\.kind) == ["missing-label"] && missing.first?.count == 10)
        let similar = try findings { ["ill", "Ill ", "well"][$0 % 3] }
        #expect(
            similar.map(\.kind) == ["similar-classes"] && similar[0].message.contains("\"Ill\", \"ill\""), "\(similar)")
        #expect(try findings { ["1", "1.0", "x"][$0 % 3] }.map(\.kind) == ["similar-classes"])
        #expect(try findings { "\($0).125" }.map(\.kind) == ["many-classes"])
        #expect(try findings { ["ill", "well", "none"][$0 % 3] }.isEmpty)
    }

    @Test(arguments: ["1", "-2.5", "+3e-4", ".5", "1E5", "00012"])
    func numbersAreTaken(_ text: String) {
        #expect(NumberText.finite(text) == Float(text))
    }

    @Test func separatorsAreNamed() {
        for (text, word) in [
            ("a;b;label\n1,5;2;0\n", "semicolons"), ("a\tb\tlabel\n1\t2\t0\n", "tabs"), ("a|label\n1|0\n", "bars"),
        ] {
            let error = failure { _ = try read(text) }
            #expect(
                error?.description.contains("fields apart by commas") == true
                    && error?.description.contains(word) == true)
        }
        let control = failure { _ = try read("a\u{1b}[31m,label\n1,0\n") }
        #expect(control?.description.contains("\\u{1b}") == true)
        let label = failure { _ = try read("a,label\n1,0\u{7}\n") }
        #expect(label?.description.contains("row 2, field label") == true)
    }

    @Test func everyFaultIsListed() throws {
        let text = "a,b,label\n1,NA,0\n2,3\n4,5,1\nx,y,2\n6,7,\n8,9,0\n"
        let stream = try ByteStream(bytes: Array(text.utf8), file: "t.csv")
        let found = try TableReader(labelColumn: "label", classNames: ["0", "1"]).examine(stream, name: "t")
        let places = found.faults.faults.map { "\($0.row ?? 0) \($0.field ?? "-")" }
        #expect(places == ["2 b", "3 -", "5 a", "5 b", "6 label"])
        #expect(found.faults.count == 5)
        #expect(found.rows?.features == [4, 5, 8, 9] && found.rows?.labels == [1, 0])
        let audit = DataAudit(found.rows.map { DataSplits(train: $0) }, faults: [("train", found.faults)])
        #expect(!audit.isClean && audit.findings.filter { $0.kind == "malformed" }.count == 5)
        let many = String(repeating: "x,0\n", count: 500)
        let long = try ByteStream(bytes: Array("a,label\n1,0\n1,1\n\(many)".utf8), file: "m.csv")
        let most = try TableReader(labelColumn: "label").examine(long, name: "m").faults
        #expect(most.count == 500 && most.faults.count == FaultList.mostOfColumn)
        let crowded = DataAudit(nil, faults: [("train", most)]).findings
        #expect(crowded.map(\.count) == [500] && crowded[0].message.contains("500 cells of this column"), "\(crowded)")
    }

    /// A column of names or notes is no feature, and hides no fault of the others.
    @Test func columnsOfTextAreLeftOut() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("text-\(UUID().uuidString).csv").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
        let reader = TableReader(labelColumn: "label")
        try write("id,a,mixed,label\nP1,1,2,0\nP2,3,x,1\n")
        let found = try reader.readable(path: file)
        #expect(found.rows.columnNames == ["a"] && found.rows.features == [1, 3])
        #expect(found.leftOut.map { "\($0.row ?? 0) \($0.field ?? "")" } == ["2 id", "3 mixed"])
        #expect(try reader.cells(path: file).filter(\.isText).map(\.title) == ["id"])
        try write("a,label\n1,0\n3,1\n")
        #expect(try reader.readable(path: file).leftOut.isEmpty)
        // Nothing is left, or the fault is another one.
        for text in ["id,label\nP1,0\nP2,1\n", "a,b\n1,0\n", "a,label\n1,0,3\n"] {
            try write(text)
            #expect(failure { _ = try reader.readable(path: file) } != nil, "\(text)")
        }
    }

    @Test func columnsThatAreNoMeasurement() throws {
        var text = ",number,counts,fixed,wide,answer,real,label\n"
        for row in 0..<60 {
            let label = row < 30 ? "ill" : "well"
            let number = 900_000_000 + (row * 37) % 60
            text +=
                "\(row),\((row * 7919) % 1009),\(row + 5),3,\(number),\(row < 30 ? 2 : 9),0.\((row * 31) % 17),\(label)\n"
        }
        let audit = DataAudit(DataSplits(train: try read(text)))
        func message(_ kind: String) -> String { audit.findings.first { $0.kind == kind }?.message ?? "none" }
        #expect(message("unnamed").contains("column 1 "))
        #expect(message("index").contains("column 1, \"counts\""))
        #expect(message("identifier").contains("\"number\""))
        #expect(message("merged").contains("\"wide\""))
        #expect(message("constant").contains("\"fixed\""))
        #expect(message("leaking").contains("column 1 (100.0 %), \"counts\" (100.0 %), \"answer\" (100.0 %)"))
        #expect(!audit.findings.contains { $0.message.contains("\"real\"") })
        #expect(audit.isClean)
    }

    /// No column of the shipped sets is suspected.
    @Test func realTablesAreNotSuspected() throws {
        let audit = DataAudit(DataSplits(train: try ShippedData.wdbc.load(folder: Repository.data)))
        #expect(audit.findings.isEmpty, "\(audit.findings)")
    }

    @Test func separationTakesTheBestCuts() throws {
        let labels: [Int32] = (0..<300).map { Int32($0 / 100) }
        // Class 1 lowest, then 0, then 2; then one row on the wrong side.
        var values: [Float] = labels.map { [10, 5, 20][Int($0)] }
        let data = try Dataset(name: "s", features: values, labels: labels, featureCount: 1, classCount: 3)
        #expect(ColumnAudit.separation(values, data) == 1)
        values[0] = 30
        #expect(ColumnAudit.separation(values, data).map { $0 > 0.98 && $0 < 1 } == true)
        #expect(ColumnAudit.separation(labels.indices.map { Float($0 % 7) }, data) == nil)
    }

    @Test func titlesAndClassesSurviveConversion() throws {
        let rows = try read("a,\"b,c\",d,kind\n1,2,3,ill\n4,5,6,\"5\"\" pipe\"\n", TableReader(labelColumn: "kind"))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meshnode-conv-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["x.csv", "x.npz", "x.safetensors"] {
            try DatasetWriter.write(rows, to: "\(folder)/\(name)")
            let back = try DataSource(labelColumn: "kind").load("\(folder)/\(name)").train
            #expect(back.columnNames == ["a", "b,c", "d"] && back.labelName == "kind", "\(name)")
            #expect(back.classNames == rows.classNames && back.labels == rows.labels, "\(name)")
            #expect(back.features == rows.features, "\(name)")
        }
    }
}
