/// What a block decides. The first belongs to the registry chain, the others to task chains.
public enum BlockKind: UInt8, Sendable, WireCodable {
    case registry = 0
    case manifest = 1
    case result = 2
    case void = 3
    case control = 4

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let number = try decoder.u8("block kind")
        guard let kind = BlockKind(rawValue: number) else {
            throw .invalid(field: "block kind", reason: "unknown block kind \(number)")
        }
        self = kind
    }
}

/// The header of a block of either chain. A proposal is this header; its body travels by content id.
public struct BlockHeader: WireMessage, Hashable {
    public var chain: ChainID
    public var height: UInt64
    public var parent: BlockID
    /// Milliseconds since 1970, greater than the parent's. Only the registry reads it.
    public var timeMs: UInt64
    /// The proposer of the view in which this block was made; kept through re-proposals.
    public var author: NodeID
    public var originView: UInt32
    public var kind: BlockKind
    /// Task chains: the round and attempt that the block belongs to. Zero on the registry.
    public var round: UInt32
    public var attempt: UInt16
    public var body: ContentReference
    /// Hash of the chain's state after this block.
    public var stateRoot: Digest
    /// Task chains: root of what each contributor has earned so far.
    public var payoutRoot: Digest
    /// Registry: hashes of the electorates of the next height and the one after. Zero on task chains.
    public var nextElectorate: Digest
    public var secondElectorate: Digest
    /// The author's VRF proof; its length is a parameter of the chain (0 or 80 bytes).
    public var electionProof: [UInt8]

    public init(
        chain: ChainID, height: UInt64, parent: BlockID, timeMs: UInt64, author: NodeID, originView: UInt32,
        kind: BlockKind, round: UInt32, attempt: UInt16, body: ContentReference, stateRoot: Digest,
        payoutRoot: Digest, nextElectorate: Digest, secondElectorate: Digest, electionProof: [UInt8]
    ) {
        self.chain = chain
        self.height = height
        self.parent = parent
        self.timeMs = timeMs
        self.author = author
        self.originView = originView
        self.kind = kind
        self.round = round
        self.attempt = attempt
        self.body = body
        self.stateRoot = stateRoot
        self.payoutRoot = payoutRoot
        self.nextElectorate = nextElectorate
        self.secondElectorate = secondElectorate
        self.electionProof = electionProof
    }

    public static var domain: WireDomain { .blockHeader }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(chain)
        encoder.u64(height)
        encoder.value(parent)
        encoder.u64(timeMs)
        encoder.value(author)
        encoder.u32(originView)
        encoder.value(kind)
        encoder.u32(round)
        encoder.u16(attempt)
        encoder.value(body)
        encoder.value(stateRoot)
        encoder.value(payoutRoot)
        encoder.value(nextElectorate)
        encoder.value(secondElectorate)
        encoder.data(electionProof)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        chain = try decoder.value()
        height = try decoder.u64("height")
        parent = try decoder.value()
        timeMs = try decoder.u64("time")
        guard timeMs <= Limits.timeMs else {
            throw .invalid(field: "time", reason: "\(timeMs) ms since 1970 is beyond the year 9999")
        }
        author = try decoder.value()
        originView = try decoder.u32("origin view")
        kind = try decoder.value()
        round = try decoder.u32("round")
        attempt = try decoder.u16("attempt")
        body = try decoder.value()
        guard body.length <= Limits.blockBody else {
            throw .tooLong(field: "body", length: body.length, limit: Limits.blockBody)
        }
        stateRoot = try decoder.value()
        payoutRoot = try decoder.value()
        nextElectorate = try decoder.value()
        secondElectorate = try decoder.value()
        electionProof = try decoder.data(limit: Limits.decisionProof, "election proof")
    }
}

/// The precommits that decided a block: who signed, by place in the electorate, and each signature.
public struct Certificate: WireMessage, Hashable {
    public let chain: ChainID
    public let height: UInt64
    public let view: UInt32
    public let block: BlockID
    /// In ascending order of `voter`.
    public let precommits: [Precommit]

    public struct Precommit: Hashable, Sendable, WireCodable {
        /// Place in the electorate's order (ascending by key).
        public let voter: UInt8
        public let signature: Signature

        public init(voter: UInt8, signature: Signature) {
            self.voter = voter
            self.signature = signature
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(voter)
            encoder.value(signature)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            voter = try decoder.u8("voter")
            signature = try decoder.value()
        }
    }

    public init(chain: ChainID, height: UInt64, view: UInt32, block: BlockID, precommits: [Precommit]) {
        self.chain = chain
        self.height = height
        self.view = view
        self.block = block
        self.precommits = precommits
    }

    public static var domain: WireDomain { .certificate }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(chain)
        encoder.u64(height)
        encoder.u32(view)
        encoder.value(block)
        encoder.list(precommits)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        chain = try decoder.value()
        height = try decoder.u64("height")
        view = try decoder.u32("view")
        block = try decoder.value()
        precommits = try decoder.list(limit: Limits.voters, "precommits")
        guard zip(precommits, precommits.dropFirst()).allSatisfy({ $0.voter < $1.voter }) else {
            throw .invalid(field: "precommits", reason: "not in ascending order of voter")
        }
    }
}

/// A decided block as it is stored and handed to others.
public struct DecidedBlock: WireCodable, Hashable {
    public let header: BlockHeader
    public let body: [UInt8]
    public let certificate: Certificate

    public init(header: BlockHeader, body: [UInt8], certificate: Certificate) {
        self.header = header
        self.body = body
        self.certificate = certificate
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(header)
        encoder.data(body)
        encoder.value(certificate)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        header = try decoder.value()
        body = try decoder.data(limit: Limits.blockBody, "body")
        certificate = try decoder.value()
    }
}
