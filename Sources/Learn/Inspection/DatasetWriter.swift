/// Writes a data set in another form, for `data convert`. Values, titles and class names are kept as they are.
public enum DatasetWriter {
    public static let allowed = "FILE.csv, FILE.npz, FILE.safetensors"

    /// Chooses the form by the path's ending.
    public static func write(_ data: Dataset, to path: String) throws(LearnError) {
        try FileBytes.write(try Self.bytes(data, as: path), to: path)
    }

    /// The same, for ``OutputFile/publish(_:)`` to put in its place with others.
    public static func draft(_ data: Dataset, of path: String, replaces: Bool = true) throws -> OutputFile {
        let bytes = try Self.bytes(data, as: path)
        let file = try OutputFile(path, replaces: replaces)
        try file.write(bytes)
        try file.seal()
        return file
    }

    private static func bytes(_ data: Dataset, as path: String) throws(LearnError) -> [UInt8] {
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
        return bytes
    }

    /// A table holds the names of classes and not their numbers: whoever reads it without a task or an order of classes numbers them
    /// anew, whole numbers as themselves and other names in their order.
    /// - Returns: the first class that gets another number so; nil where each keeps its own.
    public static func renumbered(_ data: Dataset) -> (name: String, from: Int, to: Int)? {
        guard !data.isRegression else { return nil }
        var labels = LabelColumn()
        for (place, count) in data.classCounts.enumerated() where count > 0 {
            // What does not fit a label column is told when it is read.
            guard (try? labels.append(data.classNames[place], line: place, column: "", file: "")) != nil else {
                return nil
            }
        }
        guard let (read, _) = try? labels.classes(given: nil, column: "", file: "") else { return nil }
        let present = data.classCounts.enumerated().filter { $0.element > 0 }.map(\.offset)
        for (place, number) in zip(present, read) where place != Int(number) {
            return (data.classNames[place], place, Int(number))
        }
        return nil
    }

    /// The set's own titles, else f0, f1, ...; the label last, with the class names.
    static func csv(_ data: Dataset) -> [UInt8] {
        let titles = data.columnNames.isEmpty ? (0..<data.featureCount).map { "f\($0)" } : data.columnNames
        // A feature may be called as the label is in another file.
        var label = data.labelName
        while titles.contains(label) { label += "_" }
        var text = (titles + [label]).map(quoted).joined(separator: ",") + "\n"
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
        guard
            text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) || text.first == " " || text.last == " "
        else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    static func npz(_ data: Dataset) throws(LearnError) -> [UInt8] {
        var entries: [(name: String, content: [UInt8])] = [
            ("X.npy", try NPYArray(data.features, shape: [data.count] + data.sampleShape).encoded),
            ("y.npy", try NPYArray(data.labels.map { Int64($0) }, shape: [data.count]).encoded),
            ("classes.npy", NPYText.encoded(data.classNames)), ("label_name.npy", NPYText.encoded([data.labelName])),
        ]
        if !data.columnNames.isEmpty { entries.append(("columns.npy", NPYText.encoded(data.columnNames))) }
        if data.sampleShape.count == 3 {
            entries.append(("layout.npy", NPYText.encoded([PictureLayout.channelsFirst.rawValue])))
        }
        return try ZipArchive.stored(entries)
    }

    static func safetensors(_ data: Dataset) throws(LearnError) -> [UInt8] {
        var metadata = [(key: "classes", value: JSONText.list(data.classNames)), ("label", data.labelName)]
        if !data.columnNames.isEmpty { metadata.append(("columns", JSONText.list(data.columnNames))) }
        if data.sampleShape.count == 3 { metadata.append(("layout", PictureLayout.channelsFirst.rawValue)) }
        return try Safetensors.encode(
            [
                ("X", [data.count] + data.sampleShape, data.features),
                ("y", [data.count], data.labels.map { Float($0) }),
            ], metadata: metadata)
    }
}
