internal import Learn
internal import MeshNode
internal import Synchronization
internal import Wire

/// What this home's operator calls other nodes. Nobody else is told, and nothing but the text of the terminal changes: JSON,
/// logs and chains have ids.
///
/// A name stands only where a view says which node it means, by its whole id: eight digits are no proof of a node, since
/// anybody can make a key that begins with those of another. So no name is put into text that somebody else wrote.
///
/// The file `names` of the home has one line a node: its 64 digits and the name.
enum NodeNames {
    /// Of the home that this command is about, by the whole id.
    private static let current = Mutex<[String: String]>([:])
    private static let longest = 32
    private static let longestFile = 1 << 20

    static func file(of home: HomeDirectory) -> String { home.path + "/names" }

    /// Once a command, before it shows anything. A file that is not there, or not such a file, names nobody.
    static func use(_ home: HomeDirectory) {
        let lines = (try? read(home)) ?? []
        current.withLock { known in
            known = [:]
            for line in lines { known[line.node] = line.name }
        }
    }

    /// - Parameter id: all 64 digits.
    static func name(of id: String) -> String? { current.withLock { $0[id] } }

    /// Nobody is named where there is no such file. What is there and cannot be read is an error: whoever took it for nothing
    /// would write nothing back.
    static func read(_ home: HomeDirectory) throws(CommandFailure) -> [(node: String, name: String)] {
        let path = file(of: home)
        let bytes: [UInt8]
        do { bytes = try InputFile.plain(path, limit: longestFile) } catch {
            if error == .missing { return [] }
            throw CommandFailure(
                ExitStatus.configuration,
                "\(path): \(Files.reason(error, limit: longestFile)); correct or move that file")
        }
        var result: [(node: String, name: String)] = []
        for (number, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n").enumerated() {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard words.count == 2, NodeID(hex: words[0]) != nil, fault(in: words[1]) == nil else {
                throw CommandFailure(
                    ExitStatus.configuration,
                    "\(path), line \(number + 1): not the 64 digits of a node and its name; correct that line")
            }
            result.append((words[0], words[1]))
        }
        return result
    }

    /// - Parameter name: nil takes the name away.
    static func set(_ node: NodeID, to name: String?, in home: HomeDirectory) throws {
        try FileEdit.run(file(of: home)) {
            var lines = try read(home).filter { $0.node != node.hex && $0.name != name }
            if let name { lines.append((node.hex, name)) }
            return (Array(lines.map { "\($0.node) \($0.name)\n" }.joined().utf8), ())
        }
    }

    /// Why a text is no name; nil where it is one.
    static func fault(in name: String) -> String? {
        if name.isEmpty || name.utf8.count > longest { return "1 to \(longest) bytes are allowed" }
        if !name.isPrintable || name.contains(where: { $0.isWhitespace || "()`\"'".contains($0) }) {
            return "letters, digits and marks other than quotes and brackets, without blanks"
        }
        return name.readsAsIdentifier ? "it could be digits of an id" : nil
    }
}
