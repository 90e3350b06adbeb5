internal import Gossip

extension NetworkScenario {
    /// Whether a scenario file describes the network below the chains: it says `kind = "network"`.
    public static func isNetwork(toml text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            line.prefix { $0 != "#" }.filter { !$0.isWhitespace } == "kind=\"network\""
        }
    }

    /// Reads `key = value` lines: integers, `"text"` and `[low, high]`; `[expect]` begins the expectations. Unknown
    /// keys are faults, and all faults are found at once. Keys: see `simulations/network/README.md`.
    public init(toml text: String) throws(ScenarioError) {
        var scenario = NetworkScenario(seed: 1)
        var faults: [String] = []
        var isExpectation = false
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            let content = Self.trimmed(raw.prefix { $0 != "#" })
            if content.isEmpty { continue }
            if content.hasPrefix("[") {
                isExpectation = content == "[expect]"
                if !isExpectation { faults.append("line \(line): unknown table \(content)") }
                continue
            }
            let parts = content.split(separator: "=", maxSplits: 1).map { Self.trimmed($0) }
            guard parts.count == 2, !parts[0].isEmpty else {
                faults.append("line \(line): neither a table nor key = value")
                continue
            }
            let (key, value) = (parts[0], parts[1])
            let reason =
                isExpectation
                ? scenario.expectation.set(key, Self.numbers(value)) : scenario.set(key, value, Self.numbers(value))
            if let reason { faults.append("line \(line): \(key): \(reason)") }
        }
        guard faults.isEmpty else { throw ScenarioError(faults: faults) }
        self = scenario
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// One number, or both of `[low, high]`; empty for anything else.
    private static func numbers(_ value: String) -> [UInt64] {
        let inner = value.hasPrefix("[") && value.hasSuffix("]") ? String(value.dropFirst().dropLast()) : value
        let parts = inner.split(separator: ",").map { UInt64(trimmed($0).filter { $0 != "_" }) }
        guard parts.allSatisfy({ ($0 ?? .max) <= 1_000_000_000_000 }) else { return [] }
        return parts.compactMap { $0 }
    }

    /// - Returns: what is wrong, if anything is.
    private mutating func set(_ key: String, _ text: String, _ numbers: [UInt64]) -> String? {
        func number(_ range: ClosedRange<UInt64>, _ store: (UInt64) -> Void) -> String? {
            guard numbers.count == 1, range.contains(numbers[0]) else {
                return "a number of \(range.lowerBound) to \(range.upperBound) is expected, found \(text)"
            }
            store(numbers[0])
            return nil
        }
        func pair(_ store: (UInt64, UInt64) -> Void) -> String? {
            guard numbers.count == 2, numbers[0] < numbers[1] else {
                return "two growing numbers in brackets are expected, found \(text)"
            }
            store(numbers[0], numbers[1])
            return nil
        }
        switch key {
        case "kind": return text == "\"network\"" ? nil : "\"network\" is expected, found \(text)"
        case "nodes": return number(2...10_000) { nodes = Int($0) }
        case "links": return number(2...128) { links = Int($0) }
        case "profile":
            guard let known = LinkProfile.allCases.first(where: { "\"\($0.rawValue)\"" == text }) else {
                return "\"loopback\" or \"wan\" is expected, found \(text)"
            }
            profile = known
            return nil
        case "membership":
            guard text == "\"on\"" || text == "\"off\"" else { return "\"on\" or \"off\" is expected, found \(text)" }
            runsMembership = text == "\"on\""
            return nil
        case "latency_us": return pair { latency = $0...$1 }
        case "jitter_percent": return number(0...1_000) { jitterPercent = $0 }
        case "loss_ppm": return number(0...999_999) { lossPpm = $0 }
        case "duplicate_ppm": return number(0...1_000_000) { duplicatePpm = $0 }
        case "reorder_ppm": return number(0...1_000_000) { reorderPpm = $0 }
        case "bandwidth": return number(0...1_000_000_000_000) { bandwidth = $0 }
        case "messages": return number(1...10_000) { messages = Int($0) }
        case "sources": return number(1...10_000) { sources = Int($0) }
        case "message_bytes": return number(16...60_000) { messageBytes = Int($0) }
        case "interval_ms": return number(1...600_000) { interval = $0 * 1_000 }
        case "start_ms": return number(1...600_000) { start = $0 * 1_000 }
        case "tail_ms": return number(1...600_000) { tail = $0 * 1_000 }
        case "silent_percent": return number(0...80) { silentPercent = Int($0) }
        case "partition_ms": return pair { partition = $0 * 1_000..<$1 * 1_000 }
        case "crash_ms": return number(1...600_000) { crashAt = $0 * 1_000 }
        case "busy": return number(0...1_000) { busy = Int($0) }
        case "busy_stall_ms": return number(0...60_000) { busyStall = $0 * 1_000 }
        case "content_bytes": return number(0...1_000_000_000) { contentBytes = Int($0) }
        case "invented": return number(0...10_000) { invented = Int($0) }
        case "invented_ms": return number(1...600_000) { inventedAt = $0 * 1_000 }
        default: return "unknown key"
        }
    }
}

extension NetworkExpectation {
    fileprivate mutating func set(_ key: String, _ numbers: [UInt64]) -> String? {
        guard numbers.count == 1 else { return "a number is expected" }
        let number = Int(clamping: numbers[0])
        switch key {
        case "p99_ms": p99Ms = number
        case "copies_milli": copiesMilli = number
        case "late": lateMax = number
        case "heal_heartbeats": healHeartbeats = number
        case "detect_ms": detectMs = number
        case "content_ms": contentMs = number
        case "false_dead": falseDeadMax = number
        default: return "unknown key"
        }
        return nil
    }
}
