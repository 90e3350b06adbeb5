/// Labels that are probably no classes of their own: what spreadsheets and pandas write for a missing one, two ways of writing
/// one class, and columns that are a number or a name a row.
struct LabelAudit {
    private(set) var findings: [(kind: String, count: Int, message: String)] = []

    private static let missing: Set<String> = ["na", "n/a", "#n/a", "<na>", "nan", "null", "nil", "?"]

    init(_ data: Dataset) {
        guard !data.isRegression else { return }
        let counts = data.classCounts
        let present = counts.indices.filter { counts[$0] > 0 && $0 < data.classNames.count }
        let absent = present.filter { Self.missing.contains(data.classNames[$0].lowercased()) }
        if !absent.isEmpty {
            let rows = absent.reduce(0) { $0 + counts[$1] }
            findings.append(
                (
                    "missing-label", rows,
                    "\(Counted.text(rows, "row", "are")) labelled \(Self.list(absent, data)), which is a class of its own here; leave them out if it "
                        + "means that nobody knows"
                ))
        }
        if let only = present.first, present.count == 1 {
            findings.append(
                (
                    "one-class", data.count,
                    "every row is of class \(Self.list([only], data)); a member may hold one class of a task's, but nothing is "
                        + "learned from one alone; check the label column"
                ))
        }
        var written: [String: [Int]] = [:]
        for place in present { written[Self.folded(data.classNames[place]), default: []].append(place) }
        let similar = written.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
        if let first = similar.first {
            findings.append(
                (
                    "similar-classes", similar.count,
                    "\(Self.list(first, data)) are classes apart that differ by case, blanks, leading zeros, a sign or \".0\" alone"
                        + (similar.count > 1 ? ", and \(similar.count - 1) more groups" : "")
                ))
        }
        if data.sampleShape.count == 1, data.count >= 20, present.count * 2 > data.count {
            findings.append(
                (
                    "many-classes", present.count,
                    "\(present.count) classes in \(data.count) rows: the label is a number to predict (labels = [], "
                        + "targets = 1 in the task), or the wrong column"
                ))
        }
    }

    private static func folded(_ name: String) -> String {
        var text = name.lowercased().filter { !$0.isWhitespace }
        if text.hasSuffix(".0"), Double(text) != nil { text.removeLast(2) }
        // As a whole number: 01 and +1 are 1.
        return Int(text).map(String.init) ?? text
    }

    private static func list(_ places: [Int], _ data: Dataset) -> String {
        TitleText.list(places.map { data.classNames[$0] }, most: 6)
    }
}
