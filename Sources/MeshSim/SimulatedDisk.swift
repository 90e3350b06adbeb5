internal import Chain
internal import Wire

/// What a node keeps across a crash. Everything written is durable at once; memory beside it is lost.
struct SimulatedDisk {
    /// Decided blocks by chain; index + 1 is the height.
    var blocks: [ChainID: [DecidedBlock]] = [:]
    /// Own slotted messages, in the order of signing.
    private(set) var own: [Envelope] = []
    private var ownPayloads: [Slot: [[UInt8]]] = [:]
    var voteState: [ChainID: VoteState] = [:]
    /// Own transactions, sent again with the same bytes until they are decided.
    var transactions: [Envelope] = []
    /// Evidence that this node has seen and the registry may not hold yet.
    var evidence: [Transaction] = []
    /// Orders that the publisher was asked for.
    var orders: [ControlAction] = []
    var contents: [ContentID: [UInt8]] = [:]
    /// Manifests whose key vectors this holder has derived.
    var derived: Set<BlockID> = []
    /// Whom this holder has released its vectors to.
    var released: [BlockID: [NodeID]] = [:]
    /// Holders whose vectors came here, by manifest.
    var vectors: [BlockID: [NodeID]] = [:]

    mutating func keep(_ envelopes: [Envelope]) {
        for envelope in envelopes {
            own.append(envelope)
            ownPayloads[envelope.slot, default: []].append(envelope.payload)
        }
    }

    /// Whether this own message was made durable.
    func holds(_ envelope: Envelope) -> Bool { ownPayloads[envelope.slot]?.contains(envelope.payload) ?? false }

    func own(of chain: ChainID) -> [Envelope] { own.filter { $0.slot.chain == chain } }

    func block(_ id: BlockID, of chain: ChainID) -> DecidedBlock? {
        blocks[chain]?.last { $0.header.id == id }
    }

    /// Loses what a node signed and how it voted: only planted bugs do this.
    mutating func forgetSignatures() {
        own = []
        ownPayloads = [:]
        voteState = [:]
    }

    mutating func forgetOwn(_ kind: MessageKind) {
        own.removeAll { $0.slot.kind == kind }
        ownPayloads = ownPayloads.filter { $0.key.kind != kind }
    }
}
