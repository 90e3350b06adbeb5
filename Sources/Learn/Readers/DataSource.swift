import Foundation

/// Any readable data set by its name: a shipped one, or a path whose form tells the reader.
public struct DataSource: Sendable {
    /// Name of the label column in CSV and TSV.
    public var labelColumn: String
    /// The task's classes in order, for tables.
    public var classNames: [String]?
    /// The task's number of classes, for arrays.
    public var classCount: Int?
    /// The task's feature columns in order, for tables; nil takes every column but the label.
    public var featureColumns: [String]?
    /// Tables must have `featureColumns` in that order; otherwise the columns are found by their titles.
    public var columnsInOrder = false
    /// Reads the label of tables as a target; other forms have classes only.
    public var regression = false
    /// How pictures lie, for arrays.
    public var form = PictureForm()
    /// Counts the numbers that binary32 changes (`Dataset.rounded`): every command that writes what it read says them.
    public var countsRounding = false
    /// Folder of the shipped sets; nil searches.
    public var shippedFolder: String?

    public static let allowed =
        "digits, wdbc, FILE.csv[.gz], FILE.tsv[.gz], FILE.npz, FILE.safetensors, an IDX image file beside its labels, or a folder with images/ and labels.json"

    public init(
        labelColumn: String = "label", classNames: [String]? = nil, classCount: Int? = nil, shippedFolder: String? = nil
    ) {
        self.labelColumn = labelColumn
        self.classNames = classNames
        self.classCount = classCount
        self.shippedFolder = shippedFolder
    }

    /// The rows as the file has them, unscaled. The name of a shipped set stands for its file: all of its rows, raw, for
    /// what a task does with rows (its split, scale, mean) is done to these, too. `ShippedData.split` is for experiments
    /// without a task.
    public func load(_ name: String) throws(LearnError) -> DataSplits {
        if let shipped = ShippedData(rawValue: name) {
            let rows = try shipped.load(folder: shippedFolder)
            guard let classNames else { return DataSplits(train: rows) }
            return DataSplits(train: try rows.renumbered(classNames))
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) else {
            throw .unreadable(
                path: name, reason: "there is no such file, and no shipped set (digits, wdbc) is called so")
        }
        if isFolder.boolValue {
            var form = form
            form.countsRounding = countsRounding
            return DataSplits(train: try FolderReader.read(path: name, classCount: classCount, form: form))
        }
        if let reader = table(name) { return DataSplits(train: try reader.read(path: name)) }
        guard !regression else {
            throw .invalid(
                field: "data", reason: "\(name) has classes, and the task asks for a regression",
                next: "give a CSV or TSV file whose label column is a number")
        }
        let splits = try arrays(name)
        // A file that names its classes is understood by their names, whatever their numbers.
        guard let classNames, splits.train.namesClasses else { return splits }
        func renumbered(_ part: Dataset?) throws(LearnError) -> Dataset? { try part?.renumbered(classNames) }
        return DataSplits(
            train: try splits.train.renumbered(classNames), validation: try renumbered(splits.validation),
            test: try renumbered(splits.test))
    }

    /// The reader of a table, told by the ending of the file's name; nil for another form.
    public func table(_ name: String) -> TableReader? {
        let lower = name.lowercased()
        guard [".csv", ".csv.gz", ".tsv", ".tsv.gz"].contains(where: { lower.hasSuffix($0) }) else { return nil }
        var reader = TableReader(
            labelColumn: labelColumn, classNames: classNames, featureColumns: featureColumns, regression: regression)
        reader.columnsInOrder = columnsInOrder
        reader.countsRounding = countsRounding
        return reader
    }

    private func arrays(_ name: String) throws(LearnError) -> DataSplits {
        var form = form
        form.countsRounding = countsRounding
        let lower = name.lowercased()
        func ends(_ endings: String...) -> Bool { endings.contains { lower.hasSuffix($0) } }
        if ends(".npz") { return try NPZReader.read(path: name, classCount: classCount, form: form) }
        if ends(".safetensors") {
            return DataSplits(train: try Self.tensors(path: name, classCount: classCount, form: form))
        }
        if IDXReader.isImages(path: name) {
            let other = IDXReader.siblings(of: name)
            let train = try IDXReader.read(images: name, labels: other.labels, classCount: classCount, form: form)
            guard let test = other.test else { return DataSplits(train: train) }
            return DataSplits(
                train: train,
                test: try IDXReader.read(
                    images: test.images, labels: test.labels, classCount: train.classCount, form: form))
        }
        if ends(".pt", ".pth", ".pkl", ".pickle", ".joblib") {
            throw .badTensors(file: name, reason: "is a pickle, which is never loaded")
        }
        throw .invalid(field: "data", reason: "the form of \(name) is unknown", next: "use \(Self.allowed)")
    }

    /// Tensors X (rows first) and y (one label a row, or one-hot rows), numbers or BOOL; names in the metadata.
    private static func tensors(path: String, classCount: Int?, form: PictureForm) throws(LearnError) -> Dataset {
        let file = try Safetensors.read(path: path, limit: DataLimits.fileBytes)
        guard let x = file.tensor(named: "X"), let y = file.tensor(named: "y"), let rows = x.shape.first, rows > 0,
            x.shape.count >= 2
        else {
            throw .badData(
                DataFault(
                    file: path, expected: "tensors X (rows, ...) and y (rows)",
                    found: file.tensors.prefix(8).map { "\($0.name) \($0.shape)" }.joined(separator: ", ")))
        }
        func texts(_ key: String) -> [String]? {
            file.metadata.first { $0.key == key }.flatMap { JSONText.texts($0.value) }?.map(TitleText.composed)
        }
        var form = form
        if form.layout == .auto, let text = file.metadata.first(where: { $0.key == "layout" })?.value {
            form.layout = PictureLayout(rawValue: text) ?? .auto
        }
        let whole = try file.floats(y).map { Int64(exactly: $0) ?? -1 }
        let labels = try ArrayDataset.classes(of: whole, shape: y.shape, rows: rows, file: path)
        var shape = Array(x.shape.dropFirst())
        var tally = form.countsRounding ? RoundingTally(width: shape.reduce(1, *)) : nil
        var values = try file.floats(x, &tally)
        if try form.isChannelsLast(shape, file: path) {
            shape = ArrayDataset.putChannelsFirst(&values, rows: rows, shape: shape)
        }
        let classes = texts("classes")
        let bare = try Dataset(
            name: path, features: values, labels: labels, featureCount: shape.reduce(1, *),
            classCount: classes?.count ?? classCount
                ?? max(ArrayDataset.oneHotWidth(whole, y.shape) ?? 2, (labels.max().map { Int($0) } ?? 0) + 1),
            sampleShape: shape)
        var result = try bare.named(
            columns: texts("columns"), classes: classes, label: file.metadata.first { $0.key == "label" }?.value)
        result.rounded = tally?.result ?? Rounding()
        return result
    }
}
