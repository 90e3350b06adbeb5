internal import Chain
internal import MeshCrypto
package import Wire

/// What both layers of the simulator watch alike: that nothing is decided or signed twice, and that certificates hold. It
/// repeats no rule of the machines: weights, slots and signatures are worked out anew.
package struct Witness {
    package enum Sight: Equatable {
        case first
        case again
        /// Something else was there.
        case other
    }

    private struct Place: Hashable {
        let chain: ChainID
        let height: UInt64
    }
    private struct Signing: Hashable {
        let slot: Slot
        let signer: NodeID
    }

    private let network: NetworkID
    private var decided: [Place: BlockID] = [:]
    private var signed: [Signing: [UInt8]] = [:]
    /// Certificates that were looked at.
    private var seenCertificates: Set<[UInt8]> = []

    package init(network: NetworkID) { self.network = network }

    /// A node decides a block.
    package mutating func decides(_ header: BlockHeader) -> Sight {
        let place = Place(chain: header.chain, height: header.height)
        guard let before = decided[place] else {
            decided[place] = header.id
            return .first
        }
        return before == header.id ? .again : .other
    }

    /// The block that was decided first at this height.
    package func decided(_ chain: ChainID, _ height: UInt64) -> BlockID? {
        decided[Place(chain: chain, height: height)]
    }

    /// A node signs: once a slot, whatever happened to it before.
    package mutating func signs(_ envelope: Envelope) -> Sight {
        let place = Signing(slot: envelope.slot, signer: envelope.signer)
        guard let before = signed[place] else {
            signed[place] = envelope.payload
            return .first
        }
        return before == envelope.payload ? .again : .other
    }

    /// What is wrong with a block's certificate; nil when it holds.
    ///
    /// - Parameter weights: of every voter of the height.
    package mutating func fault(of block: DecidedBlock, weights: [(node: NodeID, weight: UInt64)]) -> String? {
        let certificate = block.certificate
        let height = certificate.height
        guard
            certificate.block == block.header.id, height == block.header.height,
            certificate.chain == block.header.chain
        else { return "height \(height): a certificate of another block" }
        guard seenCertificates.insert(certificate.wireBytes).inserted else { return nil }
        let order = weights.sorted { $0.node < $1.node }
        let slot = Slot(kind: .precommit, chain: certificate.chain, major: height, minor: certificate.view)
        var voters: Set<UInt8> = []
        var weight: UInt64 = 0
        for precommit in certificate.precommits {
            guard Int(precommit.voter) < order.count, voters.insert(precommit.voter).inserted else {
                return "height \(height): a voter that is unknown or named twice"
            }
            let voter = order[Int(precommit.voter)]
            let bytes = Envelope.signedBytes(
                network: network, slot: slot, signer: voter.node, payload: Vote(block: certificate.block).wireBytes)
            guard verifySignature(precommit.signature, bytes, signer: voter.node) else {
                return "height \(height): a precommit is not signed"
            }
            weight += voter.weight
        }
        let total = order.reduce(0) { $0 + $1.weight }
        return weight * 3 > total * 2 ? nil : "height \(height): precommits weigh \(weight) of \(total)"
    }
}
