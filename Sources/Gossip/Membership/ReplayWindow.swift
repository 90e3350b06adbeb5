/// Accepts each counter of one sender once, in any order within the last 64 (as RFC 4303 §3.4.3).
public struct ReplayWindow: Sendable, Equatable {
    private var highest: UInt64 = 0
    /// Bit i: `highest - i` was seen.
    private var seen: UInt64 = 0

    public init() {}

    /// Whether `counter` is new; it counts as seen from then on. Zero is never a counter.
    public mutating func accept(_ counter: UInt64) -> Bool {
        guard counter > 0 else { return false }
        if counter > highest {
            let shift = counter - highest
            seen = shift >= 64 ? 0 : seen << shift
            seen |= 1
            highest = counter
            return true
        }
        let age = highest - counter
        guard age < 64, seen & (1 << age) == 0 else { return false }
        seen |= 1 << age
        return true
    }
}
