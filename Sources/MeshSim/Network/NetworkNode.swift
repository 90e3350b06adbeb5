internal import Gossip
internal import MeshCrypto
internal import Wire

/// What travels between two nodes of a simulated network.
enum NetworkPacket {
    case message(TopicMessage, hop: Int)
    case control(TopicControl)
    /// What the sender has of the messages so far, as the node's digest says it of a height; answered with the rest.
    case digest([UInt64])
    case content(ContentMessage)
    case datagram(MembershipMessage)
    case records([NodeRecord])
    case recordsRequest
    case linkPing
    case linkPong

    /// Bytes on the wire, seal and prefix included, and a number for the trace.
    var size: (bytes: Int, kind: UInt64) {
        switch self {
        case .message(let message, _): (message.bytes.count + 22, 1)
        case .control(let control): (control.wireBytes.count + 22, 2)
        case .digest(let words): (words.count * 8 + 60, 3)
        case .content(let message):
            switch message {
            case .chunk(_, _, _, let bytes), .manifest(_, let bytes): (bytes.count + 70, 4)
            default: (120, 4)
            }
        case .datagram(let message): (message.wireBytes.count + DatagramGate.overhead, 5)
        case .records(let records): (records.count * 200 + 22, 6)
        case .recordsRequest: (22, 7)
        case .linkPing: (30, 8)
        case .linkPong: (30, 9)
        }
    }

    var isDatagram: Bool {
        if case .datagram = self { true } else { false }
    }
}

enum NetworkEvent {
    case deliver(from: Int, to: Int, NetworkPacket)
    case tick(Int)
    case wake(Int)
    case contentTimer(Int)
    case heartbeat(Int)
    case publish(Int)
    case judged(Int, MessageID, hop: Int)
    case partition(Bool)
    case crash(Int)
    case invent(Int)
    case check
}

/// One simulated participant: the machines and what its shell holds.
struct NetworkNode {
    let id: NodeID
    var topics: TopicMesh
    var membership: MembershipState?
    var exchange: ContentExchange
    var links: [Int] = []
    var dialled: Set<Int> = []
    var isSilent = false
    var isDown = false
    /// Gets a processor again at this time.
    var stalledUntil: UInt64 = 0
    var stall: UInt64 = 0
    var uplinkFreeAt: UInt64 = 0
    /// Bits of the messages that it has.
    var has: [UInt64] = []
    var hops: [MessageID: Int] = [:]
    var arrived: ChunkBitmap?
    var hasContent = false
}
