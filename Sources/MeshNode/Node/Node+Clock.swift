internal import Chain
internal import Wire

/// The newest decided block of a chain that goes on.
struct ClockHead {
    var name: String
    var timeMs: UInt64
    /// Whether this node votes there, or follows it before all others, as the registry.
    var isOwn: Bool

    /// How far the clock is behind the newest head of the own chains; nil while it is near enough. A quorum decided these
    /// times, and none of it votes for a block that is far ahead of its own clock.
    static func clockProblem(_ heads: [ClockHead], now: Instant) -> String? {
        guard let newest = heads.filter(\.isOwn).max(by: { $0.timeMs < $1.timeMs }),
            let lag = now.lagMs(behind: newest.timeMs)
        else { return nil }
        return "this machine's clock is \(lag / 1_000 + (lag % 1_000 == 0 ? 0 : 1)) s behind the head of the chain of "
            + "\(newest.name): until that time has come it neither proposes nor votes for new blocks there"
    }
}

/// This node's wall clock against the times of decided blocks.
extension Node {
    /// The chains whose heads count: the registry and the tasks that this node votes in. A task is anybody's: where only
    /// the keys of its owner vote, its blocks may say any time.
    private var heads: [ClockHead] {
        [ClockHead(name: "the registry", timeMs: registry.state.headTimeMs, isOwn: true)]
            + taskOrder.compactMap { chain in
                guard let state = tasks[chain]?.machine.state, !state.isEnded else { return nil }
                return ClockHead(
                    name: "task \(chain.short)", timeMs: state.headTimeMs, isOwn: state.electorate.contains(nodeID))
            }
    }

    /// What an operator reads of it; nil while the clock is near enough.
    var clockProblem: String? { ClockHead.clockProblem(heads, now: now) }

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
