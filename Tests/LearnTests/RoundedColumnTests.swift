import Foundation
import Testing

@testable import Learn

/// Numbers that binary32 changes are counted by every reader that may meet one.
@Suite struct RoundedColumnTests {
    private func read(_ column: [String]) throws -> [RoundedColumn] {
        var reader = TableReader(labelColumn: "label")
        reader.countsRounding = true
        let text = "a,\"b, c\",label\n" + column.map { "1,\($0),0\n" }.joined()
        return try reader.read(bytes: Array(text.utf8), file: "t.csv", name: "t").rounded.columns
    }

    /// The same digits come back, or binary32 holds the number itself.
    @Test func numbersThatAreKeptAreNotTold() throws {
        #expect(
            try read([
                "0.1", "-2.50", "1e-05", "1234567", "16777216", "33554432", "0.000030517578125", "1e10",
                "9007199254740992", "00012", "0.12345679",
            ]).isEmpty)
    }

    @Test func numbersOfMoreDigitsAreCounted() throws {
        let found = try #require(try read(["0.5", "0.123456789", "1000.00001", "2.5"]).first)
        #expect(found.place == 1 && found.changed == 2 && found.count == 4 && !found.isMerged, "\(found)")
        #expect(found.row == 3 && found.from == "1000.00001" && found.into == 1000, "\(found)")
    }

    /// Whole numbers that become other ones, up to those that binary64 does not hold either.
    @Test(arguments: ["16777217", "10000000001", "1.23456789e8", "1152921504606846977"])
    func wholeNumbersThatBecomeOthersAreNamed(_ number: String) throws {
        let found = try #require(try read(["3", number, "4"]).first)
        #expect(found.isMerged && found.changed == 1 && found.row == 2 && found.from == number, "\(found)")
    }

    @Test func aMessageNamesColumnAndNumbers() throws {
        var reader = TableReader(labelColumn: "label")
        reader.countsRounding = true
        let table = "id,\"size, all\",label\n16777217,0.123456789,0\n5,0.25,1\n"
        let rows = try reader.read(bytes: Array(table.utf8), file: "t.csv", name: "t")
        let remark = try #require(RoundedText.remark(rows))
        #expect(
            remark.contains("\"size, all\" 1 of 2 numbers, the most in sample 1, where 0.123456789 becomes 0.12345679"),
            "\(remark)")
        let refusal = try #require(RoundedText.refusal(rows))
        #expect(
            refusal.contains("\"id\" 1 of 2 numbers") && refusal.contains("16777217 becomes 16777216"), "\(refusal)")
        // An audit says both, though the first whole number that is lost stands at 2^24 itself.
        let kinds = DataAudit(DataSplits(train: rows)).findings.map(\.kind)
        #expect(kinds.contains("merged") && kinds.contains("rounded"), "\(kinds)")
    }

    /// A row that is left out is not counted, and of more columns than a message names only the number is kept.
    @Test func whatIsCountedIsBounded() throws {
        var reader = TableReader(labelColumn: "label")
        reader.countsRounding = true
        let stream = try ByteStream(bytes: Array("a,b,label\n0.123456789,x,0\n0.987654321,1,0\n".utf8), file: "t.csv")
        let rows = try reader.examine(stream, name: "t").rows
        #expect(rows?.rounded.columns.map(\.from) == ["0.987654321"] && rows?.rounded.columns.first?.count == 1)
        #expect(RoundingTally(width: DataLimits.features + 1) == nil && RoundingTally(width: 0) == nil)
        var tally = try #require(RoundingTally(width: 3_000))
        for place in 0..<3_000 {
            tally.add(text: place < 2_000 ? "0.123456789" : "16777217", Float(0.123456789), row: 0, place: place)
        }
        let found = tally.result
        #expect(found.columns.count == 1_024 && found.moreRounded == 976 && found.moreMerged == 1_000)
    }

    // MARK: Arrays

    private func loaded(_ bytes: [UInt8], _ name: String) throws -> Dataset {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString)-\(name)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        var source = DataSource()
        source.countsRounding = true
        return try source.load(file).train
    }

    /// An NPY file of binary64 in the order of its elements.
    private func doubles(_ values: [Double], shape: [Int], fortran: Bool) -> [UInt8] {
        let extents = shape.map(String.init).joined(separator: ", ")
        let header = "{'descr': '<f8', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(extents)), }\n"
        var bytes: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]
        bytes.appendLittleEndian(UInt16(header.utf8.count))
        bytes += Array(header.utf8)
        for value in values { bytes.appendLittleEndian(value.bitPattern) }
        return bytes
    }

    @Test(arguments: [false, true])
    func arraysOfBinary64AreCounted(fortran: Bool) throws {
        // Rows (0.1, 0.123456789), (0.2, 0.5), (0.3, 0.25).
        let values = fortran ? [0.1, 0.2, 0.3, 0.123456789, 0.5, 0.25] : [0.1, 0.123456789, 0.2, 0.5, 0.3, 0.25]
        let archive = try ZipArchive.stored([
            ("X.npy", doubles(values, shape: [3, 2], fortran: fortran)),
            ("y.npy", try NPYArray([Int64(0), 1, 0], shape: [3]).encoded),
            ("columns.npy", NPYText.encoded(["a", "b"])), ("classes.npy", NPYText.encoded(["ill", "well"])),
        ])
        let rounded = try loaded(archive, "x.npz").rounded.columns
        #expect(rounded.map(\.place) == [1] && rounded.first?.changed == 1 && rounded.first?.row == 1, "\(rounded)")
    }

    @Test func arraysOfWholeNumbersAreCounted() throws {
        let archive = try ZipArchive.stored([
            ("X.npy", try NPYArray([Int64(1), 16_777_217, 2, 5], shape: [2, 2]).encoded),
            ("y.npy", try NPYArray([Int64(0), 1], shape: [2]).encoded),
        ])
        let rounded = try loaded(archive, "x.npz").rounded.columns
        #expect(rounded.map(\.place) == [1] && rounded.first?.isMerged == true, "\(rounded)")
        // IDX of 32 bits a number: two samples of one row of two.
        var images: [UInt8] = [0, 0, 0x0c, 2, 0, 0, 0, 2, 0, 0, 0, 2]
        for value in [UInt32(1), 16_777_217, 2, 5] { images += value.bigEndianBytes }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(images).write(to: URL(fileURLWithPath: folder + "/train-images-idx2"))
        try Data([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]).write(to: URL(fileURLWithPath: folder + "/train-labels-idx2"))
        var form = PictureForm()
        form.countsRounding = true
        let read = try IDXReader.read(
            images: folder + "/train-images-idx2", labels: folder + "/train-labels-idx2", form: form)
        let counted = read.rounded.columns
        #expect(counted.map(\.place) == [1] && counted.first?.row == 1, "\(counted)")
    }

    @Test func tensorsOfBinary64AreCounted() throws {
        let header = """
            {"X":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]},"y":{"dtype":"F32","shape":[2],"data_offsets":[32,40]}}
            """
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt64(header.utf8.count))
        bytes += Array(header.utf8)
        for value in [0.1, 0.123456789, 0.2, 0.5] { bytes.appendLittleEndian(value.bitPattern) }
        for value in [Float(0), 1] { bytes.appendLittleEndian(value.bitPattern) }
        let rounded = try loaded(bytes, "x.safetensors").rounded.columns
        #expect(rounded.map(\.place) == [1] && rounded.first?.changed == 1, "\(rounded)")
    }
}

extension UInt32 {
    fileprivate var bigEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * $0)) } }
}
