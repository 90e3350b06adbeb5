import Gossip
import Wire

@testable import MeshNode

extension FuzzTarget {
    /// Files that people write: tasks, the node's configuration, what its owner allows. And the TOML below all three.
    static let documents = FuzzTarget("documents", of: "Sources/MeshNode/Configuration/TOMLParser.swift") { input in
        let kind = input.pick(5)
        let text = document(kind, &input)
        switch kind {
        case 0: _ = try? TaskFile.specification(text, file: "task.toml")
        case 1:
            // What is written again reads as the same task.
            var spec = input.pick(SpecMutation.bases)
            SpecMutation.mutate(&spec, &input)
            guard TaskSpecValidator.faults(spec, ignoring: ["model.initial"]).isEmpty else { return }
            let again = try? TaskFile.specification(TaskFile.text(spec), file: "task.toml")
            spec.model.initial = again?.model.initial ?? spec.model.initial
            law(again == spec, "a task that is written does not read as itself: \(spec)")
        case 2:
            let home = HomeDirectory(path: "/nowhere")
            _ = try? ConfigurationLoader(home: home, fileText: text).load()
            _ = try? ConfigurationLoader(
                home: home, fileText: nil, flags: [input.pick(SettingTable.all).path: String(text.prefix(40))]
            ).load()
        case 3: _ = try? OwnerPolicy.parse(text, file: "owner.toml")
        default:
            let document = TOMLDocument(text)
            law(document.faults.count <= TOMLParser.mostFaults, "\(document.faults.count) faults")
        }
    }

    private static func document(_ kind: Int, _ input: inout FuzzInput) -> String {
        if input.bool() { return String(decoding: input.rest(), as: UTF8.self) }
        var lines = seeds[kind].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for _ in 0..<1 + input.pick(3) {
            let place = input.pick(lines.count)
            switch input.pick(5) {
            case 0: lines.remove(at: place)
            case 1: lines.insert(lines[input.pick(lines.count)], at: place)
            case 2: lines[place] = String(decoding: input.edited(Array(lines[place].utf8)), as: UTF8.self)
            default:
                // A key keeps its name and takes another value.
                let key = lines[place].prefix { $0 != "=" }
                lines[place] = key + "= " + input.pick(values)
            }
            if lines.isEmpty { break }
        }
        return lines.joined(separator: "\n")
    }

    private static let values = [
        "9223372036854775807", "-9223372036854775808", "18446744073709551616", "0", "-1", "1e308", "-0.0", "nan", "inf",
        "0xffffffffffffffff", "0.1234567", "true", "\"\"", "\"9223372036854775807h\"", "\"-1s\"", "[]", "[[[[]]]]",
        "[0, -1]", "{}", "{ a.b = 1 }", "\"\\u0000\\U0010ffff\"", "'''", "\"\"\"", "\"24:00-00:60\"", "2026-01-01",
    ]

    private static let seeds: [String] = [
        TaskFile.text(SpecMutation.plain()), TaskFile.text(SpecMutation.plain()),
        "[node]\nname = \"a\"\n[listen]\nport = 7000\n[mesh]\nbootstrap = []\n[data]\nlabels = [\"a\"]\n[miner]\n"
            + "auto_join = true\n",
        "publishers = []\ntrainers = [\"builtin\"]\nthreads = 2\nhours = \"22:00-06:00\"\nrounds = 10\nepsilon = 3.5\n"
            + "colluders = 2\n",
        "a = 1\nb.c = [1, 2.5, \"x\"]\n[t]\nd = { e = true }\n[[l]]\nf = '''x\ny'''\n",
    ]
}
