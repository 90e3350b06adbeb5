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
        let raw = try FileBytes.read(path, limit: DataLimits.fileBytes)
        return try read(bytes: raw, file: path, name: name ?? path)
    }

    /// Parses bytes that are already in memory; `file` is the name that errors carry.
    public func read(bytes: [UInt8], file: String, name: String) throws(LearnError) -> Dataset {
        let text = try Inflate.gunzipIfNeeded(bytes, limit: DataLimits.fileBytes, file: file)
        guard let mark = try separatorByte(file: file) else {
            throw .invalid(field: "separator", reason: "is not an ASCII character", next: "use a comma or a tab")
        }
        var records = DelimitedText(bytes: text, separator: mark, file: file)
        guard let header = try records.next() else {
            throw .badData(DataFault(file: file, expected: "a header line", found: "an empty file"))
        }
        let columns = try Columns(header: header, reader: self, file: file)
        var features: [Float] = []
        var labels: [(line: Int, text: String)] = []
        while let record = try records.next() {
            guard record.fields.count == header.fields.count else {
                throw .badData(
                    DataFault(
                        file: file, row: record.line, expected: "\(header.fields.count) fields",
                        found: "\(record.fields.count)"))
            }
            guard labels.count < DataLimits.rows, features.count <= DataLimits.values - columns.features.count else {
                throw .badData(
                    DataFault(
                        file: file, row: record.line, expected: "at most \(DataLimits.values) numbers", found: "more"))
            }
            for column in columns.features {
                features.append(
                    try Self.number(
                        record.fields[column], file: file, row: record.line, field: header.fields[column]))
            }
            labels.append((record.line, record.fields[columns.label]))
        }
        guard !labels.isEmpty else {
            throw .badData(DataFault(file: file, row: 2, expected: "at least one row below the header", found: "none"))
        }
        if regression {
            var targets: [Float] = []
            for label in labels {
                targets.append(try Self.number(label.text, file: file, row: label.line, field: labelColumn))
            }
            return try Dataset(
                name: name, features: features, featureCount: columns.features.count, targets: targets)
        }
        let (indices, names) = try classes(of: labels, file: file)
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

    private func classes(of labels: [(line: Int, text: String)], file: String) throws(LearnError) -> ([Int32], [String])
    {
        let trimmed = labels.map { Self.trimmed($0.text) }
        if let empty = trimmed.firstIndex(of: "") {
            throw .badData(
                DataFault(
                    file: file, row: labels[empty].line, field: labelColumn, expected: "a label", found: "nothing"))
        }
        let names: [String]
        if let classNames {
            names = classNames
        } else if trimmed.allSatisfy({ Int($0).map { $0 >= 0 && $0 < DataLimits.classes } ?? false }) {
            let top = trimmed.reduce(1) { max($0, Int($1) ?? 0) }
            return (trimmed.map { Int32($0) ?? 0 }, (0...top).map(String.init))
        } else {
            names = Set(trimmed).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        var index: [String: Int32] = [:]
        for (position, name) in names.enumerated() { index[name] = Int32(clamping: position) }
        var result: [Int32] = []
        for (position, text) in trimmed.enumerated() {
            guard let label = index[text] else {
                throw .badData(
                    DataFault(
                        file: file, row: labels[position].line, field: labelColumn,
                        expected: "one of the task's \(names.count) classes", found: "\"\(text.prefix(40))\""))
            }
            result.append(label)
        }
        return (result, names)
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
