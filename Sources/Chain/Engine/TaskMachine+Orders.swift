public import Wire

/// Orders of the publisher: pause, resume, stop. The registry decides them, this chain carries them.
extension TaskMachine {
    /// The next order that the registry decided, with its proof.
    public mutating func order(_ order: ControlOrder, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted, !state.isEnded, let control = order.control,
            control.sequence == state.orderSequence + 1, control.task == chain
        else { return out }
        if pendingOrder == nil { pendingOrder = order }
        if state.impliedControl == nil { startVoting(now, &out) }
        react(now, &out)
        return out
    }

    /// The sequence of the order that this chain waits for.
    public var nextOrder: UInt32 { state.orderSequence + 1 }

    /// Now and then: what only a clock brings about.
    public mutating func tick(_ now: Instant) -> [ChainDirective] {
        var out = core.giveUpProof(height: height, name: "task \(chain.short)", now)
        if state.isPaused { react(now, &out) }
        return out
    }

    var isOrderDue: Bool { pendingOrder?.control?.sequence == nextOrder && state.impliedControl == nil }

    /// While a task is paused nothing runs but the wait for an order, or for the expiry.
    mutating func enterPause(_ now: Instant, _ out: inout [ChainDirective]) {
        phaseDurationMs = state.expiresMs > now.wallMs ? state.expiresMs - now.wallMs : 0
        replayDeferred(now, &out)
        reactPaused(now, &out)
    }

    mutating func reactPaused(_ now: Instant, _ out: inout [ChainDirective]) {
        if isOrderDue || now.wallMs >= state.expiresMs || core.consensus.hasSigned { startVoting(now, &out) }
        if core.consensus.isStarted, core.consensus.isProposer { offerProposal(now, &out) }
    }
}
