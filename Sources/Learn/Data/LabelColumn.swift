/// The label column of a table while it is read: a number a row, and every text once.
struct LabelColumn {
    private var indices: [Int32] = []
    private var texts: [String] = []
    /// Row of each text's first appearance.
    private var lines: [Int] = []
    private var known: [String: Int32] = [:]
    private var held: HeldTexts

    init(held: HeldTexts = HeldTexts()) { self.held = held }

    /// The class that a label is the number of: a whole number in its one shortest form. "01", "+1" and "1" are three labels, as
    /// "007" is no 7; a column with such a label has texts, each a class of its own.
    static func number(_ text: String) -> Int? {
        guard let number = Int(text), (0..<DataLimits.classes).contains(number), String(number) == text else {
            return nil
        }
        return number
    }

    /// Whether `append` takes the text.
    func isUsable(_ text: String) -> Bool {
        known[text] != nil || (!text.isEmpty && texts.count < DataLimits.classes && NumberText.isPlain(text))
    }

    /// - Parameter text: without space around it.
    mutating func append(_ text: String, line: Int, column: String, file: String) throws(LearnError) {
        if let index = known[text] {
            indices.append(index)
            return
        }
        guard !text.isEmpty else {
            throw .badData(DataFault(file: file, row: line, field: column, expected: "a label", found: "nothing"))
        }
        guard NumberText.isPlain(text) else {
            throw .badData(
                DataFault(
                    file: file, row: line, field: column, expected: "a label without control characters",
                    found: NumberText.shown(text)))
        }
        guard texts.count < DataLimits.classes else {
            throw .badData(
                DataFault(
                    file: file, row: line, field: column, expected: "at most \(DataLimits.classes) different labels",
                    found: "more"))
        }
        try held.add(text, file: file, row: line)
        let index = Int32(texts.count)
        known[text] = index
        texts.append(text)
        lines.append(line)
        indices.append(index)
    }

    /// Every label that is no class of the task, where it stands first.
    func faults(against names: [String], column: String, file: String) -> [DataFault] {
        let allowed = Set(names)
        return zip(texts, lines).filter { !allowed.contains($0.0) }.map { text, line in
            DataFault(
                file: file, row: line, field: column, expected: "one of the task's \(names.count) classes",
                found: NumberText.shown(text))
        }
    }

    /// The class of every row and the written form of every class.
    /// - Parameter names: the task's classes in order; nil lets the file decide.
    func classes(given names: [String]?, column: String, file: String) throws(LearnError) -> ([Int32], [String]) {
        let order: [String]
        if let names {
            order = names
        } else if texts.allSatisfy({ Self.number($0) != nil }) {
            let numbers = texts.map { Self.number($0) ?? 0 }
            let top = numbers.reduce(1) { max($0, $1) }
            let classes = numbers.map { Int32($0) }
            return (indices.map { classes[Int($0)] }, (0...top).map(String.init))
        } else {
            order = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        var place: [String: Int32] = [:]
        for (position, name) in order.enumerated() { place[name] = Int32(clamping: position) }
        var classes: [Int32] = []
        for (index, text) in texts.enumerated() {
            guard let label = place[text] else {
                throw .badData(
                    DataFault(
                        file: file, row: lines[index], field: column,
                        expected: "one of the task's \(order.count) classes", found: NumberText.shown(text)))
            }
            classes.append(label)
        }
        return (indices.map { classes[Int($0)] }, order)
    }
}
