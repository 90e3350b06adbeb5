internal import Gossip
internal import Learn
internal import Wire

extension ConfigurationLoader {
    /// Turns checked values into the configuration; what needs more than a range is checked here.
    func assemble(
        _ values: [String: SettingValue], _ origins: [String: SettingOrigin], _ faults: inout [Fault]
    ) -> NodeConfiguration? {
        func from(_ path: String) -> String { "(from \(origins[path] ?? .builtIn))" }
        func text(_ path: String) -> String { if case .text(let text)? = values[path] { text } else { "" } }
        func integer(_ path: String) -> Int64 { if case .integer(let number)? = values[path] { number } else { 0 } }
        func flag(_ path: String) -> Bool { if case .flag(let flag)? = values[path] { flag } else { false } }

        for path in [
            "node.name", "listen.host", "data.label", "data.type", "data.train", "data.evaluation", "api.socket",
        ] {
            if text(path).isEmpty { faults.append(Fault(path, "must not be empty \(from(path))")) }
            // The two names have a rule of their own below.
            guard path != "node.name", path != "data.type" else { continue }
            if text(path).unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
                faults.append(Fault(path, "must not hold control characters \(from(path))"))
            }
        }
        var tickets: [Ticket] = []
        if case .list(let items)? = values["mesh.bootstrap"] {
            for (index, item) in items.enumerated() {
                do {
                    tickets.append(try Ticket(text: item))
                } catch {
                    faults.append(Fault("mesh.bootstrap[\(index)]", "\(error) \(from("mesh.bootstrap"))"))
                }
            }
        }
        var allowed: Set<NodeID> = []
        if case .list(let items)? = values["mesh.allow"] {
            for (index, item) in items.enumerated() {
                if let node = NodeID(hex: item.lowercased()) {
                    allowed.insert(node)
                } else {
                    faults.append(
                        Fault(
                            "mesh.allow[\(index)]",
                            "\(SettingValue.text(item).toml) is not the 64 digits of a node \(from("mesh.allow"))"))
                }
            }
        }
        var labels: [String] = []
        if case .list(let items)? = values["data.labels"] { labels = items }
        var channels: [String] = []
        if case .list(let items)? = values["data.channels"] { channels = items }
        let kill = text("debug.kill_aggregator")
        let killPoint = NodeConfiguration.KillPoint(parsing: kill)
        if !kill.isEmpty, killPoint == nil {
            let points = NodeConfiguration.KillPoint.Point.allCases.map(\.rawValue).joined(separator: ", ")
            faults.append(
                Fault(
                    "debug.kill_aggregator",
                    "\(SettingValue.text(kill).toml) is not ROUND:POINT with a round from 1 to 1000 and a point of "
                        + "\(points) \(from("debug.kill_aggregator"))"))
        }
        let attack = NodeConfiguration.Attack(rawValue: text("debug.attack"))
        if attack != nil, !flag("debug.keep_own_updates") {
            faults.append(
                Fault(
                    "debug.attack",
                    "only a node of a test network attacks: set debug.keep_own_updates = true there, or attack = \"none\" "
                        + from("debug.attack")))
        }
        let name = text("node.name")
        if name.readsAsIdentifier {
            faults.append(
                Fault(
                    "node.name",
                    "\"\(name)\" could be digits of an id, and digits always mean an id; use a letter after f "
                        + from("node.name")))
        }
        for path in ["node.name", "data.type"] where !text(path).isEmpty {
            guard let fault = text(path).shownFault(isName: true) else { continue }
            faults.append(Fault(path, "\(fault) \(from(path))"))
        }
        let advertise = text("listen.advertise")
        let host = text("listen.host")
        for (path, name) in [("listen.host", host), ("listen.advertise", advertise)] where !name.isEmpty {
            if (try? PeerAddress(host: name, port: 1)) == nil {
                faults.append(
                    Fault(
                        path,
                        "\(SettingValue.text(name).toml) is no host name or address; no port, no brackets \(from(path))"
                    ))
            }
        }
        let socket = absolute(text("api.socket"))
        if socket.utf8.count > HomeDirectory.longestSocket {
            faults.append(
                Fault(
                    "api.socket",
                    "\(socket) has \(socket.utf8.count) bytes and the system allows \(HomeDirectory.longestSocket) for a socket; "
                        + "use a shorter absolute path \(from("api.socket"))"))
        }
        guard let profile = NodeConfiguration.Profile(rawValue: text("mesh.profile")),
            let voting = NodeConfiguration.VotingMode(rawValue: text("voting.mode")),
            let level = NodeConfiguration.LogLevel(rawValue: text("log.level")),
            let format = NodeConfiguration.LogFormat(rawValue: text("log.format")),
            let layout = PictureLayout(rawValue: text("data.layout")),
            let port = UInt16(exactly: integer("listen.port")), let bond = UInt64(exactly: integer("miner.bond")),
            let mostBond = UInt64(exactly: integer("miner.max_bond")),
            let mostTotalBond = UInt64(exactly: integer("miner.max_total_bond")),
            let dropRound = UInt32(exactly: integer("debug.drop_miner"))
        else {
            // Only a choice that the table allows and no case has could end here.
            faults.append(Fault("", "a choice of the settings table has no meaning"))
            return nil
        }
        var configuration = NodeConfiguration(
            name: name,
            listen: .init(host: host, port: port, advertise: advertise.isEmpty ? nil : advertise), bootstrap: tickets,
            profile: profile,
            data: .init(
                train: absolute(text("data.train")), evaluation: absolute(text("data.evaluation")),
                label: text("data.label"), type: text("data.type"), labels: labels),
            miner: .init(
                isEnabled: flag("miner.enabled"), joinsByItself: flag("miner.auto_join"), bond: bond,
                mostBond: mostBond, mostTotalBond: mostTotalBond, mostTasks: Int(integer("miner.max_tasks")),
                trustsPublisher: flag("miner.trust_publisher")),
            voting: voting, socket: socket, logLevel: level, logFormat: format,
            debug: .init(
                keepsOwnUpdates: flag("debug.keep_own_updates"), killAggregator: killPoint,
                dropMiner: dropRound == 0 ? nil : dropRound, attack: attack))
        configuration.allowed = allowed
        configuration.storageQuota = UInt64(integer("storage.quota")) << 20
        let logFile = text("log.file")
        configuration.logFile = logFile.isEmpty ? nil : absolute(logFile)
        configuration.data.layout = layout
        configuration.data.channels = channels
        return configuration
    }
}
