import Foundation
import Testing

/// Wrong files through `meshnode data`: exit 65 with file, row, field and what was expected; large ones within bounded memory.
@Suite struct DataRefusalTests {
    private static let header = "a,b,label\n"

    @Test(arguments: [
        ("nan", "1,2,0\n1,nan,1\n", ["row 3", "field b", "a finite number", "\"nan\""]),
        ("infinite", "1,2,0\n-inf,2,1\n", ["row 3", "field a", "a finite number"]),
        ("empty field", "1,2,0\n1,,1\n", ["row 3", "field b", "found nothing"]),
        ("no label", "1,2,\n", ["row 2", "field label", "expected a label"]),
        ("short row", "1,2,0\n1,1\n", ["row 3", "expected 3 fields, found 2"]),
        ("long row", "1,2,0\n1,2,3,1\n", ["row 3", "expected 3 fields, found 4"]),
        ("open quote", "1,2,0\n\"1,2,1\n", ["row 3", "a closing quote"]),
        ("no rows", "", ["row 2", "at least one row below the header"]),
    ])
    func tables(_ name: String, _ rows: String, _ words: [String]) async throws {
        let scratch = try Scratch()
        let file = try scratch.write(Self.header + rows, "rows.csv")
        for command in [["data", "inspect", file], ["data", "audit", file]] {
            let outcome = try await Executable().run(command)
            #expect(outcome.status == 65, "\(name): \(outcome.status) \(outcome.output)")
            let text = outcome.output + outcome.errors
            for word in [file] + words { #expect(text.contains(word), "\(name): \(text)") }
        }
    }

    /// A refusal names what the command has.
    @Test func tooFewRowsAreNotCut() async throws {
        let scratch = try Scratch()
        let one = try scratch.write(Self.header + "1,2,0\n", "one.csv")
        let cut = try await Executable().run(["data", "partition", one, "--parts", "1", "--out", scratch.path + "/p"])
        #expect(cut.status == 65 && cut.errors.contains("1 row, of which 0.2 cannot be held out"), "\(cut.errors)")
        let few = try scratch.write(Self.header + (0..<40).map { "\($0),2,\($0 % 2)\n" }.joined(), "few.csv")
        let dealt = try await Executable().run([
            "data", "partition", few, "--parts", "100", "--out", scratch.path + "/p",
        ])
        #expect(dealt.status == 65 && dealt.errors.contains("as in iid,min_samples=1"), "\(dealt.errors)")
    }

    /// `audit` reads on: one run tells them all.
    @Test func everyFaultOfATableIsToldAtOnce() async throws {
        let scratch = try Scratch()
        let file = try scratch.write(Self.header + "NA,2,0\n1,x,1\n1,2\n1,2,\n3,4,1\n4,5,0\n", "rows.csv")
        let outcome = try await Executable().run(["data", "audit", file])
        #expect(outcome.status == 65)
        for word in ["row 2, field a", "row 3, field b", "row 4: expected 3 fields", "row 5, field label"] {
            #expect(outcome.output.contains(word), "\(outcome.output)")
        }
    }

    /// So it does in an archive, and it names the file that is wrong.
    @Test func everyFaultOfAnArchiveIsToldAtOnce() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = scratch.path + "/x.npz"
        let images = Self.npy([3, 2], [1, .nan, .infinity, 4, 5, 6])
        try Self.write(Self.archive([("X.npy", images), ("y.npy", Self.npy([3], [0, -1, 0.5]))]), file)
        let outcome = try await executable.run(["data", "audit", file])
        #expect(outcome.status == 65)
        for word in [
            "x.npz, y, row 2, field label", "x.npz, y, row 3: expected a whole number",
            "x.npz, X, row 1, field element 2",
            "x.npz, X, row 2, field element 1",
        ] { #expect(outcome.output.contains(word), "\(outcome.output)") }
        #expect(outcome.output.split(separator: "\n").count == 4, "\(outcome.output)")
        let sound = try scratch.write(Self.header + "1,2,0\n3,4,1\n", "sound.csv")
        let held = try scratch.write(Self.header + "1,NA,0\n5,6,1\n", "held.csv")
        let both = try await executable.run(["data", "audit", sound, "--evaluation", held])
        #expect(both.status == 65 && both.errors.contains("held.csv has errors"), "\(both.errors)")
        #expect(!both.errors.contains("sound.csv"), "\(both.errors)")
    }

    /// One rule for a column without numbers: what the other commands refuse is an error of an audit.
    @Test(arguments: ["40%", "1_000", "0x28", "true", "1e39"])
    func aColumnWithoutNumbersIsAnError(_ cell: String) async throws {
        let scratch = try Scratch()
        let file = try scratch.write(
            Self.header + (0..<40).map { "\($0 * 31 % 41),\(cell),\($0 % 2)\n" }.joined(), "x.csv")
        for command in ["audit", "inspect"] {
            let outcome = try await Executable().run(["data", command, file])
            let text = outcome.output + outcome.errors
            #expect(
                outcome.status == 65 && text.contains("leave it out by naming the feature columns: --column"), "\(text)"
            )
        }
        let named = try await Executable().run(["data", "audit", file, "--column", "a"])
        #expect(named.status == 0, "\(named.output)")
    }

