public import MeshCrypto
public import Wire

/// Validity of registry blocks: a function of decided and carried bytes only.
public enum RegistryRules {
    /// Checks a block that extends `state` and returns the state after it.
    public static func check(
        header: BlockHeader, body: [UInt8], state: RegistryState
    ) throws(ChainError) -> RegistryState {
        try require(header.chain == state.chain && header.kind == .registry, "not a block of this registry")
        try require(header.height == state.height + 1, "height \(header.height) does not follow \(state.height)")
        try require(header.parent == state.head, "parent \(header.parent.short) is not the head \(state.head.short)")
        try require(header.timeMs > state.headTimeMs, "time does not advance")
        try require(header.round == 0 && header.attempt == 0, "a registry block has no round")
        let proposers = state.nextProposers
        try require(
            header.author == proposers[Int(header.originView) % proposers.count],
            "view \(header.originView) does not belong to author \(header.author.short)")
        try Election.check(
            header, beacon: state.beacon, key: state.accounts[header.author]?.electionKey,
            parameters: state.genesis.parameters)
        try require(header.body == .of(body, kind: .blockBody), "the body is not the one that the header names")
        try require(header.payoutRoot == .zero, "a registry block has no payout root")
        try require(
            body.count <= Limits.registryBody, "a body of \(body.count) bytes, at most \(Limits.registryBody)")
        let content = try decoded(RegistryBody.self, body)
        try require(
            !content.transactions.isEmpty || state.isDue(atMs: header.timeMs),
            "an empty block, though no height is due")
        for transaction in content.transactions {
            try require(
                transaction.isSignatureValid, "a transaction of \(transaction.signer.short) is not signed by it")
        }
        var next = state
        try next.apply(content, header: header)
        try require(
            header.nextElectorate == state.nextValidators.hash
                && header.secondElectorate
                    == next.secondElectorate(height: header.height, timeMs: header.timeMs).hash,
            "the next electorates are not those that follow")
        try require(header.stateRoot == next.root, "the state root does not match the block's content")
        next.finish(header: header, block: header.id)
        return next
    }

    /// Builds a block from those pending transactions that are valid in order; nil if there is nothing to decide.
    public static func build(
        pending: [Envelope], state: RegistryState, author: NodeID, view: UInt32, timeMs: UInt64,
        electionKey: RistrettoKey? = nil
    ) -> (header: BlockHeader, body: [UInt8])? {
        let time = max(timeMs, state.headTimeMs &+ 1)
        var next = state
        next.begin(height: state.height + 1, timeMs: time)
        var chosen: [Envelope] = []
        var size = 0
        for envelope in pending where chosen.count < Limits.transactionsPerBlock {
            guard size + envelope.payload.count + 512 <= Limits.registryBody else { break }
            var attempt = next
            do { try attempt.applyInPlace(envelope, height: state.height + 1, timeMs: time) } catch { continue }
            next = attempt
            chosen.append(envelope)
            size += envelope.payload.count + 512
        }
        guard !chosen.isEmpty || state.isDue(atMs: time) else { return nil }
        let body = RegistryBody(transactions: chosen).wireBytes
        let header = BlockHeader(
            chain: state.chain, height: state.height + 1, parent: state.head, timeMs: time, author: author,
            originView: view, kind: .registry, round: 0, attempt: 0, body: .of(body, kind: .blockBody),
            stateRoot: next.root, payoutRoot: .zero, nextElectorate: state.nextValidators.hash,
            secondElectorate: next.secondElectorate(height: state.height + 1, timeMs: time).hash,
            electionProof: Election.proof(
                chain: state.chain, height: state.height + 1, beacon: state.beacon, key: electionKey,
                bytes: state.genesis.parameters.electionProofBytes))
        return (header, body)
    }
}
