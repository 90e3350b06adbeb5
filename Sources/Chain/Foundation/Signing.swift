public import MeshCrypto
public import Wire

extension Envelope {
    /// Signs `payload` for `slot`.
    public static func signed(_ payload: [UInt8], slot: Slot, network: NetworkID, by key: SigningKey) -> Envelope {
        let bytes = signedBytes(network: network, slot: slot, signer: key.nodeID, payload: payload)
        return Envelope(
            network: network, slot: slot, signer: key.nodeID, payload: payload, signature: key.sign(bytes))
    }

    public var isSignatureValid: Bool { verifySignature(signature, signedBytes, signer: signer) }

    /// Names the whole frame, signature included: for duplicate suppression.
    public var messageID: MessageID { MessageID(blake2b(wireBytes)) }

    /// Names what was signed, so that a second signature over the same content is the same transaction.
    public var transactionID: TransactionID {
        TransactionID(Transcript.hash("meshnode/transaction/1", signedBytes))
    }

    /// Names an announced update: hash of the header without its signature.
    public var submissionID: SubmissionID { SubmissionID.of(headerBytes: payload) }
}

extension SubmissionID {
    public static func of(headerBytes: [UInt8]) -> SubmissionID {
        SubmissionID(Transcript.hash("meshnode/submission/1", headerBytes))
    }
}

extension BlockHeader {
    public var id: BlockID { BlockID(Transcript.hash("meshnode/block/1", wireBytes)) }
}

extension Genesis {
    /// Hash of the genesis; of a fork without its proofs, which are signatures under this id: whoever makes the same fork
    /// makes the same network, whatever copy the signatures were collected on.
    public var networkID: NetworkID {
        NetworkID(Transcript.hash("meshnode/network/1", (origin == nil ? self : withoutProofs).wireBytes))
    }

    /// The same with nobody's signature.
    var withoutProofs: Genesis { withProofs { _ in nil } }

    func withProofs(_ proofs: (Account) -> KeyProofs?) -> Genesis {
        Genesis(
            name: name, timeMs: timeMs,
            accounts: accounts.map {
                .init(
                    node: $0.node, balance: $0.balance, validatorBond: $0.validatorBond, electionKey: $0.electionKey,
                    proofs: proofs($0))
            }, parameters: parameters, origin: origin)
    }
}

extension NetworkID {
    /// The registry chain of this network.
    public var registryChain: ChainID { ChainID(Transcript.hash("meshnode/registry/1", bytes)) }
}

extension TaskID {
    /// The task that a Publish transaction opens.
    public static func of(network: NetworkID, publish: TransactionID) -> TaskID {
        TaskID(Transcript.hash("meshnode/task/1", network.bytes, publish.bytes))
    }
}
