internal import Wire

/// Whole contents on their way to the disk, one at a time.
struct FinishQueue {
    /// As many as wants have places.
    private(set) var waiting: [ContentID] = []
    private(set) var isRunning = false

    /// - Returns: whether nobody takes them out yet: the caller does, until ``next(first:)`` gives nil.
    mutating func add(_ id: ContentID) -> Bool {
        waiting.append(id)
        defer { isRunning = true }
        return !isRunning
    }

    /// - Parameter urgent: go before all others. It is asked only now: what waits already may have become urgent.
    mutating func next(first urgent: Set<ContentID>) -> ContentID? {
        guard let place = waiting.firstIndex(where: { urgent.contains($0) }) ?? waiting.indices.first else {
            isRunning = false
            return nil
        }
        return waiting.remove(at: place)
    }
}
