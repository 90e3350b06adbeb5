/// Bytes that one peer may draw as answers: ten for each byte that it asked with, and a small allowance besides, whatever
/// it asks for. A question of 84 bytes that is answered with 48 KiB, asked again and again, is otherwise a lever on this
/// node's disk and upstream.
public struct AnswerBudget: Sendable {
    /// What is there without a question: so much at once, and so much again each second.
    public struct Allowance: Sendable, Equatable {
        public let burst: Int
        public let perSecond: Int

        public init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }

        /// A node without an account still catches up with a chain; members, who ask most, feel no limit.
        public static func of(_ rank: Standing.Rank, _ profile: LinkProfile) -> Allowance {
            let isLocal = profile == .loopback
            switch rank {
            case .stranger:
                return Allowance(burst: isLocal ? 1 << 20 : 512 << 10, perSecond: isLocal ? 256 << 10 : 64 << 10)
            case .account: return Allowance(burst: 4 << 20, perSecond: isLocal ? 4 << 20 : 1 << 20)
            case .member: return Allowance(burst: 16 << 20, perSecond: isLocal ? 32 << 20 : 8 << 20)
            }
        }
    }

    /// Bytes of answer that a byte of a question is good for.
    public static let ratio = 10

    private var left: Int
    private var filledAt: Duration
    private var allowance: Allowance

    public init(_ allowance: Allowance, now: Duration) {
        self.allowance = allowance
        // A new key costs nothing, so it begins with little.
        left = min(allowance.burst, allowance.perSecond)
        filledAt = now
    }

    /// The peer's standing has changed.
    public mutating func change(_ allowance: Allowance) {
        guard allowance != self.allowance else { return }
        left = min(left + max(0, allowance.burst - self.allowance.burst), allowance.burst)
        self.allowance = allowance
    }

    /// The peer asked with so many bytes.
    public mutating func asked(_ bytes: Int) { left = min(allowance.burst, left + Self.ratio * max(0, bytes)) }

    /// Whether an answer may begin: nothing is owed for earlier ones.
    public mutating func isOpen(_ now: Duration) -> Bool {
        fill(now)
        return left > 0
    }

    /// When an answer may begin, if nothing is drawn meanwhile.
    public func opens(_ now: Duration) -> Duration {
        left > 0 ? now : filledAt + .milliseconds((1 - left) * 1_000 / max(1, allowance.perSecond) + 1)
    }

    /// The answer's length; the last one may go into debt.
    public mutating func answered(_ bytes: Int) { left -= max(0, bytes) }

    /// The answer was so much shorter than what was charged for it.
    public mutating func gaveBack(_ bytes: Int) { left = min(allowance.burst, left + max(0, bytes)) }

    private mutating func fill(_ now: Duration) {
        let parts = (now - filledAt).components
        guard parts.seconds >= 0, parts.attoseconds >= 0 else { return }
        // A long pause fills it whatever its length is.
        let milliseconds =
            parts.seconds >= 60 ? 60_000 : Int(parts.seconds) * 1_000 + Int(parts.attoseconds / 1_000_000_000_000_000)
        guard milliseconds > 0 else { return }
        left = min(allowance.burst, left + allowance.perSecond / 1_000 * milliseconds)
        filledAt = now
    }
}
