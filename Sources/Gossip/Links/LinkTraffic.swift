/// What went over one link or over all of them. Bytes count packets with prefix and seal.
public struct LinkTraffic: Sendable, Equatable {
    public struct Count: Sendable, Equatable {
        public var frames: UInt64 = 0
        public var bytes: UInt64 = 0

        public init() {}
    }

    public var control = (received: Count(), sent: Count())
    public var gossip = (received: Count(), sent: Count())
    public var bulk = (received: Count(), sent: Count())
    /// Pings, records, rekeys.
    public var service = (received: Count(), sent: Count())
    /// Frames that decrypted but mean nothing; dropped.
    public var malformed: UInt64 = 0

    public init() {}

    public var framesIn: UInt64 {
        control.received.frames + gossip.received.frames + bulk.received.frames + service.received.frames
    }
    public var bytesIn: UInt64 {
        control.received.bytes + gossip.received.bytes + bulk.received.bytes + service.received.bytes
    }
    public var bytesOut: UInt64 { control.sent.bytes + gossip.sent.bytes + bulk.sent.bytes + service.sent.bytes }

    public func received(_ lane: Lane) -> Count {
        switch lane {
        case .control: control.received
        case .gossip: gossip.received
        case .bulk: bulk.received
        }
    }

    public func sent(_ lane: Lane) -> Count {
        switch lane {
        case .control: control.sent
        case .gossip: gossip.sent
        case .bulk: bulk.sent
        }
    }

    mutating func countIn(kind: UInt8, bytes: Int) {
        switch kind {
        case 0: control.received.add(bytes)
        case 1: gossip.received.add(bytes)
        case 2: bulk.received.add(bytes)
        default: service.received.add(bytes)
        }
    }

    mutating func countOut(kind: UInt8, bytes: Int) {
        switch kind {
        case 0: control.sent.add(bytes)
        case 1: gossip.sent.add(bytes)
        case 2: bulk.sent.add(bytes)
        default: service.sent.add(bytes)
        }
    }

    public static func += (total: inout LinkTraffic, part: LinkTraffic) {
        total.control = (total.control.received + part.control.received, total.control.sent + part.control.sent)
        total.gossip = (total.gossip.received + part.gossip.received, total.gossip.sent + part.gossip.sent)
        total.bulk = (total.bulk.received + part.bulk.received, total.bulk.sent + part.bulk.sent)
        total.service = (total.service.received + part.service.received, total.service.sent + part.service.sent)
        total.malformed += part.malformed
    }

    public static func == (lhs: LinkTraffic, rhs: LinkTraffic) -> Bool {
        lhs.control == rhs.control && lhs.gossip == rhs.gossip && lhs.bulk == rhs.bulk
            && lhs.service == rhs.service && lhs.malformed == rhs.malformed
    }
}

extension LinkTraffic.Count {
    mutating func add(_ size: Int) {
        frames += 1
        bytes += UInt64(size)
    }

    static func + (lhs: Self, rhs: Self) -> Self {
        var sum = lhs
        sum.frames += rhs.frames
        sum.bytes += rhs.bytes
        return sum
    }
}
