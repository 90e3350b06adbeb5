import Foundation

/// Random access to untrusted bytes: an open file, of which only what is asked for comes into memory, or an array.
final class ByteSource {
    /// The name that errors carry.
    let file: String
    /// Bytes.
    let size: Int
    private let memory: [UInt8]
    /// Nil for an array.
    private let opened: InputFile?

    init(bytes: [UInt8], file: String) {
        self.file = file
        size = bytes.count
        memory = bytes
        opened = nil
    }

    /// - Parameter limit: bytes; larger files are refused.
    /// - Throws: `.unreadable` when there is no such plain file.
    init(path: String, limit: Int = DataLimits.streamedBytes) throws(LearnError) {
        let opened = try FileBytes.open(path, limit: limit)
        (size, file, memory) = (opened.size, path, [])
        self.opened = opened
    }

    /// Fills `target` from `offset` on; returns less than its length at the end.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(LearnError) -> Int {
        guard offset >= 0, offset < size, let start = target.baseAddress else { return 0 }
        let wanted = min(target.count, size - offset)
        guard let descriptor = opened?.descriptor else {
            memory.withUnsafeBytes { start.copyMemory(from: $0.baseAddress! + offset, byteCount: wanted) }
            return wanted
        }
        var done = 0
        while done < wanted {
            let count = pread(descriptor, start + done, wanted - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .unreadable(path: file, reason: "changed or could not be read to its end") }
            done += count
        }
        return done
    }

    /// `count` bytes at `offset`, fewer at the end.
    func bytes(at offset: Int, count: Int) throws(LearnError) -> [UInt8] {
        guard offset >= 0, count > 0, offset < size else { return [] }
        var result = [UInt8](repeating: 0, count: min(count, size - offset))
        let outcome = result.withUnsafeMutableBytes { target -> Result<Int, LearnError> in
            Result { () throws(LearnError) in try read(at: offset, into: target) }
        }
        _ = try outcome.get()
        return result
    }
}
