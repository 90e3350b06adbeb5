internal import Chain
internal import Wire

/// This node's wall clock against the times of decided blocks.
extension Node {
    /// How far the clock is behind the head of a chain that goes on, in milliseconds; nil while it is near enough.
    /// A quorum decided these times, and none of it votes for a block that is far ahead of its own clock.
    var clockLagMs: UInt64? {
        let heads =
            [registry.state.headTimeMs]
            + tasks.values.filter { !$0.machine.state.isEnded }.map(\.machine.state.headTimeMs)
        return heads.max().flatMap { now.lagMs(behind: $0) }
    }

    /// What an operator reads of it; nil while the clock is near enough.
    var clockProblem: String? {
        clockLagMs.map {
            "this machine's clock is \(($0 + 999) / 1_000) s behind the head of the chain: until that time has come it "
                + "neither proposes nor votes for new blocks"
        }
    }

    static let clockAdvice = "set the clock, best by an NTP client (chrony, systemd-timesyncd)"

    /// Every heartbeat: said once when it begins, and once when it is over.
    func checkClock() {
        switch (clockProblem, isClockBehind) {
        case (let problem?, false):
            isClockBehind = true
            logger.error("\(problem); \(Self.clockAdvice)")
            note("clock", "\(problem); \(Self.clockAdvice)")
        case (nil, true):
            isClockBehind = false
            note("clock", "this machine's clock is near the head of the chain again")
        default: break
        }
    }
}
