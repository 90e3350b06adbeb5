import Foundation
import MeshCrypto
import MeshNode
import Wire

/// A directory of its own for each test, removed with it.
final class Scratch {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/storage-test-" + randomBytes(8).hex
        try! FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

let testNode = NodeID([UInt8](repeating: 7, count: 32))
let testChain = ChainID([UInt8](repeating: 9, count: 32))

func bytes(_ path: String) -> [UInt8] { [UInt8](FileManager.default.contents(atPath: path) ?? Data()) }

func overwrite(_ path: String, _ bytes: [UInt8]) { try! Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// Deterministic bytes for test data.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
}

/// A folder in memory where there is one: thousands of files are written that need no disk.
final class FastScratch {
    private let path: String

    init() {
        let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = parent + "/storage-test-" + randomBytes(8).hex
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// Compared instead of long bytes, which a failing expectation would print in full; nil for nothing.
func digest(_ bytes: [UInt8]?) -> String? { bytes.map { blake2b($0).hex } }
