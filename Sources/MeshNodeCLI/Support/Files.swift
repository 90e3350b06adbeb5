internal import Foundation
internal import Learn
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
    /// file, what a shell puts in for a command is a pipe; a device would never end.
    static func read(_ path: String, limit: Int = 1 << 30) throws(FileError) -> [UInt8] {
        do {
            let file = try InputFile(path)
            guard file.kind == .plain || file.kind == .pipe else { throw InputFault.wrongKind(file.kind) }
            return try file.bytes(limit: limit)
        } catch let fault as InputFault {
            throw FileError(path: path, reason: reason(fault, limit: limit))
        } catch { throw FileError(path: path, reason: "cannot be read") }
    }

    /// Why a file that a person named is not read.
    static func reason(_ fault: InputFault, limit: Int) -> String {
        switch fault {
        case .missing: "there is no such file, or it may not be read"
        case .wrongKind(let kind):
            switch kind {
            case .device: "it is a device, not a file"
            case .directory: "it is a directory, not a file"
            case .pipe, .plain: "it is a pipe, not a file"
            }
        case .unreadable(let reason): "it cannot be read: \(reason)"
        case .tooLong(let size): "\(size) bytes, at most \(limit) are read"
        }
    }

    static func write(_ bytes: [UInt8], to path: String) throws(FileError) { try write([(path, bytes)]) }

    /// All of them in one step; where one cannot be written, what was there stays, and nothing else: see ``OutputFile``.
    /// - Parameter replaces: false where nobody said --force.
    static func write(_ files: [(path: String, bytes: [UInt8])], replaces: Bool = true) throws(FileError) {
        do { try OutputFile.write(files, replaces: replaces) } catch {
            throw FileError(path: error.path, reason: "cannot be written: \(error.reason)", next: error.next)
        }
    }

    /// The one rule of every command that writes a file which a person named: what is there stays, unless forced.
    static func writeNew(_ bytes: [UInt8], to path: String, force: Bool) throws(FileError) {
        try refuseExisting([path], force: force)
        try write([(path, bytes)], replaces: force)
    }

    /// Call before anything is computed or written, with every file that will be. What comes later is refused by the writing
    /// itself: every writer takes `replaces: force`.
    static func refuseExisting(_ paths: [String], force: Bool) throws(FileError) {
        // Elsewhere `-` is the standard output, which cannot be kept as it was where a command fails.
        if paths.contains("-") {
            throw FileError(
                path: "-", reason: "results go to a file, which is written whole or not at all, not to standard output",
                next: "give the name of a file; one that is called - is ./-")
        }
        guard !force, let path = paths.first(where: exists) else { return }
        throw FileError(
            path: path, reason: "exists already, and nothing was written", next: "give another name, or --force")
    }

    /// What a command reads is never what it writes, forced or not: the rows or the model would be gone, and with them what
    /// the output was made of. Call beside ``refuseExisting(_:force:)``.
    static func refuseOverwriting(_ outputs: [String], of inputs: [String]) throws(FileError) {
        func identity(_ path: String) -> String? {
            guard let known = try? FileManager.default.attributesOfItem(atPath: FilePath.real(path) ?? path),
                let system = known[.systemNumber], let number = known[.systemFileNumber]
            else { return nil }
            return "\(system) \(number)"
        }
        let read = Set(inputs.compactMap(identity))
        guard let path = outputs.first(where: { !read.isDisjoint(with: [identity($0) ?? ""]) }) else { return }
        throw FileError(
            path: path, reason: "is what this command reads, and nothing was written", next: "give another name")
    }

    static func remove(_ path: String) throws(FileError) {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw FileError(path: path, reason: "cannot be removed: \(error.localizedDescription)")
        }
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

    /// A home that a person named. Every command that takes one asks this: a link to a home stands for the home.
    static func home(_ path: String) -> HomeDirectory {
        let named = HomeDirectory(path: absolute(path))
        guard isLink(named.path), let real = FilePath.real(named.path) else { return named }
        return HomeDirectory(path: real)
    }

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
