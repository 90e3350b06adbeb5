import Foundation
import Gossip
import MeshNode
import Testing
import Wire

@Suite struct ConfigurationTests {
    private let home = HomeDirectory(path: "/home/of/node")

    private func load(
        _ text: String?, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws(ConfigurationError) -> ConfigurationLoader.Loaded {
        try ConfigurationLoader(home: home, fileText: text, environment: environment, flags: flags).load()
    }

    private func faults(
        _ text: String?, environment: [String: String] = [:], flags: [String: String] = [:]
    ) -> [String] {
        do {
            _ = try load(text, environment: environment, flags: flags)
            return []
        } catch {
            return error.faults.map(\.path)
        }
    }

    /// Paths of what is wrong with these flags alone.
    static func faults(of flags: [String: String]) -> [String] {
        ConfigurationTests().faults(nil, flags: flags)
    }

    @Test func absentFileGivesDefaults() throws {
        let configuration = try load(nil).configuration
        #expect(configuration.listen == .init(host: "127.0.0.1", port: 0, advertise: nil))
        #expect(configuration.data.train == "/home/of/node/data/train.csv")
        #expect(configuration.socket == "/home/of/node/api.sock")
        #expect(configuration.debug == .init(keepsOwnUpdates: false, killAggregator: nil, dropMiner: nil))
        #expect(configuration.miner == .init(isEnabled: true, joinsByItself: false, bond: 100))
    }

    @Test func laterSourcesWin() throws {
        let file = "[listen]\nport = 1\n[log]\nlevel = \"error\"\n[miner]\nbond = 7\n"
        let environment = [
            "MESHNODE_LISTEN_PORT": "2", "MESHNODE_MINER_BOND": "8", "MESHNODE_HOME": "/x", "PATH": "/bin",
        ]
        let loaded = try load(file, environment: environment, flags: ["miner.bond": "9"])
        #expect(loaded.configuration.listen.port == 2)
        #expect(loaded.configuration.miner.bond == 9)
        #expect(loaded.configuration.logLevel == .error)
        let origins = Dictionary(uniqueKeysWithValues: loaded.lines.map { ($0.path, $0.origin) })
        #expect(origins["listen.port"] == .environment("MESHNODE_LISTEN_PORT"))
        #expect(origins["miner.bond"] == .flag)
        #expect(origins["log.level"] == .file("/home/of/node/config.toml"))
        #expect(origins["node.name"] == .builtIn)
        #expect(loaded.lines.map(\.path) == SettingTable.all.map(\.path))
    }

    @Test func everyFaultOfEverySourceIsTold() {
        let file = """
            prot = 1
            node = "x"
            [listen]
            port = 70000
            host = "a b"
            [mesh]
            bootstrap = ["nonsense"]
            profile = "lan"
            [miner]
            enabled = "yes"
            bond = 0
            [debug]
            kill_aggregator = "0:after-keys"
            """
        let found = faults(
            file, environment: ["MESHNODE_LOG_LEVEL": "loud", "MESHNODE_LISTEN_PROT": "1"],
            flags: ["log.formt": "json", "debug.drop_miner": "-1"])
        for path in [
            "prot", "node", "listen.port", "listen.host", "mesh.bootstrap[0]", "mesh.profile", "miner.enabled",
            "miner.bond", "debug.kill_aggregator", "log.level", "MESHNODE_LISTEN_PROT", "log.formt", "debug.drop_miner",
        ] {
            #expect(found.contains(path), "\(path) is not among \(found)")
        }
        #expect(found.count == 13)
    }

    @Test func grammarFaultsComeWithTheOthers() {
        #expect(faults("[listen]\nport = = 3\nhost = 5\n") == ["line 2, column 8", "listen.host"])
        #expect(faults("[node]\nname = \"one\"\nname = \"two\"\n") == ["line 3, column 13"])
        #expect(faults("node.name = \"a\\u0000b\"") == ["node.name"])
        #expect(faults("\"listen.port\" = 1") == ["\"listen.port\""])
        #expect(faults(String(repeating: "#", count: 2 << 20)) == [""])
    }

    @Test func quotaOfContents() throws {
        #expect(try load(nil).configuration.storageQuota == 10 << 30)
        #expect(try load("[storage]\nquota = 64\n").configuration.storageQuota == 64 << 20)
        #expect(faults("[storage]\nquota = 63\n") == ["storage.quota"])
    }

    @Test func killPoints() throws {
        for (text, round, point) in [
            ("3:before-manifest", 3, NodeConfiguration.KillPoint.Point.beforeManifest), ("1:after-keys", 1, .afterKeys),
            ("1000:after-proposal", 1_000, .afterProposal),
        ] {
            let kill = try load(nil, flags: ["debug.kill_aggregator": text]).configuration.debug.killAggregator
            #expect(kill?.round == UInt32(round) && kill?.point == point)
        }
        for text in ["3", "3:", ":after-keys", "1001:after-keys", "-1:after-keys", "3:after-keys:x", "3:never"] {
            #expect(faults(nil, flags: ["debug.kill_aggregator": text]) == ["debug.kill_aggregator"], "\(text)")
        }
    }

    @Test func ticketsAreRead() throws {
        let ticket = Ticket(network: .zero, node: .zero, addresses: [try PeerAddress(host: "10.0.0.1", port: 7000)])
        let list = try load("[mesh]\nbootstrap = [\"\(ticket.text)\"]\n").configuration.bootstrap
        #expect(list == [ticket])
        let several = try load(nil, environment: ["MESHNODE_MESH_BOOTSTRAP": " \(ticket.text) ,\(ticket.text)"])
        #expect(several.configuration.bootstrap == [ticket, ticket])
    }

    @Test func longSocketPathsAreRefusedBeforeTheSystemDoes() {
        let deep = HomeDirectory(path: "/" + String(repeating: "d", count: 100))
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(home: deep, fileText: nil).load()
        }
        #expect(error?.faults.map(\.path) == ["api.socket"])
    }

    @Test func exampleIsTheTemplate() throws {
        #expect(try Repository.text("examples/config.toml") == ConfigurationTemplate.text())
        let loaded = try load(ConfigurationTemplate.text())
        #expect(loaded.lines.allSatisfy { $0.origin == .builtIn })
    }

    @Test func writtenValuesAreReadBack() throws {
        let values: [String: SettingValue] = [
            "node.name": .text("a \"quoted\" \\ name"), "listen.port": .integer(7), "miner.auto_join": .flag(true),
            "data.train": .text("/x/ü.csv"),
        ]
        let loaded = try load(ConfigurationTemplate.text(values: values))
        for line in loaded.lines {
            #expect(line.value == values[line.path] ?? SettingTable.setting(line.path)?.builtIn, "\(line.path)")
        }
    }

    /// Only where there is no such file are there no rules of the owner.
    @Test func rulesOfTheOwnerThatCannotBeReadAreNotNone() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("owner-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(try OwnerPolicy.load(home: folder) == nil)
        let path = folder + "/owner.toml"
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder + "/away")
        let dead = #expect(throws: ConfigurationError.self) { try OwnerPolicy.load(home: folder) }
        #expect(dead?.description.contains("a link that leads nowhere") == true, "\(String(describing: dead))")
        try Data("rounds = 3\n".utf8).write(to: URL(fileURLWithPath: folder + "/away"))
        #expect(try OwnerPolicy.load(home: folder)?.rounds == 3)
        try FileManager.default.removeItem(atPath: path)
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: ConfigurationError.self) { try OwnerPolicy.load(home: folder) }
    }
}
