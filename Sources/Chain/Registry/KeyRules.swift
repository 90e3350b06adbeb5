public import MeshCrypto
public import Wire

/// The one place where keys enter the chain: every key of every transaction and of the genesis is canonical, not of small
/// order, and proven to be held by whoever brings it.
///
/// A key that nobody holds, or somebody else's, would be drawn as a holder or proposer like any other and stop what waits
/// for it. Whoever adds a key to a transaction adds its check here.
public enum KeyRules {
    enum Use: String {
        case publisherSealing = "publish/sealing"
        case sealing = "enrol/sealing"
        case election = "enrol/election"
        case validator = "bond/election"
        case member = "member/election"
    }

    /// What a proof in a transaction is about: the key's use, whose it is, and everything else that the transaction says.
    static func statement(_ use: Use, network: NetworkID, account: NodeID, _ content: [UInt8]) -> [UInt8] {
        Transcript.hash("meshnode/key-use/1", Array(use.rawValue.utf8), network.bytes, account.bytes, content)
    }

    // MARK: Making

    /// - Parameter electionKey: nil where the network has no election proofs.
    public static func enrolment(
        task: TaskID, sealingKey: RistrettoKey, electionKey: RistrettoKey?, rows: UInt32, dataForm: Digest,
        bond: UInt64, network: NetworkID, account: NodeID
    ) -> Enrolment {
        var enrolment = Enrolment(
            task: task, sealingKey: SealingKey(sealingKey.publicKey),
            electionKey: electionKey.map { Digest($0.publicKey) } ?? .zero, rows: rows, dataForm: dataForm, bond: bond)
        enrolment.sealingProof = KeyProof.make(
            sealingKey,
            statement: statement(.sealing, network: network, account: account, enrolment.stated))
        if let electionKey {
            enrolment.electionProof = KeyProof.make(
                electionKey,
                statement: statement(.election, network: network, account: account, enrolment.stated))
        }
        return enrolment
    }

    public static func publish(
        _ spec: TaskSpec, sealingKey: RistrettoKey, network: NetworkID, account: NodeID
    ) -> Transaction {
        .publish(
            spec, sealingKey: SealingKey(sealingKey.publicKey),
            proof: KeyProof.make(
                sealingKey,
                statement: statement(.publisherSealing, network: network, account: account, spec.wireBytes)))
    }

    /// - Parameter electionKey: nil where the network has no election proofs.
    public static func bond(
        _ credits: UInt64, electionKey: RistrettoKey?, network: NetworkID, account: NodeID
    ) -> Transaction {
        guard let electionKey else { return .bond(credits: credits, electionKey: .zero, proof: .zero) }
        return .bond(
            credits: credits, electionKey: Digest(electionKey.publicKey),
            proof: KeyProof.make(
                electionKey,
                statement: statement(.validator, network: network, account: account, WireEncoder.bytes(credits))))
    }

    // MARK: Checking

    static func check(
        _ enrolment: Enrolment, network: NetworkID, account: NodeID, parameters: Genesis.Parameters
    ) throws(ChainError) {
        try check(
            enrolment.sealingKey.bytes, enrolment.sealingProof, "sealing key",
            statement(.sealing, network: network, account: account, enrolment.stated))
        try checkElection(
            enrolment.electionKey, enrolment.electionProof, parameters,
            statement(.election, network: network, account: account, enrolment.stated))
    }

    static func check(
        _ spec: TaskSpec, sealingKey: SealingKey, proof: Signature, network: NetworkID, account: NodeID
    ) throws(ChainError) {
        try check(
            sealingKey.bytes, proof, "sealing key",
            statement(.publisherSealing, network: network, account: account, spec.wireBytes))
    }

    static func checkBond(
        _ credits: UInt64, _ electionKey: Digest, _ proof: Signature, network: NetworkID, account: NodeID,
        parameters: Genesis.Parameters
    ) throws(ChainError) {
        try checkElection(
            electionKey, proof, parameters,
            statement(.validator, network: network, account: account, WireEncoder.bytes(credits)))
    }

    /// A receiver signs nothing, so that its key can only be looked at.
    static func check(account: NodeID) throws(ChainError) {
        try require(isSigningKey(account), "\(account.short) is not the key of any node; copy the id again")
    }

