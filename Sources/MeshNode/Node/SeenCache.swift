internal import Wire

/// The latest message names, oldest out first. Accepted and rejected names are kept apart, so that garbage cannot
/// push out what must not be processed twice.
struct SeenCache {
    private let capacity: Int
    private var names: Set<MessageID> = []
    private var order: [MessageID] = []
    private var next = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    func contains(_ name: MessageID) -> Bool { names.contains(name) }

    mutating func insert(_ name: MessageID) {
        guard names.insert(name).inserted else { return }
        if order.count < capacity {
            order.append(name)
        } else {
            names.remove(order[next])
            order[next] = name
            next = (next + 1) % capacity
        }
    }
}
