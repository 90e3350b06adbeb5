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
    /// Reads the label of tables as a target; other forms have classes only.
    public var regression = false
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

    /// The rows as the file has them, unscaled but for the shipped sets, which come with their fixed split.
    public func load(_ name: String) throws(LearnError) -> DataSplits {
        if let shipped = ShippedData(rawValue: name) {
            let split = try shipped.split(folder: shippedFolder)
            return DataSplits(train: split.train, test: split.test)
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) else {
            throw .unreadable(
                path: name, reason: "there is no such file and no shipped set of this name (\(Self.allowed))")
        }
        if isFolder.boolValue { return DataSplits(train: try FolderReader.read(path: name, classCount: classCount)) }
        let lower = name.lowercased()
        func ends(_ endings: String...) -> Bool { endings.contains { lower.hasSuffix($0) } }
        if ends(".csv", ".csv.gz", ".tsv", ".tsv.gz") {
            return DataSplits(
                train: try TableReader(
                    labelColumn: labelColumn, classNames: classNames, featureColumns: featureColumns,
                    regression: regression
                ).read(path: name))
        }
        guard !regression else {
            throw .invalid(
                field: "data", reason: "\(name) has classes, and the task asks for a regression",
                next: "give a CSV or TSV file whose label column is a number")
        }
        if ends(".npz") { return try NPZReader.read(path: name, classCount: classCount) }
        if ends(".safetensors") { return DataSplits(train: try Self.tensors(path: name, classCount: classCount)) }
        if lower.contains("-idx3-ubyte") || ends(".idx3", ".idx3.gz") || lower.contains("images-idx") {
            func labels(_ images: String) -> String {
                images.replacing("images-idx3", with: "labels-idx1").replacing(".idx3", with: ".idx1")
            }
            let train = try IDXReader.read(images: name, labels: labels(name), classCount: classCount)
            // MNIST's held-out rows lie beside it under their own name.
            let other = name.replacing("train-images", with: "t10k-images")
            guard other != name, FileManager.default.fileExists(atPath: other) else { return DataSplits(train: train) }
            return DataSplits(
                train: train,
                test: try IDXReader.read(images: other, labels: labels(other), classCount: train.classCount))
        }
        if ends(".pt", ".pth", ".pkl", ".pickle", ".joblib") {
            throw .badTensors(file: name, reason: "is a pickle, which is never loaded")
        }
        throw .invalid(field: "data", reason: "the form of \(name) is unknown", next: "use \(Self.allowed)")
    }

    /// Tensors X (rows first) and y (rows).
    private static func tensors(path: String, classCount: Int?) throws(LearnError) -> Dataset {
        let file = try Safetensors.read(path: path, limit: DataLimits.fileBytes)
        guard let x = file.tensor(named: "X"), let y = file.tensor(named: "y"), let rows = x.shape.first, rows > 0,
            x.shape.count >= 2, y.shape == [rows]
        else {
            throw .badData(
                DataFault(
                    file: path, expected: "tensors X (rows, ...) and y (rows)",
                    found: file.tensors.prefix(8).map { "\($0.name) \($0.shape)" }.joined(separator: ", ")))
        }
        let labels = try ArrayDataset.classes(of: try file.floats(y).map { Int64(exactly: $0) ?? -1 }, file: path)
        let shape = Array(x.shape.dropFirst())
        return try Dataset(
            name: path, features: try file.floats(x), labels: labels, featureCount: shape.reduce(1, *),
            classCount: classCount ?? max(2, (labels.max().map { Int($0) } ?? 0) + 1), sampleShape: shape)
    }
}
