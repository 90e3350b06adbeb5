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

    /// Sends an answer and charges it.
    func answer(_ message: PeerMessage, to node: NodeID) {
        let bytes = message.wireBytes
        answers.update(node) { $0.answered(bytes.count) }
        send(frame: bytes, to: [node], lane: message.lane)
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
