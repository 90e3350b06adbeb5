internal import MeshCrypto

/// Tables of logarithms that are large enough to be kept: built once, read and verified afterwards.
enum LogarithmFile {
    /// Smaller tables are built faster than they are read.
    static let smallestKept: Int64 = 1 << 20
    /// The largest table there is, with its header.
    private static let longest: UInt64 = 257 << 20

    /// The table for values up to ±bound: from its file in `directory` where that is whole, else built, and kept if large.
    /// A file that cannot be used is built anew, one that cannot be written costs the next start its time and nothing more.
    ///
    /// - Parameter progress: the entries built and their number; `false` cancels.
    /// - Throws: `cancelled`.
    static func table(
        bound: Int64, maximumTable: Int64, directory: String, progress: (_ done: Int, _ total: Int) -> Bool
    ) throws(NDDFEError) -> BoundedLogarithm {
        guard min(bound, maximumTable) >= smallestKept else {
            return try BoundedLogarithm(bound: bound, maximumTable: maximumTable, progress: progress)
        }
        let path = "\(directory)/logarithms-\(bound)-\(maximumTable)"
        if let bytes = try? FileSystem.read(path, limit: longest),
            let table = BoundedLogarithm(cached: bytes, bound: bound, maximumTable: maximumTable)
        {
            return table
        }
        let table = try BoundedLogarithm(bound: bound, maximumTable: maximumTable, progress: progress)
        do {
            try FileSystem.makeDirectory(directory)
            try FileSystem.writeAtomically(path, [table.cacheBytes])
        } catch {
            // No room or no right: the table in memory serves this run.
        }
        return table
    }
}
