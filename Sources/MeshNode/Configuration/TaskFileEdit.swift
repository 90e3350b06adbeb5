internal import Wire

extension TaskFile {
    /// The text of a task file with other values in its [data]. Comments, order and everything else stay as they are, but for
    /// `columns_in_order`: titles in the order of one publisher's file belong to that file.
    ///
    /// - Parameter lines: `key = value`, one a line.
    /// - Throws: faults of the file's grammar, keys that its [data] has not, and a form that cannot be edited line by line: what is
    ///   returned is TOML and says what `lines` say.
    public static func replacingData(_ lines: String, in text: String, file: String) throws(TaskError) -> String {
        func refuse(_ faults: [Fault]) -> TaskError { TaskError(file: file, faults: faults) }
        let before = TOMLDocument(text)
        guard before.faults.isEmpty else { throw refuse(before.faults) }
        var wanted: [String: String] = [:]
        for line in lines.split(separator: "\n").map(String.init) {
            if let key = TOMLLines.key(of: line) { wanted[key] = line }
        }
        var left = Set(wanted.keys)
        let old = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var new: [String] = []
        var table = ""
        var place = 0
        while place < old.count {
            let line = old[place]
            guard let key = TOMLLines.key(of: line), TOMLLines.table(of: line) == nil else {
                table = TOMLLines.table(of: line) ?? table
                new.append(line)
                place += 1
                continue
            }
            let value = TOMLLines.value(of: key, in: line, isShown: false) ?? ""
            let (last, whole) = TOMLLines.end(of: value, at: place, in: old, before: old.count)
            if table == "data", left.remove(key) != nil, let own = wanted[key] {
                new.append(own + (last == place ? TOMLLines.comment(behind: whole) : ""))
            } else if table != "data" || key != "columns_in_order" {
                new += old[place...last]
            }
            place = last + 1
        }
        guard left.isEmpty else {
            throw refuse(left.sorted().map { Fault("data.\($0)", "is not in the file's [data]; add a line for it") })
        }
        let result = new.joined(separator: "\n")
        let after = TOMLDocument(result)
        guard after.faults.isEmpty, case .table(let found)? = after.root["data"] else {
            throw refuse([Fault("data", "has a form that is not edited line by line; edit it by hand")])
        }
        let meant = TOMLDocument(lines).root
        let other = meant.keys.sorted().filter { found[$0] != meant[$0] }
        guard other.isEmpty else {
            throw refuse(
                other.map { Fault("data.\($0)", "has a form that is not edited line by line; edit it by hand") })
        }
        return result
    }
}
