import MeshSim

/// Totals over the seeds of one command.
struct Summary {
    let nodes: Int
    let rounds: Int
    var seeds = 0
    var failures = 0
    var violations = 0
    var completed = 0
    var failed = 0
    var unfinished = 0
    var events = 0
    var crashes = 0
    var partitions = 0
    var highestView: UInt32 = 0
    var voids = 0
    var lostWrites = 0
    /// The longest recovery, in round timeouts at the end of the faults.
    var slowestRecovery = 0.0
    var seconds = 0.0

    init(nodes: Int, rounds: Int) {
        self.nodes = nodes
        self.rounds = rounds
    }

    mutating func add(_ report: SimulationReport, unmet: [String]) {
        seeds += 1
        violations += report.violations.count
        if !report.violations.isEmpty || !unmet.isEmpty { failures += 1 }
        switch report.outcome {
        case .completed, .stopped: completed += 1
        case .failed: failed += 1
        case .unfinished: unfinished += 1
        }
        events += report.events
        crashes += report.crashes
        partitions += report.partitions
        highestView = max(highestView, report.highestView)
        voids += report.voids
        lostWrites += report.lostWrites
        if let ratio = report.recoveryRatio { slowestRecovery = max(slowestRecovery, ratio) }
    }

    var json: String {
        "{\"seeds\":\(seeds),\"violations\":\(violations),\"failures\":\(failures),\"completed\":\(completed),"
            + "\"failed\":\(failed),\"unfinished\":\(unfinished),\"nodes\":\(nodes),\"rounds\":\(rounds),"
            + "\"events\":\(events),\"crashes\":\(crashes),\"partitions\":\(partitions),\"voids\":\(voids),"
            + "\"lost_writes\":\(lostWrites),\"slowest_recovery_rounds\":\(rounded(slowestRecovery)),"
            + "\"highest_view\":\(highestView),\"seconds\":\(seconds)}"
    }

    var line: String {
        "\(seeds) seeds, \(violations) violations, \(failures) failures; tasks: \(completed) completed, \(failed) failed "
            + "with a reason, \(unfinished) unfinished; \(events) events, \(crashes) crashes, \(partitions) partitions, "
            + "\(lostWrites) writes lost, \(voids) VOID blocks, highest view \(highestView), slowest recovery "
            + "\(rounded(slowestRecovery)) round timeouts, \(seconds) s"
    }

    private func rounded(_ ratio: Double) -> Double { (ratio * 1_000).rounded() / 1_000 }
}

extension SimulationReport {
    var recoveryRatio: Double? {
        guard let recovery, let roundTimeout else { return nil }
        return Double(recovery) / Double(roundTimeout)
    }

    var line: String {
        "seed \(seed)  \(outcome)  registry \(registryHeight)  task \(taskHeight)  view \(highestView)  "
            + "\(virtualTime / 1_000) ms  \(events) events  trace \(String(traceHash, radix: 16))"
            + (violations.isEmpty ? "" : "  \(violations.count) violations")
    }

    func json(unmet: [String]) -> String {
        "{\"seed\":\(seed),\"outcome\":\(quoted(outcome.description)),\"violations\":["
            + (violations.map(\.description) + unmet).map(quoted).joined(separator: ",")
            + "],\"registry_height\":\(registryHeight),\"task_height\":\(taskHeight),\"results\":\(results),"
            + "\"voids\":\(voids),\"manifests\":\(manifests),\"highest_view\":\(highestView),\"events\":\(events),"
            + "\"crashes\":\(crashes),\"partitions\":\(partitions),\"lost_writes\":\(lostWrites),"
            + "\"evidence\":\(evidence),\"complaints\":\(complaints),\"recovery_ms\":\(recovery.map { "\($0 / 1_000)" } ?? "null"),\"virtual_ms\":\(virtualTime / 1_000),"
            + "\"trace\":\(quoted(String(traceHash, radix: 16)))}"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar.value < 32 ? " " : scalar)
            }
        }
        return result + "\""
    }
}
