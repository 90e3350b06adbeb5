internal import Chain
internal import Gossip

/// What one node has answered another's digests with, against what it may.
struct PeerAnswers {
    let allowance: AnswerBudget.Allowance
    var budget: AnswerBudget
    var asked: UInt64 = 0
    var answered: UInt64 = 0

    init(rank: Standing.Rank) {
        allowance = .of(rank, .wan)
        budget = AnswerBudget(allowance, now: .zero)
    }

    /// Bytes that it may have answered with by now, worked out from the two rules of a budget alone: ten for each byte
    /// asked, and an allowance of time. The answer that begins within it may be of any length.
    func most(_ now: UInt64) -> UInt64 {
        let perSecond = UInt64(allowance.perSecond)
        return perSecond + perSecond * now / 1_000_000 + UInt64(AnswerBudget.ratio) * asked
    }
}

/// Answers to digests are charged as a node charges them.
extension Simulation {
    func mayAnswer(_ peer: Int, asking packet: Packet, node index: Int) -> Bool {
        let bytes = packet.size(contentBytes: configuration.network.contentBytes)
        answers[index][peer].asked += bytes
        answers[index][peer].budget.asked(Int(bytes))
        return answers[index][peer].budget.isOpen(.microseconds(Int64(now)))
            || configuration.planted == .boundlessAnswers
    }

    func answer(_ packet: Packet, to peer: Int, node index: Int) {
        if isHonest(index) {
            let state = answers[index][peer]
            ledger.check(
                state.answered <= state.most(now), .boundedAnswers, now,
                "node \(index) has answered \(state.asked) bytes of node \(peer) with \(state.answered)")
        }
        let bytes = packet.size(contentBytes: configuration.network.contentBytes)
        answers[index][peer].answered += bytes
        answers[index][peer].budget.answered(Int(bytes))
        send(packet, from: index, to: peer)
    }
}
