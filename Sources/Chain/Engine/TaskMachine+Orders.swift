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

    /// The next move of the anchor, where orders could otherwise not be proven any more.
    public mutating func anchor(_ steps: [RegistryStep], _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted, !state.isEnded, let first = steps.first?.header.height, first > state.registryAnchor.height,
            pendingAnchor == nil
        else { return out }
        pendingAnchor = steps
        if state.impliedControl == nil { startVoting(now, &out) }
        react(now, &out)
        return out
    }

    /// Whether a move of the anchor waits for its block already.
    public var isAnchorPending: Bool { pendingAnchor != nil }

    /// The sequence of the order that this chain waits for.
    public var nextOrder: UInt32 { state.orderSequence + 1 }

    /// Now and then: what only a clock brings about.
    public mutating func tick(_ now: Instant) -> [ChainDirective] {
        var out = core.giveUpProof(height: height, name: "task \(chain.short)", now)
        if state.isPaused { react(now, &out) }
        return out
    }

    var isOrderDue: Bool {
        (pendingOrder?.control?.sequence == nextOrder || pendingAnchor != nil) && state.impliedControl == nil
    }

    /// What the next block carries for the registry's sake, if anything: an order that can be proven comes first.
    var registryControl: ControlBody? {
        guard isOrderDue else { return nil }
        if let pendingOrder, pendingOrder.control?.sequence == nextOrder { return .ordered(pendingOrder) }
        return pendingAnchor.map { .anchor($0) }
    }

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
