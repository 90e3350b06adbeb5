internal import MeshCrypto
public import Wire

extension Certificate {
    /// Checks that at least a quorum of `electorate` precommitted this block at this height and view.
    ///
    /// - Parameter areSignaturesKnown: each was verified when it came.
    public func check(
        network: NetworkID, header: BlockHeader, electorate: Electorate, areSignaturesKnown: Bool = false
    ) throws(ChainError) {
        try require(chain == header.chain && height == header.height, "certificate names another chain or height")
        try require(block == header.id, "certificate names block \(block.short), not \(header.id.short)")
        // Nobody could precommit a block before the view in which it was made: such a view names another author.
        try require(
            view >= header.originView, "certificate of view \(view) for a block that view \(header.originView) made")
        let payload = Vote(block: block).wireBytes
        let slot = Slot(kind: .precommit, chain: chain, major: height, minor: view)
        var weight: UInt64 = 0
        for precommit in precommits {
            try require(Int(precommit.voter) < electorate.members.count, "certificate names an unknown voter")
            let member = electorate.members[Int(precommit.voter)]
            if !areSignaturesKnown {
                let bytes = Envelope.signedBytes(network: network, slot: slot, signer: member.node, payload: payload)
                try require(
                    verifySignature(precommit.signature, bytes, signer: member.node),
                    "precommit of \(member.node.short) is not signed by it")
            }
            weight += member.weight
        }
        try require(weight >= electorate.quorum, "precommits weigh \(weight), the quorum is \(electorate.quorum)")
    }
}
