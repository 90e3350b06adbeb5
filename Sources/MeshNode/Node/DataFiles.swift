public import Learn
public import Wire

/// A node's own rows on disk, in the form that a task asks for.
public enum DataFiles {
    /// Which part is meant where a file holds several, as MedMNIST's archives do.
    public enum Part: Sendable { case training, evaluation }

    /// Rows as the file has them, its own label map.
    public static func read(_ path: String, label: String, part: Part = .training) throws(LearnError) -> Dataset {
        chosen(part, try DataSource(labelColumn: label).load(path))
    }

    /// Rows in the form of a task: its classes in its order, its columns, its shape, its preprocessing.
    /// - Throws: file, row and field of the first thing that does not fit.
    public static func fitted(
        _ path: String, label: String, to spec: TaskSpec, part: Part = .training
    ) throws(LearnError) -> Dataset {
        var source = DataSource(labelColumn: label)
        source.featureColumns = spec.data.columns.isEmpty ? nil : spec.data.columns
        if spec.data.labels.isEmpty {
            source.regression = true
        } else {
            source.classNames = spec.data.labels
            source.classCount = spec.data.labels.count
        }
        return try fitted(chosen(part, try source.load(path)), to: spec)
    }

    /// Rows that are already in memory, raw.
    public static func fitted(_ raw: Dataset, to spec: TaskSpec) throws(LearnError) -> Dataset {
        let shape = spec.data.shape.map { Int($0) }
        var rows = raw
        // Tables have no pictures; where the numbers fit, the task says how they lie.
        if !spec.data.resizes, rows.featureCount == Int(spec.data.features), rows.sampleShape != shape {
            rows = try rows.reshaped(shape)
        }
        if spec.data.resizes, shape.count == 3, rows.sampleShape.count == 2 {
            rows = try rows.reshaped([1] + rows.sampleShape)
        }
        rows = try spec.preprocessing.apply(to: rows)
        guard rows.sampleShape == shape || rows.featureCount == Int(spec.data.features) else {
            throw .badData(
                DataFault(
                    file: raw.name, field: "shape",
                    expected: "samples of \(shape) as the task says", found: "\(raw.sampleShape)"))
        }
        guard rows.isRegression == spec.data.labels.isEmpty,
            rows.isRegression ? rows.targetCount == Int(spec.data.targets) : rows.classCount == spec.data.labels.count
        else {
            throw .mismatch(
                field: "classes of \(raw.name)", expected: spec.data.labels.count, found: rows.classCount)
        }
        return rows.sampleShape == shape ? rows : try rows.reshaped(shape)
    }

    private static func chosen(_ part: Part, _ splits: DataSplits) -> Dataset {
        part == .training ? splits.train : splits.test ?? splits.validation ?? splits.train
    }
}
