import Foundation

/// The project's files as text, found from this file's own place.
struct Repository {
    struct File: Sendable {
        /// Relative to the root, for example `Sources/Wire/Limits.swift`.
        let path: String
        let bytes: [UInt8]

        init(path: String, text: String) {
            self.path = path
            bytes = Array(text.utf8)
        }

        init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }

        var text: String { String(decoding: bytes, as: UTF8.self) }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var name: String { String(path.split(separator: "/").last ?? "") }
        var isSwift: Bool { path.hasSuffix(".swift") }
        var isPage: Bool { path.hasSuffix(".md") }

        func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
    }

    /// Folders and files of the root that belong to the project; everything else is built, downloaded or somebody's.
    static let parts = [
        ".ci", "Benchmarks", "CHANGELOG.md", "CONTRIBUTING.md", "Fuzz", "Package.swift", "README.md", "SECURITY.md",
        "Sources",
        "Tests", "data", "docs", "examples", "simulations", "testnet", "trainers",
        "verifier",
    ]
    static let endings = ["swift", "c", "h", "md", "toml", "sh", "modulemap", "py"]
    /// Left by runs of testnet/*.sh: whatever is in them is no part of the project (.gitignore).
    static func isOutput(_ path: String) -> Bool { path == "testnet/out" || path.hasPrefix("testnet/out-") }

    let root: String
    let files: [File]

    /// - Throws: when a folder of the project cannot be read.
    init() throws {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        root = url.path
        var files: [File] = []
        for part in Self.parts { try Self.collect(part, root: url.path, into: &files) }
        self.files = files
    }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }

    private static func collect(_ path: String, root: String, into files: inout [File]) throws {
        // A link leads to what is collected in its own place.
        guard (try? FileManager.default.destinationOfSymbolicLink(atPath: root + "/" + path)) == nil else { return }
        var isFolder: ObjCBool = false
        guard !isOutput(path), FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder)
        else { return }
        if isFolder.boolValue {
            for name in try FileManager.default.contentsOfDirectory(atPath: root + "/" + path).sorted()
            where !name.hasPrefix(".") {
                try collect(path + "/" + name, root: root, into: &files)
            }
        } else if endings.contains(where: { path.hasSuffix("." + $0) }) || path.hasPrefix(".ci/") {
            files.append(File(path: path, bytes: Array(try Data(contentsOf: URL(fileURLWithPath: root + "/" + path)))))
        }
    }
}
