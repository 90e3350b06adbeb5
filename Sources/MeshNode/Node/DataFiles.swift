public import Learn
public import Wire

/// A node's own rows on disk, in the form that a task asks for.
public enum DataFiles {
    /// Which part is meant where a file holds several, as MedMNIST's archives do.
    public enum Part: Sendable { case training, evaluation }

    /// Rows before any task has said what it needs of them.
    public struct Raw: Sendable {
        public let rows: Dataset
        /// The first cell that is no number of each column that has one.
        public let leftOut: [DataFault]

        /// Nil where every column holds numbers.
        public var note: String? {
            guard let first = leftOut.first else { return nil }
            let titles = TitleText.list(leftOut.map { $0.field ?? "" })
            return "\(leftOut.count == 1 ? "column" : "columns") \(titles) of "
                + "\(first.file) \(leftOut.count == 1 ? "holds" : "hold") more than numbers (row \(first.row ?? 0): "
                + "\(first.found)); only a task whose columns = [...] do not name "
                + "\(leftOut.count == 1 ? "it" : "them") can use these rows"
        }
    }

    /// Rows as the file has them, its own label map. Columns of a table that are no numbers are left out: which ones a task
    /// needs it says itself, and those are read by `fitted` to the last cell.
    public static func read(
        _ path: String, label: String, layout: PictureLayout = .auto, part: Part = .training
    ) throws(LearnError) -> Raw {
        var source = DataSource(labelColumn: label)
        source.form.layout = layout
        if ShippedData(rawValue: path) == nil, let table = source.table(path), (try? FileSystem.exists(path)) ?? true {
            let (rows, leftOut) = try table.readable(path: path)
            return Raw(rows: rows, leftOut: leftOut)
        }
        return Raw(rows: chosen(part, try source.load(path)), leftOut: [])
    }

    /// Rows in the form of a task: its classes in its order, its columns, its shape, its preprocessing.
    ///
    /// - Parameters:
    ///   - layout: how pictures in arrays lie.
    ///   - channels: names of the pictures' channels, in the file's order.
    /// - Throws: file, row and field of the first thing that does not fit.
    public static func fitted(
        _ path: String, label: String, layout: PictureLayout = .auto, channels: [String] = [], to spec: TaskSpec,
        part: Part = .training
    ) throws(LearnError) -> Dataset {
        var source = DataSource(labelColumn: label)
        source.form = PictureForm(
            layout: layout, shape: spec.data.shape.map { Int($0) }, resizes: spec.data.resizes)
        if !spec.data.namesChannels {
            source.featureColumns = spec.data.columns.isEmpty ? nil : spec.data.columns
            source.columnsInOrder = spec.data.columnsInOrder
        }
        if spec.data.labels.isEmpty {
            source.regression = true
        } else {
            source.classNames = spec.data.labels
            source.classCount = spec.data.labels.count
        }
        return try fitted(chosen(part, try source.load(path)), channels: channels, to: spec)
    }

    /// The same for rows that need no label, as a model is asked about them; then every row counts as the first class.
    /// - Parameters:
    ///   - isNamed: somebody named the label column, so it must be there.
    ///   - ignoresLabels: where it is there, nobody looks at it.
    static func unlabelled(
        _ path: String, label: String, isNamed: Bool, ignoresLabels: Bool = false, layout: PictureLayout,
        to spec: TaskSpec
    ) throws(LearnError) -> (rows: Dataset, hasLabel: Bool) {
        let table = ShippedData(rawValue: path) == nil ? DataSource(labelColumn: label).table(path) : nil
        guard !ignoresLabels || table != nil else {
            throw .invalid(
                field: path, reason: "is no table, whose labels could be left alone", next: "give a CSV or TSV file")
        }
        var isBare = ignoresLabels
        if !isBare, !isNamed, let table { isBare = try !table.hasLabel(path: path) }
        guard let reader = table, isBare else {
            do throws(LearnError) { return (try fitted(path, label: label, layout: layout, to: spec), true) } catch {
                guard table != nil, case .badData(let fault) = error, fault.field == label, (fault.row ?? 0) > 1 else {
                    throw error
                }
                throw .badData(
                    DataFault(
                        file: fault.file, row: fault.row, field: fault.field, expected: fault.expected,
                        found: "\(fault.found); --no-labels leaves this column alone, and every row is answered"))
            }
        }
        var bare = reader
        bare.needsLabel = false
        bare.ignoresLabel = ignoresLabels
        bare.regression = spec.data.labels.isEmpty
        bare.classNames = spec.data.labels.isEmpty ? nil : spec.data.labels
        if !spec.data.columns.isEmpty, !spec.data.namesChannels {
            bare.featureColumns = spec.data.columns
            bare.columnsInOrder = spec.data.columnsInOrder
        }
        return (try fitted(try bare.read(path: path), to: spec), false)
    }

