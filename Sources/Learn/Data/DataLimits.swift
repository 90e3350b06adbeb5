/// Limits on what the readers accept, so that a wrong or hostile file cannot exhaust memory.
public enum DataLimits {
    /// Bytes of one file, and of one file after decompression.
    public static let fileBytes = 2 << 30
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
