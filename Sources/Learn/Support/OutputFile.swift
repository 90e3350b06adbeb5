import Glibc

/// Why a file that a person named was not written. What was there is as it was.
public struct OutputError: Error, Equatable, CustomStringConvertible {
    public let path: String
    public let reason: String
    public var next = "choose another place, or make room"
    public var description: String { "\(path): cannot be written: \(reason); \(next)" }

    static func taken(_ path: String) -> OutputError {
        OutputError(
            path: path, reason: "it exists already, and was left as it is", next: "give another name, or --force")
    }
}

/// A file that a person named while it is written: beside its place and under another name, and under its own once it is whole
/// and on disk. What fails before leaves what was there, and nothing else. Every command writes its files this way, all of them
/// in one step where there are several; nothing opens, makes or cuts the named file itself.
///
/// What nobody allowed to replace is not replaced either where it appears while the file is being written: the system decides
/// that when the file is put in its place, not a look at the path before.
public final class OutputFile {
    private let path: String
    /// Where a link leads, so that the file is replaced and not the link.
    private let target: String
    private let replaces: Bool
    /// Nil for a pipe or a device, which is written as it is.
    private let draft: String?
    private var descriptor: Int32
    private var isPublished = false
    private var before = Before.unknown

    /// What a file took the place of, for the case that another one of the same step cannot be put in its place.
    private enum Before {
        case nothing
        /// Another name of the former file.
        case kept(String)
        /// The file system has no second names: the file stays new.
        case unknown
    }

    /// - Parameter replaces: whether a file that is there, or comes meanwhile, may be replaced.
    public init(_ path: String, replaces: Bool = true) throws(OutputError) {
        (self.path, self.replaces) = (path, replaces)
        var info = stat()
        let isThere = stat(path, &info) == 0
        guard isThere || lstat(path, &info) != 0 else {
            throw OutputError(path: path, reason: "it is a link that leads nowhere")
        }
        let kind = info.st_mode & S_IFMT
        guard !isThere || kind != S_IFDIR else { throw OutputError(path: path, reason: "it is a directory") }
        guard replaces || !isThere else { throw .taken(path) }
        guard !isThere || kind == S_IFREG else {
            (target, draft) = (path, nil)
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path) }
            return
        }
        // The folder is looked up once, by the system; see FilePath.
        let place =
            isThere
            ? FilePath.real(path)
            : FilePath.real(FilePath.folder(of: path)).map { ($0 == "/" ? "" : $0) + "/" + FilePath.name(of: path) }
        guard let place else { throw Self.failure(path) }
        target = place
        // A file without a name, as one that was removed and is still open, is no file to replace.
        var named = stat()
        guard !isThere || stat(place, &named) == 0 && named.st_ino == info.st_ino && named.st_dev == info.st_dev else {
            throw OutputError(path: path, reason: "it was moved or removed")
        }
        let folder = FilePath.folder(of: place)
        DraftName.removeLeft(in: folder)
        // A name of its own for each writer; a name may be as long as the file system has it, so it is not made longer.
        var (name, file): (String, Int32) = ("", -1)
        for number in 0..<10_000 where file < 0 {
            name = folder + "/" + DraftName.own(number)
            file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard file >= 0 || errno == EEXIST else { throw Self.failure(path) }
        }
        guard file >= 0 else { throw Self.failure(path) }
        (draft, descriptor) = (name, file)
        if isThere, fchmod(file, info.st_mode & 0o777) != 0 { throw Self.failure(path) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if let draft, !isPublished { unlink(draft) }
        if case .kept(let name) = before { unlink(name) }
    }

    public func write(_ bytes: [UInt8]) throws(OutputError) {
        var code: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let put = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
                if put < 0 && errno == EINTR { continue }
                guard put > 0 else {
                    code = put < 0 ? errno : EIO
                    return
                }
                done += put
            }
        }
        guard code == 0 else { throw Self.failure(path, code) }
    }

    /// Nothing more is written: the bytes are on disk and no descriptor is held, so that any number of files can wait for the
    /// last of them.
    public func seal() throws(OutputError) {
        guard descriptor >= 0 else { return }
        guard draft == nil || fsync(descriptor) == 0 else { throw Self.failure(path) }
        close(descriptor)
        descriptor = -1
    }

    /// Puts all files in their places, or none where one of them cannot be kept: what was put there before it is taken back.
    /// A process that is killed in between leaves some of them, each whole.
    public static func publish(_ files: [OutputFile]) throws(OutputError) {
        for file in files { try file.seal() }
        for (count, file) in files.enumerated() {
            do { try file.place(isOneOfMany: files.count > 1) } catch {
                for placed in files[..<count].reversed() { placed.takeBack() }
                throw error
            }
        }
        for folder in Set(files.map { FilePath.folder(of: $0.target) }) {
            // Some file systems cannot sync a directory; the files are whole all the same.
            let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard directory >= 0 else { continue }
            _ = fsync(directory)
            close(directory)
        }
    }

    private func place(isOneOfMany: Bool) throws(OutputError) {
        guard let draft else { return }
        guard replaces else {
            try placeNew(draft)
            (isPublished, before) = (true, .nothing)
            return
        }
        if isOneOfMany {
            let name = draft + "-former"
            if link(target, name) == 0 { before = .kept(name) } else { before = errno == ENOENT ? .nothing : .unknown }
        }
        guard rename(draft, target) == 0 else { throw Self.failure(path) }
        isPublished = true
    }

    /// link(2) never replaces a name. Where the file system has no second names, the name is taken with an empty file first.
    private func placeNew(_ draft: String) throws(OutputError) {
        if link(draft, target) == 0 {
            unlink(draft)
            return
        }
        guard errno != EEXIST else { throw .taken(path) }
        let claim = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard claim >= 0 else { throw errno == EEXIST ? .taken(path) : Self.failure(path) }
        close(claim)
        guard rename(draft, target) == 0 else {
            let code = errno
            unlink(target)
            throw Self.failure(path, code)
        }
    }

    private func takeBack() {
        guard draft != nil, isPublished else { return }
        switch before {
        case .nothing: unlink(target)
        case .kept(let name): if rename(name, target) == 0 { before = .unknown }
        case .unknown: break
        }
    }

    /// Whole files, all in one step.
    public static func write(
        _ contents: [(path: String, bytes: [UInt8])], replaces: Bool = true
    ) throws(OutputError) {
        var files: [OutputFile] = []
        for (path, bytes) in contents {
            let file = try OutputFile(path, replaces: replaces)
            try file.write(bytes)
            try file.seal()
            files.append(file)
        }
        try publish(files)
    }

    /// One file in parts: it is in its place once `body` has returned.
    public static func write<Value>(
        to path: String, replaces: Bool = true, _ body: (OutputFile) throws -> Value
    ) throws -> Value {
        let file = try OutputFile(path, replaces: replaces)
        let value = try body(file)
        try publish([file])
        return value
    }

    private static func failure(_ path: String, _ code: Int32 = errno) -> OutputError {
        OutputError(path: path, reason: String(cString: strerror(code)))
    }
}
