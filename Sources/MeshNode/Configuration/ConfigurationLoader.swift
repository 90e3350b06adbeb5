internal import Learn
internal import Wire

/// Puts a node's configuration together: flag > environment > file > default.
public struct ConfigurationLoader: Sendable {
    public let home: HomeDirectory
    /// The file's text; nil when there is none, which is no fault.
    public var fileText: String?
    public var environment: [String: String]
    /// By path, as given with `--set PATH=VALUE` or the shorter flags.
    public var flags: [String: String]

    public init(
        home: HomeDirectory, fileText: String?, environment: [String: String] = [:], flags: [String: String] = [:]
    ) {
        self.home = home
        self.fileText = fileText
        self.environment = environment
        self.flags = flags
    }

    /// Reads `config.toml` of the home if it is there.
    public init(
        home: HomeDirectory, environment: [String: String], flags: [String: String]
    ) throws(StorageError) {
        self.init(home: home, fileText: nil, environment: environment, flags: flags)
        if try FileSystem.exists(home.configuration) {
            let bytes = try FileSystem.read(home.configuration, limit: UInt64(TOMLDocument.longest))
            fileText = String(decoding: bytes, as: UTF8.self)
        }
    }

    /// One value in force, for `config show --origin`.
    public struct Line: Sendable, Equatable {
        public let path: String
        public let value: SettingValue
        public let origin: SettingOrigin
    }

    public struct Loaded: Sendable, Equatable {
        public let configuration: NodeConfiguration
        /// In the order of the table.
        public let lines: [Line]
    }

    /// - Throws: every fault of every source at once.
    public func load() throws(ConfigurationError) -> Loaded {
        var faults: [Fault] = []
        var values: [String: SettingValue] = [:]
        var origins: [String: SettingOrigin] = [:]
        for setting in SettingTable.all { values[setting.path] = setting.builtIn }

        func take(_ setting: Setting, _ value: SettingValue?, _ origin: SettingOrigin, found: String) {
            guard let value else {
                faults.append(Fault(setting.path, "\(found) is not allowed; use \(setting.allowed) (from \(origin))"))
                return
            }
            values[setting.path] = value
            origins[setting.path] = origin
        }

        if let fileText {
            let document = TOMLDocument(fileText)
            faults += document.faults
            var reader = DocumentReader(document.root)
            for setting in SettingTable.all {
                guard let node = reader.value(setting.path) else { continue }
                take(setting, setting.read(node), .file(home.configuration), found: Self.shown(node))
            }
            reader.refuseUnknownKeys()
            faults += reader.faults
        }
        for setting in SettingTable.all {
            let name = setting.environmentName
            guard let text = environment[name] else { continue }
            take(setting, setting.parse(text), .environment(name), found: Self.shown(.text(text)))
        }
        let known = Set(SettingTable.all.map(\.environmentName)).union(SettingTable.otherVariables)
        for name in environment.keys.sorted()
        where name.hasPrefix("MESHNODE_") && !name.hasPrefix(SettingTable.testVariables) && !known.contains(name)
            && !SettingTable.isOfAnOrchestrator(name)
        {
            faults.append(Fault(name, "is no variable that meshnode knows; unset it or correct its name"))
        }
        for path in flags.keys.sorted() {
            guard let setting = SettingTable.setting(path) else {
                faults.append(Self.unknown(path, origin: .flag))
                continue
            }
            take(setting, setting.parse(flags[path] ?? ""), .flag, found: Self.shown(.text(flags[path] ?? "")))
        }
        let assembled = assemble(values, origins, &faults)
        guard faults.isEmpty, let assembled else {
            throw ConfigurationError(file: home.configuration, faults: faults)
        }
        let lines = SettingTable.all.map { setting in
            Line(
                path: setting.path, value: values[setting.path] ?? setting.builtIn,
                origin: origins[setting.path] ?? .builtIn)
        }
        return Loaded(configuration: assembled, lines: lines)
    }

    private static func shown(_ node: TOMLNode) -> String {
        switch node {
        case .text(let text): SettingValue.text(String(text.prefix(60))).toml
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list, .table: node.kind
        }
    }

    /// A path of the configuration as an absolute one.
    func absolute(_ path: String) -> String {
        // The names of shipped sets are no paths.
        if ShippedData(rawValue: path) != nil { return path }
        return path.hasPrefix("/") ? path : home.path + "/" + path
    }
}
