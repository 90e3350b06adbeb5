/// When what comes next in a task happens, in milliseconds since 1970.
///
/// Time is that of registry blocks: something that is due happens with the first block after it.
public struct TaskDates: Codable, Equatable, Sendable {
    public var publishedMs: UInt64
    /// From when enrolment closes with fewer than the largest number of participants; nil once it is closed.
    public var closesFromMs: UInt64?
    /// When a task that has not ended expires; nil for one that has ended.
    public var expiresMs: UInt64?
    /// From the end of the task, or its expiry, to its payout.
    public var settleMs: UInt64
    /// From the payout until bonds come back.
    public var evidenceMs: UInt64
    /// When the reward is due, known once the end is settled.
    public var payoutMs: UInt64?
    /// When it was paid.
    public var paidMs: UInt64?
    /// The payout, the latest possible one before the end is settled; nil for a task that pays nobody.
    public var payoutLatestMs: UInt64?
    /// When bonds come back, at the latest; nil when they are back.
    public var bondsBackMs: UInt64?
    /// Whether its target is committed and not opened, and can still be.
    public var hasSecretTarget: Bool

    /// What people read, as name and text.
    /// - Parameters:
    ///   - least: participants without which it does not start.
    ///   - most: participants with which it starts at once.
    public func lines(least: UInt32, most: UInt32) -> [(String, String)] {
        var lines = [("published", CalendarText.text(publishedMs))]
        if let closesFromMs, let expiresMs {
            lines.append(
                (
                    "enrolment",
                    "closes once \(most) have enrolled, or from \(CalendarText.text(closesFromMs)) on once \(least) have; with "
                        + "fewer it goes on until the task expires, \(CalendarText.text(expiresMs)), or is stopped, and "
                        + "everything returns"
                ))
        } else if let expiresMs {
            lines.append(("expires", CalendarText.text(expiresMs) + " if it has not ended by then"))
        }
        if let paidMs {
            lines.append(("payout", "was \(CalendarText.text(paidMs))"))
        } else if let payoutMs {
            lines.append(("payout", "due \(CalendarText.text(payoutMs)), with the first registry block after it"))
        } else if let payoutLatestMs {
            lines.append(
                (
                    "payout",
                    "\(CalendarText.length(settleMs)) after its end is settled, at the latest \(CalendarText.text(payoutLatestMs))"
                ))
        }
        if let bondsBackMs {
            let isKnown = payoutMs != nil || paidMs != nil
            lines.append(
                (
                    "bonds",
                    "come back \(isKnown ? "" : "at the latest ")\(CalendarText.text(bondsBackMs)), "
                        + "\(CalendarText.length(evidenceMs)) after the payout"
                ))
        }
        if hasSecretTarget {
            lines.append(
                (
                    "target",
                    payoutMs.map {
                        "committed; its publisher can open it until \(CalendarText.text($0)): `meshnode reveal TASK TARGET NONCE`"
                    }
                        ?? "committed; its publisher can open it between the settled end and the payout, "
                        + "\(CalendarText.length(settleMs))"
                ))
        }
        return lines
    }
}
