internal import Learn
internal import Wire

/// Takes values out of a document by dotted path, collects every fault, and knows at the end which keys nobody asked
/// for.
struct DocumentReader {
    private let root: [String: TOMLNode]
    private var asked: Set<String> = []
    private(set) var faults: [Fault] = []

    init(_ root: [String: TOMLNode]) { self.root = root }

    mutating func fault(_ path: String, _ reason: String) { faults.append(Fault(path, reason)) }

    /// The value at `path`; nil when absent. A table on the way that is no table is a fault of that table.
    mutating func value(_ path: String) -> TOMLNode? {
        asked.insert(path)
        var here = TOMLNode.table(root)
        var walked = ""
        for part in path.split(separator: ".") {
            guard case .table(let table) = here else {
                if !faults.contains(where: { $0.path == walked }) {
                    fault(walked, "must be a table, found \(here.kind)")
                }
                return nil
            }
            guard let next = table[String(part)] else { return nil }
            walked += (walked.isEmpty ? "" : ".") + part
            here = next
        }
        return here
    }

    /// Faults for every key that was never asked for, each with the nearest key that exists.
    mutating func refuseUnknownKeys() {
        var unknown: [String] = []
        func walk(_ table: [String: TOMLNode], _ prefix: String) {
            for (key, value) in table {
                // A quoted key may hold dots, and must not be taken for a path that is known.
                let isBare = !key.isEmpty && key.utf8.allSatisfy(TOMLParser.isBare)
                let path = prefix + (isBare ? key : key.tomlWord)
                if asked.contains(path) || faults.contains(where: { $0.path == path }) { continue }
                if case .table(let inner) = value, asked.contains(where: { $0.hasPrefix(path + ".") }) {
                    walk(inner, path + ".")
                } else {
                    unknown.append(path)
                }
            }
        }
        walk(root, "")
        for path in unknown.sorted() {
            let near = asked.sorted().min { EditDistance.of($0, path) < EditDistance.of($1, path) }
            let hint = near.flatMap { EditDistance.of($0, path) <= 3 ? "; did you mean \($0)?" : nil }
            fault(path, "is not a known key" + (hint ?? "; remove it"))
        }
    }
}

/// Levenshtein's distance, for "did you mean". Both texts are cut at 80 characters: keys of a file have any length.
public enum EditDistance {
    public static func of(_ left: String, _ right: String) -> Int {
        let right = Array(right.prefix(80))
        var row = Array(0...right.count)
        for (index, letter) in left.prefix(80).enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (letter == right[column] ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
