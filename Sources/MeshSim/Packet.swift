internal import Chain
internal import Wire

/// What travels between two nodes.
enum Packet {
    case envelopes([Envelope])
    case digest(ChainDigest)
    case blocks([DecidedBlock])
    case want(ContentID)
    case content(ContentID, [UInt8])
    case wantVectors(BlockID)
    case vectors(BlockID)

    /// For the trace: a number for the kind and one word of the contents.
    var label: (kind: UInt64, word: UInt64) {
        func word(_ bytes: [UInt8]) -> UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
        switch self {
        case .envelopes(let envelopes): return (1, envelopes.reduce(0) { $0 &* 31 &+ word($1.signature.bytes) })
        case .digest(let digest): return (2, digest.height)
        case .blocks(let blocks): return (3, word(blocks.first?.header.id.bytes ?? []))
        case .want(let id): return (4, word(id.bytes))
        case .content(let id, _): return (5, word(id.bytes))
        case .wantVectors(let id): return (6, word(id.bytes))
        case .vectors(let id): return (7, word(id.bytes))
        }
    }
}

extension Packet {
    /// Bytes on the wire, about: what fills an uplink.
    ///
    /// - Parameter contentBytes: what a body of the simulation stands for.
    func size(contentBytes: UInt64) -> UInt64 {
        switch self {
        case .envelopes(let envelopes): envelopes.reduce(0) { $0 + UInt64($1.payload.count) + 150 }
        case .digest(let digest): UInt64(100 + 40 * digest.groups.count + 32 * digest.pending.count)
        case .blocks(let blocks): blocks.reduce(0) { $0 + UInt64($1.body.count) + 1_000 }
        case .want, .wantVectors: 100
        case .content(_, let bytes): max(UInt64(bytes.count), contentBytes) + 100
        case .vectors: contentBytes + 100
        }
    }
}

enum SimulationEvent {
    case deliver(from: Int, to: Int, Packet)
    case heartbeat(node: Int, life: UInt32)
    case timer(node: Int, life: UInt32, ChainID, ChainTimer)
    case look(node: Int, life: UInt32, job: Int)
    case finish(node: Int, life: UInt32, job: Int)
    case crash(node: Int, restartAfter: UInt64?)
    case start(node: Int)
    case partition([[Int]])
    case cut(from: [Int], to: [Int])
    case joinAll
    case skew(node: Int, ms: Int64)
    case healed
    case catchUpCheck(heights: [UInt64])
    case progressCheck(total: UInt64)
    case orderCheck(count: Int)
    case followCheck(count: UInt32)
    case scripted(Int)

    var label: (kind: UInt64, node: UInt64) {
        switch self {
        case .deliver(_, let to, _): (1, UInt64(to))
        case .heartbeat(let node, _): (2, UInt64(node))
        case .timer(let node, _, _, _): (3, UInt64(node))
        case .look(let node, _, let job): (4, UInt64(node) << 32 | UInt64(job))
        case .finish(let node, _, let job): (5, UInt64(node) << 32 | UInt64(job))
        case .crash(let node, _): (6, UInt64(node))
        case .start(let node): (7, UInt64(node))
        case .partition(let groups): (8, UInt64(groups.count))
        case .joinAll: (9, 0)
        case .skew(let node, _): (10, UInt64(node))
        case .healed: (11, 0)
        case .catchUpCheck: (12, 0)
        case .progressCheck: (13, 0)
        case .scripted(let index): (14, UInt64(index))
        case .orderCheck(let count): (16, UInt64(count))
        case .followCheck(let count): (17, UInt64(count))
        case .cut(let silent, let deaf): (15, UInt64(silent.count) << 8 | UInt64(deaf.count))
        }
    }
}
