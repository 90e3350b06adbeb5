import Foundation
import Wire

@testable import MeshNode

/// Files of the repository that tests read.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}

/// A directory of mode 0700 with a short path: a socket's path has 107 bytes.
final class ScratchDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/mn-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension TaskSpec {
    /// The shipped example.
    static func example() throws -> TaskSpec {
        try TaskFile.read(try Repository.text("examples/digits.toml"), file: "digits.toml").spec
    }
}
