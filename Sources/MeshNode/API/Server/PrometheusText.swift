/// Figures of a node in the text form that Prometheus reads (exposition format 0.0.4), all named `meshnode_…`.
enum PrometheusText {
    static let type = "text/plain; version=0.0.4; charset=utf-8"

    private struct Sample {
        var labels: [(String, String)] = []
        let value: String
    }

    static func text(status: NodeStatus, peers: [PeerView], store: StoreView) -> String {
        var text = ""
        func add(_ name: String, _ kind: String, _ help: String, _ samples: [Sample]) {
            guard !samples.isEmpty else { return }
            text += "# HELP meshnode_\(name) \(help)\n# TYPE meshnode_\(name) \(kind)\n"
            for sample in samples {
                let labels = sample.labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
                text += "meshnode_\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(sample.value)\n"
            }
        }
        func one(_ value: some CustomStringConvertible) -> [Sample] { [Sample(value: "\(value)")] }

        add(
            "info", "gauge", "What runs; always 1.",
            [
                Sample(
                    labels: [
                        ("version", status.version), ("node", status.node), ("name", status.name),
                        ("network", status.network),
                    ], value: "1")
            ])
        add("uptime_seconds", "gauge", "Since the process began to listen.", one(status.uptimeSeconds))
        add("ready", "gauge", "1 when the node waits for nothing.", one(status.notReady.isEmpty ? 1 : 0))
        add(
            "obstacles", "gauge", "Things that this node is expected to do and does not do, by kind; 0 where none.",
            Obstacle.What.allCases.map { what in
                Sample(
                    labels: [("kind", what.rawValue)], value: "\(status.obstacles.count { $0.what == what })")
            })
        add(
            "obstacle_since_seconds", "gauge",
            "Each obstacle: when it began, in seconds since 1970; final: not tried again by itself.",
            status.obstacles.map { obstacle in
                Sample(
                    labels: [
                        ("kind", obstacle.what.rawValue), ("task", obstacle.task ?? ""),
                        ("final", obstacle.isFinal ? "true" : "false"),
                    ], value: "\(obstacle.sinceMs / 1_000)")
            })
        add(
            "not_ready_reasons", "gauge", "Reasons why the node is not ready (`/readyz` names them).",
            one(status.notReady.count))
        add("linked_peers", "gauge", "Peers with a link.", one(status.peers))
        let states = peers.map(\.state)
        add(
            "known_peers", "gauge", "Known nodes by state.",
            Set(states).sorted().map { state in
                Sample(labels: [("state", state)], value: "\(states.count { $0 == state })")
            })
        add("received_bytes_total", "counter", "Over links.", one(status.bytesIn))
        add("sent_bytes_total", "counter", "Over links.", one(status.bytesOut))
        add(
            "dropped_total", "counter", "Messages, links and datagrams that were refused or dropped, by reason.",
            status.drops.map { Sample(labels: [("reason", $0.name)], value: "\($0.count)") })
        add(
            "chain_height", "gauge", "Height of the last decided block.",
            status.chains.compactMap { chain in
                chain.height.map {
                    Sample(labels: [("chain", chain.chain), ("kind", chain.kind)], value: "\($0)")
                }
            })
        add(
            "task_round", "gauge", "Round that a running task is in.",
            status.current.filter { $0.state == .running || $0.state == .paused }.map {
                Sample(labels: [("task", $0.task), ("phase", $0.phase)], value: "\($0.round)")
            })
        add("balance_credits", "gauge", "Free credits of this node.", status.balance.map(one) ?? [])
        add("store_bytes", "gauge", "Contents on disk.", one(store.usedBytes))
        add("store_quota_bytes", "gauge", "Contents that may be on disk.", one(store.quotaBytes))
        add("contents_wanted", "gauge", "Contents that are being fetched.", one(status.contentsWanted))
        return text
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }
}
