internal import ArgumentParser
internal import MeshNode
internal import Wire

/// The options that every command takes.
struct GlobalArguments: ParsableArguments {
    @Option(help: "The node's home (MESHNODE_HOME, else the XDG data directory).") var home: String?
    @Option(help: "Form of results: text, json or jsonl.") var format: OutputFormat = .text
    @Flag(name: .customLong("json"), help: "Results as one JSON value a line (--format jsonl).") var jsonLines = false
    @Flag(name: .shortAndLong, help: "No remarks on stderr.") var quiet = false
    @Flag(name: .shortAndLong, help: "More remarks on stderr.") var verbose = false
    @Flag(name: .customLong("no-color"), help: "No colours (also NO_COLOR).") var noColour = false

    var output: Output {
        if format == .text, !jsonLines { NodeNames.use(homeDirectory) }
        return Output(
            format: jsonLines ? .jsonl : format, isQuiet: quiet, isVerbose: verbose, home: home,
            usesColour: !noColour && Files.environment["NO_COLOR"] == nil && Terminal.resultIsTerminal)
    }

    var homePath: String { homeDirectory.path }

    /// The home, where a command without `--home`, in another shell, would not find it.
    var namedHome: String? { named == Self.usual ? nil : homePath }

    private var named: String {
        if let home { return home }
        if let home = Files.environment["MESHNODE_HOME"], !home.isEmpty { return home }
        return Self.usual
    }

    private static var usual: String {
        let environment = Files.environment
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/meshnode" }
        return "~/.local/share/meshnode"
    }

    var homeDirectory: HomeDirectory { Files.home(named) }

    /// The configuration in force, with `flags` on top.
    func configuration(flags: [String: String] = [:]) throws -> ConfigurationLoader.Loaded {
        try ConfigurationLoader(home: homeDirectory, environment: Files.environment, flags: flags).load()
    }

    /// Speaks to the node of this home; errors say how to start it.
    var client: NodeClient {
        // A node that runs has a valid configuration; one that does not is found out by connecting.
        let configured = try? configuration().configuration.socket
        return NodeClient(api: APIClient(socket: configured ?? homeDirectory.apiSocket), home: homePath)
    }

    /// What the node of this home answers; while no node serves it, the same from the home's files.
    func read<Value: Decodable & Sendable>(
        _ path: String, as type: Value.Type = Value.self, offline: (OfflineHome) throws -> Value
    ) async throws -> Value {
        try await answer({ try await client.get(path, as: type) }, offline)
    }

    /// The same for what is no JSON.
    func readBytes(_ path: String, offline: (OfflineHome) throws -> [UInt8]) async throws -> [UInt8] {
        try await answer({ try await client.bytes(path) }, offline)
    }

    private func answer<Value>(
        _ asked: () async throws -> Value, _ offline: (OfflineHome) throws -> Value
    ) async throws -> Value {
        do {
            return try await asked()
        } catch let failure as CommandFailure
            where failure.code == ExitStatus.unreachable && Files.exists(homeDirectory.chainDatabase)
        {
            return try offline(try OfflineHome(homeDirectory))
        }
    }

    private static let withValue: Set<String> = ["--home", "--format"]
    private static let flags: Set<String> = ["--json", "-q", "--quiet", "-v", "--verbose", "--no-color"]

    /// The home that a command line names, for errors of commands that were not even made.
    static func home(in arguments: [String]) -> String? {
        for (place, argument) in arguments.enumerated() {
            if argument == "--" { return nil }
            if argument == "--home", place + 1 < arguments.count { return arguments[place + 1] }
            if argument.hasPrefix("--home=") { return String(argument.dropFirst(7)) }
        }
        return nil
    }

    /// Lets `meshnode --home X status` mean `meshnode status --home X`.
    static func moved(behindCommand arguments: [String]) -> [String] {
        var moved: [String] = []
        var rest = arguments[...]
        while let first = rest.first {
            if withValue.contains(first), rest.count > 1 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if flags.contains(first) || withValue.contains(where: { first.hasPrefix($0 + "=") }) {
                moved.append(first)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard !moved.isEmpty, !rest.isEmpty else { return arguments }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        return Array(rest[..<end]) + moved + Array(rest[end...])
    }
}

/// The `--set PATH=VALUE` options of a command.
struct Assignments {
    /// - Parameter option: before each of them; nil where they are words of their own.
    static func parse(_ texts: [String], option: String? = "--set") throws(CommandFailure) -> [String: String] {
        let before = option.map { $0 + " " } ?? ""
        var result: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw CommandFailure(
                    ExitStatus.usage, "\(before)\(text): write PATH=VALUE, for example \(before)listen.port=7000")
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}

/// The API client of one home, whose errors tell how to start the node.
struct NodeClient: Sendable {
    var api: APIClient
    let home: String

    func get<Value: Decodable & Sendable>(_ path: String, as type: Value.Type = Value.self) async throws -> Value {
        try await explained { try await api.get(path, as: type) }
    }

    func post<Value: Decodable & Sendable>(
        _ path: String, _ body: [UInt8] = [], contentType: String = "application/json", as type: Value.Type = Value.self
    ) async throws -> Value {
        try await explained { try await api.post(path, body, contentType: contentType, as: type) }
    }

    func bytes(_ path: String) async throws -> [UInt8] {
        try await explained { try await api.bytes("GET", path) }
    }

    func events(after: UInt64?, each: (NodeEvent) async -> Bool) async throws {
        try await explained { try await api.events(after: after, each: each) }
    }

    private func explained<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as APIError {
            guard case .unreachable = error else { throw error }
            let next =
                HomeDirectory(path: home).holdsChainAlone
                ? HomeDirectory(path: home).chainAlone
                : Files.exists(home)
                    ? "start it with: `meshnode run --home \(home.shellWord)`"
                    : "make it with: `meshnode init --home \(home.shellWord)`"
            throw CommandFailure(ExitStatus.unreachable, "\(error); \(next)")
        }
    }

    /// A task, chain or file name as one part of a path.
    static func part(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || byte == 0x2d || byte == 0x5f || byte == 0x2e || byte == 0x7e
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
