/// Writes a data set in another form, for `data convert`. Values are kept as they are.
public enum DatasetWriter {
    public static let allowed = "FILE.csv, FILE.npz, FILE.safetensors"

    /// Chooses the form by the path's ending.
    public static func write(_ data: Dataset, to path: String) throws(LearnError) {
        guard !data.isRegression else {
            throw .invalid(
                field: "convert", reason: "regression sets are not written", next: "convert a classification set")
        }
        let lower = path.lowercased()
        let bytes: [UInt8]
        if lower.hasSuffix(".csv") {
            bytes = csv(data)
        } else if lower.hasSuffix(".npz") {
            bytes = try npz(data)
        } else if lower.hasSuffix(".safetensors") {
            bytes = try safetensors(data)
        } else {
            throw .invalid(field: "convert", reason: "the form of \(path) is unknown", next: "use \(allowed)")
        }
        try FileBytes.write(bytes, to: path)
    }

    /// Columns f0, f1, ... and label with the class names.
    static func csv(_ data: Dataset) -> [UInt8] {
        var text = (0..<data.featureCount).map { "f\($0)" }.joined(separator: ",") + ",label\n"
        for row in 0..<data.count {
            for column in 0..<data.featureCount {
                let value = data.features[row * data.featureCount + column]
                text += value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))," : "\(value),"
            }
            text += quoted(data.classNames[Int(data.labels[row])]) + "\n"
        }
        return Array(text.utf8)
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    static func npz(_ data: Dataset) throws(LearnError) -> [UInt8] {
        try ZipArchive.stored([
            ("X.npy", try NPYArray(data.features, shape: [data.count] + data.sampleShape).encoded),
            ("y.npy", try NPYArray(data.labels.map { Int64($0) }, shape: [data.count]).encoded),
        ])
    }

    static func safetensors(_ data: Dataset) throws(LearnError) -> [UInt8] {
        try Safetensors.encode([
            ("X", [data.count] + data.sampleShape, data.features), ("y", [data.count], data.labels.map { Float($0) }),
        ])
    }
}
