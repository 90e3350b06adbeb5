internal import Synchronization

/// Something that happened, numbered in ascending order.
public struct NodeEvent: Codable, Equatable, Sendable {
    public var number: UInt64
    /// Milliseconds since 1970.
    public var timeMs: UInt64
    /// A word that programs can rely on, for example `peer-up`, `phase`, `round`, `void`, `task`.
    public var kind: String
    /// One line for people.
    public var text: String
    public var task: String?
    public var round: UInt32?
    /// JSON of the view that belongs to it, for example a ``RoundView``.
    public var detail: String?

    public init(
        number: UInt64, timeMs: UInt64, kind: String, text: String, task: String? = nil, round: UInt32? = nil,
        detail: String? = nil
    ) {
        self.number = number
        self.timeMs = timeMs
        self.kind = kind
        self.text = text
        self.task = task
        self.round = round
        self.detail = detail
    }
}

/// The latest events, and a place to wait for the next ones. Readers ask for what they lack, so a slow reader loses
/// old events and holds up nobody.
public final class EventLog: Sendable {
    private struct State {
        var events: [NodeEvent] = []
        var last: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
        /// Waiters that were cancelled before they began to wait.
        var cancelled: Set<UInt64> = []
    }

    private let capacity: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - capacity: events kept, 1 or more.
    ///   - restored: events of earlier runs in ascending order, so that numbers go on.
    public init(capacity: Int = 4096, restored: [NodeEvent] = []) {
        self.capacity = max(1, capacity)
        var state = State()
        state.events = Array(restored.suffix(max(1, capacity)))
        state.last = restored.last?.number ?? 0
        self.state = Mutex(state)
    }

    /// Number of the latest event; 0 before the first.
    public var last: UInt64 { state.withLock { $0.last } }

    @discardableResult
    public func append(
        timeMs: UInt64, kind: String, text: String, task: String? = nil, round: UInt32? = nil, detail: String? = nil
    ) -> NodeEvent {
        let (event, waiters) = state.withLock { state in
            state.last += 1
            let event = NodeEvent(
                number: state.last, timeMs: timeMs, kind: kind, text: text, task: task, round: round, detail: detail)
            state.events.append(event)
            // Dropping half at a time keeps the cost of an event constant.
            if state.events.count >= 2 * capacity { state.events.removeFirst(state.events.count - capacity) }
            let waiters = Array(state.waiters.values)
            state.waiters = [:]
            return (event, waiters)
        }
        for waiter in waiters { waiter.resume() }
        return event
    }

    /// Events above `after` in ascending order, at most `limit`; empty when there are none yet.
    public func stored(after: UInt64, limit: Int) -> [NodeEvent] {
        state.withLock { state in
            guard state.last > after else { return [] }
            return Array(state.events.drop { $0.number <= after }.prefix(max(0, limit)))
        }
    }

    /// The same, but waits for one; empty only when the calling task is cancelled.
    public func next(after: UInt64, limit: Int) async -> [NodeEvent] {
        while !Task.isCancelled {
            let found = stored(after: after, limit: limit)
            if !found.isEmpty { return found }
            let number = state.withLock { state in
                state.nextWaiter += 1
                return state.nextWaiter
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let mustWait = state.withLock { state in
                        if state.cancelled.remove(number) != nil || state.last > after { return false }
                        state.waiters[number] = continuation
                        return true
                    }
                    if !mustWait { continuation.resume() }
                }
            } onCancel: {
                let waiter = state.withLock { state in
                    let waiter = state.waiters.removeValue(forKey: number)
                    if waiter == nil { state.cancelled.insert(number) }
                    return waiter
                }
                waiter?.resume()
            }
            state.withLock { state in _ = state.cancelled.remove(number) }
        }
        return []
    }
}
