import Foundation

/// One rule: what is wrong with a file, each with its line. Pure, so that every rule can be shown a violation.
struct Rule: Sendable {
    let name: String
    let check: @Sendable (Repository.File) -> [String]

    /// Every violation in `files`, as `path:line: reason`.
    func violations(in files: [Repository.File]) -> [String] {
        files.flatMap { file in check(file).map { "\(file.path)\($0)" } }
    }
}

extension Repository.File {
    /// The modules that a Swift file imports, each with its line number.
    var imports: [(line: Int, module: String)] {
        guard isSwift else { return [] }
        let before = ["public", "package", "internal", "private", "fileprivate"]
        let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return lines.enumerated().compactMap { index, line in
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\r" })[...]
            while let word = words.first, word.hasPrefix("@") || before.contains(String(word)) { words.removeFirst() }
            guard words.popFirst() == "import", var module = words.popFirst() else { return nil }
            if kinds.contains(String(module)), let next = words.popFirst() { module = next }
            return (index + 1, String(module.prefix { $0 != "." && $0 != ";" }))
        }
    }

    /// Each line without its comment. A `//` inside a text cuts that line short, which can only hide what follows it.
    var codeLines: [(line: Int, text: String)] {
        lines.enumerated().map { index, line in
            (index + 1, line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? String(line))
        }
    }
}

enum Rules {
    static let all = [
        length, importers, direction, replay, unfinished, characters, language, names, titles, damage, disk, queue,
        output, paths, readers, warnings,
    ]

    /// Files above 500 lines, with the reason why they are not split.
    static let longFiles: [String: String] = [:]
    static let mostLines = 500

    static let length = Rule(name: "length") { file in
        guard !file.isPage, file.isUnder("Sources") || file.isUnder("Tests") || file.isUnder("testnet") else {
            return []
        }
        let count = file.lines.count - (file.bytes.last == 0x0A ? 1 : 0)
        let isNamed = longFiles[file.path] != nil
        if count > mostLines, !isNamed { return [": \(count) lines, at most \(mostLines) are allowed; split it"] }
        if count <= mostLines, isNamed { return [": needs no exception any more"] }
        return []
    }

    /// Who alone may import a module of others.
    static let onlyImporters: [(prefix: String, folders: [String])] = [
        ("GRDB", ["Sources/MeshNode/Storage"]),
        ("NIO", ["Sources/MeshNode/Transport", "Sources/MeshNode/API"]),
        ("Hummingbird", ["Sources/MeshNode/API"]),
        ("Sodium", ["Sources/Crypto"]),
        ("Kernels", ["Sources/Crypto"]),
        ("OpenBLAS", ["Sources/Learn"]),
        ("ArgumentParser", ["Sources/MeshNodeCLI", "Sources/MeshSimCLI"]),
    ]

    static let importers = Rule(name: "importers") { file in
        guard file.isUnder("Sources") else { return [] }
        return file.imports.flatMap { line, module in
            onlyImporters.filter { wall in
                module.hasPrefix(wall.prefix) && !wall.folders.contains { file.isUnder($0) }
            }.map { ":\(line): imports \(module), which only \($0.folders.joined(separator: " and ")) may" }
        }
    }

