/// CSV and TSV with a header line and a named label column, plain or gzip.
///
/// Every other column is a feature and must be a finite number. Labels that are all whole numbers 0, 1, ... are the
/// class itself, so that a participant who holds two classes of ten counts them like everyone else; other labels
/// are numbered by sorted name unless the task gives the order in `classNames`.
public struct TableReader: Sendable {
    public var labelColumn: String
    /// The task's classes in order; nil lets the file decide.
    public var classNames: [String]?
    /// The task's feature columns in order; nil takes every column but the label.
    public var featureColumns: [String]?
    /// Reads the label as a regression target instead of a class.
    public var regression: Bool
    /// Comma for CSV, tab for TSV; nil chooses by the file's name.
    public var separator: Character?

    public init(
        labelColumn: String, classNames: [String]? = nil, featureColumns: [String]? = nil, regression: Bool = false,
        separator: Character? = nil
    ) {
        self.labelColumn = labelColumn
        self.classNames = classNames
        self.featureColumns = featureColumns
        self.regression = regression
        self.separator = separator
    }

    /// - Parameter name: of the data set; defaults to the path.
    public func read(path: String, name: String? = nil) throws(LearnError) -> Dataset {
        try read(try ByteStream(ByteSource(path: path)), name: name ?? path)
    }

    /// Parses bytes that are already in memory; `file` is the name that errors carry.
    public func read(bytes: [UInt8], file: String, name: String) throws(LearnError) -> Dataset {
        try read(try ByteStream(bytes: bytes, file: file), name: name)
    }

    private func read(_ stream: ByteStream, name: String) throws(LearnError) -> Dataset {
        let file = stream.file
        guard let mark = try separatorByte(file: file) else {
            throw .invalid(field: "separator", reason: "is not an ASCII character", next: "use a comma or a tab")
        }
        var records = try DelimitedText(stream, separator: mark)
        guard let header = try records.next() else {
            throw .badData(DataFault(file: file, expected: "a header line", found: "an empty file"))
        }
        let columns = try Columns(header: header, reader: self, file: file)
        var features: [Float] = []
        var rows = 0
        var labels = LabelColumn()
        var targets: [Float] = []
        while let record = try records.next() {
            guard record.fields.count == header.fields.count else {
                throw .badData(
                    DataFault(
                        file: file, row: record.line, expected: "\(header.fields.count) fields",
                        found: "\(record.fields.count)"))
            }
            guard rows < DataLimits.rows, features.count <= DataLimits.values - columns.features.count else {
                throw .badData(
                    DataFault(
                        file: file, row: record.line, expected: "at most \(DataLimits.values) numbers", found: "more"))
            }
            for column in columns.features {
                features.append(
                    try Self.number(
                        record.fields[column], file: file, row: record.line, field: header.fields[column]))
            }
            let label = Self.trimmed(record.fields[columns.label])
            if regression {
                targets.append(try Self.number(label, file: file, row: record.line, field: labelColumn))
            } else {
                try labels.append(label, line: record.line, column: labelColumn, file: file)
            }
            rows += 1
            if rows == 1_000 {
                // The file's length tells about how many rows come, so that the matrix does not grow by doubling.
                let left = stream.mostRemaining / max(1, stream.produced / rows)
                if !stream.isCompressed { features.reserveCapacity(features.count / rows * (rows + left + left / 50)) }
            }
        }
        guard rows > 0 else {
            throw .badData(DataFault(file: file, row: 2, expected: "at least one row below the header", found: "none"))
        }
        if regression {
            return try Dataset(
                name: name, features: features, featureCount: columns.features.count, targets: targets)
        }
        let (indices, names) = try labels.classes(given: classNames, column: labelColumn, file: file)
        return try Dataset(
            name: name, features: features, labels: indices, featureCount: columns.features.count,
            classCount: names.count, classNames: names)
    }

    private func separatorByte(file: String) throws(LearnError) -> UInt8? {
        if let separator { return separator.asciiValue }
        let lower = file.lowercased()
        return lower.hasSuffix(".tsv") || lower.hasSuffix(".tsv.gz") ? 0x09 : 0x2c
    }

    private struct Columns {
        let label: Int
        let features: [Int]

        init(header: DelimitedText.Record, reader: TableReader, file: String) throws(LearnError) {
            var positions: [String: Int] = [:]
            for (index, title) in header.fields.enumerated() {
                guard positions.updateValue(index, forKey: title) == nil else {
                    throw .badData(
                        DataFault(
                            file: file, row: header.line, field: title, expected: "each column once", found: "twice"))
                }
            }
            guard let label = positions[reader.labelColumn] else {
                let known = header.fields.prefix(8).joined(separator: ", ")
                throw .badData(
                    DataFault(
                        file: file, row: header.line, field: reader.labelColumn, expected: "a column of this name",
                        found: "\(header.fields.count) columns: \(known)\(header.fields.count > 8 ? ", ..." : "")"))
            }
            var chosen: [Int] = []
            if let wanted = reader.featureColumns {
                for title in wanted {
                    guard let index = positions[title], index != label else {
                        throw .badData(
                            DataFault(
                                file: file, row: header.line, field: title, expected: "a feature column of this name",
                                found: "none"))
                    }
                    chosen.append(index)
                }
            } else {
                chosen = header.fields.indices.filter { $0 != label }
            }
            guard !chosen.isEmpty else {
                throw .badData(
                    DataFault(file: file, row: header.line, expected: "at least one feature column", found: "none"))
            }
            self.label = label
            features = chosen
        }
    }

    private static func trimmed(_ text: String) -> String {
        var view = Substring(text)
        while view.first == " " || view.first == "\t" { view.removeFirst() }
        while view.last == " " || view.last == "\t" { view.removeLast() }
        return String(view)
    }

    private static func number(_ text: String, file: String, row: Int, field: String) throws(LearnError) -> Float {
        let plain = trimmed(text)
        guard let value = Float(plain), value.isFinite, !plain.contains("x"), !plain.contains("X") else {
            let shown = plain.isEmpty ? "nothing" : "\"\(plain.prefix(40))\""
            throw .badData(DataFault(file: file, row: row, field: field, expected: "a finite number", found: shown))
        }
        return value
    }
}
