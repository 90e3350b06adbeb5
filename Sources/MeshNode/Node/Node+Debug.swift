internal import Chain
internal import Logging
internal import Glibc
internal import Wire

/// Deliberate crashes at exact places, for the runs that show what survives them. All are off unless configured,
/// and each is a SIGKILL to this very process: nothing is flushed or said.
extension Node {
    private nonisolated func die(_ reason: String) {
        logger.critical("debug: \(reason): killing this process")
        kill(getpid(), SIGKILL)
    }

    private func isPoint(_ point: NodeConfiguration.KillPoint.Point, chain: ChainID) -> Bool {
        guard let wanted = configuration.debug.killAggregator, wanted.point == point,
            let machine = tasks[chain]?.machine
        else { return false }
        return machine.state.round == wanted.round && machine.state.attempt == 0 && machine.view == 0
    }

    func killBeforeManifest(_ envelope: Envelope) {
        guard envelope.slot.kind == .proposal, isPoint(.beforeManifest, chain: envelope.slot.chain),
            let proposal = try? Proposal(wireBytes: envelope.payload), proposal.header.kind == .manifest
        else { return }
        die("kill_aggregator before-manifest")
    }

    func killAfterKeys(_ chain: ChainID) {
        if isPoint(.afterKeys, chain: chain) { die("kill_aggregator after-keys") }
    }

    /// Another node's prevote for this node's RESULT proves that the proposal has left.
    func killAfterProposal(_ envelope: Envelope) {
        let chain = envelope.slot.chain
        guard envelope.slot.kind == .prevote, envelope.slot.minor == 0, isPoint(.afterProposal, chain: chain),
            let machine = tasks[chain]?.machine, machine.aggregator == nodeID, envelope.slot.major == machine.height,
            case .aggregating = machine.state.phase, let vote = try? Vote(wireBytes: envelope.payload),
            vote.block != nil
        else { return }
        die("kill_aggregator after-proposal")
    }

    nonisolated func dropMiner(round: UInt32, attempt: UInt16) {
        guard configuration.debug.dropMiner == round, attempt == 0 else { return }
        die("drop_miner")
    }

    // MARK: Attacks of test networks

    /// What this node does wrong on purpose, if it is the one whose turn it is. Every node of a test network gets the
    /// same setting: the places drawn at the start of the task decide who attacks.
    private func attack(_ chain: ChainID) -> NodeConfiguration.Attack? {
        guard let attack = configuration.debug.attack, let genesis = tasks[chain]?.machine.state.genesis else {
            return nil
        }
        let holders = genesis.holders.map(\.node)
        switch attack {
        case .badBox, .outOfRange, .noise, .flip, .boostedFlip:
            let client = genesis.members.map(\.node).first { !holders.contains($0) }
            return client == nodeID ? attack : nil
        case .lyingHolder, .falseComplaint: return holders.first == nodeID ? attack : nil
        // One more than the others can do without.
        case .silentHolder:
            let count = Int(genesis.spec.holders.count) - Int(genesis.spec.holders.threshold)
            return holders.prefix(count).contains(nodeID) ? attack : nil
        }
    }

    func cheatAsClient(_ chain: ChainID) -> Cheating? {
        switch attack(chain) {
        case .badBox: .badBox
        case .outOfRange: .outOfRange
        case .noise: .noise
        case .boostedFlip: .boostedFlip
        case .flip: .flip
        default: nil
        }
    }

    func liesAsHolder(_ chain: ChainID) -> Bool { attack(chain) == .lyingHolder }
    func staysSilent(_ chain: ChainID) -> Bool { attack(chain) == .silentHolder }

    func complainsFalsely(_ chain: ChainID, about header: SubmissionHeader) -> Bool {
        attack(chain) == .falseComplaint && header.submitter == tasks[chain]?.machine.state.roster.first
    }

    func announceAttack() {
        guard let attack = configuration.debug.attack else { return }
        let text =
            "DEBUG: this node may attack its own network (debug.attack = \(attack.rawValue)); never outside a test"
        logger.critical("\(text)")
        note("warning", text)
    }
}
