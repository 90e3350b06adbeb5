/// NumPy archives with MedMNIST's keys {train,val,test}_{images,labels}, with Keras' x_train, y_train, x_test, y_test, with
/// scikit-learn's X_train, y_train, or with one pair X, y (also images, labels; features, labels; data, target).
///
/// Arrays of texts beside them, as `data convert` writes: `columns` (titles of the features), `classes` (what each number
/// of y means), `label_name`, and `layout` ("channels_first").
public enum NPZReader {
    /// - Parameter classCount: the task's; nil takes the largest label of all parts plus one.
    public static func read(path: String, classCount: Int? = nil, form: PictureForm = PictureForm()) throws(LearnError)
        -> DataSplits
    {
        try read(ByteSource(path: path), classCount: classCount, form: form)
    }

    public static func read(bytes: [UInt8], file: String, classCount: Int? = nil, form: PictureForm = PictureForm())
        throws(LearnError) -> DataSplits
    {
        try read(ByteSource(bytes: bytes, file: file), classCount: classCount, form: form)
    }

    /// Everything that is wrong with the numbers of an archive whose reading ended at the first of it: elements that are not
    /// finite, labels that are no class. For an audit, which promises all of it at once.
    public static func faults(path: String) -> FaultList {
        var list = FaultList()
        guard let source = try? ByteSource(path: path), let archive = try? ZipArchive(source),
            let keys = keys(of: archive)
        else { return list }
        let pairs = pairs(keys, archive)
        for (key, isLabels) in pairs.map({ ($0.keys.1, true) }) + pairs.map({ ($0.keys.0, false) }) {
            guard let entry = archive.entries.first(where: { $0.name == key + ".npy" }),
                let stream = try? archive.stream(entry, file: "\(path), \(key)"), let array = try? NPYStream(stream)
            else { continue }
            try? array.addFaults(ofLabels: isLabels, to: &list)
        }
        return list
    }

    private typealias Keys = (train: (String, String), validation: (String, String)?, test: (String, String)?)

    private static func has(_ key: String, _ archive: ZipArchive) -> Bool {
        archive.entries.contains { $0.name == key + ".npy" }
    }

    /// What the archive calls its arrays; nil where it follows no convention.
    private static func keys(of archive: ZipArchive) -> Keys? {
        let conventions: [Keys] = [
            (("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
            (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
            (("X_train", "y_train"), ("X_val", "y_val"), ("X_test", "y_test")),
            (("X", "y"), nil, nil), (("images", "labels"), nil, nil), (("features", "labels"), nil, nil),
            (("data", "target"), nil, nil),
        ]
        return conventions.first { has($0.train.0, archive) && has($0.train.1, archive) }
    }

    /// The parts that the archive has, in order.
    private static func pairs(_ keys: Keys, _ archive: ZipArchive) -> [(part: String, keys: (String, String))] {
        var pairs = [(part: "train", keys: keys.train)]
        if let names = keys.validation, has(names.0, archive) || has(names.1, archive) { pairs.append(("val", names)) }
        if let names = keys.test, has(names.0, archive) || has(names.1, archive) { pairs.append(("test", names)) }
        return pairs
    }

    private static func read(
        _ source: ByteSource, classCount: Int?, form: PictureForm
    ) throws(LearnError) -> DataSplits {
        let file = source.file
        let archive = try ZipArchive(source)
        func has(_ key: String) -> Bool { Self.has(key, archive) }
        guard let keys = Self.keys(of: archive) else {
            let known = archive.entries.map(\.name).sorted().prefix(8).joined(separator: ", ")
            throw .badData(
                DataFault(
                    file: file, expected: "train_images and train_labels, x_train and y_train, or X and y", found: known
                ))
        }
        func entry(_ key: String) throws(LearnError) -> ZipArchive.Entry {
            guard let entry = archive.entries.first(where: { $0.name == key + ".npy" }) else {
                throw .badData(DataFault(file: file, field: key, expected: "an array of this name", found: "none"))
            }
            return entry
        }
        func texts(_ key: String, most: Int) throws(LearnError) -> [String]? {
            guard has(key) else { return nil }
            let entry = try entry(key)
            let stream = try archive.stream(entry, file: "\(file), \(key)")
            let texts = try NPYText.read(stream, most: most)
            try archive.verify(stream, entry)
            return texts
        }
        var form = form
        if form.layout == .auto, let layout = try texts("layout", most: 1)?.first.flatMap(PictureLayout.init) {
            form.layout = layout
        }
        // MedMNIST's archives have their channels last, however small the pictures; what may be either is asked here, too.
        form.prefersChannelsLast = keys.train.0 == "train_images"
        let columns = try texts("columns", most: DataLimits.features)
        let names = try texts("classes", most: DataLimits.classes)
        let labelName = try texts("label_name", most: 1)?.first
        let pairs = Self.pairs(keys, archive)
        // Labels of all parts first: they say how many classes there are.
        var labels: [(shape: [Int], values: [Int64])] = []
        for (_, names) in pairs {
            _ = try entry(names.0)
            let entry = try entry(names.1)
            let stream = try archive.stream(entry, file: "\(file), \(names.1)")
            let array = try NPYStream(stream)
            labels.append((array.shape, try array.integers()))
            try archive.verify(stream, entry)
        }
        let largest = labels.reduce(1) { most, part in
            max(most, ArrayDataset.oneHotWidth(part.values, part.shape).map { Int64($0) - 1 } ?? part.values.max() ?? 0)
        }
        guard largest < Int64(DataLimits.classes) else {
            throw .badData(
                DataFault(
                    file: file, field: "labels", expected: "classes below \(DataLimits.classes)", found: "\(largest)"))
        }
        let classes = names?.count ?? classCount ?? Int(largest) + 1
        var parts: [String: Dataset] = [:]
        for ((name, keys), labels) in zip(pairs, labels) {
            let entry = try entry(keys.0)
            let stream = try archive.stream(entry, file: "\(file), \(keys.0)")
            let bare = try ArrayDataset.make(
                name: "\(file)/\(name)", images: try NPYStream(stream), labels: labels.values,
                labelShape: labels.shape, labelsFile: "\(file), \(keys.1)", classCount: classes, form: form)
            try archive.verify(stream, entry)
            let part = try bare.named(columns: columns, classes: names, label: labelName)
            if let train = parts["train"], part.sampleShape != train.sampleShape {
                throw .badData(
                    DataFault(
                        file: file, field: name, expected: "samples of shape \(train.sampleShape) as in train",
                        found: "\(part.sampleShape)"))
            }
            parts[name] = part
        }
        guard let train = parts["train"] else {
            throw .badData(DataFault(file: file, field: "train", expected: "training rows", found: "none"))
        }
        return DataSplits(train: train, validation: parts["val"], test: parts["test"])
    }
}
