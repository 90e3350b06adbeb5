import Foundation

/// One Alpaca record.
public struct InstructionRecord: Codable, Equatable, Sendable {
    public let instruction: String
    /// Empty when the instruction stands alone.
    public let input: String
    public let output: String

    public init(instruction: String, input: String, output: String) {
        self.instruction = instruction
        self.input = input
        self.output = output
    }
}

/// JSON lines of {"instruction", "input", "output"}, plain or gzip; errors name the line.
public enum InstructionReader {
    /// Bytes of the longest line.
    public static let lineLimit = 1 << 20

    public static func read(path: String) throws(LearnError) -> [InstructionRecord] {
        try read(try ByteStream(ByteSource(path: path)))
    }

    public static func read(bytes: [UInt8], file: String) throws(LearnError) -> [InstructionRecord] {
        try read(try ByteStream(bytes: bytes, file: file))
    }

    static func read(_ stream: ByteStream, held: HeldTexts = HeldTexts()) throws(LearnError) -> [InstructionRecord] {
        let file = stream.file
        var held = held
        var records: [InstructionRecord] = []
        var number = 0
        while try stream.peek() != nil {
            var line: [UInt8] = []
            try stream.append(to: &line, most: lineLimit + 1) { $0 == 0x0a }
            if try stream.peek() == 0x0a { stream.skip() }
            number += 1
            guard line.contains(where: { ![0x20, 0x09, 0x0d].contains($0) }) else { continue }
            guard line.count <= lineLimit else {
                throw .badData(
                    DataFault(file: file, row: number, expected: "at most \(lineLimit) bytes", found: "more"))
            }
            guard records.count < DataLimits.rows else {
                throw .badData(
                    DataFault(file: file, row: number, expected: "at most \(DataLimits.rows) records", found: "more"))
            }
            let record = try record(Data(line), file: file, row: number)
            for text in [record.instruction, record.input, record.output] {
                try held.add(text, file: file, row: number)
            }
            records.append(record)
        }
        guard !records.isEmpty else {
            throw .badData(DataFault(file: file, expected: "at least one record", found: "an empty file"))
        }
        return records
    }

    private static func record(_ line: Data, file: String, row: Int) throws(LearnError) -> InstructionRecord {
        func refuse(_ field: String?, _ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, row: row, field: field, expected: expected, found: found))
        }
        guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else {
            throw refuse(nil, "one JSON object a line", "something else")
        }
        func text(_ key: String, isRequired: Bool) throws(LearnError) -> String {
            guard let value = object[key] else {
                if isRequired { throw refuse(key, "a text", "no such field") }
                return ""
            }
            guard let text = value as? String else { throw refuse(key, "a text", "another type") }
            guard !isRequired || text.contains(where: { !$0.isWhitespace }) else {
                throw refuse(key, "a text", "an empty one")
            }
            return text
        }
        return InstructionRecord(
            instruction: try text("instruction", isRequired: true), input: try text("input", isRequired: false),
            output: try text("output", isRequired: true))
    }
}
