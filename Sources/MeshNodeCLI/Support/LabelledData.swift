internal import Learn

/// Rows as their file has them.
enum LabelledData {
    /// - Parameter classes: the task's labels in order; nil lets the file decide.
    static func raw(_ source: String, label: String, classes: [String]? = nil) throws(LearnError) -> Dataset {
        let splits = try DataSource(labelColumn: label, classNames: classes, classCount: classes?.count).load(source)
        return splits.train
    }

    /// Rows that will be trained on or judged together must mean the same by their columns.
    static func requireSameColumns(_ rows: Dataset, _ first: Dataset) throws(LearnError) {
        guard !rows.columnNames.isEmpty, !first.columnNames.isEmpty else { return }
        try ColumnOrder.requireEqual(rows.columnNames, first.columnNames, file: rows.name, other: first.name)
    }

    /// Rows under each other; they must have the same features and classes.
    static func joined(_ parts: [Dataset], name: String) throws(LearnError) -> Dataset {
        guard let first = parts.first else {
            throw .invalid(field: "parts", reason: "there are none", next: "give --part FILE once a node")
        }
        for part in parts {
            guard part.featureCount == first.featureCount else {
                throw .mismatch(
                    field: "features of \(part.name)", expected: first.featureCount, found: part.featureCount)
            }
            try requireSameColumns(part, first)
            guard part.classCount == first.classCount else {
                throw .mismatch(field: "classes of \(part.name)", expected: first.classCount, found: part.classCount)
            }
        }
        guard !first.isRegression else {
            return try Dataset(
                name: name, features: parts.flatMap(\.features), featureCount: first.featureCount,
                targets: parts.flatMap(\.targets), sampleShape: first.sampleShape, columnNames: first.columnNames,
                labelName: first.labelName)
        }
        return try Dataset(
            name: name, features: parts.flatMap(\.features), labels: parts.flatMap(\.labels),
            featureCount: first.featureCount, classCount: first.classCount, classNames: first.classNames,
            sampleShape: first.sampleShape, columnNames: first.columnNames, labelName: first.labelName)
    }
}
