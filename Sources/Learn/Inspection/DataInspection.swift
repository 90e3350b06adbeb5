/// What a data set holds, for `data inspect`.
public struct DataInspection: Equatable, Sendable, Codable {
    public let name: String
    public let rows: Int
    public let features: Int
    public let sampleShape: [Int]
    public let classes: [ClassBalance]
    /// Largest class over smallest non-empty class; nil for regression.
    public let imbalance: Double?
    public let minimum: Float
    public let maximum: Float
    public let mean: Double
    /// Features that have the same value in every row.
    public let constantFeatures: Int
    /// Titles of the features, where the file has them.
    public let columns: [String]

    public struct ClassBalance: Equatable, Sendable, Codable {
        public let name: String
        public let rows: Int
        public let share: Double
    }

    public init(_ data: Dataset) {
        name = data.name
        rows = data.count
        features = data.featureCount
        sampleShape = data.sampleShape
        columns = data.columnNames
        let counts = data.classCounts
        classes = zip(data.classNames, counts).map {
            ClassBalance(name: $0, rows: $1, share: Double($1) / Double(data.count))
        }
        let present = counts.filter { $0 > 0 }
        imbalance = present.max().flatMap { top in present.min().map { Double(top) / Double($0) } }
        minimum = data.features.min() ?? 0
        maximum = data.features.max() ?? 0
        mean = data.features.reduce(0.0) { $0 + Double($1) } / Double(data.features.count)
        let width = data.featureCount
        var isConstant = [Bool](repeating: true, count: width)
        for row in 1..<max(1, data.count) {
            for column in 0..<width where data.features[row * width + column] != data.features[column] {
                isConstant[column] = false
            }
        }
        constantFeatures = isConstant.count { $0 }
    }

    /// A few lines for people.
    public var text: String {
        var lines = [
            "\(name): \(Counted.text(rows, "row")), sample shape \(sampleShape.map(String.init).joined(separator: "x")), "
                + "values \(minimum) to \(maximum), mean \(mean.rounded(to: 4))"
        ]
        if constantFeatures > 0 { lines.append("constant features: \(constantFeatures) of \(features)") }
        if !columns.isEmpty {
            lines.append(
                "columns: \(TitleText.list(columns, most: 12))"
                    + (columns.count > 12 ? " and \(columns.count - 12) more" : ""))
        }
        for entry in classes {
            let bar = String(repeating: "#", count: Int((entry.share * 40).rounded()))
            lines.append(
                "  class \(TitleText.word(entry.name)): \(entry.rows) (\((entry.share * 100).rounded(to: 1)) %) \(bar)")
        }
        if let imbalance { lines.append("largest class over smallest: \(imbalance.rounded(to: 2))") }
        return lines.joined(separator: "\n")
    }
}

extension Double {
    /// For display.
    func rounded(to digits: Int) -> Double {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        return (self * scale).rounded() / scale
    }
}
