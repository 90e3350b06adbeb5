internal import Foundation

/// Points in time and lengths of time as people read them. What lies ahead is a date, not a number of seconds after
/// something.
public enum CalendarText {
    /// `2026-11-29 08:15:02 UTC`; nil beyond the year 9999.
    /// - Parameter ms: milliseconds since 1970.
    public static func date(_ ms: UInt64) -> String? {
        guard ms < 253_402_300_800_000 else { return nil }
        let form = Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: .gmt).year().month().day()
            .time(includingFractionalSeconds: false)
        return Date(timeIntervalSince1970: Double(ms / 1_000)).formatted(form) + " UTC"
    }

    /// The same where it must be said in any case.
    public static func text(_ ms: UInt64) -> String { date(ms) ?? "after the year 9999" }

    /// `2 d`, `1 h 30 min`, `20 s`, `300 ms`: the two largest units.
    public static func length(_ ms: UInt64) -> String {
        guard ms >= 1_000 else { return "\(ms) ms" }
        var rest = ms / 1_000
        var parts: [String] = []
        for (name, seconds) in [("d", UInt64(86_400)), ("h", 3_600), ("min", 60), ("s", 1)] {
            let count = rest / seconds
            rest %= seconds
            if count > 0 { parts.append("\(count) \(name)") }
        }
        return parts.prefix(2).joined(separator: " ")
    }
}
