/// RFC 4180 records: fields apart by a separator, optionally in double quotes, lines ended by LF or CRLF.
struct DelimitedText {
    struct Record {
        /// Line on which the record starts, from 1.
        let line: Int
        let fields: [String]
    }

    private let bytes: [UInt8]
    private let separator: UInt8
    private let file: String
    private var position = 0
    private var line = 1

    init(bytes: [UInt8], separator: UInt8, file: String) {
        self.bytes = bytes
        self.separator = separator
        self.file = file
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// The next record that is not an empty line, or nil at the end.
    mutating func next() throws(LearnError) -> Record? {
        while position < bytes.count, bytes[position] == 0x0a || bytes[position] == 0x0d {
            if bytes[position] == 0x0a { line += 1 }
            position += 1
        }
        guard position < bytes.count else { return nil }
        let start = line
        var fields: [String] = []
        while true {
            fields.append(try field(number: fields.count + 1, row: start))
            guard fields.count <= DataLimits.features else {
                throw .badData(
                    DataFault(file: file, row: start, expected: "at most \(DataLimits.features) fields", found: "more"))
            }
            guard position < bytes.count, bytes[position] == separator else { break }
            position += 1
        }
        if position < bytes.count, bytes[position] == 0x0d { position += 1 }
        if position < bytes.count, bytes[position] == 0x0a {
            position += 1
            line += 1
        }
        return Record(line: start, fields: fields)
    }

    private mutating func field(number: Int, row: Int) throws(LearnError) -> String {
        var content: [UInt8] = []
        if position < bytes.count, bytes[position] == 0x22 {
            position += 1
            while true {
                guard position < bytes.count else {
                    throw .badData(
                        DataFault(
                            file: file, row: row, field: "\(number)", expected: "a closing quote", found: "the end"))
                }
                let byte = bytes[position]
                position += 1
                if byte == 0x22 {
                    guard position < bytes.count, bytes[position] == 0x22 else { break }
                    position += 1
                }
                if byte == 0x0a { line += 1 }
                content.append(byte)
                try checkLength(content.count, number: number, row: row)
            }
            guard atFieldEnd else {
                throw .badData(
                    DataFault(
                        file: file, row: row, field: "\(number)", expected: "a separator after the closing quote",
                        found: "more text"))
            }
        } else {
            let start = position
            while !atFieldEnd { position += 1 }
            try checkLength(position - start, number: number, row: row)
            content = Array(bytes[start..<position])
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw .badData(
                DataFault(file: file, row: row, field: "\(number)", expected: "UTF-8 text", found: "other bytes"))
        }
        return text
    }

    private var atFieldEnd: Bool {
        guard position < bytes.count else { return true }
        let byte = bytes[position]
        return byte == separator || byte == 0x0a || byte == 0x0d
    }

    private func checkLength(_ length: Int, number: Int, row: Int) throws(LearnError) {
        guard length <= DataLimits.fieldBytes else {
            throw .badData(
                DataFault(
                    file: file, row: row, field: "\(number)", expected: "at most \(DataLimits.fieldBytes) bytes",
                    found: "more"))
        }
    }
}
