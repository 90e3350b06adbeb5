internal import Chain
internal import Wire

/// What a node keeps across a crash. What it wrote is here at once, but a crash loses what no `sync` followed: decided
/// blocks from the end, contents and key vectors each by itself. Votes and own messages are synced as they are written.
struct SimulatedDisk {
    /// Decided blocks by chain; index + 1 is the height.
    private(set) var blocks: [ChainID: [DecidedBlock]] = [:]
    /// Own slotted messages, in the order of signing.
    private(set) var own: [Envelope] = []
    private var ownPayloads: [Slot: [[UInt8]]] = [:]
    var voteState: [ChainID: VoteState] = [:]
    /// Own transactions, sent again with the same bytes until they are decided or can no longer be.
    var transactions: [Envelope] = []
    /// Evidence that this node has seen and the registry may not hold yet.
    var evidence: [Transaction] = []
    /// Everything that the publisher was asked for, in order.
    var orders: [ControlAction] = []
    private(set) var contents: [ContentID: [UInt8]] = [:]
    /// Manifests whose key vectors this holder has derived.
    private(set) var derived: Set<BlockID> = []
    /// Whom this holder has released its vectors to.
    private(set) var released: [BlockID: [NodeID]] = [:]
    /// Holders whose vectors came here, by manifest.
    private(set) var vectors: [BlockID: [NodeID]] = [:]

    private enum Unsynced {
        case block(ChainID)
        case content(ContentID)
        case derived(BlockID)
        case vectors(BlockID, NodeID)
    }
    private var unsynced: [Unsynced] = []

    // MARK: Writing

    mutating func append(_ block: DecidedBlock, chain: ChainID) {
        blocks[chain, default: []].append(block)
        unsynced.append(.block(chain))
    }

    mutating func put(_ bytes: [UInt8], _ id: ContentID) {
        if contents.updateValue(bytes, forKey: id) == nil { unsynced.append(.content(id)) }
    }

    mutating func derive(_ manifest: BlockID) {
        if derived.insert(manifest).inserted { unsynced.append(.derived(manifest)) }
    }

    mutating func take(vectorsOf holder: NodeID, _ manifest: BlockID) {
        guard !(vectors[manifest] ?? []).contains(holder) else { return }
        vectors[manifest, default: []].append(holder)
        unsynced.append(.vectors(manifest, holder))
    }

    /// Durable before the vectors leave: a holder must know whom it has opened a set to.
    mutating func release(_ manifest: BlockID, to node: NodeID) {
        sync()
        if !(released[manifest] ?? []).contains(node) { released[manifest, default: []].append(node) }
    }

    mutating func keep(_ envelopes: [Envelope]) {
        for envelope in envelopes {
            own.append(envelope)
            ownPayloads[envelope.slot, default: []].append(envelope.payload)
        }
    }

    // MARK: Durability

    /// Everything written so far survives a crash.
    mutating func sync() { unsynced = [] }

    /// Power fails: of what was not synced each content and vector is there or not, of the blocks of a chain any number
    /// of the last ones is missing. Returns how many writes were lost.
    mutating func crash(_ random: inout SimulationRandom) -> Int {
        var lost = 0
        /// Chains of which a block has survived: those before it have as well.
        var survivors: [ChainID] = []
        for write in unsynced.reversed() {
            if case .block(let chain) = write, survivors.contains(chain) { continue }
            guard random.chance(500_000) else {
                if case .block(let chain) = write { survivors.append(chain) }
                continue
            }
            lost += 1
            switch write {
            case .block(let chain): blocks[chain]!.removeLast()
            case .content(let id): contents[id] = nil
            case .derived(let manifest): derived.remove(manifest)
            case .vectors(let manifest, let holder): vectors[manifest]!.removeAll { $0 == holder }
            }
        }
        sync()
        return lost
    }

    /// Decided blocks of a chain that survive a crash now.
    func durableHeight(_ chain: ChainID) -> UInt64 {
        let waiting = unsynced.count { if case .block(chain) = $0 { true } else { false } }
        return UInt64((blocks[chain]?.count ?? 0) - waiting)
    }

    /// Whether a content survives a crash now.
    func holdsDurably(_ id: ContentID) -> Bool {
        contents[id] != nil && !unsynced.contains { if case .content(id) = $0 { true } else { false } }
    }

    // MARK: Reading

    /// Whether this own message was made durable.
    func holds(_ envelope: Envelope) -> Bool { ownPayloads[envelope.slot]?.contains(envelope.payload) ?? false }

    func own(of chain: ChainID) -> [Envelope] { own.filter { $0.slot.chain == chain } }

    func block(_ id: BlockID, of chain: ChainID) -> DecidedBlock? {
        blocks[chain]?.last { $0.header.id == id }
    }

    // MARK: Planted bugs

    /// Loses what a node signed and how it voted.
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
