internal import Foundation
internal import MeshNode
internal import Wire

/// A file that a person named and that cannot be used.
struct FileError: Error, Equatable, CustomStringConvertible {
    let path: String
    let reason: String
    var next = "check the path"
    var description: String { "\(path): \(reason); \(next)" }
}

enum Files {
    /// A whole file that a person named, refused before reading where it is longer than `limit` bytes. A link stands for its
    /// file; a device would never end.
    static func read(_ path: String, limit: Int = 1 << 30) throws(FileError) -> [UInt8] {
        let manager = FileManager.default
        // What a shell puts in for a command leads nowhere that has a name.
        guard
            let known = (try? manager.attributesOfItem(atPath: resolved(path)))
                ?? (try? manager.attributesOfItem(atPath: path)),
            let size = known[.size] as? Int
        else { throw FileError(path: path, reason: "there is no such file, or it may not be read") }
        if let kind = known[.type] as? FileAttributeType, [.typeCharacterSpecial, .typeBlockSpecial].contains(kind) {
            throw FileError(path: path, reason: "it is a device, not a file")
        }
        guard size <= limit else { throw FileError(path: path, reason: "\(size) bytes, at most \(limit) are read") }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FileError(path: path, reason: "cannot be read")
        }
        return Array(data)
    }

    static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw FileError(path: path, reason: "cannot be written: \(error.localizedDescription)")
        }
    }

    /// The one rule of every command that writes a file which a person named: what is there stays, unless forced.
    static func writeNew(_ bytes: [UInt8], to path: String, force: Bool) throws(FileError) {
        try refuseExisting([path], force: force)
        try write(bytes, to: path)
    }

    /// Call before anything is computed or written, with every file that will be.
    static func refuseExisting(_ paths: [String], force: Bool) throws(FileError) {
        guard !force, let path = paths.first(where: exists) else { return }
        throw FileError(
            path: path, reason: "exists already, and nothing was written", next: "give another name, or --force")
    }

    static func makeDirectory(_ path: String) throws(FileError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError(path: path, reason: "cannot be made: \(error.localizedDescription)")
        }
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    static func absolute(_ path: String) -> String {
        let expanded =
            path == "~" || path.hasPrefix("~/")
            ? (environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? NSHomeDirectory()) + path.dropFirst()
            : path
        return expanded.hasPrefix("/") ? expanded : FileManager.default.currentDirectoryPath + "/" + expanded
    }

    static func isLink(_ path: String) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType) == .typeSymbolicLink
    }

    /// Where a link leads, so that writing replaces the file and not the link.
    static func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

    static var environment: [String: String] { ProcessInfo.processInfo.environment }
    /// No block can follow one whose time is ahead of the clocks that vote.
    static func requireTime(_ timeMs: UInt64, of what: String) throws(CommandFailure) {
        let now = nowMs
        guard timeMs > now, timeMs - now > Limits.clockAheadMs else { return }
        let date = CalendarText.text(timeMs)
        throw CommandFailure(
            ExitStatus.data,
            "\(what) is dated \(date), \((timeMs - now) / 1_000) s ahead of this machine's clock: nothing could be decided "
                + "before that time; set the clock, or make a genesis with an earlier --time-ms")
    }

    static var nowMs: UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
}
