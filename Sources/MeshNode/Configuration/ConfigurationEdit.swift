internal import Wire

extension ConfigurationLoader {
    /// The file's text with other values in it. Comments, order and everything else stay as they are.
    ///
    /// - Parameter changes: texts by path, as `--set PATH=VALUE` gives them.
    /// - Throws: every fault of the changes and of the text that they give; nothing is to be written then.
    public func edited(_ changes: [String: String]) throws(ConfigurationError) -> String {
        var faults: [Fault] = []
        var wanted: [(setting: Setting, value: SettingValue)] = []
        for path in changes.keys.sorted() {
            guard let setting = SettingTable.setting(path) else {
                faults.append(Self.unknown(path, origin: .flag))
                continue
            }
            guard let value = setting.parse(changes[path] ?? "") else {
                faults.append(
                    Fault(path, "\(SettingValue.text(changes[path] ?? "").toml) is not allowed; use \(setting.allowed)")
                )
                continue
            }
            wanted.append((setting, value))
        }
        guard faults.isEmpty else { throw ConfigurationError(file: home.configuration, faults: faults) }
        var lines = TOMLDocument.withoutMark(fileText ?? "").split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        for (setting, value) in wanted { Self.put(value, at: setting.path, into: &lines) }
        let text = lines.joined(separator: "\n")
        let after = try ConfigurationLoader(home: home, fileText: text).load()
        for (setting, value) in wanted where after.lines.first(where: { $0.path == setting.path })?.value != value {
            faults.append(Fault(setting.path, "the file has a form that is not edited line by line; edit it by hand"))
        }
        guard faults.isEmpty else { throw ConfigurationError(file: home.configuration, faults: faults) }
        return text
    }

    /// In place of the old value, else of the line that shows the default, else at the end of its table.
    private static func put(_ value: SettingValue, at path: String, into lines: inout [String]) {
        let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
        let (table, key) = (parts[0], parts[1])
        let line = "\(key) = \(value.toml)"
        guard let header = lines.firstIndex(where: { TOMLLines.table(of: $0) == table }) else {
            while lines.last?.isEmpty == true { lines.removeLast() }
            lines += (lines.isEmpty ? [] : [""]) + ["[\(table)]", line, ""]
            return
        }
        let end = lines[(header + 1)...].firstIndex { TOMLLines.table(of: $0) != nil } ?? lines.endIndex
        if let first = (header + 1..<end).first(where: {
            TOMLLines.value(of: key, in: lines[$0], isShown: false) != nil
        }) {
            let value = TOMLLines.value(of: key, in: lines[first], isShown: false) ?? ""
            let (last, text) = TOMLLines.end(of: value, at: first, in: lines, before: end)
            lines.replaceSubrange(first...last, with: [line + (last == first ? TOMLLines.comment(behind: text) : "")])
        } else if let shown = (header + 1..<end).first(where: {
            TOMLLines.value(of: key, in: lines[$0], isShown: true) != nil
        }) {
            lines[shown] = line
        } else {
            var place = end
            while place - 1 > header, lines[place - 1].allSatisfy(\.isWhitespace) { place -= 1 }
            lines.insert(line, at: place)
        }
    }

    /// With the nearest path that exists.
    static func unknown(_ path: String, origin: SettingOrigin) -> Fault {
        let near = SettingTable.all.map(\.path).min { EditDistance.of($0, path) < EditDistance.of($1, path) }
        let hint = near.flatMap { EditDistance.of($0, path) <= 3 ? "did you mean \($0)? " : nil } ?? ""
        return Fault(path, "is not a known key; \(hint)`meshnode config show` lists them all (from \(origin))")
    }
}
