/// Whole files with a limit on their size.
enum FileBytes {
    /// A plain file, opened.
    /// - Parameter limit: bytes; larger files are refused.
    static func open(_ path: String, limit: Int) throws(LearnError) -> InputFile {
        let file: InputFile
        do { file = try InputFile(path) } catch { throw refusal(path, error, limit) }
        guard file.kind == .plain else { throw refusal(path, .wrongKind(file.kind), limit) }
        guard file.size <= limit else { throw refusal(path, .tooLong(file.size), limit) }
        return file
    }

    /// - Parameter limit: bytes; larger files are refused before they are read.
    static func read(_ path: String, limit: Int) throws(LearnError) -> [UInt8] {
        let file = try open(path, limit: limit)
        do { return try file.bytes(limit: limit) } catch {
            if case .tooLong = error {
                throw .unreadable(path: path, reason: "grew beyond the limit of \(limit) bytes while it was read")
            }
            throw refusal(path, error, limit)
        }
    }

    private static func refusal(_ path: String, _ fault: InputFault, _ limit: Int) -> LearnError {
        let reason =
            switch fault {
            case .missing: "no such file, or it may not be read"
            case .wrongKind: "not a plain file"
            case .unreadable(let reason): "it cannot be read: \(reason)"
            case .tooLong(let size): "\(size) bytes are more than the limit of \(limit)"
            }
        return .unreadable(path: path, reason: reason)
    }

    /// See ``OutputFile``.
    static func write(_ bytes: [UInt8], to path: String) throws(LearnError) { try write([(path, bytes)]) }

    static func write(_ files: [(path: String, bytes: [UInt8])], replaces: Bool = true) throws(LearnError) {
        do { try OutputFile.write(files, replaces: replaces) } catch {
            throw .unreadable(path: error.path, reason: "cannot be written: \(error.reason)")
        }
    }
}
