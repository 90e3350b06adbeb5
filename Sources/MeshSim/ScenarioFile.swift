internal import Wire
/// Why a scenario file was not read: every fault with its line.
public struct ScenarioError: Error, Equatable, Sendable, CustomStringConvertible {
    public let faults: [String]
    public var description: String { faults.joined(separator: "; ") }
}

extension Scenario {
    /// Reads a scenario: the part of TOML that it needs — comments, `key = value` with strings, integers and arrays of
    /// integers, `[table]` and `[[array of tables]]`. Unknown keys are faults, and all faults are found at once.
    ///
    /// Top: `nodes`, `rounds`, `faults`, `heal_ms`, `horizon_ms`, `rejecting`. `[network]`: `latency_us` (two numbers),
    /// `jitter_us`, `loss_ppm`, `duplicate_ppm`, `late_ppm`, `bytes_per_second`, `content_bytes`. `[timing]`: `propose_ms`, `vote_ms`, `submit_ms`,
    /// `aggregate_ms`, `opinion_ms`, `enrol_ms`, `expiry_ms`. `[[event]]`: `at_ms`, or `stage` and `round`; `action`
    /// crash, crash-holder, partition, cut (what `group_a` sends does not reach `group_b`), heal, pause, resume, stop,
    /// skew; `node`, `restart_ms`, `group_a`, `group_b`, `skew_ms`.
    /// `[[byzantine]]`: `node`, `strategy`. `[expect]`: see ``Expectation``.
    public init(toml text: String) throws(ScenarioError) {
        var reader = ScenarioReader()
        reader.read(text)
        var scenario = Scenario(configuration: SimulationConfiguration(seed: 1))
        reader.apply(to: &scenario)
        guard reader.faults.isEmpty else { throw ScenarioError(faults: reader.faults) }
        self = scenario
    }
}

private struct ScenarioReader {
    enum Value {
        case text(String)
        case number(Int64)
        case numbers([Int64])
    }

    struct Table {
        let name: String
        let line: Int
        var entries: [(key: String, line: Int, value: Value)] = []
    }

    var tables = [Table(name: "", line: 0)]
    var faults: [String] = []

    // MARK: Text

