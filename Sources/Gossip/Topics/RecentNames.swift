/// The latest names, oldest out first.
struct RecentNames<Name: Hashable & Sendable>: Sendable {
    private let capacity: Int
    private var names: Set<Name> = []
    private var order: [Name] = []
    private var next = 0

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    var count: Int { names.count }
    func contains(_ name: Name) -> Bool { names.contains(name) }

    mutating func insert(_ name: Name) {
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
