internal import Foundation
internal import Logging
internal import MeshNode
internal import Wire

/// Log lines, for people or as JSON; once a process.
enum LogOutput {
    /// Of a node: a line that cannot be written never ends it.
    ///
    /// - Parameter home: which commands in messages name, so that a line can be followed where the log is read; nil for the
    ///   home that they use by themselves.
    static func start(
        level: NodeConfiguration.LogLevel, format: NodeConfiguration.LogFormat, sink: LogSink, home: String? = nil
    ) {
        let threshold = Logger.Level(rawValue: level.rawValue) ?? .info
        LoggingSystem.bootstrap { label in
            LineLogHandler(
                label: label, logLevel: threshold, isJSON: format == .json, home: home, write: sink.write)
        }
    }

    /// In a new file: for nodes inside a command that has a terminal of its own.
    static func start(file path: String) throws {
        try Files.write([], to: path)
        start(level: .info, format: .text, sink: try LogSink(path: path))
    }
}

struct LineLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    let isJSON: Bool
    var metadata: Logger.Metadata = [:]
    let home: String?
    let write: @Sendable (String) -> Void

    init(
        label: String, logLevel: Logger.Level, isJSON: Bool, home: String? = nil,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.home = home
        self.label = label
        self.logLevel = logLevel
        self.isJSON = isJSON
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let message = Advice.addressed("\(event.message)", home: home)
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        // Messages and values may hold text of peers: a line stays one line, whatever it says.
        let pairs = all.map { (key: $0.key, value: "\($0.value)".printable) }.sorted { $0.key < $1.key }
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true).dateTimeSeparator(.standard))
        if isJSON {
            var line = ["time": time, "level": event.level.rawValue, "label": label, "message": message]
            for pair in pairs { line["data_\(pair.key)"] = pair.value }
            write(APICoding.text(line))
        } else {
            let data = pairs.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            write("\(time) \(event.level.rawValue) \(message.printable)\(data.isEmpty ? "" : "  \(data)")")
        }
    }
}