    /// Rows that are already in memory, raw.
    public static func fitted(
        _ raw: Dataset, channels: [String] = [], to spec: TaskSpec
    ) throws(LearnError) -> Dataset {
        let shape = spec.data.shape.map { Int($0) }
        var rows = try named(raw, channels: channels, to: spec)
        // Tables have no pictures; where the numbers fit, the task says how they lie.
        if !spec.data.resizes, rows.featureCount == Int(spec.data.features), rows.sampleShape != shape {
            // Pictures the other way round would have as many numbers.
            guard rows.sampleShape.count < 3 || shape.count < 3 else {
                throw .badData(
                    DataFault(
                        file: raw.name, field: "shape", expected: "samples of \(shape) as the task says",
                        found: "\(rows.sampleShape)"))
            }
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

    /// The rows with their features where the task's names say.
    ///
    /// - Throws: naming the first column or channel that differs; also where the task has names and the rows have none, for
    ///   then nobody can tell whether the numbers mean the same.
    private static func named(
        _ raw: Dataset, channels: [String], to spec: TaskSpec
    ) throws(LearnError) -> Dataset {
        let wanted = spec.data.columns
        if spec.data.namesChannels || !channels.isEmpty {
            return try arranged(raw, channels: channels, wanted: spec.data.namesChannels ? wanted : [])
        }
        if wanted.isEmpty { return raw }
        guard !raw.columnNames.isEmpty else {
            throw .invalid(
                field: raw.name, reason: "has no titles, and the task names its \(wanted.count) columns",
                next: "give a table with a header, or an NPZ with an array `columns` of their names")
        }
        guard raw.columnNames != wanted else { return raw }
        return raw.selectingFeatures(
            try ColumnOrder.places(
                of: wanted, in: raw.columnNames, inOrder: spec.data.columnsInOrder, file: raw.name))
    }

    private static func arranged(
        _ raw: Dataset, channels: [String], wanted: [String]
    ) throws(LearnError) -> Dataset {
        guard !channels.isEmpty else {
            throw .invalid(
                field: raw.name,
                reason: "does not say what its channels are, and the task's are \(TitleText.list(wanted))",
                next: "set [data] channels to the names in your files' order")
        }
        guard !wanted.isEmpty else {
            throw .invalid(
                field: raw.name,
                reason: "has channels \(TitleText.list(channels)), and the task names none to compare them with",
                next: "have the task published with columns = [...], the names of its channels")
        }
        guard raw.sampleShape.count == 3, raw.sampleShape[0] == channels.count else {
            throw .badData(
                DataFault(
                    file: raw.name, field: "channels", expected: "pictures with channels \(TitleText.list(channels))",
                    found: "samples of \(raw.sampleShape)"))
        }
        guard channels != wanted else { return raw }
        let places = try ColumnOrder.places(of: wanted, in: channels, inOrder: false, file: raw.name)
        let plane = raw.sampleShape[1] * raw.sampleShape[2]
        let order = places.flatMap { channel in (0..<plane).map { channel * plane + $0 } }
        return try raw.selectingFeatures(order).reshaped([places.count] + raw.sampleShape.dropFirst())
    }

    private static func chosen(_ part: Part, _ splits: DataSplits) -> Dataset {
        part == .training ? splits.train : splits.test ?? splits.validation ?? splits.train
    }
}

extension NodeConfiguration.Data {
    /// A node's own rows in the form of a task, read as its configuration says.
    func fitted(_ part: DataFiles.Part, to spec: TaskSpec) throws(LearnError) -> Dataset {
        try DataFiles.fitted(
            part == .training ? train : evaluation, label: label, layout: layout, channels: channels, to: spec,
            part: part)
    }
}
