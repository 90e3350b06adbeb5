/// What the header line of a table says: the titles, and which of them are the label and the features.
struct TableColumns {
    let titles: [String]
    /// Nil only where the reader needs none, or looks at none.
    let label: Int?
    let features: [Int]

    init(
        header: DelimitedText.Record, reader: TableReader, separator: UInt8, file: String
    ) throws(LearnError) {
        func refuse(_ field: String?, _ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, row: header.line, field: field, expected: expected, found: found))
        }
        let titles = header.fields.map { TitleText.composed(NumberText.trimmed($0)) }
        if titles.count == 1, let other = Self.otherSeparator(titles[0], separator) {
            throw refuse(
                nil, separator == 0x09 ? "fields apart by tabs" : "fields apart by commas, and points in numbers",
                "\(other) instead")
        }
        var positions: [String: Int] = [:]
        for (index, title) in titles.enumerated() {
            guard NumberText.isPlain(title) else {
                throw refuse("\(index + 1)", "a title without control characters", NumberText.shown(title))
            }
            guard positions.updateValue(index, forKey: title) == nil else {
                throw refuse(
                    title.isEmpty ? "\(index + 1)" : title, "each column once",
                    title.isEmpty ? "two without a title" : "twice")
            }
        }
        let label = positions[reader.labelColumn]
        guard label != nil || !reader.needsLabel else {
            throw refuse(
                reader.labelColumn, "a column of this name",
                "\(Counted.text(titles.count, "column")): \(TitleText.list(titles))")
        }
        let own = titles.indices.filter { $0 != label }
        if let wanted = reader.featureColumns, reader.columnsInOrder {
            try ColumnOrder.requireEqual(own.map { titles[$0] }, wanted, file: file)
            features = own
        } else if let wanted = reader.featureColumns {
            var chosen: [Int] = []
            for title in wanted {
                guard let index = positions[title], index != label else {
                    throw refuse(
                        title, "a feature column of this name",
                        "\(own.count) feature columns: \(TitleText.list(own.map { titles[$0] }))")
                }
                chosen.append(index)
            }
            features = chosen
        } else {
            features = own
        }
        guard !features.isEmpty else { throw refuse(nil, "at least one feature column", "none") }
        self.titles = titles
        self.label = reader.ignoresLabel ? nil : label
    }

    private static func otherSeparator(_ line: String, _ separator: UInt8) -> String? {
        for (byte, word) in [(UInt8(0x3b), "semicolons"), (0x09, "tabs"), (0x2c, "commas"), (0x7c, "bars")]
        where byte != separator && line.utf8.contains(byte) {
            return word
        }
        return nil
    }
}

/// The rule that two tables mean the same by their columns.
public enum ColumnOrder {
    /// - Throws: `.invalid` naming the first column that differs.
    public static func requireEqual(
        _ own: [String], _ wanted: [String], file: String, other: String = "the task"
    ) throws(LearnError) {
        guard own != wanted else { return }
        let place = (0..<max(own.count, wanted.count)).first { index in
            index >= own.count || index >= wanted.count || own[index] != wanted[index]
        }
        guard let place else { return }
        let here = place < own.count ? own[place].tomlWord : "missing"
        let there = place < wanted.count ? wanted[place].tomlWord : "not there"
        throw .invalid(
            field: "\(file), column \(place + 1)",
            reason: "is \(here) here and \(there) in \(other): both must have the same columns in the same order",
            next: "write the columns in one order, or name them in the task with columns = [...] "
                + "(`meshnode data inspect FILE --normalise` prints it), which finds them by their titles")
    }

    /// Places of the task's columns in `own`.
    /// - Parameter inOrder: only the same titles in the same order fit.
    /// - Throws: naming the first column that differs or is missing.
    public static func places(
        of wanted: [String], in own: [String], inOrder: Bool, file: String
    ) throws(LearnError) -> [Int] {
        if inOrder {
            try requireEqual(own, wanted, file: file)
            return Array(own.indices)
        }
        try Dataset.requireDistinct(own, field: "columns", file: file)
        var positions: [String: Int] = [:]
        for (index, title) in own.enumerated() { positions[title] = index }
        var result: [Int] = []
        for title in wanted {
            guard let place = positions[title] else {
                throw .badData(
                    DataFault(
                        file: file, field: title, expected: "a feature column of this name, as the task names it",
                        found: "\(Counted.text(own.count, "column")): \(TitleText.list(own))"))
            }
            result.append(place)
        }
        return result
    }
}