    /// Files that are no UTF-8, and ones that were not written to their end, are called so.
    @Test(arguments: ["UTF-16", "Latin-1", "NUL byte"])
    func otherEncodingsAreNamed(_ word: String) async throws {
        let scratch = try Scratch()
        let file = scratch.path + "/x.csv"
        let text = Data("a,b,label\n1,2,0\n".utf8)
        var content = text
        switch word {
        case "UTF-16":
            content = Data([0xff, 0xfe])
            for byte in text { content.append(contentsOf: [byte, 0]) }
        case "Latin-1": content.append(contentsOf: [0x31, 0x2c, 0x32, 0x2c, 0xdf, 0x0a])
        default: content.append(Data(count: 64))
        }
        try Self.write(content, file)
        for command in ["audit", "inspect"] {
            let outcome = try await Executable().run(["data", command, file])
            let text = outcome.output + outcome.errors
            #expect(outcome.status == 65 && text.contains(word), "\(text)")
            #expect(text.contains("save the file as UTF-8") || text.contains("copy it again"), "\(text)")
        }
    }

    /// A participant's labels against the task's.
    @Test func labelsOutsideTheTask() async throws {
        let scratch = try Scratch()
        let file = try scratch.write("a,label\n1,cat\n2,cow\n", "rows.csv")
        let outcome = try await Executable().run(["data", "inspect", file, "--class", "cat", "--class", "dog"])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("row 3, field label: expected one of the task's 2 classes, found \"cow\""))
    }

    @Test func emptyClassesAndLeaksAreFound() async throws {
        let scratch = try Scratch()
        let train = try scratch.write("a,label\n1,0\n2,0\n3,2\n", "train.csv")
        let held = try scratch.write("a,label\n3,2\n9,1\n", "held.csv")
        let outcome = try await Executable().run(["data", "audit", train, "--evaluation", held])
        #expect(outcome.status == 65, "\(outcome.output)")
        #expect(outcome.output.contains("absent-class") && outcome.output.contains("leakage"))
    }

    @Test func arrays() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = scratch.path + "/x.npz"
        for (images, labels, words) in [
            (
                Self.npy([2, 2], [1, 2, .nan, 4]), Self.npy([2], [0, 1]),
                ["X", "row 2", "element 1", "a finite number"]
            ),
            (Self.npy([2, 2], [1, 2, 3, 4]), Self.npy([3], [0, 1, 1]), ["y", "2 labels, one a row", "[3]"]),
            (Self.npy([2, 2], [1, 2, 3, 4]), Self.npy([2], [0, 0.5]), ["y", "row 2", "a whole number", "0.5"]),
            (Self.npy([2, 3], [1, 2, 3, 4]), Self.npy([2], [0, 1]), ["X", "48 bytes for shape [2, 3]"]),
        ] {
            try Self.write(Self.archive([("X.npy", images), ("y.npy", labels)]), file)
            let outcome = try await executable.run(["data", "inspect", file])
            #expect(outcome.status == 65, "\(words)")
            for word in [file] + words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
        }
    }

    /// Files far larger than what is in them as numbers, under a limit on the process's own memory: a reader that holds
    /// the file cannot pass.
    @Test func largeFilesAreNeverHeldWhole() async throws {
        let scratch = try Scratch()
        let digits = String(repeating: "0123456789", count: 20)
        let line = Data("0.\(digits),0.\(digits),0.\(digits),1\n".utf8)
        let table = scratch.path + "/large.csv"
        // 200,000 rows, 122 MB of text, 2.4 MB of numbers.
        try Self.write(Data("a,b,c,label\n".utf8), table)
        let handle = try #require(FileHandle(forWritingAtPath: table))
        try handle.seekToEnd()
        let block = Data((0..<1_000).flatMap { _ in line })
        for _ in 0..<200 { try handle.write(contentsOf: block) }
        try handle.close()
        // 10,000 x 1,000 of eight bytes: 80 MB in the file, 40 MB of numbers.
        let archive = scratch.path + "/large.npz"
        let values = Data(count: 80_000_000)
        try Self.write(
            Self.archive([
                ("X.npy", Self.preamble([10_000, 1_000]) + values),
                ("y.npy", Self.npy([10_000], [Double](repeating: 1, count: 10_000))),
            ]), archive)
        for (file, rows) in [(table, 200_000), (archive, 10_000)] {
            let outcome = try await Executable().run(["data", "inspect", file, "--json"], dataLimitKiB: 120_000)
            #expect(outcome.status == 0, "\(file): \(outcome.status) \(outcome.errors.prefix(300))")
            #expect(outcome.output.contains("\"rows\":\(rows)"), "\(outcome.output.prefix(300))")
        }
    }

    /// One record is held as a whole: each of its fields has a limit, and so have all together.
    @Test(arguments: [true, false]) func aRecordOfManyLongFieldsIsNotHeld(isHeader: Bool) async throws {
        let scratch = try Scratch()
        let file = scratch.path + "/long.csv"
        try Self.write(Data((isHeader ? "" : "a,label\n").utf8), file)
        let handle = try #require(FileHandle(forWritingAtPath: file))
        try handle.seekToEnd()
        for number in 0..<100 {
            try handle.write(
                contentsOf: Data("\(number)".utf8) + Data(repeating: 0x78, count: 1_000_000) + Data(",".utf8))
        }
        try handle.write(contentsOf: Data("label\n".utf8))
        try handle.close()
        let outcome = try await Executable().run(["data", "inspect", file], dataLimitKiB: 240_000)
        #expect(outcome.status == 65, "\(outcome.status) \(outcome.errors.prefix(300))")
        let told = "row \(isHeader ? 1 : 2): expected at most 67108864 bytes in one record"
        #expect(outcome.errors.contains(told), "\(outcome.errors.prefix(300))")
    }

    // MARK: Files that no reader wrote

    private static func write(_ data: Data, _ path: String) throws { try data.write(to: URL(fileURLWithPath: path)) }

    private static func little(_ value: Int, _ bytes: Int) -> Data {
        Data((0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    private static func preamble(_ shape: [Int]) -> Data {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (\(extents)), }\n"
        return Data([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]) + little(header.utf8.count, 2) + Data(header.utf8)
    }

    private static func npy(_ shape: [Int], _ values: [Double]) -> Data {
        preamble(shape) + values.reduce(into: Data()) { $0 += little(Int(truncatingIfNeeded: $1.bitPattern), 8) }
    }

    /// Stored entries, CRC-32 included.
    private static func archive(_ entries: [(name: String, content: Data)]) -> Data {
        var result = Data()
        var directory = Data()
        for (name, content) in entries {
            let common =
                little(20, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(Int(checksum(content)), 4)
                + little(content.count, 4) + little(content.count, 4) + little(name.utf8.count, 2) + little(0, 2)
            directory += little(0x0201_4b50, 4) + little(20, 2) + common + Data(count: 10) + little(result.count, 4)
            directory += Data(name.utf8)
            result += little(0x0403_4b50, 4) + common + Data(name.utf8) + content
        }
        let start = result.count
        return result + directory + little(0x0605_4b50, 4) + little(0, 4) + little(entries.count, 2)
            + little(entries.count, 2) + little(directory.count, 4) + little(start, 4) + little(0, 2)
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    private static func checksum(_ data: Data) -> UInt32 {
        data.withUnsafeBytes { bytes in
            ~bytes.reduce(UInt32.max) { table[Int(($0 ^ UInt32($1)) & 0xff)] ^ ($0 >> 8) }
        }
    }
}
