/// Rows of features with their labels, in memory.
///
/// `features` is row-major, `count` x `featureCount`, finite. A classification set has one label in
/// 0..<classCount a row; a regression set has `classCount` 0, no labels and `targetCount` target values a row.
public struct Dataset: Sendable, Equatable {
    public let name: String
    public let features: [Float]
    public let labels: [Int32]
    public let featureCount: Int
    public let classCount: Int
    /// Written form of each class, `classCount` of them.
    public let classNames: [String]
    /// Shape of one sample, for example [8, 8] or channels x height x width; its product is `featureCount`.
    public let sampleShape: [Int]
    /// Row-major regression targets, `count` x `targetCount`; empty for classification.
    public let targets: [Float]
    /// Title of each feature where the file has titles, else empty: what the numbers are, wherever they stand.
    public let columnNames: [String]
    /// Title of the label or target where the file has one.
    public let labelName: String
    /// The file names its classes; else they are bare numbers, whatever these mean.
    let namesClasses: Bool
    /// Columns whose numbers binary32 changes, where the reader was asked to count them.
    public internal(set) var rounded = Rounding()

    /// Rows.
    public var count: Int { featureCount == 0 ? 0 : features.count / featureCount }
    /// Regression outputs a row, 0 for classification.
    public var targetCount: Int { count == 0 ? 0 : targets.count / count }
    public var isRegression: Bool { classCount == 0 }

    /// A classification set.
    /// - Parameters:
    ///   - classNames: defaults to "0", "1", ...
    ///   - sampleShape: defaults to [featureCount].
    /// - Throws: `LearnError.badData` naming the first row that is wrong, `.mismatch` for lengths.
    public init(
        name: String, features: [Float], labels: [Int32], featureCount: Int, classCount: Int,
        classNames: [String]? = nil, sampleShape: [Int]? = nil, columnNames: [String] = [], labelName: String = "label"
    ) throws(LearnError) {
        try Self.checkMatrix(
            name: name, features: features, width: featureCount, shape: sampleShape, columns: columnNames)
        // One class is the whole of what some members hold; that a task has two or more, its specification checks.
        guard classCount >= 1, classCount <= DataLimits.classes else {
            throw .badData(
                DataFault(
                    file: name, field: "label", expected: "1 to \(DataLimits.classes) classes", found: "\(classCount)"))
        }
        let rows = features.count / featureCount
        guard labels.count == rows else {
            throw .mismatch(field: "labels of \(name)", expected: rows, found: labels.count)
        }
        for (row, label) in labels.enumerated() where label < 0 || Int(label) >= classCount {
            throw .badData(
                DataFault(
                    file: name, row: row + 1, field: "label", expected: "a class in 0..<\(classCount)",
                    found: "\(label)"))
        }
        let names = classNames ?? (0..<classCount).map(String.init)
        guard names.count == classCount else {
            throw .mismatch(field: "class names of \(name)", expected: classCount, found: names.count)
        }
        try Self.requireDistinct(names, field: "classes", file: name)
        try Self.requireDistinct(columnNames, field: "columns", file: name)
        self.init(
            unchecked: name, features: features, labels: labels, featureCount: featureCount, classCount: classCount,
            classNames: names, sampleShape: sampleShape ?? [featureCount], targets: [], columnNames: columnNames,
            labelName: labelName, namesClasses: classNames != nil)
    }

    /// A regression set with `targets.count / rows` outputs a row.
    public init(
        name: String, features: [Float], featureCount: Int, targets: [Float], sampleShape: [Int]? = nil,
        columnNames: [String] = [], labelName: String = "label"
    ) throws(LearnError) {
        try Self.checkMatrix(
            name: name, features: features, width: featureCount, shape: sampleShape, columns: columnNames)
        let rows = features.count / featureCount
        guard !targets.isEmpty, targets.count.isMultiple(of: rows) else {
            throw .mismatch(field: "targets of \(name)", expected: rows, found: targets.count)
        }
        try Self.requireDistinct(columnNames, field: "columns", file: name)
        if let bad = targets.firstIndex(where: { !$0.isFinite }) {
            throw .badData(
                DataFault(
                    file: name, row: bad / (targets.count / rows) + 1, field: "target", expected: "a finite number",
                    found: "\(targets[bad])"))
        }
        self.init(
            unchecked: name, features: features, labels: [], featureCount: featureCount, classCount: 0, classNames: [],
            sampleShape: sampleShape ?? [featureCount], targets: targets, columnNames: columnNames,
            labelName: labelName, namesClasses: false)
    }

