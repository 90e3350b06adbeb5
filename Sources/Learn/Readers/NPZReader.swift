/// NumPy archives with MedMNIST's keys {train,val,test}_{images,labels}, with Keras' x_train, y_train, x_test, y_test,
/// or with one pair X, y (also images, labels; features, labels).
public enum NPZReader {
    /// - Parameter classCount: the task's; nil takes the largest label of all parts plus one.
    public static func read(path: String, classCount: Int? = nil) throws(LearnError) -> DataSplits {
        try read(bytes: try FileBytes.read(path, limit: DataLimits.fileBytes), file: path, classCount: classCount)
    }

    public static func read(bytes: [UInt8], file: String, classCount: Int? = nil) throws(LearnError) -> DataSplits {
        let archive = try ZipArchive(bytes: bytes, file: file)
        let conventions: [(train: (String, String), validation: (String, String)?, test: (String, String)?)] = [
            (("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
            (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
            (("X", "y"), nil, nil), (("images", "labels"), nil, nil), (("features", "labels"), nil, nil),
        ]
        func has(_ key: String) -> Bool { archive.entries.contains { $0.name == key + ".npy" } }
        guard let keys = conventions.first(where: { has($0.train.0) && has($0.train.1) }) else {
            let known = archive.entries.map(\.name).sorted().prefix(8).joined(separator: ", ")
            throw .badData(
                DataFault(
                    file: file, expected: "train_images and train_labels, x_train and y_train, or X and y", found: known
                ))
        }
        func array(_ key: String) throws(LearnError) -> NPYArray {
            guard let entry = archive.entries.first(where: { $0.name == key + ".npy" }) else {
                throw .badData(DataFault(file: file, field: key, expected: "an array of this name", found: "none"))
            }
            return try NPYArray(
                bytes: try archive.extract(entry, limit: DataLimits.fileBytes), file: "\(file), \(key)")
        }
        var pairs: [(name: String, images: NPYArray, labels: NPYArray)] = [
            ("train", try array(keys.train.0), try array(keys.train.1))
        ]
        if let names = keys.validation, has(names.0) || has(names.1) {
            pairs.append(("val", try array(names.0), try array(names.1)))
        }
        if let names = keys.test, has(names.0) || has(names.1) {
            pairs.append(("test", try array(names.0), try array(names.1)))
        }
        var largest: Int64 = 1
        for pair in pairs { largest = max(largest, try pair.labels.integers().max() ?? 0) }
        guard largest < Int64(DataLimits.classes) else {
            throw .badData(
                DataFault(
                    file: file, field: "labels", expected: "classes below \(DataLimits.classes)", found: "\(largest)"))
        }
        let classes = classCount ?? Int(largest) + 1
        var parts: [String: Dataset] = [:]
        for pair in pairs {
            let part = try ArrayDataset.make(
                name: "\(file)/\(pair.name)", images: pair.images, labels: pair.labels, classCount: classes)
            if let train = parts["train"], part.sampleShape != train.sampleShape {
                throw .badData(
                    DataFault(
                        file: file, field: pair.name, expected: "samples of shape \(train.sampleShape) as in train",
                        found: "\(part.sampleShape)"))
            }
            parts[pair.name] = part
        }
        guard let train = parts["train"] else {
            throw .badData(DataFault(file: file, field: "train", expected: "training rows", found: "none"))
        }
        return DataSplits(train: train, validation: parts["val"], test: parts["test"])
    }
}
