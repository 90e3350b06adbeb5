internal import Learn
internal import MeshNode
internal import Wire

/// The [data] lines of a task that fit given rows, as `data inspect --normalise` prints them: TOML that `task create` takes.
struct TaskDataLines {
    let text: String
    /// Columns that a task cannot take as they are, each with what to do.
    let advice: [String]

    /// One figure for all where samples are pictures, one a feature in tables.
    init(_ rows: Dataset, scale: Double) throws {
        let scaled = rows.scaled(by: Float(1 / scale))
        var figures = try Standardisation(fitting: scaled)
        if rows.sampleShape.count > 1 {
            let count = Double(scaled.features.count)
            let mean = scaled.features.reduce(0.0) { $0 + Double($1) } / count
            let squares = scaled.features.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
            figures = try Standardisation(mean: [Float(mean)], deviation: [Float(max(squares.squareRoot(), 1e-6))])
        }
        var advice = Self.advice(figures, of: rows)
        let columns = rows.columnNames.isEmpty ? [] : rows.columnNames
        if columns.count > Int(Limits.columns) {
            advice.append(
                "\(columns.count) columns: a task takes at most \(Limits.columns) titles; convert the table to NPZ")
        }
        if !rows.isRegression, rows.classCount < 2 {
            advice.append(
                "one label alone, \(TitleText.list(rows.classNames)): a task has two or more; name all of them in their order, "
                    + "those that these rows lack as well: --class LABEL, again for each")
        }
        for (kind, names) in [("label", rows.classNames), ("column", columns)] {
            let limit = "1 to \(Limits.name) bytes"
            let faults = names.enumerated().compactMap { place, name -> String? in
                let fault =
                    (1...Limits.name).contains(name.utf8.count)
                    ? name.shownFault(isName: false) : "a name of \(limit) is needed, and this has \(name.utf8.count)"
                return fault.map { "\(kind) \(place + 1), \(TitleText.list([name])): \($0)" }
            }
            guard !faults.isEmpty else { continue }
            advice += faults.prefix(8)
            advice.append(
                "give it another name in the file"
                    + (kind == "column" ? ", or leave it out: --column TITLE for the others" : ""))
        }
        self.advice = advice
        func list(_ values: [Float], least: Double) -> String {
            values.map { value in
                let parts = (Double(value) * 1e6).rounded() / 1e6
                return Self.decimal(least > 0 ? max(least, parts) : parts)
            }.joined(separator: ", ")
        }
        text = """
            shape = [\(rows.sampleShape.map(String.init).joined(separator: ", "))]
            labels = [\(TitleText.list(rows.classNames, most: nil))]
            columns = [\(TitleText.list(columns, most: nil))]
            scale = \(Self.decimal(scale))
            mean = [\(list(figures.mean, least: 0))]
            deviation = [\(list(figures.deviation, least: 1e-6))]
            """
    }

    /// Columns whose figures no task takes, each with what to do. Every command that puts figures of rows into a task asks this
    /// first: what passes fits millionths.
    static func advice(_ figures: Standardisation, of rows: Dataset) -> [String] {
        var advice: [String] = []
        for (place, value) in figures.mean.enumerated() {
            let deviation = figures.deviation[place]
            let title =
                place < rows.columnNames.count
                ? rows.columnNames[place].tomlWord
                : figures.mean.count == 1 ? "the mean" : "column \(place + 1)"
            if abs(value) > Self.most || deviation > Self.most {
                advice.append(
                    "\(title): a mean of \(value) and a deviation of \(deviation) are beyond what a task takes (1000000); "
                        + "divide the column in the file (nanoseconds to seconds, cents to millions), or leave it out")
            } else if deviation < 1e-6, deviation > 0 {
                advice.append(
                    "\(title): a deviation of \(deviation) is below what a task takes (0.000001); multiply the column in the "
                        + "file, or leave it out")
            }
        }
        return advice
    }

    /// Largest mean or deviation of a task.
    private static let most: Float = 1_000_000

    /// Six decimals at most and no exponent, as the task file writes numbers.
    private static func decimal(_ value: Double) -> String {
        guard value.magnitude < 9e12 else { return "\(value)" }
        let millionths = (value.magnitude * 1e6).rounded()
        return (value < 0 && millionths > 0 ? "-" : "") + Ppm.text(UInt64(millionths))
    }
}