    private init(
        unchecked name: String, features: [Float], labels: [Int32], featureCount: Int, classCount: Int,
        classNames: [String], sampleShape: [Int], targets: [Float], columnNames: [String], labelName: String,
        namesClasses: Bool
    ) {
        self.name = name
        self.features = features
        self.labels = labels
        self.featureCount = featureCount
        self.classCount = classCount
        self.classNames = classNames
        self.sampleShape = sampleShape
        self.targets = targets
        self.columnNames = columnNames
        self.labelName = labelName
        self.namesClasses = namesClasses
    }

    private static func checkMatrix(
        name: String, features: [Float], width: Int, shape: [Int]?, columns: [String]
    ) throws(LearnError) {
        guard width > 0, width <= DataLimits.features else {
            throw .badData(
                DataFault(file: name, expected: "1 to \(DataLimits.features) features", found: "\(width)"))
        }
        guard columns.isEmpty || columns.count == width else {
            throw .mismatch(field: "column names of \(name)", expected: width, found: columns.count)
        }
        guard !features.isEmpty else {
            throw .badData(DataFault(file: name, expected: "at least one row", found: "an empty set"))
        }
        guard features.count.isMultiple(of: width) else {
            throw .badData(
                DataFault(
                    file: name, row: features.count / width + 1, expected: "\(width) features",
                    found: "\(features.count % width)"))
        }
        if let shape {
            guard let product = Extents.elements(of: shape, atMost: .max), product > 0 else {
                throw .badData(DataFault(file: name, expected: "positive extents", found: "\(shape)"))
            }
            guard product == width else { throw .mismatch(field: "shape of \(name)", expected: width, found: product) }
        }
        if let bad = features.firstIndex(where: { !$0.isFinite }) {
            throw .badData(
                DataFault(
                    file: name, row: bad / width + 1, field: "feature \(bad % width + 1)", expected: "a finite number",
                    found: "\(features[bad])"))
        }
    }

    /// The rows named by `rows`, in that order; each index must be below `count`.
    public func selecting(_ rows: [Int], name: String? = nil) -> Dataset {
        var chosen: [Float] = []
        chosen.reserveCapacity(rows.count * featureCount)
        var chosenLabels: [Int32] = []
        var chosenTargets: [Float] = []
        let outputs = targetCount
        for row in rows {
            precondition(row >= 0 && row < count, "row \(row) of \(count)")
            chosen.append(contentsOf: features[row * featureCount..<(row + 1) * featureCount])
            if classCount > 0 { chosenLabels.append(labels[row]) }
            if outputs > 0 { chosenTargets.append(contentsOf: targets[row * outputs..<(row + 1) * outputs]) }
        }
        return Dataset(
            unchecked: name ?? self.name, features: chosen, labels: chosenLabels, featureCount: featureCount,
            classCount: classCount, classNames: classNames, sampleShape: sampleShape, targets: chosenTargets,
            columnNames: columnNames, labelName: labelName, namesClasses: namesClasses)
    }

    /// The same rows with the features at `places`, in that order, as flat rows; each must be below `featureCount`.
    public func selectingFeatures(_ places: [Int]) -> Dataset {
        var chosen: [Float] = []
        chosen.reserveCapacity(places.count * count)
        for row in 0..<count {
            for place in places { chosen.append(features[row * featureCount + place]) }
        }
        return Dataset(
            unchecked: name, features: chosen, labels: labels, featureCount: places.count, classCount: classCount,
            classNames: classNames, sampleShape: [places.count], targets: targets,
            columnNames: columnNames.isEmpty ? [] : places.map { columnNames[$0] }, labelName: labelName,
            namesClasses: namesClasses)
    }

