internal import Learn

/// A node's own rows on disk.
enum DataFiles {
    static func read(_ path: String, label: String) throws(LearnError) -> Dataset {
        try TableReader(labelColumn: label).read(path: path)
    }

    /// Rows in the form that a task asks for: its classes in its order, its features, scaled.
    static func fitted(_ path: String, label: String, labels: [String], factor: Float) throws(LearnError) -> Dataset {
        try TableReader(labelColumn: label, classNames: labels).read(path: path).scaled(by: factor)
    }
}
