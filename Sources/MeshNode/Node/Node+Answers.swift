internal import Gossip
internal import Wire

/// What a peer may draw from this node: bytes by what it asked with, and time by what came of it.
extension Node {
    /// Notes a question and tells whether it may be answered now. What is not answered is asked again.
    func mayAnswer(_ node: NodeID, asking bytes: Int) -> Bool {
        if answers.count >= answers.rule.total {
            let live = Set(linked)
            answers.removeAll { other, _ in !live.contains(other) }
        }
        var budget = answers[node] ?? AnswerBudget(allowance(node), now: elapsed)
        budget.change(allowance(node))
        budget.asked(bytes)
        let isOpen = budget.isOpen(elapsed)
        let isKept = answers.insert(budget, for: node, by: node, isProtected: standing.rank(of: node) > .stranger).isIn
        guard isOpen, isKept else {
            count("over budget")
            return false
        }
        return true
    }

    /// Whether a further message of the same answer may leave: those before it count. Whoever answers one question with
    /// many messages asks before each of them; else a digest of 84 bytes draws all that is missing, whatever the budget.
    func mayAnswerMore(_ node: NodeID) -> Bool {
        let now = elapsed
        var isOpen = false
        answers.update(node) { isOpen = $0.isOpen(now) }
        if !isOpen { count("over budget") }
        return isOpen
    }

    /// Sends what a peer lacks, as far as its budget goes. It asks for the rest again, and what is on its way is passed over
    /// then.
    func answer(_ missing: [Envelope], to node: NodeID) {
        for envelope in missing {
            guard mayAnswerMore(node) else { return }
            let message = TopicMessage(envelope)
            guard deliveries.take(message.id, for: node, now: elapsed) else { continue }
            answer(frame: message.frame, to: node, lane: message.lane)
        }
    }

    /// Sends an answer and charges it.
    func answer(_ message: PeerMessage, to node: NodeID) {
        answer(frame: message.wireBytes, to: node, lane: message.lane)
    }

    private func answer(frame: [UInt8], to node: NodeID, lane: Lane) {
        answers.update(node) { $0.answered(frame.count) }
        send(frame: frame, to: [node], lane: lane)
    }

    private func allowance(_ node: NodeID) -> AnswerBudget.Allowance {
        .of(standing.rank(of: node), configuration.profile == .loopback ? .loopback : .wan)
    }

    /// Runs `body` for a frame of a peer. Time that brought nothing costs the peer its turns.
    func charging(_ node: NodeID, _ body: () -> Void) {
        let began = elapsed
        frameWasUseful = false
        body()
        guard !frameWasUseful else { return }
        transport.events.charge(node, elapsed - began, now: elapsed)
    }
}
