import Foundation

/// What the pages refer to: links, paths of the project, tests.
struct Page {
    let file: Repository.File

    /// Lines outside fenced blocks, numbered from 1.
    private var prose: [(line: Int, text: String)] {
        var isFenced = false
        return file.lines.enumerated().compactMap { index, line in
            if line.trimmingCharacters(in: .whitespaces).hasPrefix("```") {
                isFenced.toggle()
                return nil
            }
            return isFenced ? nil : (index + 1, String(line))
        }
    }

    /// Targets of links, `[text](target)`.
    var links: [(line: Int, target: String)] {
        prose.flatMap { line, text -> [(line: Int, target: String)] in
            // Odd pieces between back quotes are code.
            let plain = text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .map { $0.offset.isMultiple(of: 2) ? String($0.element) : "x" }.joined()
            var found: [(line: Int, target: String)] = []
            for piece in plain.components(separatedBy: "](").dropFirst() {
                found.append((line, String(piece.prefix { $0 != ")" })))
            }
            return found
        }
    }

    /// Text between back quotes.
    var code: [(line: Int, text: String)] {
        prose.flatMap { line, text in
            text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { !$0.offset.isMultiple(of: 2) }.map { (line, String($0.element)) }
        }
    }

    /// Names under which headings can be linked to.
    var anchors: Set<String> {
        Set(
            prose.filter { $0.text.hasPrefix("#") }.map { _, text in
                let title = text.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                return String(
                    title.compactMap { letter -> Character? in
                        if letter == " " { return "-" }
                        return letter.isLetter || letter.isNumber || letter == "-" || letter == "_" ? letter : nil
                    })
            })
    }

    private var folder: String {
        let parts = file.path.split(separator: "/").dropLast()
        return parts.joined(separator: "/")
    }

    /// Links that lead nowhere.
    /// - Parameters:
    ///   - exists: whether the project has this path.
    ///   - page: the page at a path.
    func brokenLinks(exists: (String) -> Bool, page: (String) -> Page?) -> [String] {
        links.compactMap { line, target in
            if target.hasPrefix("http://") || target.hasPrefix("https://") { return nil }
            let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let path = parts[0].isEmpty ? file.path : Self.resolved(parts[0], from: folder)
            guard exists(path) else { return "\(file.path):\(line): \(target) does not exist" }
            if parts.count > 1, let other = page(path), !other.anchors.contains(parts[1]) {
                return "\(file.path):\(line): \(path) has no heading #\(parts[1])"
            }
            return nil
        }
    }

    /// Paths of the project in back quotes that do not exist.
    func brokenPaths(exists: (String) -> Bool) -> [String] {
        let folders = [
            "Sources/", "Tests/", "docs/", "examples/", "simulations/", "data/", "testnet/", "./testnet/", ".ci/",
            "verifier/",
        ]
        return code.compactMap { line, text in
            guard folders.contains(where: text.hasPrefix), let path = text.split(separator: " ").first else {
                return nil
            }
            let clean = path.hasPrefix("./") ? String(path.dropFirst(2)) : String(path)
            // Output, data of an operator's home, and patterns are no files of the project.
            let isElsewhere = clean.hasPrefix("testnet/out") || clean == "data/" || clean.contains("*")
            return isElsewhere || exists(clean) ? nil : "\(file.path):\(line): \(clean) does not exist"
        }
    }

    /// Tests named as `FOLDERTests/FILE.function`, as in the table of promises.
    var namedTests: [(line: Int, file: String, function: String)] {
        code.compactMap { line, text in
            guard !text.contains(" "), !text.hasSuffix(".swift"), text.contains("Tests/"), !text.hasPrefix("Tests/"),
                let dot = text.lastIndex(of: ".")
            else { return nil }
            return (line, "Tests/\(text[..<dot]).swift", String(text[text.index(after: dot)...]))
        }
    }

    static func resolved(_ target: String, from folder: String) -> String {
        var parts = folder.split(separator: "/").map(String.init)
        for part in target.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }
}