    /// Modules of the project that each folder may import. Arrows point down only.
    static let allowedImports: [String: Set<String>] = [
        "C": [], "Wire": [], "Learn": [],
        "Crypto": ["Wire"],
        "Gossip": ["Wire", "MeshCrypto"],
        "Chain": ["Wire", "MeshCrypto", "Gossip"],
        "MeshNode": ["Wire", "MeshCrypto", "Gossip", "Chain", "Learn"],
        "MeshNodeCLI": ["Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "MeshNode"],
        "MeshSim": ["Wire", "MeshCrypto", "Gossip", "Chain"],
        "NodeSim": ["Wire", "MeshCrypto", "Gossip", "Chain", "MeshNode", "MeshSim"],
        "MeshSimCLI": ["Wire", "Chain", "MeshSim", "NodeSim"],
    ]
    static let ownModules: Set<String> = [
        "Wire", "MeshCrypto", "Gossip", "Chain", "Learn", "MeshNode", "MeshNodeCLI", "MeshSim",
        "NodeSim", "MeshSimCLI",
    ]

    static let direction = Rule(name: "direction") { file in
        guard file.isUnder("Sources") else { return [] }
        let folder = String(file.path.split(separator: "/")[1])
        guard let allowed = allowedImports[folder] else {
            return [": folder Sources/\(folder) has no row in this rule; say what it may import"]
        }
        return file.imports.filter { ownModules.contains($0.module) && !allowed.contains($0.module) }
            .map { ":\($0.line): Sources/\(folder) may not import \($0.module)" }
    }

    /// What breaks replay in protocol code: unordered work, wall clocks, generators without a seed.
    static let protocolFolders = [
        "Sources/Wire", "Sources/Crypto", "Sources/Gossip", "Sources/Chain", "Sources/Learn", "Sources/MeshSim",
    ]
    static let notRepeatable = [
        "Task {", "Task.detached", "Task.sleep", "Date()", "SystemRandomNumberGenerator", ".random(in:",
        ".randomElement()",
        ".shuffled()", "DispatchTime.now",
    ]

    static let replay = Rule(name: "replay") { file in
        guard file.isSwift, protocolFolders.contains(where: { file.isUnder($0) }) else { return [] }
        return file.codeLines.flatMap { line, text in
            notRepeatable.filter { text.contains($0) }.map { ":\(line): \($0) in protocol code breaks replay" }
        }
    }

    /// What a typed id or name means is decided in one place, so that no command and no route lets a name beat an id.
    static let namesPlace = "Sources/MeshNode/API/NameResolution.swift"

    static let names = Rule(name: "names") { file in
        guard file.isSwift, file.isUnder("Sources"), file.path != namesPlace else { return [] }
        return file.codeLines.filter { _, text in
            text.contains("hex.hasPrefix(")
                || ["id", "task", "chain", "node", "content"].contains { text.contains(".\($0).hasPrefix(") }
        }.map { ":\($0.line): compares digits of an id; ask NameResolution" }
    }

    /// Titles and names of classes hold commas: a list of them is written by `TitleText.list`, or each is quoted where it is made.
    static let titles = Rule(name: "titles") { file in
        guard file.isSwift, file.isUnder("Sources"), file.name != "TitleText.swift" else { return [] }
        let lists = ["columns", "columnNames", "classNames", "titles", "labels", "channels"]
        return file.codeLines.filter { line in
            line.text.contains("joined(separator: \", \")") && !line.text.contains(".map(quoted)")
                && !line.text.contains(".map(title)")
                && lists.contains { line.text.contains($0 + ".") }
        }.map { ":\($0.line): a list of titles is written by TitleText.list, so that it can be pasted back" }
    }

    /// A running node reads its contents in one place, where damage is noticed, said and mended.
    static let damagePlace = "Sources/MeshNode/Node/Node+Damage.swift"

    static let damage = Rule(name: "damage") { file in
        guard file.isSwift, file.isUnder("Sources/MeshNode/Node"), file.path != damagePlace else { return [] }
        return file.codeLines.filter { $0.text.contains("contentStore.get(") }
            .map { ":\($0.line): reads a content past `bytes(of:)`; its damage would stay" }
    }

    /// A fetched content is made durable on a queue of its own, or consensus would wait for its disk.
    static let disk = Rule(name: "disk") { file in
        guard file.isSwift, file.isUnder("Sources/MeshNode"), !file.path.hasSuffix("/Node/NodeEnvironment.swift") else {
            return []
        }
        return file.codeLines.filter { $0.text.contains("tore.finish(") }
            .map { ":\($0.line): syncs a content here; ask NodeWorker.finish" }
    }

    /// What handles whole contents in the files of a node, each with the reason why no vote waits long for it there. All else
    /// goes through `compute(reading:)`, `storeContent` on a worker, `onDisk` or `later`: see Node+Disk.
    static let contentPlaces: [(piece: String, files: [String: String])] = [
        (
            "bytes(of: ",
            [
                "Node+Damage": "it stands there", "Node+ByHand": "an operator hands in an update",
                "Node+Chains": "the body of a block",
            ]
        ),
        (
            "contentStore.put(",
            [
                "Node+Disk": "storeContent", "Node+CatchUp": "in the background",
                "Node+Service": "the operator's queue",
                "Node+Store": "the operator's queue",
            ]
        ),
        (
            "contentStore.pin(",
            ["Node+Retention": "the first model of an own task", "Node+Store": "the operator's queue"]
        ),
        ("contentStore.release(", ["Node+Retention": "in the background"]),
        ("vectorFiles.write(", ["Node+ByHand": "an operator hands in an update"]),
        ("vectorFiles.remove(", ["Node+Retention": "in the background"]),
    ]

    static let queue = Rule(name: "queue") { file in
        guard file.isSwift, file.isUnder("Sources/MeshNode/Node") else { return [] }
        return file.codeLines.flatMap { line, text in
            contentPlaces.filter { place in
                text.contains(place.piece)
                    && !place.files.keys.contains { file.path == "Sources/MeshNode/Node/\($0).swift" }
            }.map { ":\(line): \($0.piece)…) on the node's own queue, where votes wait; see Node+Disk" }
        }
    }

    /// Files that a person named are written by one type, which leaves what was there until the new one is whole. The log of
    /// a testnet's node grows while it runs; the simulator's rows are its own.
    static let outputPlaces = [
        "Sources/Learn/Support/OutputFile.swift", "Sources/MeshNodeCLI/Testnet/MeshMember.swift",
    ]

    static let output = Rule(name: "output") { file in
        guard file.isSwift, file.isUnder("Sources"), !file.isUnder("Sources/NodeSim"), !outputPlaces.contains(file.path)
        else { return [] }
        let writers = [
            "createFile(atPath", "FileHandle(forW", "write(to: URL", "write(toFile", "write(contentsOf", "fopen(",
        ]
        return file.codeLines.flatMap { line, text in
            writers.filter { text.contains($0) && !text.contains("\"r\"") }
                .map { ":\(line): \($0)…) may leave half a file; see OutputFile" }
        }
    }

    /// Foundation drops `..` from a path by its letters, the system follows it: what is read and written would be two files.
    static let paths = Rule(name: "paths") { file in
        guard file.isSwift, file.isUnder("Sources") else { return [] }
        let resolvers = ["resolvingSymlinks", "resolveSymlinks", "standardizedFileURL", "standardizingPath"]
        return file.codeLines.flatMap { line, text in
            resolvers.filter { text.contains($0) }.map { ":\(line): \($0)… makes another path; see FilePath" }
        }
    }

    /// Whole files are read by what refuses a pipe and tells a missing file from one that cannot be read; only the system's own
    /// are no files of others.
    static let readers = Rule(name: "readers") { file in
        guard file.isSwift, file.isUnder("Sources") else { return [] }
        return file.codeLines.filter { $0.text.contains("contents(atPath:") && !$0.text.contains("\"/proc/") }
            .map { ":\($0.line): waits for a pipe, and takes what it cannot read for nothing; see InputFile" }
    }

    /// Files of a running node that write warnings, each with the reason why no peer's frame brings one again and again. All
    /// others ask PeerNews, which tells one of a kind in a minute.
    static let warningPlaces: [String: String] = [
        "Node": "at the start", "Node+Blame": "an own submission, once", "Node+Damage": "own contents",
        "PeerNews": "it stands there",
    ]

    static let warnings = Rule(name: "warnings") { file in
        guard file.isSwift, file.isUnder("Sources/MeshNode/Node"),
            !warningPlaces.keys.contains(where: { file.path == "Sources/MeshNode/Node/\($0).swift" })
        else { return [] }
        return file.codeLines.filter { $0.text.contains("logger.warning(") }
            .map { ":\($0.line): a warning that a peer may cause without end; ask PeerNews" }
    }

    // In two pieces, so that this file does not break its own rules.
    static let unfinishedWords = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

    static let unfinished = Rule(name: "unfinished") { file in
        file.lines.enumerated().flatMap { index, line in
            words(line).filter { unfinishedWords.contains(String($0)) }.map { ":\(index + 1): \($0) left behind" }
        }
    }

    static let characters = Rule(name: "characters") { file in
        var faults: [String] = []
        var line = 1
        for byte in file.bytes {
            switch byte {
            case 0x0A: line += 1
            case 0x09: faults.append(":\(line): a tab")
            case 0x0D: faults.append(":\(line): a carriage return")
            case 0x00: faults.append(":\(line): a NUL byte")
            default: break
            }
        }
        if String(validating: file.bytes, as: UTF8.self) == nil { faults.append(": not UTF-8") }
        if let last = file.bytes.last, last != 0x0A { faults.append(":\(line): no line end at the end") }
        return faults
    }

    /// The project speaks of itself: nothing of the machine or the tools that it was written with.
    static let foreignPieces = ["/wo" + "rk/", "/tmp/" + "team", "/ro" + "ot/", "helper " + "agent"]
    static let foreignWords = ["ses" + "sion", "ses" + "sions", "cla" + "ude", "anth" + "ropic"]
    /// Terms of the field that hold such a word.
    static let terms = ["TCP ses" + "sion", "ses" + "sion key"]

    static let language = Rule(name: "language") { file in
        file.lines.enumerated().flatMap { index, line in
            var text = String(line)
            for term in terms { text = text.replacingOccurrences(of: term, with: "") }
            let pieces = foreignPieces.filter { text.lowercased().contains($0.lowercased()) }
            let found = words(text[...]).map { $0.lowercased() }.filter { foreignWords.contains($0) }
            return (pieces + found).map { ":\(index + 1): \"\($0)\" does not belong here" }
        }
    }

    private static func words(_ line: Substring) -> [Substring] {
        line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" })
    }
}
