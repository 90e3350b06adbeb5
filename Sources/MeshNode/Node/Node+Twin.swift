internal import Chain
internal import Logging
internal import MeshCrypto
internal import Wire

/// A key that lives twice: a copied home that runs beside this one, or an older copy of this home that was started after
/// it had signed more. Each message of the other fills a slot that this one may fill as well, and the bond is gone then.
/// Whatever proves it is an alarm at once: all links are closed, and nothing is signed any more on any chain. The process
/// stays, so that its operator reads why, and a file of the home keeps the next one from starting until the owner says that the
/// key lives in one place only.
extension Node {
    static let twinAdvice =
        "run each key in one place: stop all of them, keep the home whose durable.sqlite is the newest, move the others away, "
        + "then tell that one: `meshnode doctor --clear-alarm`, and start it"

    /// What an own message proves that comes from a peer: everything that this node signed for a slot was stored before it
    /// was sent. Transactions have no slot that evidence could name.
    func proofOfTwin(_ envelope: Envelope) -> String? {
        let slot = envelope.slot
        guard envelope.signer == nodeID, slot.kind != .transaction, envelope.network == genesis.networkID,
            slot.chain == registry.chain || tasks[slot.chain] != nil
        else { return nil }
        do {
            let stored = try durable.slotMessage(
                kind: slot.kind.rawValue, chain: slot.chain, major: slot.major, minor: slot.minor)
            if let stored {
                guard try Envelope(wireBytes: stored).payload != envelope.payload else { return nil }
            } else {
                // Votes of decided heights are not kept.
                guard try slot.major >= durable.floor(chain: slot.chain) || !Self.votes.contains(slot.kind.rawValue)
                else { return nil }
            }
        } catch { return nil }
        guard envelope.isSignatureValid else { return nil }
        return "a message of this node's key that this node has not signed is going around "
            + "(\(slot.kind) of chain \(slot.chain.short), \(slot.major)/\(slot.minor))"
    }

    /// What a transaction proves. That the registry keeps it says nothing: behind others of its account it is not checked yet.
    func proofOfTwin(_ transaction: Transaction) -> String? {
        guard case .evidence(let first, let second) = transaction, first.signer == nodeID,
            (try? Evidence.check(first, second, network: genesis.networkID)) != nil
        else { return nil }
        return "there is evidence that this node's key has signed two different \(first.slot.kind)s "
            + "(chain \(first.slot.chain.short), \(first.slot.major)/\(first.slot.minor))"
    }

    /// What a decided block proves: its certificate holds a precommit of this node that this home does not know. So it is with an
    /// old copy of a home: what its key has signed since comes in blocks, and nobody says it again as a message.
    func proofOfTwin(_ block: DecidedBlock) -> String? {
        let (header, view) = (block.header, block.certificate.view)
        guard header.timeMs > alarmClearedMs else { return nil }
        do {
            // Votes of decided heights are not kept.
            guard try header.height >= durable.floor(chain: header.chain) else { return nil }
            let stored = try durable.slotMessage(
                kind: MessageKind.precommit.rawValue, chain: header.chain, major: header.height, minor: view)
            guard stored == nil else { return nil }
        } catch { return nil }
        // Signatures of one key and message are equal, and the certificate was checked.
        let own = Envelope.signed(
            Vote(block: header.id).wireBytes,
            slot: Slot(kind: .precommit, chain: header.chain, major: header.height, minor: view),
            network: genesis.networkID, by: key)
        guard block.certificate.precommits.contains(where: { $0.signature == own.signature }) else { return nil }
        return
            "block \(header.height) of chain \(header.chain.short) carries a vote of this node's key that this home has not signed"
    }

    func raiseAlarm(_ reason: String) {
        guard alarm == nil, !isStopped else { return }
        let text = "ALARM: \(reason): it is used in another place too; nothing is signed any more"
        alarm = text
        isStopped = true
        // Before anything else: a process that is killed now must not sign when it starts again.
        do { try home.keepAlarm(text) } catch {
            logger.critical(
                "the alarm could not be written to \(home.alarmFile) and will not outlive this process: \(error)")
        }
        logger.critical("\(text); \(Self.twinAdvice)")
        note("alarm", "\(text); \(Self.twinAdvice)")
        Task { await transport.shutdown() }
    }
}
