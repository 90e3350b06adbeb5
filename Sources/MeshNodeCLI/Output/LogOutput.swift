internal import Foundation
internal import Logging
internal import MeshNode

/// Log lines on stderr, for people or as JSON.
enum LogOutput {
    static func start(level: NodeConfiguration.LogLevel, format: NodeConfiguration.LogFormat) {
        let threshold = Logger.Level(rawValue: level.rawValue) ?? .info
        LoggingSystem.bootstrap { label in LineLogHandler(label: label, logLevel: threshold, isJSON: format == .json) }
    }
}

struct LineLogHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    let isJSON: Bool
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let pairs = all.map { (key: $0.key, value: "\($0.value)") }.sorted { $0.key < $1.key }
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true).dateTimeSeparator(.standard))
        if isJSON {
            var line = ["time": time, "level": event.level.rawValue, "label": label, "message": "\(event.message)"]
            for pair in pairs { line["data_\(pair.key)"] = pair.value }
            Terminal.error(APICoding.text(line))
        } else {
            let data = pairs.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            Terminal.error("\(time) \(event.level.rawValue) \(event.message)\(data.isEmpty ? "" : "  \(data)")")
        }
    }
}
