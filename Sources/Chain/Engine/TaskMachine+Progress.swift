internal import Wire

/// Where a task stands and why it waits, for people.
public struct TaskProgress: Sendable, Equatable {
    /// train, collect, keys, recover, opinions, vote or ended.
    public let phase: String
    /// nil when nothing is waited for.
    public let waiting: String?
    /// Until the phase's deadline; nil when there is none.
    public let remainingMs: UInt64?
}

extension TaskMachine {
    /// The present phase with its published reason and countdown.
    ///
    /// - Parameter recovery: how far this node is with the sum, if it computes one.
    public func progress(_ now: Instant, recovery: String? = nil) -> TaskProgress {
        if isHalted { return TaskProgress(phase: "ended", waiting: "halted: see the log", remainingMs: nil) }
        let passed = now.monotonicMs &- phaseStartedMs
        let remaining = phaseDurationMs > passed ? phaseDurationMs - passed : 0
        if state.isPaused, !state.isEnded {
            return TaskProgress(
                phase: "paused",
                waiting:
                    "its publisher has paused it; it resumes with: `meshnode task resume \(chain.short) --home PUBLISHER`",
                remainingMs: remaining)
        }
        if let open = state.scores.pending, state.impliedControl != nil, !state.isEnded {
            return TaskProgress(
                phase: "scores", waiting: "the scores of round \(open.round), then the task ends",
                remainingMs: remaining)
        }
        if state.isDirectionDue {
            return TaskProgress(
                phase: "direction",
                waiting: commitments.isEmpty
                    ? "the publisher's direction for scored round \(state.round)" : waitForVotes("the direction"),
                remainingMs: remaining)
        }
        switch state.phase {
        case .ended: return TaskProgress(phase: "ended", waiting: nil, remainingMs: nil)
        case .collecting:
            let submitters = Set(stored.compactMap { headers[$0]?.submitter })
            let missing = state.roster.filter { !submitters.contains($0) }
            if !missing.isEmpty, !core.consensus.isStarted {
                let phase =
                    missing.contains(me) && headers.count(of: me) == 0 ? "train" : "collect"
                return TaskProgress(
                    phase: phase,
                    waiting: "\(state.roster.count - missing.count)/\(state.roster.count) submissions, "
                        + names(missing) + " missing",
                    remainingMs: remaining)
            }
            return TaskProgress(phase: "vote", waiting: waitForVotes("the manifest"), remainingMs: remaining)
        case .aggregating:
            let statements = core.book.first(.keyStatement, major: UInt64(state.round), minor: UInt32(state.attempt))
            if candidates.isEmpty {
                let silent = state.holders.map(\.node).filter { holder in
                    !statements.contains { $0.signer == holder }
                }
                let waiting =
                    silent.isEmpty
                    ? "aggregator \(aggregator.short) " + (recovery ?? "recovers the sum")
                    : "\(state.holders.count - silent.count)/\(state.holders.count) key statements, \(names(silent)) missing"
                return TaskProgress(
                    phase: silent.isEmpty ? "recover" : "keys", waiting: waiting, remainingMs: remaining)
            }
            let opinions = core.book.first(.opinion, major: height, minor: 0).map(\.signer)
            let silent = state.electorate.members.map(\.node).filter { !opinions.contains($0) }
            if core.consensus.step == .propose, !silent.isEmpty {
                return TaskProgress(
                    phase: "opinions",
                    waiting: "\(opinions.count)/\(state.electorate.members.count) opinions, \(names(silent)) missing"
                        + (awaitsPerson
                            ? "; for you: `meshnode vote \(chain.short) \(state.round)` shows it, with --valid or --invalid REASON it answers"
                            : ""),
                    remainingMs: remaining)
            }
            return TaskProgress(phase: "vote", waiting: waitForVotes("the result"), remainingMs: remaining)
        }
    }

    private func waitForVotes(_ what: String) -> String {
        "votes on \(what): height \(height), view \(view), proposer \(aggregator.short)"
    }

    private func names(_ nodes: [NodeID]) -> String {
        let shown = nodes.prefix(3).map(\.short).joined(separator: ", ")
        return nodes.count > 3 ? shown + " and \(nodes.count - 3) more" : shown
    }
}
