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
    /// The file's own columns must be `featureColumns` in that order; otherwise they are found by their titles.
    public var columnsInOrder = false
    /// Without a label column every row is the first class, or the target 0: for rows that a model is asked about.
    public var needsLabel = true
    /// The label column is no feature, and every row counts as one without a label.
    public var ignoresLabel = false
    /// Reads the label as a regression target instead of a class.
    public var regression: Bool
    /// Comma for CSV, tab for TSV; nil chooses by the file's name.
    public var separator: Character?
    /// Counts the numbers that binary32 changes (`Dataset.rounded`).
    var countsRounding = false
    /// What the texts that are kept may come to.
    var held = HeldTexts()

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

    /// Whether the header line has the label column.
    public func hasLabel(path: String) throws(LearnError) -> Bool {
        try opened(path)?.header.fields.contains { NumberText.trimmed($0) == labelColumn } ?? false
    }

    /// A table with its header line read; nil where it is empty, or its separator is no character of ASCII.
    private struct Opened {
        let file: String
        let mark: UInt8
        let header: DelimitedText.Record
        var records: DelimitedText
    }

    private func opened(_ path: String) throws(LearnError) -> Opened? {
        let stream = try ByteStream(ByteSource(path: path))
        guard let mark = try separatorByte(file: stream.file) else { return nil }
        var records = try DelimitedText(stream, separator: mark)
        guard let header = try records.next() else { return nil }
        return Opened(file: stream.file, mark: mark, header: header, records: records)
    }

    /// The rows for a look without a task: a column with a cell that is no number is no feature then, for only a task says which
    /// columns are.
    /// - Returns: the first such cell of each column that was left out.
    public func readable(path: String) throws(LearnError) -> (rows: Dataset, leftOut: [DataFault]) {
        do throws(LearnError) { return (try read(path: path), []) } catch {
            guard case .badData = error, featureColumns == nil else { throw error }
            let columns = try cells(path: path)
            let (numbers, faults) = (columns.filter { $0.fault == nil }.map(\.title), columns.compactMap(\.fault))
            guard !faults.isEmpty, !numbers.isEmpty else { throw error }
            var reader = self
            reader.featureColumns = numbers
            return (try reader.read(path: path), faults)
        }
    }

    /// The columns that are not `taken`, as features or the label, as the file has them: who a row is about, and notes.
    public func others(path: String, than taken: [String]) throws(LearnError) -> (titles: [String], rows: [[String]]) {
        guard var table = try opened(path) else { return ([], []) }
        let titles = table.header.fields.map { TitleText.composed(NumberText.trimmed($0)) }
        let known = Set(taken)
        let places = titles.indices.filter { !known.contains(titles[$0]) }
        var rows: [[String]] = []
        var held = held
        while !places.isEmpty, let record = try table.records.next() {
            let fields = places.map { $0 < record.fields.count ? record.fields[$0] : "" }
            for field in fields { try held.add(field, file: table.file, row: record.line) }
            rows.append(fields)
        }
        return (places.map { titles[$0] }, rows)
    }

    /// What to do with a column that is no number, in every message about one.
    public static let leavingOut =
        "where it is a column of names or notes, leave it out by naming the feature columns"

    /// What the cells of a feature column are.
    public struct Cells: Sendable {
        public let title: String
        /// The first that is no number.
        public var fault: DataFault?
        public var numbers = 0
        public var others = 0

        /// Names or notes, and no measurement with faults in it.
        public var isText: Bool { numbers == 0 && others > 0 }
    }

    /// The feature columns with what is in them; rows of another length are left out.
    public func cells(path: String) throws(LearnError) -> [Cells] {
        guard var table = try opened(path) else { return [] }
        let columns = try TableColumns(header: table.header, reader: self, separator: table.mark, file: table.file)
        var found = columns.features.map { Cells(title: columns.titles[$0]) }
        while let record = try table.records.next() {
            guard record.fields.count == columns.titles.count else { continue }
            for (place, column) in columns.features.enumerated() {
                let text = NumberText.trimmed(record.fields[column])
                guard NumberText.finite(text) == nil else {
                    found[place].numbers += 1
                    continue
                }
                found[place].others += 1
                if found[place].fault == nil {
                    found[place].fault = cellFault(table.file, record.line, columns.titles[column], text)
                }
            }
        }
        return found
    }

    private func cellFault(_ file: String, _ line: Int, _ title: String, _ text: String) -> DataFault {
        DataFault(
            file: file, row: line, field: title, expected: DataFault.number, found: NumberText.found(text))
    }

    /// Reads on behind a fault: everything that is wrong with the file, and the rows that are well formed.
    /// - Returns: nil rows where no row is usable.
    public func examine(path: String) throws(LearnError) -> (faults: FaultList, rows: Dataset?) {
        try examine(try ByteStream(ByteSource(path: path)), name: path)
    }

    func examine(_ stream: ByteStream, name: String) throws(LearnError) -> (faults: FaultList, rows: Dataset?) {
        var faults: FaultList? = FaultList()
        do {
            let rows = try read(stream, name: name, faults: &faults)
            return (faults ?? FaultList(), rows)
        } catch .badData(let fault) {
            // What ends the reading comes last, and is not told twice.
            if faults?.faults.contains(fault) != true { faults?.add(fault) }
            return (faults ?? FaultList(), nil)
        }
    }

    private func read(_ stream: ByteStream, name: String) throws(LearnError) -> Dataset {
        var none: FaultList?
        return try read(stream, name: name, faults: &none)
    }

    /// - Parameter faults: nil throws the first fault; else they are collected and their rows left out.
    private func read(_ stream: ByteStream, name: String, faults: inout FaultList?) throws(LearnError) -> Dataset {
        let file = stream.file
        guard let mark = try separatorByte(file: file) else {
            throw .invalid(field: "separator", reason: "is not an ASCII character", next: "use a comma or a tab")
        }
        var records = try DelimitedText(stream, separator: mark)
        guard let header = try records.next() else {
            throw .badData(DataFault(file: file, expected: "a header line", found: "an empty file"))
        }
        let columns = try TableColumns(header: header, reader: self, separator: mark, file: file)
        var features: [Float] = []
        var rows = 0
        var tally = countsRounding ? RoundingTally(width: columns.features.count) : nil
        var labels = LabelColumn(held: held)
        var targets: [Float] = []
        var unlabelled = 0
        func meet(_ fault: DataFault) throws(LearnError) {
            guard faults != nil else { throw .badData(fault) }
            faults?.add(fault)
        }
        while let record = try records.next() {
            guard record.fields.count == columns.titles.count else {
                try meet(
                    DataFault(
                        file: file, row: record.line, expected: "\(columns.titles.count) fields",
                        found: "\(record.fields.count)"))
                continue
            }
            guard rows < DataLimits.rows, features.count <= DataLimits.values - columns.features.count else {
                throw .badData(
                    DataFault(
                        file: file, row: record.line, expected: "at most \(DataLimits.values) numbers", found: "more"))
            }
            let before = features.count
            var isWhole = true
            for column in columns.features {
                let text = NumberText.trimmed(record.fields[column])
                if let value = NumberText.finite(text) {
                    features.append(value)
                } else {
                    isWhole = false
                    try meet(cellFault(file, record.line, columns.titles[column], text))
                }
            }
            let label = columns.label.map { TitleText.composed(NumberText.trimmed(record.fields[$0])) } ?? ""
            if columns.label == nil {
                if isWhole { unlabelled += 1 }
            } else if regression {
                if let value = NumberText.finite(label) {
                    if isWhole { targets.append(value) }
                } else {
                    isWhole = false
                    try meet(
                        DataFault(
                            file: file, row: record.line, field: labelColumn, expected: "a finite number",
                            found: NumberText.found(label)))
                }
            } else {
                do {
                    if isWhole || !labels.isUsable(label) {
                        try labels.append(label, line: record.line, column: labelColumn, file: file)
                    }
                } catch .badData(let fault) {
                    isWhole = false
                    try meet(fault)
                }
            }
            guard isWhole else {
                features.removeSubrange(before...)
                continue
            }
            if tally != nil {
                for (place, column) in columns.features.enumerated() {
                    let text = NumberText.trimmed(record.fields[column])
                    tally?.add(text: text, features[before + place], row: rows, place: place)
                }
            }
            rows += 1
            if rows == 1_000 {
                // The file's length tells about how many rows come, so that the matrix does not grow by doubling.
                let left = stream.mostRemaining / max(1, stream.produced / rows)
                if !stream.isCompressed { features.reserveCapacity(features.count / rows * (rows + left + left / 50)) }
            }
        }
        guard rows > 0 else {
            let expected = "at least one row below the header"
            throw .badData(DataFault(file: file, row: 2, expected: expected, found: "none"))
        }
        let titles = columns.features.map { columns.titles[$0] }
        if columns.label == nil, !regression {
            return try Dataset(
                name: name, features: features, labels: [Int32](repeating: 0, count: unlabelled),
                featureCount: titles.count, classCount: max(2, classNames?.count ?? 2), classNames: classNames,
                columnNames: titles)
        }
        if columns.label == nil { targets = [Float](repeating: 0, count: unlabelled) }
        if regression {
            return try Dataset(
                name: name, features: features, featureCount: titles.count, targets: targets, columnNames: titles,
                labelName: labelColumn)
        }
        var wanted = classNames
        if faults != nil, let names = classNames {
            let unknown = labels.faults(against: names, column: labelColumn, file: file)
            for fault in unknown { try meet(fault) }
            if !unknown.isEmpty { wanted = nil }
        }
        let (indices, names) = try labels.classes(given: wanted, column: labelColumn, file: file)
        var result = try Dataset(
            name: name, features: features, labels: indices, featureCount: titles.count, classCount: names.count,
            classNames: names, columnNames: titles, labelName: labelColumn)
        result.rounded = tally?.result ?? Rounding()
        return result
    }

    private func separatorByte(file: String) throws(LearnError) -> UInt8? {
        if let separator { return separator.asciiValue }
        let lower = file.lowercased()
        return lower.hasSuffix(".tsv") || lower.hasSuffix(".tsv.gz") ? 0x09 : 0x2c
    }
}
