import Foundation

/// Whole files with a limit on their size.
enum FileBytes {
    /// Bytes of a plain file.
    /// - Parameter limit: bytes; larger files are refused.
    static func size(of path: String, limit: Int) throws(LearnError) -> Int {
        let attributes: [FileAttributeKey: Any]
        do {
            attributes = try FileManager.default.attributesOfItem(
                atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
        } catch {
            throw .unreadable(path: path, reason: "no such file, or it may not be read")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else {
            throw .unreadable(path: path, reason: "not a plain file")
        }
        let size = (attributes[.size] as? NSNumber)?.intValue ?? Int.max
        guard size <= limit else {
            throw .unreadable(path: path, reason: "\(size) bytes are more than the limit of \(limit)")
        }
        return size
    }

    /// - Parameter limit: bytes; larger files are refused before they are read.
    static func read(_ path: String, limit: Int) throws(LearnError) -> [UInt8] {
        _ = try size(of: path, limit: limit)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path: path, reason: "may not be read")
        }
        guard data.count <= limit else {
            throw .unreadable(path: path, reason: "grew beyond the limit of \(limit) bytes while it was read")
        }
        return [UInt8](data)
    }

    /// Writes beside the target and renames, so that a reader never sees half a file.
    static func write(_ bytes: [UInt8], to path: String) throws(LearnError) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .unreadable(path: path, reason: "may not be written")
        }
    }
}
