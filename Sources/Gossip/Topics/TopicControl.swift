public import Wire

/// What two nodes say about the mesh of a topic, beside the messages themselves. A topic is a chain.
public enum TopicControl: WireCodable, Hashable {
    /// The sender takes part in these topics from now on.
    case join([ChainID])
    case leave([ChainID])
    /// The sender wants the receiver in its mesh of the topic: every small message is passed on at once.
    case graft(ChainID)
    /// The sender took the receiver out of its mesh and will not take it back before the back-off has passed.
    case prune(ChainID, backoffMs: UInt32)
    /// Messages that the sender can deliver: recent ones for peers outside its mesh, large ones for those within.
    case have(ChainID, [MessageID])
    case want([MessageID])

    public static var topicsMax: Int { 1_024 }
    public static var idsMax: Int { 500 }

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .join(let topics):
            encoder.u8(1)
            encoder.list(topics)
        case .leave(let topics):
            encoder.u8(2)
            encoder.list(topics)
        case .graft(let topic):
            encoder.u8(3)
            encoder.value(topic)
        case .prune(let topic, let backoff):
            encoder.u8(4)
            encoder.value(topic)
            encoder.u32(backoff)
        case .have(let topic, let ids):
            encoder.u8(5)
            encoder.value(topic)
            encoder.list(ids)
        case .want(let ids):
            encoder.u8(6)
            encoder.list(ids)
        }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("topic control") {
        case 1: self = .join(try decoder.list(limit: Self.topicsMax, "topics"))
        case 2: self = .leave(try decoder.list(limit: Self.topicsMax, "topics"))
        case 3: self = .graft(try decoder.value())
        case 4: self = .prune(try decoder.value(), backoffMs: try decoder.u32("back-off"))
        case 5: self = .have(try decoder.value(), try decoder.list(limit: Self.idsMax, "message ids"))
        case 6: self = .want(try decoder.list(limit: Self.idsMax, "message ids"))
        case let other: throw .invalid(field: "topic control", reason: "unknown tag \(other)")
        }
    }
}
