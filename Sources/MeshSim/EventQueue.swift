/// Events in order of virtual time; equal times in order of insertion, so that a run repeats exactly.
///
/// The heap holds plain numbers; the events lie still in a table beside it, as moving them would cost more than
/// comparing.
package struct EventQueue<Event> {
    private struct Entry {
        let time: UInt64
        let sequence: UInt64
        let place: Int

        func precedes(_ other: Entry) -> Bool { (time, sequence) < (other.time, other.sequence) }
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var sequence: UInt64 = 0

    package init() {}

    package var count: Int { heap.count }

    package mutating func push(_ event: Event, at time: UInt64) {
        let place: Int
        if let reused = free.popLast() {
            place = reused
            events[place] = event
        } else {
            place = events.count
            events.append(event)
        }
        heap.append(Entry(time: time, sequence: sequence, place: place))
        sequence += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    package mutating func pop() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in 2 * parent + 1...2 * parent + 2 where child < heap.count {
                    if heap[child].precedes(heap[least]) { least = child }
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        guard let event = events[first.place] else { preconditionFailure("every entry has its event") }
        events[first.place] = nil
        free.append(first.place)
        return (first.time, event)
    }
}