    private static func checkElection(
        _ key: Digest, _ proof: Signature, _ parameters: Genesis.Parameters, _ statement: [UInt8]
    ) throws(ChainError) {
        // A network without election proofs never uses the key: none is written as zeros.
        if parameters.electionProofBytes == 0, key == .zero {
            try require(proof == .zero, "a proof of an election key without the key")
            return
        }
        try check(key.bytes, proof, "election key", statement)
    }

    private static func check(
        _ key: [UInt8], _ proof: Signature, _ name: String, _ statement: [UInt8]
    ) throws(ChainError) {
        do { try KeyProof.check(proof, key: key, statement: statement) } catch .invalidPoint("key") {
            throw .invalid("the \(name) is not a canonical ristretto255 element other than the identity")
        } catch {
            throw .invalid("the \(name) is not proven to be held by the sender (key proof refused)")
        }
    }

    // MARK: Members of a genesis

    /// What the node's own key signs about both keys, before there is a network.
    static func memberStatement(node: NodeID, electionKey: Digest) -> [UInt8] {
        var rules = WireEncoder()
        rules.u16(RulesNumber.current)
        return Transcript.hash("meshnode/member/1", rules.bytes, node.bytes, electionKey.bytes)
    }

    /// The statement of a node about its own keys.
    public static func member(key: SigningKey, electionKey: RistrettoKey?) -> MemberStatement {
        let election = electionKey.map { Digest($0.publicKey) } ?? .zero
        let statement = memberStatement(node: key.nodeID, electionKey: election)
        return MemberStatement(
            node: key.nodeID, electionKey: election,
            proofs: .init(
                election: electionKey.map { KeyProof.make($0, statement: statement) } ?? .zero,
                node: key.sign(statement)))
    }

    static func check(_ member: MemberStatement) throws(ChainError) {
        try check(account: member.node)
        let statement = memberStatement(node: member.node, electionKey: member.electionKey)
        try require(
            verifySignature(member.proofs.node, statement, signer: member.node),
            "the member line of \(member.node.short) is not signed by that node; ask for the line that its init prints")
        try checkElection(member, statement)
    }

    private static func checkElection(_ member: MemberStatement, _ statement: [UInt8]) throws(ChainError) {
        if member.electionKey == .zero {
            try require(member.proofs.election == .zero, "a proof of an election key without the key")
            return
        }
        try check(
            member.electionKey.bytes, member.proofs.election, "election key of \(member.node.short)", statement)
    }
}

// MARK: Voters of a fork

extension KeyRules {
    /// What a voter of a fork signs with both of its keys: this network, and no other at this height of its origin.
    static func forkStatement(network: NetworkID, node: NodeID, electionKey: Digest) -> [UInt8] {
        var rules = WireEncoder()
        rules.u16(RulesNumber.current)
        return Transcript.hash("meshnode/fork-voter/1", rules.bytes, network.bytes, node.bytes, electionKey.bytes)
    }

    static func check(voter: MemberStatement, ofFork network: NetworkID) throws(ChainError) {
        try check(account: voter.node)
        let statement = forkStatement(network: network, node: voter.node, electionKey: voter.electionKey)
        try require(
            verifySignature(voter.proofs.node, statement, signer: voter.node),
            "the signature of \(voter.node.short) is not one under this fork: the file was altered; get it again")
        try checkElection(voter, statement)
    }
}

extension Genesis {
    /// Decodes a genesis and checks every key in it. Whoever takes one from a file or a home reads it by this.
    ///
    /// - Throws: `WireError` for bytes that are no genesis of these rules, `ChainError` for keys that nobody has proven.
    public static func read(_ bytes: [UInt8]) throws -> Genesis {
        let genesis = try Genesis(wireBytes: bytes)
        try genesis.checkKeys()
        return genesis
    }

    /// Validators have proven both of their keys; a key without a bond has at least to be one. A fork is signed by all of
    /// its voters.
    public func checkKeys() throws(ChainError) {
        guard origin == nil else { return try NetworkFork.check(self) }
        for account in accounts {
            guard let proofs = account.proofs else {
                try require(
                    account.validatorBond == 0 && account.electionKey == .zero,
                    "validator \(account.node.short) has not proven its keys; use its member line")
                try KeyRules.check(account: account.node)
                continue
            }
            try KeyRules.check(
                MemberStatement(node: account.node, electionKey: account.electionKey, proofs: proofs))
            try require(
                account.electionKey != .zero || account.validatorBond == 0 || parameters.electionProofBytes == 0,
                "validator \(account.node.short) has no election key")
        }
    }
}
