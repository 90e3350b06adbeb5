/// One peer's frames that wait to be written, in three bounded lanes.
///
/// Control leaves first, 96 KiB in a row while others wait; beyond that they have a quarter of the bytes: votes alone decide
/// nothing, and a peer that draws control without end must still get the bodies that they are about. Of the other two, gossip
/// gets up to four frames for each bulk frame, so that neither starves.
public struct OutboundQueue: Sendable {
    public enum Admission: Equatable, Sendable {
        case queued
        /// Queued, and this many older frames of the lane were dropped.
        case queuedDroppingOldest(Int)
        /// The bulk lane is full; ``takeDrained()`` tells when it is worth another try.
        case refused
        /// The control lane is full: the peer is a slow consumer and the link has to go.
        case overflow
    }

    private struct Ring: Sendable {
        var frames: [[UInt8]?] = []
        var head = 0
        var bytes = 0
        var count: Int { frames.count - head }

        mutating func push(_ frame: [UInt8]) {
            frames.append(frame)
            bytes += frame.count
        }

        mutating func pop() -> [UInt8]? {
            guard head < frames.count, let frame = frames[head] else { return nil }
            frames[head] = nil
            head += 1
            bytes -= frame.count
            if head == frames.count {
                frames.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 64, head * 2 >= frames.count {
                frames.removeFirst(head)
                head = 0
            }
            return frame
        }
    }

    private let limits: QueueLimits
    private var rings = [Ring](repeating: Ring(), count: Lane.allCases.count)
    /// A frame of bulk: what the others are owed before they take a turn from control.
    private static let turnBytes = 32 << 10
    /// A third of the control bytes that left while others waited, less what the others got.
    private var owedToOthers = 0
    private var gossipRun = 0
    private var bulkRefused = false
    public private(set) var dropped: UInt64 = 0

    public init(limits: QueueLimits) {
        self.limits = limits
    }

    public var isEmpty: Bool { rings.allSatisfy { $0.count == 0 } }
    public func frameCount(_ lane: Lane) -> Int { rings[Int(lane.rawValue)].count }
    public func byteCount(_ lane: Lane) -> Int { rings[Int(lane.rawValue)].bytes }

    public mutating func push(_ frame: [UInt8], lane: Lane) -> Admission {
        let index = Int(lane.rawValue)
        func fits(_ ring: Ring) -> Bool {
            ring.count < limits.frames(lane) && ring.bytes + frame.count <= limits.bytes(lane)
        }
        if fits(rings[index]) {
            rings[index].push(frame)
            return .queued
        }
        switch lane {
        case .control:
            return .overflow
        case .bulk:
            bulkRefused = true
            return .refused
        case .gossip:
            var lost = 0
            while !fits(rings[index]), rings[index].pop() != nil { lost += 1 }
            rings[index].push(frame)
            dropped += UInt64(lost)
            return .queuedDroppingOldest(lost)
        }
    }

    public mutating func pop() -> (lane: Lane, frame: [UInt8])? {
        let othersWait = rings[1].count + rings[2].count > 0
        if owedToOthers < Self.turnBytes || !othersWait, let frame = rings[0].pop() {
            owedToOthers = othersWait ? owedToOthers + frame.count / 3 : 0
            return (.control, frame)
        }
        let other = popOther()
        owedToOthers = max(0, owedToOthers - (other?.frame.count ?? 0))
        return other
    }

    private mutating func popOther() -> (lane: Lane, frame: [UInt8])? {
        let bulkWaits = rings[2].count > 0
        if gossipRun < 4 || !bulkWaits, let frame = rings[1].pop() {
            gossipRun = bulkWaits ? gossipRun + 1 : 0
            return (.gossip, frame)
        }
        gossipRun = 0
        return rings[2].pop().map { (.bulk, $0) }
    }

    /// Whether a bulk frame was refused earlier and the lane is at most half full now; answers once a refusal.
    public mutating func takeDrained() -> Bool {
        guard bulkRefused, rings[2].count <= limits.bulkFrames / 2, rings[2].bytes <= limits.bulkBytes / 2 else {
            return false
        }
        bulkRefused = false
        return true
    }
}
