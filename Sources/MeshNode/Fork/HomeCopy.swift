internal import Glibc

/// Copies files and folders of one home into another. What has its own name in the new home is whole and on disk: it is written
/// under another name, synced, and renamed; what an interrupted copy has begun is begun anew. Links are followed, since what
/// they lead to is meant, and a relative one would lead elsewhere.
package struct HomeCopy {
    private let source: String
    private let target: String
    /// What was not taken, each with the reason: for the operator.
    package private(set) var left: [String] = []
    /// Folders whose new names are not on disk yet.
    private var unsynced: Set<String> = []

    /// Folders in folders that are copied; links may lead in a circle.
    private static let deepest = 16

    package init(from source: HomeDirectory, to target: HomeDirectory) {
        (self.source, self.target) = (source.path, target.path)
    }

    /// - Parameters:
    ///   - path: in both homes. What the new home has already stays; what the old one has not is no fault.
    ///   - isNeeded: whether the new home must not be without it: what cannot be read is an error then, else it is ``left``.
    package mutating func take(_ path: String, isNeeded: Bool) throws(StorageError) {
        let (from, to) = (source + "/" + path, target + "/" + path)
        guard try FileSystem.exists(from), try !FileSystem.exists(to) else { return }
        var folder = target
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            try FileSystem.makeDirectory(folder)
        }
        // One at a time, as the new home is locked.
        let draft = folder + "/.taking"
        try Self.removeTree(draft)
        do throws(StorageError) {
            try copy(from, draft, depth: 0, isNeeded: isNeeded)
        } catch {
            try? Self.removeTree(draft)
            guard !isNeeded, Self.isOfTheFile(error) else { throw error }
            left.append("\(error)")
            return
        }
        try FileSystem.move(draft, to)
        unsynced.insert(folder)
    }

    /// Everything that was taken is on disk when this returns.
    package mutating func finish() throws(StorageError) {
        for folder in unsynced.sorted() { try FileSystem.syncDirectory(folder) }
        unsynced = []
    }

    package mutating func leave(_ reason: String) { left.append(reason) }

    private mutating func copy(_ from: String, _ to: String, depth: Int, isNeeded: Bool) throws(StorageError) {
        guard try FileSystem.target(from)?.isDirectory == true else { return try Self.copyFile(from, to) }
        guard depth < Self.deepest else {
            throw .wrongFile(path: from, expected: "folder of rows", found: "more than \(Self.deepest) folders deep")
        }
        try FileSystem.makeDirectory(to)
        for name in try FileSystem.list(from) {
            do throws(StorageError) {
                try copy(from + "/" + name, to + "/" + name, depth: depth + 1, isNeeded: isNeeded)
            } catch {
                guard !isNeeded, Self.isOfTheFile(error) else { throw error }
                try Self.removeTree(to + "/" + name)
                left.append("\(error)")
            }
        }
        try FileSystem.syncDirectory(to)
    }

    private static func copyFile(_ from: String, _ to: String) throws(StorageError) {
        let file = OpenFile(try FileSystem.openPlain(from))
        let status = try FileSystem.status(of: file.descriptor, from)
        let copy = OpenFile(try FileSystem.open(to, O_WRONLY | O_CREAT | O_EXCL))
        guard fchmod(copy.descriptor, status.mode & 0o777) == 0 else { throw FileSystem.failure(to, "chmod") }
        var offset: UInt64 = 0
        while true {
            let bytes = try FileSystem.read(file.descriptor, from, offset: offset, count: 1 << 20)
            if bytes.isEmpty { break }
            try FileSystem.write(copy.descriptor, to, bytes, offset: offset)
            offset += UInt64(bytes.count)
        }
        try FileSystem.sync(copy.descriptor, to)
    }

    /// Whether one file of the old home is at fault, not the disk that is written to.
    private static func isOfTheFile(_ error: StorageError) -> Bool {
        switch error {
        case .missing, .wrongFile, .damaged: true
        default: false
        }
    }

    private static func removeTree(_ path: String) throws(StorageError) {
        guard let status = try FileSystem.status(path) else { return }
        guard status.isDirectory else {
            try FileSystem.unlinkIfThere(path)
            return
        }
        for name in try FileSystem.list(path) { try removeTree(path + "/" + name) }
        guard rmdir(path) == 0 else { throw FileSystem.failure(path, "removal") }
    }
}
