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
}
