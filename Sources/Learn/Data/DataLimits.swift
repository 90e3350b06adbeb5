/// Limits on what the readers accept, so that a wrong or hostile file cannot exhaust memory.
public enum DataLimits {
    /// Bytes of a file that is held in memory as a whole.
    public static let fileBytes = 2 << 30
    /// Bytes of a file that is read piece by piece, and of what it decompresses to.
    public static let streamedBytes = 64 << 30
    /// Rows of a data set.
    public static let rows = 20_000_000
    /// Features of a row.
    public static let features = 4_000_000
    /// Numbers in a feature matrix (2 GiB as binary32).
    public static let values = 1 << 29
    /// Classes of a classification task.
    public static let classes = 65_536
    /// Bytes of one field of a text file.
    public static let fieldBytes = 1 << 20
    /// Bytes of all fields of one record of a text file: 4,000,000 numbers of 16 characters.
    public static let recordBytes = 64 << 20
    /// Bytes of the texts of one file that are held at once: different labels, names, columns beside a prediction, instruction
    /// records. Numbers have a limit of their own (`values`).
    public static let textBytes = 256 << 20
}

/// The bytes of one file's texts that are held. A reader that keeps texts, each of which has a limit, counts them here: many
/// small ones fill memory as well, and a compressed file of them is a thousandth as long.
struct HeldTexts {
    private let limit: Int
    private var bytes = 0

    init(limit: Int = DataLimits.textBytes) { self.limit = limit }

    /// - Throws: `.badData` for the text that does not fit any more.
    mutating func add(_ text: String, file: String, row: Int?) throws(LearnError) {
        let count = text.utf8.count
        guard count <= limit - bytes else {
            throw .badData(
                DataFault(file: file, row: row, expected: "at most \(limit) bytes of texts in all", found: "more"))
        }
        bytes += count
    }
}
