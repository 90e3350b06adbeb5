/// RFC 4180 records: fields apart by a separator, optionally in double quotes, lines ended by LF or CRLF.
struct DelimitedText {
    struct Record {
        /// Line on which the record starts, from 1.
        let line: Int
        let fields: [String]
    }

    private let stream: ByteStream
    private let separator: UInt8
    private let file: String
    private var line = 1

    init(_ stream: ByteStream, separator: UInt8) throws(LearnError) {
        self.stream = stream
        self.separator = separator
        file = stream.file
        // No text of UTF-8 starts so; what is read behind it would be a title with NUL bytes.
        if let mark = try stream.peek(), mark == 0xfe || mark == 0xff {
            throw .badData(
                DataFault(
                    file: file, row: 1, expected: "UTF-8 text", found: "UTF-16; save the file as UTF-8 (CSV UTF-8)"))
        }
        for byte: UInt8 in [0xef, 0xbb, 0xbf] {
            guard try stream.peek() == byte else { break }
            stream.skip()
        }
    }

    /// The next record that is not an empty line, or nil at the end. It is held as a whole, so that its fields have a limit
    /// together, too.
    mutating func next() throws(LearnError) -> Record? {
        while let byte = try stream.peek(), byte == 0x0a || byte == 0x0d {
            if byte == 0x0a { line += 1 }
            stream.skip()
        }
        guard let first = try stream.peek() else { return nil }
        guard first != 0 else {
            throw .badData(
                DataFault(
                    file: file, row: line, expected: "text",
                    found: "a NUL byte, as files have that were not written to their end; write or copy it again"))
        }
        let start = line
        var fields: [String] = []
        var bytes = 0
        while true {
            let field = try field(number: fields.count + 1, row: start)
            bytes += field.utf8.count
            guard bytes <= DataLimits.recordBytes else {
                throw .badData(
                    DataFault(
                        file: file, row: start, expected: "at most \(DataLimits.recordBytes) bytes in one record",
                        found: "more"))
            }
            fields.append(field)
            guard fields.count <= DataLimits.features else {
                throw .badData(
                    DataFault(file: file, row: start, expected: "at most \(DataLimits.features) fields", found: "more"))
            }
            guard try stream.peek() == separator else { break }
            stream.skip()
        }
        if try stream.peek() == 0x0d { stream.skip() }
        if try stream.peek() == 0x0a {
            stream.skip()
            line += 1
        }
        return Record(line: start, fields: fields)
    }

    private mutating func field(number: Int, row: Int) throws(LearnError) -> String {
        var content: [UInt8] = []
        if try stream.peek() == 0x22 {
            stream.skip()
            while true {
                guard let byte = try stream.peek() else {
                    throw .badData(
                        DataFault(
                            file: file, row: row, field: "\(number)", expected: "a closing quote", found: "the end"))
                }
                stream.skip()
                if byte == 0x22 {
                    guard try stream.peek() == 0x22 else { break }
                    stream.skip()
                }
                if byte == 0x0a { line += 1 }
                content.append(byte)
                try checkLength(content.count, number: number, row: row)
            }
            guard try stream.peek().map(isEnd) ?? true else {
                throw .badData(
                    DataFault(
                        file: file, row: row, field: "\(number)", expected: "a separator after the closing quote",
                        found: "more text"))
            }
        } else {
            try stream.append(to: &content, most: DataLimits.fieldBytes + 1, until: isEnd)
            try checkLength(content.count, number: number, row: row)
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw .badData(
                DataFault(
                    file: file, row: row, field: "\(number)", expected: "UTF-8 text",
                    found: "other bytes, as Latin-1 and Windows-1252 have; save the file as UTF-8 (CSV UTF-8)"))
        }
        return text
    }

    private func isEnd(_ byte: UInt8) -> Bool { byte == separator || byte == 0x0a || byte == 0x0d }

    private func checkLength(_ length: Int, number: Int, row: Int) throws(LearnError) {
        guard length <= DataLimits.fieldBytes else {
            throw .badData(
                DataFault(
                    file: file, row: row, field: "\(number)", expected: "at most \(DataLimits.fieldBytes) bytes",
                    found: "more"))
        }
    }
}
