internal import Gossip
internal import Synchronization
package import Wire

/// The bounded queue between the transport and its one consumer.
///
/// Link states come first, then control, gossip and bulk payloads. Each peer has a credit of bytes: over it, the
/// transport stops reading that peer until the consumer has taken half. A general-purpose channel would keep the bound
/// but not the order of lanes, and a vote must not wait behind a megabyte of chunks.
package final class EventMailbox: Sendable {
    private struct State {
        var queues = [Ring](repeating: Ring(), count: 1 + Lane.allCases.count)
        var credit: [NodeID: Int] = [:]
        var paused: Set<NodeID> = []
        var waiter: CheckedContinuation<TransportEvent?, Never>?
        var finished = false
        var dropped: UInt64 = 0

        mutating func pop() -> TransportEvent? {
            for index in queues.indices {
                if let event = queues[index].pop() { return event }
            }
            return nil
        }
    }

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

    /// Events about records, refusals and the like beyond which newer ones are dropped and counted.
    static let noticesMax = 4096
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
                state.queues[1 + Int(lane.rawValue)].events.append(event)
                let used = state.credit[node, default: 0] + bytes.count + Self.frameCost
                state.credit[node] = used
                if used > creditMax {
                    state.paused.insert(node)
                    goOn = false
                }
            case .linkUp, .linkDown, .drained: state.queues[0].events.append(event)
            case .record, .status, .refused, .malformed:
                if state.queues[0].count < Self.noticesMax {
                    state.queues[0].events.append(event)
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

    public struct AsyncIterator: AsyncIteratorProtocol {
        let mailbox: EventMailbox

        public mutating func next() async -> TransportEvent? { await mailbox.next() }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> TransportEvent? {
            await mailbox.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(mailbox: mailbox) }
}
