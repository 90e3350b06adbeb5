import Foundation

/// The layout `local_data/<type>/images/*.npy` with `labels.json`, an object from file stem to class.
///
/// Every image needs its label and every label its image; pictures are taken in the order of their names.
public enum FolderReader {
    /// - Parameters:
    ///   - path: the folder that holds `images` and `labels.json`.
    ///   - classCount: the task's; nil takes the largest label plus one.
    public static func read(
        path: String, classCount: Int? = nil, form: PictureForm = PictureForm()
    ) throws(LearnError) -> Dataset {
        let labelsPath = path + "/labels.json"
        let imagesPath = path + "/images"
        let labels = try labels(at: labelsPath)
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: imagesPath)
        } catch {
            throw .unreadable(path: imagesPath, reason: "no such folder, or it may not be listed")
        }
        let stems = names.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard !stems.isEmpty else {
            throw .badData(DataFault(file: imagesPath, expected: "at least one .npy file", found: "none"))
        }
        if let missing = stems.first(where: { labels[$0] == nil }) {
            throw .badData(
                DataFault(
                    file: labelsPath, field: missing, expected: "a label for images/\(missing).npy", found: "none"))
        }
        let known = Set(stems)
        if let extra = labels.keys.sorted().first(where: { !known.contains($0) }) {
            throw .badData(
                DataFault(file: labelsPath, field: extra, expected: "an image images/\(extra).npy", found: "none"))
        }
        var shape: [Int]?
        var tally: RoundingTally?
        var features: [Float] = []
        var classes: [Int32] = []
        for stem in stems {
            let file = "\(imagesPath)/\(stem).npy"
            let array = try NPYArray(bytes: try FileBytes.read(file, limit: DataLimits.fileBytes), file: file)
            let first = shape ?? array.shape
            shape = first
            guard array.shape == first, array.count > 0 else {
                throw .badData(
                    DataFault(file: file, expected: "shape \(first) as in the first image", found: "\(array.shape)"))
            }
            guard features.count + array.count <= DataLimits.values else {
                throw .badData(
                    DataFault(file: file, expected: "at most \(DataLimits.values) numbers in all", found: "more"))
            }
            // One sample a file: its places are the columns.
            if form.countsRounding, tally == nil { tally = RoundingTally(width: array.count) }
            tally?.firstRow = classes.count
            features += try array.floats(&tally)
            classes.append(labels[stem] ?? 0)
        }
        var sample = shape ?? []
        if try form.isChannelsLast(sample, file: imagesPath) {
            sample = ArrayDataset.putChannelsFirst(&features, rows: classes.count, shape: sample)
        }
        var result = try Dataset(
            name: path, features: features, labels: classes, featureCount: sample.reduce(1, *),
            classCount: classCount ?? max(2, (classes.max().map { Int($0) } ?? 0) + 1),
            sampleShape: sample.isEmpty ? [1] : sample)
        result.rounded = tally?.result ?? Rounding()
        return result
    }

    private static func labels(at path: String) throws(LearnError) -> [String: Int32] {
        let bytes = try FileBytes.read(path, limit: 1 << 28)
        let object: [String: Int]
        do {
            object = try JSONDecoder().decode([String: Int].self, from: Data(bytes))
        } catch {
            throw .badData(
                DataFault(file: path, expected: "an object from file stem to whole number", found: "something else"))
        }
        var result: [String: Int32] = [:]
        for (stem, label) in object {
            guard label >= 0, label < DataLimits.classes else {
                throw .badData(
                    DataFault(
                        file: path, field: stem, expected: "a class in 0..<\(DataLimits.classes)", found: "\(label)"))
            }
            result[stem] = Int32(label)
        }
        return result
    }
}