    /// The same rows with other feature values; the width may change with `sampleShape`.
    func replacing(features: [Float], sampleShape: [Int]) -> Dataset {
        let width = sampleShape.reduce(1, *)
        return Dataset(
            unchecked: name, features: features, labels: labels, featureCount: width, classCount: classCount,
            classNames: classNames, sampleShape: sampleShape, targets: targets,
            columnNames: width == featureCount ? columnNames : [], labelName: labelName,
            namesClasses: namesClasses)
    }

    /// Names stand for what they name: everything finds classes and columns by them, and of two that are called the same it would
    /// find one. Wherever a set gets names, whatever form its file has, this is asked.
    static func requireDistinct(_ names: [String], field: String, file: String) throws(LearnError) {
        var seen: Set<String> = []
        guard let twice = names.first(where: { !seen.insert($0).inserted }) else { return }
        throw .badData(
            DataFault(file: file, field: field, expected: "each name once", found: "\(NumberText.shown(twice)) twice"))
    }

    /// The same rows with what their file says about them; nil keeps what is there.
    func named(columns: [String]?, classes: [String]?, label: String?) throws(LearnError) -> Dataset {
        let columns = columns.flatMap { $0.isEmpty ? nil : $0 } ?? columnNames
        guard columns.isEmpty || columns.count == featureCount else {
            throw .mismatch(field: "column names of \(name)", expected: featureCount, found: columns.count)
        }
        guard classes.map({ $0.count == classCount }) ?? true else {
            throw .mismatch(field: "class names of \(name)", expected: classCount, found: classes?.count ?? 0)
        }
        try Self.requireDistinct(classes ?? [], field: "classes", file: name)
        try Self.requireDistinct(columns, field: "columns", file: name)
        var result = Dataset(
            unchecked: name, features: features, labels: labels, featureCount: featureCount, classCount: classCount,
            classNames: classes ?? classNames, sampleShape: sampleShape, targets: targets, columnNames: columns,
            labelName: label ?? labelName, namesClasses: classes != nil || namesClasses)
        result.rounded = rounded
        return result
    }

    /// The same rows with their classes numbered as in `names`, found by name.
    func renumbered(_ names: [String]) throws(LearnError) -> Dataset {
        guard names != classNames else { return self }
        var place: [String: Int32] = [:]
        for (index, name) in names.enumerated() { place[name] = Int32(clamping: index) }
        var renumbered: [Int32] = []
        renumbered.reserveCapacity(labels.count)
        for (row, label) in labels.enumerated() {
            guard let index = place[classNames[Int(label)]] else {
                throw .badData(
                    DataFault(
                        file: name, row: row + 1, field: labelName,
                        expected: "one of the task's \(names.count) classes",
                        found: NumberText.shown(classNames[Int(label)])))
            }
            renumbered.append(index)
        }
        var result = Dataset(
            unchecked: name, features: features, labels: renumbered, featureCount: featureCount,
            classCount: names.count, classNames: names, sampleShape: sampleShape, targets: targets,
            columnNames: columnNames, labelName: labelName, namesClasses: true)
        result.rounded = rounded
        return result
    }

    /// The same rows under another sample shape.
    public func reshaped(_ shape: [Int]) throws(LearnError) -> Dataset {
        guard !shape.isEmpty, Extents.elements(of: shape, atMost: featureCount) == featureCount else {
            throw .invalid(
                field: "sampleShape", reason: "\(shape) does not hold \(featureCount) features",
                next: "give extents whose product is \(featureCount)")
        }
        return replacing(features: features, sampleShape: shape)
    }

    /// Every feature multiplied by `factor`.
    public func scaled(by factor: Float) -> Dataset {
        replacing(features: features.map { $0 * factor }, sampleShape: sampleShape)
    }

    /// Rows of each class.
    public var classCounts: [Int] {
        var counts = [Int](repeating: 0, count: classCount)
        for label in labels { counts[Int(label)] += 1 }
        return counts
    }
}