    mutating func read(_ text: String) {
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            let content = trimmed(raw.prefix { $0 != "#" })
            if content.isEmpty { continue }
            if content.hasPrefix("[[") && content.hasSuffix("]]") {
                open(trimmed(content.dropFirst(2).dropLast(2)), line, allowed: ["event", "byzantine"])
            } else if content.hasPrefix("[") && content.hasSuffix("]") {
                open(trimmed(content.dropFirst().dropLast()), line, allowed: ["network", "timing", "expect"])
            } else if let equals = content.firstIndex(of: "=") {
                let key = trimmed(content[..<equals])
                guard let value = value(trimmed(content[content.index(after: equals)...])) else {
                    faults.append("line \(line): \(key): a string, an integer or an array of integers is expected")
                    continue
                }
                tables[tables.count - 1].entries.append((key, line, value))
            } else {
                faults.append("line \(line): neither a table nor key = value")
            }
        }
    }

    private mutating func open(_ name: String, _ line: Int, allowed: [String]) {
        if !allowed.contains(name) { faults.append("line \(line): unknown table \(name)") }
        tables.append(Table(name: name, line: line))
    }

    private func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }

    private func value(_ text: String) -> Value? {
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
            return .text(String(text.dropFirst().dropLast()))
        }
        if text.hasPrefix("["), text.hasSuffix("]") {
            let parts = text.dropFirst().dropLast().split(separator: ",").map { number(trimmed($0)) }
            return parts.contains(nil) ? nil : .numbers(parts.compactMap { $0 })
        }
        return number(text).map { .number($0) }
    }

    private func number(_ text: String) -> Int64? { Int64(text.filter { $0 != "_" }) }

    // MARK: Meaning

    mutating func apply(to scenario: inout Scenario) {
        for table in tables {
            switch table.name {
            case "event": if let event = event(table) { scenario.configuration.script.append(event) }
            case "byzantine": byzantine(table, &scenario)
            default: for entry in table.entries { set(table.name, entry.key, entry.value, entry.line, &scenario) }
            }
        }
        let configuration = scenario.configuration
        if !(4...10).contains(configuration.nodes) {
            faults.append("nodes: 4 to 10 are allowed, found \(configuration.nodes)")
        }
        if !(1...100).contains(configuration.rounds) { faults.append("rounds: 1 to 100 are allowed") }
        for entry in configuration.byzantine where !(0..<configuration.nodes).contains(entry.node) {
            faults.append("byzantine: node \(entry.node) does not exist")
        }
    }

    private mutating func set(_ table: String, _ key: String, _ value: Value, _ line: Int, _ scenario: inout Scenario) {
        let path = table.isEmpty ? key : "\(table).\(key)"
        switch (path, value) {
        case ("nodes", .number(let number)): scenario.configuration.nodes = Int(clamping: number)
        case ("rounds", .number(let number)): scenario.configuration.rounds = UInt32(clamping: number)
        case ("faults", .text(let name)):
            guard let profile = FaultProfile(rawValue: name) else {
                faults.append("line \(line): unknown faults \(name)")
                return
            }
            scenario.configuration.setFaults(profile)
        case ("heal_ms", .number(let number)): scenario.configuration.healAt = micro(number, line)
        case ("horizon_ms", .number(let number)): scenario.configuration.horizon = micro(number, line)
        case ("rejecting", .numbers(let nodes)): scenario.configuration.rejecting = nodes.map { Int(clamping: $0) }
        case ("network.latency_us", .numbers(let range)):
            guard range.count == 2, range[0] >= 0, range[0] <= range[1], range[1] <= Self.most else {
                faults.append("line \(line): latency_us: two numbers in order are expected, at most \(Self.most)")
                return
            }
            scenario.configuration.network.latency = UInt64(range[0])...UInt64(range[1])
        case ("network.jitter_us", .number(let number)): scenario.configuration.network.jitter = count(number, line)
        case ("network.loss_ppm", .number(let number)): scenario.configuration.network.lossPpm = count(number, line)
        case ("network.duplicate_ppm", .number(let number)):
            scenario.configuration.network.duplicatePpm = count(number, line)
        case ("network.late_ppm", .number(let number)): scenario.configuration.network.latePpm = count(number, line)
        case ("network.bytes_per_second", .number(let number)):
            scenario.configuration.network.bytesPerSecond = count(number, line)
        case ("network.content_bytes", .number(let number)):
            scenario.configuration.network.contentBytes = count(number, line)
        case ("timing.propose_ms", .number(let number)): scenario.configuration.timing.proposeMs = short(number, line)
        case ("timing.vote_ms", .number(let number)): scenario.configuration.timing.voteMs = short(number, line)
        case ("timing.submit_ms", .number(let number)): scenario.configuration.timing.submitMs = short(number, line)
        case ("timing.aggregate_ms", .number(let number)):
            scenario.configuration.timing.aggregateMs = short(number, line)
        case ("timing.opinion_ms", .number(let number)): scenario.configuration.timing.opinionMs = short(number, line)
        case ("timing.enrol_ms", .number(let number)): scenario.configuration.timing.enrolMs = short(number, line)
        case ("timing.expiry_ms", .number(let number)): scenario.configuration.timing.expiryMs = count(number, line)
        case ("timing.epoch_ms", .number(let number)):
            scenario.configuration.timing.epochMs = max(1, count(number, line))
        case ("expect.outcome", .text(let text)): scenario.expectation.outcome = text
        case ("expect.smallest_members", .number(let number)):
            scenario.expectation.smallestMembers = Int(clamping: number)
        case ("expect.at_least_voids", .number(let number)): scenario.expectation.atLeastVoids = Int(clamping: number)
        case ("expect.at_most_voids", .number(let number)): scenario.expectation.atMostVoids = Int(clamping: number)
        case ("expect.at_least_view", .number(let number)): scenario.expectation.atLeastView = Int(clamping: number)
        case ("expect.at_least_conflicts", .number(let number)):
            scenario.expectation.atLeastConflicts = Int(clamping: number)
        case ("expect.fork", .text("loud")): scenario.expectation.loudFork = true
        default: faults.append("line \(line): \(path): unknown key, or a value of the wrong type")
        }
    }

    private mutating func event(_ table: Table) -> ScriptedEvent? {
        var numbers: [String: Int64] = [:]
        var texts: [String: String] = [:]
        var lists: [String: [Int64]] = [:]
        let known = ["at_ms", "stage", "round", "action", "node", "restart_ms", "group_a", "group_b", "skew_ms"]
        for entry in table.entries {
            if !known.contains(entry.key) { faults.append("line \(entry.line): event.\(entry.key): unknown key") }
            switch entry.value {
            case .number(let number): numbers[entry.key] = number
            case .text(let text): texts[entry.key] = text
            case .numbers(let list): lists[entry.key] = list
            }
        }
        var trigger: ScriptedEvent.Trigger?
        if let time = numbers["at_ms"] {
            trigger = .at(micro(time, table.line))
        } else if let name = texts["stage"], let stage = ScriptedEvent.Stage(rawValue: name) {
            trigger = .stage(stage, round: UInt32(clamping: numbers["round"] ?? 1))
        }
        let restart = numbers["restart_ms"].map { micro($0, table.line) }
        let node = numbers["node"].map { Int(clamping: $0) }
        var action: ScriptedEvent.Action?
        switch texts["action"] {
        case "crash": action = .crash(node: node, restartAfter: restart)
        case "crash-holder": action = .crashHolder(restartAfter: restart)
        case "heal": action = .heal
        case "pause": action = .order(.pause)
        case "resume": action = .order(.resume)
        case "stop": action = .order(.stop)
        case "partition", "cut":
            let groups = [lists["group_a"] ?? [], lists["group_b"] ?? []].map { $0.map { Int(clamping: $0) } }
            if groups.allSatisfy({ !$0.isEmpty }) {
                action = texts["action"] == "cut" ? .cut(from: groups[0], to: groups[1]) : .partition(groups)
            }
        case "skew":
            if let node, let ms = numbers["skew_ms"] {
                if !(-Self.most...Self.most).contains(ms) {
                    faults.append("line \(table.line): skew_ms: \(ms) is out of range")
                }
                action = .skew(node: node, ms: ms)
            }
        default: break
        }
        guard let trigger, let action else {
            faults.append(
                "line \(table.line): event: needs at_ms or a stage (\(ScriptedEvent.Stage.allCases.map(\.rawValue).joined(separator: ", "))) "
                    + "and an action (crash, crash-holder, partition or cut with group_a and group_b, heal, pause, resume, stop, skew with node and skew_ms)"
            )
            return nil
        }
        return ScriptedEvent(trigger, action)
    }

    private mutating func byzantine(_ table: Table, _ scenario: inout Scenario) {
        var node: Int?
        var strategy: ByzantineStrategy?
        for entry in table.entries {
            switch (entry.key, entry.value) {
            case ("node", .number(let number)): node = Int(clamping: number)
            case ("strategy", .text(let name)): strategy = ByzantineStrategy(rawValue: name)
            default: faults.append("line \(entry.line): byzantine.\(entry.key): unknown key")
            }
        }
        guard let node, let strategy else {
            faults.append(
                "line \(table.line): byzantine: needs node and strategy ("
                    + ByzantineStrategy.allCases.map(\.rawValue).joined(separator: ", ") + ")")
            return
        }
        scenario.configuration.byzantine.append(ByzantineNode(node: node, strategy: strategy))
    }

    // MARK: Numbers

    /// Of every number of a file: virtual time adds and multiplies them.
    private static let most: Int64 = 1_000_000_000_000

    private mutating func count(_ number: Int64, _ line: Int) -> UInt64 {
        if number < 0 || number > Self.most { faults.append("line \(line): \(number) is out of range") }
        return UInt64(clamping: min(number, Self.most))
    }

    private mutating func micro(_ number: Int64, _ line: Int) -> UInt64 { count(number, line) * 1_000 }

    private mutating func short(_ number: Int64, _ line: Int) -> UInt32 {
        if number < 1 || number > 600_000 { faults.append("line \(line): 1 to 600000 ms are allowed") }
        return UInt32(clamping: max(1, min(number, 600_000)))
    }
}
