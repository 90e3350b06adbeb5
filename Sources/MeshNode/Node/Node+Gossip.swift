internal import Chain
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// The shell of the topic mesh: messages are judged by the chains, and their verdict decides what is passed on.
extension Node {
    func gossip(_ input: TopicInput) {
        for directive in topics.handle(input, now: elapsed) {
            switch directive {
            case .judge(let message, let node): judge(message, from: node)
            case .send(let message, let nodes):
                gossiped.copies += UInt64(nodes.count)
                deliveries.passed(message.id, to: nodes, now: elapsed)
                send(frame: message.frame, to: nodes, lane: message.lane)
            case .control(let control, let node): send(.topics(control), to: node)
            case .cutOff(let node): cutOff(node)
            case .readmit(let node): readmit(node)
            case .wake(let at):
                after(Node.milliseconds(at - elapsed) + 1) { $0.gossip(.tick) }
            }
        }
    }

    /// Cheapest checks first: the topic mesh knows the name already, or the chain looks at fields, signature, state.
    func receive(_ envelope: Envelope, from node: NodeID) {
        judged = envelope
        gossip(.message(TopicMessage(envelope), from: node))
        judged = nil
    }

    private func judge(_ message: TopicMessage, from node: NodeID) {
        guard let envelope = judged else { return gossip(.verdict(message.id, .ignore)) }
        if let proof = proofOfTwin(envelope) {
            raiseAlarm(proof)
            return gossip(.verdict(message.id, .ignore))
        }
        let chain = message.topic
        let admission: Admission
        var directives: [ChainDirective]
        if chain == registry.chain {
            (admission, directives) = registry.receive(envelope, now)
        } else if tasks[chain] != nil {
            (admission, directives) = tasks[chain]!.machine.receive(envelope, now)
        } else {
            count("unknown chain")
            return gossip(.verdict(message.id, .ignore))
        }
        switch admission {
        case .accept:
            frameWasUseful = true
            noteArrival(envelope, chain: chain)
            gossip(.verdict(message.id, .accept))
            perform(directives, chain: chain)
            killAfterProposal(envelope)
            if envelope.slot.kind == .transaction, let transaction = try? Transaction(wireBytes: envelope.payload),
                let proof = proofOfTwin(transaction)
            {
                raiseAlarm(proof)
            }
        case .reject(let reason):
            count("rejected")
            warn(
                .rejected, of: node,
                "rejected \(envelope.slot.kind) of \(envelope.signer.short) via \(node.short): \(reason)")
            gossip(.verdict(message.id, .reject))
        case .ignore(let reason):
            logger.trace("ignored \(envelope.slot.kind) of \(envelope.signer.short): \(reason)")
            gossip(.verdict(message.id, .ignore))
            perform(directives, chain: chain)
        }
    }

    private func cutOff(_ node: NodeID) {
        count("cut off")
        let score = topics.score(of: node).map { String(Int($0)) } ?? "below the threshold"
        noteLink(
            .cutOff, of: node,
            "\(node.short) is cut off: its score is \(score), for wrong messages or floods; its link is closed until the "
                + "score has recovered")
        Task { await transport.ban(node) }
    }

    private func readmit(_ node: NodeID) {
        guard !bans.contains(node) else { return }
        noteLink(.readmitted, of: node, "\(node.short) may link again")
        Task { await transport.allow(node) }
    }
}

extension TopicMessage {
    init(_ envelope: Envelope) {
        let bytes = envelope.wireBytes
        self.init(
            id: MessageID(blake2b(bytes)), topic: envelope.slot.chain, bytes: bytes,
            isUrgent: envelope.slot.kind != .transaction)
    }

    /// As ``PeerMessage/envelope(_:)`` is written. The bytes of an envelope are canonical, so those that came are those that go
    /// on.
    var frame: [UInt8] { [1] + bytes }
    var lane: Lane { isUrgent ? .control : .gossip }
}
