package import Gossip
internal import Synchronization
package import Wire

/// The bounded queue between the transport and its one consumer.
///
/// Link states come first. Frames go by the standing of their sender, then by lane, then round the peers, one frame each:
///
/// - control of known nodes first, but after seven of it in a row one of the others, if one waits;
/// - of eight turns, four are their gossip's and three their bulk's, so that neither starves; one is the strangers', whose
///   control goes before their gossip, and that four to one before their bulk. A turn that nobody needs passes to the next.
/// - Of known nodes every second turn of a lane is a member's, where one waits; accounts have no more than the other half.
/// - A peer whose time is used up (``charge(_:_:)``) waits behind all of its kind that have some left.
///
/// - What waits of a link that has ended is dropped unread, so that it costs nothing after its sender has gone. Of a known node
///   ``lastWords`` frames of each lane are taken all the same, a vote perhaps, and what it was asked for; of one whose link
///   was closed for what it sent, nothing.
/// - Whoever loses its standing, or gains one, takes what waits along: it stands where it would be put now.
///
/// Each peer has a credit of bytes: over it, the transport stops reading that peer until the consumer has taken half. So
/// what one peer sends in masses waits in its own queue, and then in its own socket, and nobody else's waits for it.
package final class EventMailbox: Sendable {
    /// What one peer sent in one lane.
    private struct Ring {
        var events: [TransportEvent?] = []
        var head = 0
        var count: Int { events.count - head }

        mutating func pop() -> TransportEvent? {
            guard head < events.count else { return nil }
            let event = events[head]
            events[head] = nil
            head += 1
            if head == events.count {
                events.removeAll(keepingCapacity: events.capacity <= 1024)
                head = 0
            } else if head >= 256, head * 2 >= events.count {
                events.removeFirst(head)
                head = 0
            }
            return event
        }
    }

    /// One lane of known nodes or of strangers: peers in turn.
    private struct Round {
        var rings: [NodeID: Ring] = [:]
        var turns = Turns()
        var isMembersTurn = false

        mutating func push(_ event: TransportEvent, of node: NodeID) {
            if rings[node] == nil { turns.join(node) }
            rings[node, default: Ring()].events.append(event)
        }

        mutating func take(_ node: NodeID) -> Ring? {
            guard let ring = rings.removeValue(forKey: node) else { return nil }
            turns.leave(node)
            return ring
        }

        mutating func put(_ ring: Ring, of node: NodeID) {
            turns.join(node)
            rings[node] = ring
        }

        /// Drops all but the first `kept` frames.
        /// - Returns: the credit that they held.
        mutating func drop(_ node: NodeID, after kept: Int) -> Int {
            guard let waiting = rings[node], waiting.count > kept, let ring = take(node) else { return 0 }
            let events = ring.events[ring.head...]
            if kept > 0 { put(Ring(events: Array(events.prefix(kept))), of: node) }
            return events.dropFirst(kept).reduce(0) { sum, event in
                guard case .frame(_, _, let bytes)? = event else { return sum }
                return sum + bytes.count + EventMailbox.frameCost
            }
        }

        /// The next peer's oldest frame; of those that `hasTime`, where there is one. Every second turn is a member's, if one
        /// waits: accounts are cheap, and however many there are, members keep half.
        mutating func pop(
            _ hasTime: (NodeID) -> Bool, members: ((NodeID) -> Bool)? = nil
        ) -> TransportEvent? {
            guard !rings.isEmpty else { return nil }
            isMembersTurn.toggle()
            var member: NodeID?
            if isMembersTurn, let members { member = turns.next { members($0) && hasTime($0) } }
            guard let node = member ?? turns.next(hasTime) ?? turns.next({ _ in true }) else { return nil }
            let event = rings[node]!.pop()
            if rings[node]!.count == 0 {
                rings[node] = nil
                turns.leave(node)
            }
            return event
        }
    }

    private struct State {
        var notices = Ring()
        /// By lane.
        var known = [Round](repeating: Round(), count: Lane.allCases.count)
        var strangers = [Round](repeating: Round(), count: Lane.allCases.count)
        /// Control of known nodes that is taken while others wait. Votes alone decide nothing: the bodies that they are about,
        /// and what asks for them, wait in bulk.
        static let controlInRow = 7
        var controlRun = 0
        var turn = 0
        var strangersTurn = 0
        var credit: [NodeID: Int] = [:]
        var paused: Set<NodeID> = []
        var standing = Standing()
        var time: [NodeID: TimeBudget] = [:]
        var waiter: CheckedContinuation<TransportEvent?, Never>?
        var finished = false
        var dropped: UInt64 = 0

        mutating func pop() -> TransportEvent? {
            if let event = notices.pop() { return event }
            // A closure over all of the state would hold the rings a second time, and each pop would copy the one it changes.
            let time = time
            let standing = standing
            let hasTime = { (node: NodeID) in TimeBudget.isLeft(time[node]) }
            let isMember = { (node: NodeID) in standing.footing(of: node) == .member }
            if controlRun < Self.controlInRow, let event = known[0].pop(hasTime, members: isMember) {
                controlRun += 1
                return event
            }
            controlRun = 0
            // Of whoever has something to take: known gossip, known bulk, strangers.
            turn = (turn + 1) % 8
            let preferred = turn < 4 ? [0, 1, 2] : turn < 7 ? [1, 0, 2] : [2, 0, 1]
            for place in preferred {
                let event = place < 2 ? known[place + 1].pop(hasTime, members: isMember) : popStranger(hasTime)
                if let event { return event }
            }
            return known[0].pop(hasTime, members: isMember)
        }

        private mutating func popStranger(_ hasTime: (NodeID) -> Bool) -> TransportEvent? {
            if let event = strangers[0].pop(hasTime) { return event }
            strangersTurn = (strangersTurn + 1) % 5
            for lane in strangersTurn < 4 ? [1, 2] : [2, 1] {
                if let event = strangers[lane].pop(hasTime) { return event }
            }
            return nil
        }

        /// Frames of a link that comes next are pushed behind its end.
        mutating func dropFrames(of node: NodeID, _ end: LinkEnd) {
            var dropped = 0
            let kept = end.isForItsBytes ? 0 : EventMailbox.lastWords
            for lane in strangers.indices {
                dropped += strangers[lane].drop(node, after: 0) + known[lane].drop(node, after: kept)
            }
            guard dropped > 0 else { return }
            let left = credit[node, default: 0] - dropped
            credit[node] = left > 0 ? left : nil
            if left <= 0 { paused.remove(node) }
        }

        /// Frames wait on one side only, so that the order within a lane is kept.
        mutating func stand(_ new: Standing) {
            standing = new
            for lane in known.indices {
                let (fallen, risen) = (
                    known[lane].rings.keys.filter { new.footing(of: $0) == .stranger }.sorted(),
                    strangers[lane].rings.keys.filter { new.footing(of: $0) > .stranger }.sorted()
                )
                for node in fallen { if let ring = known[lane].take(node) { strangers[lane].put(ring, of: node) } }
                for node in risen { if let ring = strangers[lane].take(node) { known[lane].put(ring, of: node) } }
            }
        }

        mutating func push(_ event: TransportEvent, of node: NodeID, lane: Lane) {
            let place = Int(lane.rawValue)
            if standing.footing(of: node) > .stranger {
                known[place].push(event, of: node)
            } else {
                strangers[place].push(event, of: node)
            }
        }
    }

    /// Time that a peer's useless frames took, fading.
    private struct TimeBudget {
        /// Microseconds; a tenth of a second of useless work in the last seconds.
        static let most = 100_000
        var used = 0
        var at: Duration = .zero

        /// - Parameter budget: nil for a peer that has used none lately.
        static func isLeft(_ budget: TimeBudget?) -> Bool { budget.map { $0.used <= most } ?? true }
    }

    /// Events about records, refusals and the like beyond which newer ones are dropped and counted.
    static let noticesMax = 4096
    /// Frames of a lane that are taken of a known node whose link has ended: more than a height's votes, or the chunks that
    /// one peer is asked for at a time.
    static let lastWords = 64
    /// What an empty payload costs.
    private static let frameCost = 256

    private let state = Mutex(State())
    private let creditMax: Int
    private let resume: @Sendable (NodeID) -> Void

    /// - Parameter resume: called, on any thread, when a paused peer may be read again.
    package init(creditMax: Int, resume: @escaping @Sendable (NodeID) -> Void) {
        self.creditMax = creditMax
        self.resume = resume
    }

    var droppedEvents: UInt64 { state.withLock { $0.dropped } }

    /// Whether control or gossip of a known node waits to be read, of one that has time left: what it would be asked for
    /// may be among it.
    package var hasUnreadGossip: Bool {
        state.withLock { state in
            state.known[..<2].contains { round in
                round.rings.keys.contains { TimeBudget.isLeft(state.time[$0]) }
            }
        }
    }

    /// What the chains say of nodes: whose frames go first.
    package func stand(_ standing: Standing) { state.withLock { $0.stand(standing) } }

    /// A frame of this peer took so long and brought nothing. It costs the peer its turns, a tenth of a core a second at
    /// most before it waits behind others, and never score.
    package func charge(_ node: NodeID, _ cost: Duration, now: Duration) {
        state.withLock { state in
            var budget = state.time[node] ?? TimeBudget(at: now)
            let passed = max(0, Self.microseconds(now - budget.at))
            budget.used = max(0, budget.used - passed / 10) + max(0, Self.microseconds(cost))
            budget.at = now
            // Only of peers with frames or recent work; an old one has faded anyway.
            state.time[node] = budget.used > 0 ? budget : nil
            if state.time.count > 1_024 { state.time = state.time.filter { state.credit[$0.key] != nil } }
        }
    }

    private static func microseconds(_ duration: Duration) -> Int {
        let parts = duration.components
        guard parts.seconds < 1_000_000 else { return .max / 4 }
        return Int(parts.seconds) * 1_000_000 + Int(parts.attoseconds / 1_000_000_000_000)
    }

    /// Queues an event; false if its sender should not be read for now.
    package func push(_ event: TransportEvent) -> Bool {
        let (waiter, goOn) = state.withLock { state -> (CheckedContinuation<TransportEvent?, Never>?, Bool) in
            guard !state.finished else { return (nil, true) }
            // A waiter means that all queues are empty, so handing over directly keeps every order.
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, true)
            }
            var goOn = true
            switch event {
            case .frame(let node, let lane, let bytes):
                state.push(event, of: node, lane: lane)
                let used = state.credit[node, default: 0] + bytes.count + Self.frameCost
                state.credit[node] = used
                if used > creditMax {
                    state.paused.insert(node)
                    goOn = false
                }
            case .linkDown(let node, let end):
                state.notices.events.append(event)
                state.dropFrames(of: node, end)
            case .linkUp, .drained: state.notices.events.append(event)
            case .record, .status, .refused, .malformed:
                if state.notices.count < Self.noticesMax {
                    state.notices.events.append(event)
                } else {
                    state.dropped += 1
                }
            }
            return (nil, goOn)
        }
        waiter?.resume(returning: event)
        return goOn
    }

    package func finish() {
        let waiter = state.withLock { state in
            state.finished = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    /// The next event; nil after `finish` once all are taken, or when the task is cancelled.
    func next() async -> TransportEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var resumed: NodeID?
                let ready = state.withLock { state -> TransportEvent?? in
                    if let event = state.pop() {
                        if case .frame(let node, _, let bytes) = event {
                            let left = state.credit[node, default: 0] - bytes.count - Self.frameCost
                            state.credit[node] = left > 0 ? left : nil
                            if left <= creditMax / 2, state.paused.remove(node) != nil { resumed = node }
                        }
                        return .some(event)
                    }
                    if state.finished || Task.isCancelled { return .some(nil) }
                    precondition(state.waiter == nil, "transport events have one consumer")
                    state.waiter = continuation
                    return .none
                }
                if let resumed { resume(resumed) }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: nil)
        }
    }
}

/// The transport's events, for one consumer at a time.
public struct TransportEvents: AsyncSequence, Sendable {
    public typealias Element = TransportEvent
    public typealias Failure = Never
    let mailbox: EventMailbox

    package init(mailbox: EventMailbox) { self.mailbox = mailbox }

    package var hasUnreadGossip: Bool { mailbox.hasUnreadGossip }

    /// The frame of this peer that was taken last was useless, and took so long.
    package func charge(_ node: NodeID, _ cost: Duration, now: Duration) { mailbox.charge(node, cost, now: now) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let mailbox: EventMailbox

        public mutating func next() async -> TransportEvent? { await mailbox.next() }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> TransportEvent? {
            await mailbox.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(mailbox: mailbox) }
}
