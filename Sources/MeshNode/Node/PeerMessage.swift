internal import Chain
internal import Gossip
internal import Wire

/// What two linked nodes say to each other, one frame each.
enum PeerMessage: WireCodable {
    /// A signed message: verified, used and passed on.
    case envelope(Envelope)
    /// What the sender knows of a chain's present height; answered with what it lacks.
    case digest(ChainDigest)
    /// Decided blocks that the receiver lacks, of one chain and in order of height.
    case blocks(BlockRange)
    /// The same from this height on, when they do not fit a frame: an encoded `BlockRange` as content.
    case rangeContent(ChainID, first: UInt64, ContentReference)
    case content(ContentMessage)
    /// A holder's key vector, sealed to the receiver.
    case keyRelease(KeyRelease)
    /// The aggregator of a decided set asks a holder for its vectors (again).
    case keyRequest(ChainID, manifest: BlockID)
    /// Who is in whose mesh, and which messages are there to be pulled.
    case topics(TopicControl)

    struct KeyRelease: WireCodable, Hashable {
        let chain: ChainID
        let manifest: BlockID
        let component: UInt8
        let vector: ContentReference

        init(chain: ChainID, manifest: BlockID, component: UInt8, vector: ContentReference) {
            self.chain = chain
            self.manifest = manifest
            self.component = component
            self.vector = vector
        }

        func encode(into encoder: inout WireEncoder) {
            encoder.value(chain)
            encoder.value(manifest)
            encoder.u8(component)
            encoder.value(vector)
        }

        init(from decoder: inout WireDecoder) throws(WireError) {
            chain = try decoder.value()
            manifest = try decoder.value()
            component = try decoder.u8("component")
            vector = try decoder.value()
        }
    }

    func encode(into encoder: inout WireEncoder) {
        switch self {
        case .envelope(let envelope):
            encoder.u8(1)
            encoder.value(envelope)
        case .digest(let digest):
            encoder.u8(2)
            encoder.value(digest)
        case .content(let message):
            encoder.u8(5)
            encoder.value(message)
        case .keyRelease(let release):
            encoder.u8(6)
            encoder.value(release)
        case .keyRequest(let chain, let manifest):
            encoder.u8(7)
            encoder.value(chain)
            encoder.value(manifest)
        case .topics(let control):
            encoder.u8(8)
            encoder.value(control)
        case .blocks(let range):
            encoder.u8(9)
            encoder.value(range)
        case .rangeContent(let chain, let first, let reference):
            encoder.u8(10)
            encoder.value(chain)
            encoder.u64(first)
            encoder.value(reference)
        }
    }

    init(from decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("message") {
        case 1: self = .envelope(try decoder.value())
        case 2: self = .digest(try decoder.value())
        case 5: self = .content(try decoder.value())
        case 6: self = .keyRelease(try decoder.value())
        case 7: self = .keyRequest(try decoder.value(), manifest: try decoder.value())
        case 8: self = .topics(try decoder.value())
        case 9: self = .blocks(try decoder.value())
        case 10: self = .rangeContent(try decoder.value(), first: try decoder.u64("first height"), try decoder.value())
        case let other: throw .invalid(field: "message", reason: "unknown kind \(other)")
        }
    }

    var lane: Lane {
        switch self {
        case .envelope(let envelope): envelope.slot.kind == .transaction ? .gossip : .control
        case .digest, .blocks, .rangeContent: .gossip
        case .keyRelease, .keyRequest, .topics: .control
        case .content: .bulk
        }
    }
}
