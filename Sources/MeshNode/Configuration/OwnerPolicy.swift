internal import Learn
internal import Foundation
public import Wire

/// What the owner of a machine allows its node to take part in: `owner.toml` in the home, read again before every join and
/// every round, so that a change counts at once. Without the file everything is allowed; a file that cannot be read
/// allows nothing.
public struct OwnerPolicy: Sendable, Equatable {
    /// Node ids whose tasks are allowed; empty: everybody's.
    public var publishers: [String] = []
    /// Trainers that may run; empty: every one that this program has.
    public var trainers: [String] = []
    /// Minutes of the local day in which rounds may be trained; from may be after to. Nil: always.
    public var hours: (from: Int, to: Int)? = nil
    /// Threads that training may use; nil: as the process was started.
    public var threads: Int? = nil
    /// Most rounds that a task may have; nil: any number.
    public var rounds: Int? = nil
    /// Largest epsilon that a task may have spent after its last round; a task without noise is refused then. Nil: any.
    public var epsilon: Double? = nil
    /// Fewest key holders that must work together to read a single update; nil: any number.
    public var colluders: Int? = nil

    public init() {}

    public static func == (left: OwnerPolicy, right: OwnerPolicy) -> Bool {
        left.publishers == right.publishers && left.trainers == right.trainers && left.threads == right.threads
            && left.hours?.from == right.hours?.from && left.hours?.to == right.hours?.to && left.rounds == right.rounds
            && left.epsilon == right.epsilon && left.colluders == right.colluders
    }

    public static let fileName = "owner.toml"

    /// - Throws: every fault of the file at once.
    public static func load(home: String) throws(ConfigurationError) -> OwnerPolicy? {
        let path = home + "/" + fileName
        let bytes: [UInt8]
        do { bytes = try InputFile.plain(path, limit: 1 << 16) } catch {
            // Only where nothing has the name there are no rules: a link that leads nowhere, or a disk that does not answer,
            // hides rules, and until they are read nothing is allowed.
            if error == .missing { return nil }
            let reason =
                if case .unreadable(let reason) = error { reason } else { "no plain file of at most 65536 bytes" }
            throw ConfigurationError(file: path, faults: [Fault("", "cannot be read: \(reason)")])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(file: path, faults: [Fault("", "cannot be read: no UTF-8")])
        }
        return try parse(text, file: path)
    }

    public static func parse(_ text: String, file: String) throws(ConfigurationError) -> OwnerPolicy {
        let document = TOMLDocument(text)
        var reader = DocumentReader(document.root)
        var policy = OwnerPolicy()
        func texts(_ path: String) -> [String] {
            guard let node = reader.value(path) else { return [] }
            guard case .list(let items) = node else {
                reader.fault(path, "must be a list of texts, found \(node.kind)")
                return []
            }
            var result: [String] = []
            for item in items {
                if case .text(let text) = item {
                    result.append(text)
                } else {
                    reader.fault(path, "not every item is a text")
                }
            }
            return result
        }
        func whole(_ path: String, _ range: ClosedRange<Int64>) -> Int? {
            guard let node = reader.value(path) else { return nil }
            guard case .integer(let number) = node, range.contains(number) else {
                reader.fault(path, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
                return nil
            }
            return Int(number)
        }
        policy.publishers = texts("publishers").map { $0.lowercased() }
        for name in policy.publishers where NodeID(hex: name) == nil {
            reader.fault(
                "publishers", "\(String(name.prefix(70)).tomlWord) is no node id of 64 hexadecimal digits")
        }
        policy.trainers = texts("trainers")
        policy.threads = whole("threads", 1...256)
        policy.rounds = whole("rounds", 1...1_000)
        policy.colluders = whole("colluders", 1...8)
        if let node = reader.value("epsilon") {
            switch node {
            case .integer(let number) where number > 0: policy.epsilon = Double(number)
            case .number(let number) where number > 0 && number.isFinite: policy.epsilon = number
            default: reader.fault("epsilon", "must be a number above 0, found \(node.kind)")
            }
        }
        if let node = reader.value("hours") {
            if case .text(let text) = node, let hours = minutes(text) {
                policy.hours = hours
            } else {
                reader.fault("hours", "must be FROM-TO in local time, for example \"22:00-06:30\"")
            }
        }
        reader.refuseUnknownKeys()
        let faults = document.faults + reader.faults
        guard faults.isEmpty else { throw ConfigurationError(file: file, faults: faults) }
        return policy
    }

    private static func minutes(_ text: String) -> (from: Int, to: Int)? {
        let sides = text.split(separator: "-", omittingEmptySubsequences: false).map { side -> Int? in
            let parts = side.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[1].count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]),
                (0...24).contains(hour), (0...59).contains(minute), hour * 60 + minute <= 1_440
            else { return nil }
            return hour * 60 + minute
        }
        guard sides.count == 2, let from = sides[0], let to = sides[1], from != to else { return nil }
        return (from, to)
    }

    /// Why a task may not be joined or trained at all; nil when it may.
    /// - Parameter epsilon: after the task's last round; nil without noise.
    public func refusal(of spec: TaskSpec, publisher: NodeID, epsilon spent: Double?) -> String? {
        if !publishers.isEmpty, !publishers.contains(publisher.hex) {
            return "publishers does not name \(publisher.hex)"
        }
        if !trainers.isEmpty, !trainers.contains(spec.training.trainer) {
            return "trainers does not name \(spec.training.trainer)"
        }
        if let rounds, Int(spec.rounds) > rounds {
            return "the task has \(spec.rounds) rounds, rounds allows \(rounds)"
        }
        if let epsilon {
            guard let spent else { return "epsilon is limited to \(epsilon) and the task adds no noise" }
            // So asked, an epsilon that is no number is none that is allowed.
            guard spent <= epsilon else { return "the task spends epsilon \(spent), epsilon allows \(epsilon)" }
        }
        let needed = spec.holders.publisherAlone ? 1 : Int(spec.holders.threshold) + 1
        if let colluders, needed < colluders {
            return "\(needed) key holders could read a single update, colluders asks for \(colluders)"
        }
        return nil
    }

    /// Why no round may be trained at a minute of the local day; nil when it may.
    public func refusal(atMinute minute: Int) -> String? {
        guard let hours else { return nil }
        let isInside =
            hours.from < hours.to
            ? minute >= hours.from && minute < hours.to : minute >= hours.from || minute < hours.to
        func text(_ minute: Int) -> String {
            let rest = minute % 60
            return "\(minute / 60):" + (rest < 10 ? "0\(rest)" : "\(rest)")
        }
        return isInside ? nil : "it is \(text(minute)), hours allows \(text(hours.from))-\(text(hours.to))"
    }

    /// Minute of the local day now.
    public static func localMinute() -> Int {
        let parts = Calendar.current.dateComponents([.hour, .minute], from: Date())
        return (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
    }
}
