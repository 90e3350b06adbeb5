/// A rate limit: `rate` tokens a second, at most `burst` saved up.
public struct TokenBucket: Sendable, Equatable {
    private let rate: Double
    private let burst: Double
    private var tokens: Double
    private var filledAt: Duration

    /// - Parameter burst: one second's worth by default.
    public init(rate: Int, burst: Int? = nil, now: Duration) {
        self.rate = Double(max(1, rate))
        self.burst = Double(max(1, burst ?? rate))
        tokens = self.burst
        filledAt = now
    }

    /// Takes `amount` if it is there.
    public mutating func take(_ amount: Int = 1, now: Duration) -> Bool {
        fill(now)
        guard tokens >= Double(amount) else { return false }
        tokens -= Double(amount)
        return true
    }

    /// Takes `amount` even into debt; the time until the debt is paid, zero if there is none.
    public mutating func charge(_ amount: Int, now: Duration) -> Duration {
        fill(now)
        tokens -= Double(amount)
        return tokens >= 0 ? .zero : .seconds(-tokens / rate)
    }

    /// Whether all that can be saved up is there.
    public func isFull(_ now: Duration) -> Bool {
        var filled = self
        filled.fill(now)
        return filled.tokens >= burst
    }

    private mutating func fill(_ now: Duration) {
        guard now > filledAt else { return }
        tokens = min(burst, tokens + (now - filledAt) / .seconds(1) * rate)
        filledAt = now
    }
}
