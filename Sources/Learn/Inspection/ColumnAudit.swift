/// Feature columns that are no measurement: without a title, counting with the rows, numbers of persons or samples, wider
/// than binary32, always the same, or the class itself in another form.
package struct ColumnAudit {
    /// Titles that a message lists.
    private static let listed = 8
    /// Rows from which on counting, or another pattern, is no accident.
    private static let fewestCounting = 5
    private static let fewest = 20
    /// Whole numbers above this have neighbours that binary32 cannot tell apart.
    private static let exact: Float = 16_777_216

    private(set) var findings: [DataAudit.Finding] = []

    /// - Parameter isTraining: only there leaking columns are looked for.
    init(_ data: Dataset, isTraining: Bool) {
        var places: [String: [Int]] = [:]
        var leaks: [(column: Int, share: Double)] = []
        let isTable = data.sampleShape.count == 1
        let merged = Set(data.rounded.columns.filter(\.isMerged).map(\.place))
        for column in 0..<data.featureCount {
            let values = (0..<data.count).map { data.features[$0 * data.featureCount + column] }
            let isConstant = values.allSatisfy { $0 == values[0] }
            if isConstant { places["constant", default: []].append(column) }
            guard isTable else { continue }
            if !data.columnNames.isEmpty,
                data.columnNames[column].isEmpty || Self.isPandasIndex(data.columnNames[column])
            {
                places["unnamed", default: []].append(column)
            }
            let isWhole = values.allSatisfy { $0 == $0.rounded(.towardZero) }
            // Read as binary32, the first one that is another already stands at 2^24 itself.
            if isWhole, values.contains(where: { abs($0) > Self.exact }) || merged.contains(column) {
                places["merged", default: []].append(column)
            }
            guard data.count >= Self.fewestCounting, !isConstant else { continue }
            if isWhole, (1..<values.count).allSatisfy({ values[$0] == values[$0 - 1] + 1 }) {
                places["index", default: []].append(column)
            }
            guard data.count >= Self.fewest else { continue }
            if isWhole, places["index"]?.last != column, Set(values).count == values.count {
                places["identifier", default: []].append(column)
            }
            if isTraining, let share = Self.separation(values, data), share >= 0.99 { leaks.append((column, share)) }
        }
        func title(_ column: Int) -> String {
            let name = data.columnNames.isEmpty ? "" : data.columnNames[column]
            return name.isEmpty ? "column \(column + 1)" : name.tomlWord
        }
        func list(_ columns: [Int]) -> String {
            columns.prefix(Self.listed).map(title).joined(separator: ", ")
                + (columns.count > Self.listed ? ", ..." : "")
        }
        func add(_ severity: DataAudit.Severity, _ kind: String, _ message: String) {
            guard let columns = places[kind], !columns.isEmpty else { return }
            findings.append(
                .init(severity: severity, kind: kind, message: "\(list(columns)) \(message)", count: columns.count))
        }
        add(
            .warning, "unnamed",
            "has no title of its own, as the row index that pandas writes; leave it out (index=False)")
        add(.warning, "index", "counts with the rows; it tells nothing of a sample, leave it out")
        add(
            .warning, "identifier",
            "is another whole number in every row, as numbers of persons or samples are; leave it out if it is one")
        add(
            .warning, "merged",
            "holds whole numbers above 16777216 (2^24), whose neighbours are one value in binary32; leave it out or divide it"
        )
        if let (columns, text) = RoundedText.rounded(data) {
            findings.append(.init(severity: .note, kind: "rounded", message: text, count: columns))
        }
        if places["constant"] != nil, isTable {
            add(.warning, "constant", "never changes; leave it out")
        } else {
            add(.note, "constant", "never changes")
        }
        if !leaks.isEmpty {
            let shown = leaks.prefix(Self.listed).map {
                "\(title($0.column)) (\(($0.share * 100).rounded(to: 1)) %)"
            }.joined(separator: ", ")
            findings.append(
                .init(
                    severity: .warning, kind: "leaking",
                    message: "\(shown) tells the class almost alone; leave it out if it is the answer in another form",
                    count: leaks.count))
        }
    }

    /// What whoever looks at a table should know of its columns before they go into a task. The rest tells an audit, and so it does
    /// of a table so large that this would take long.
    package static func advice(_ data: Dataset) -> [String] {
        guard data.sampleShape.count == 1, data.features.count <= 1 << 22 else { return [] }
        return ColumnAudit(data, isTraining: true).findings.filter { $0.severity == .warning && $0.kind != "constant" }
            .map(\.message)
    }

    private static func isPandasIndex(_ title: String) -> Bool {
        title.lowercased() == "unnamed: 0" || title.lowercased() == "index"
    }

    /// Share of the rows whose class one column tells by cuts between its values, one interval a class; nil where there is
    /// too little of two classes.
    static func separation(_ values: [Float], _ data: Dataset) -> Double? {
        guard !data.isRegression else { return nil }
        let counts = data.classCounts
        let present = counts.indices.filter { counts[$0] > 0 }
        guard present.count >= 2, present.allSatisfy({ counts[$0] >= 3 }), present.count <= 100 else { return nil }
        var sums = [Double](repeating: 0, count: counts.count)
        for (row, label) in data.labels.enumerated() { sums[Int(label)] += Double(values[row]) }
        let order = present.sorted {
            (sums[$0] / Double(counts[$0]), $0) < (sums[$1] / Double(counts[$1]), $1)
        }
        var rank = [Int](repeating: 0, count: counts.count)
        for (index, label) in order.enumerated() { rank[label] = index }
        let rows = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
        // The best cut between each class and the next one up, by rows of lower classes above it and of higher ones below.
        var wrong = 0
        for cut in 1..<order.count {
            var misplaced = rows.count { rank[Int(data.labels[$0])] < cut }
            var best = misplaced
            for (index, row) in rows.enumerated() {
                misplaced += rank[Int(data.labels[row])] < cut ? -1 : 1
                let isBoundary = index + 1 == rows.count || values[rows[index + 1]] != values[row]
                if isBoundary { best = min(best, misplaced) }
            }
            wrong += best
            guard wrong * 100 <= rows.count else { return nil }
        }
        return 1 - Double(wrong) / Double(rows.count)
    }
}
