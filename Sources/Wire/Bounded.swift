/// What a table that peers fill allows. Each module lists its rules in its `…Tables`; docs/protocol/tables.md is printed
/// from these lists.
public struct TableRule: Sendable, Hashable {
    /// What happens to a sender that is at its quota and brings one more.
    public enum AtQuota: String, Sendable {
        /// The new entry is refused.
        case refuse = "the new one is refused"
        /// Its own oldest entry goes.
        case dropOldest = "its oldest goes"
    }

    /// A few words that name the entries.
    public let name: String
    /// Who counts as one sender.
    public let sender: String
    /// Entries of all senders together.
    public let total: Int
    /// Entries of one sender.
    public let quota: Int
    public let atQuota: AtQuota
    /// Whose entries nobody else can push out; empty where there are none.
    public let protected: String
    /// Why these numbers.
    public let reason: String

    public init(
        _ name: String, by sender: String = "linked node", total: Int, quota: Int, atQuota: AtQuota,
        protected: String = "", reason: String
    ) {
        precondition(quota > 0 && total > 0, "a table without a place")
        self.name = name
        self.sender = sender
        self.total = total
        self.quota = quota
        self.atQuota = atQuota
        self.protected = protected
        self.reason = reason
    }

    /// One row of the printed list.
    public var row: String {
        "| \(name) | \(sender) | \(total) | \(quota) | \(atQuota.rawValue) | \(protected.isEmpty ? "-" : protected) | \(reason) |"
    }
}

/// A table that peers fill. Every entry belongs to the sender that brought it, and nobody can fill it for others.
///
/// - A sender holds `quota` entries at most. Beyond that, as the rule says, its own oldest entry goes or the new one is
///   refused; for a protected newcomer its oldest that is not protected, where it has one.
/// - When all `total` places are taken, the sender with the most entries loses its oldest one, if it holds more than its
///   fair share (`total` by the number of senders, one at least) and more than the newcomer. Otherwise the new entry is
///   refused.
/// - Protected entries never go for one that is not. For a protected newcomer the unprotected sender with the most
///   entries loses its oldest, whatever its share; where there is none, the rule above holds among the protected.
///
/// Any table may refuse: whoever inserts looks at the answer, or says beside `_ =` why it changes nothing.
///
/// Ties go by sender, the larger first. The same calls give the same table on every machine; nothing iterates in an
/// order that hashing draws.
public struct Bounded<Sender: Hashable & Comparable & Sendable, Key: Hashable & Sendable, Value: Sendable>: Sendable {
    public struct Entry: Sendable {
        public var value: Value
        public let sender: Sender
        public fileprivate(set) var isProtected: Bool
        fileprivate let number: UInt64
    }

    public enum Insertion: Sendable {
        case added
        /// Another entry went for it.
        case displacing(Key, Value)
        /// The key was there, under the sender that stays its owner.
        case replaced(Value)
        case refused

        public var isIn: Bool { if case .refused = self { false } else { true } }
    }

    /// Keys of one sender, oldest first.
    private struct Queue: Sendable {
        var keys: [Key] = []
        var protected = 0
    }

    public let rule: TableRule
    private var entries: [Key: Entry] = [:]
    private var queues: [Sender: Queue] = [:]
    /// Keys in the order in which they came, among those of entries that are gone: they are swept out when they are most.
    private var line: [(number: UInt64, key: Key)] = []
    private var nextNumber: UInt64 = 0
    private var protectedCount = 0
    /// Entries that were refused or pushed out.
    public private(set) var losses: UInt64 = 0

    public init(_ rule: TableRule) { self.rule = rule }

    // MARK: Questions

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    public func contains(_ key: Key) -> Bool { entries[key] != nil }
    public func sender(of key: Key) -> Sender? { entries[key]?.sender }
    public func count(of sender: Sender) -> Int { queues[sender]?.keys.count ?? 0 }
    /// Keys of one sender, oldest first.
    public func keys(of sender: Sender) -> [Key] { queues[sender]?.keys ?? [] }
    /// Senders with entries, sorted.
    public var senders: [Sender] { queues.keys.sorted() }

    /// Keys in the order in which they came.
    public var keys: [Key] { ordered.map(\.key) }
    /// Entries in the order in which they came.
    public var ordered: [(key: Key, value: Value)] {
        line.compactMap { place in
            guard let entry = entries[place.key], entry.number == place.number else { return nil }
            return (place.key, entry.value)
        }
    }

    public subscript(key: Key) -> Value? { entries[key]?.value }

    // MARK: Changes

    /// Puts an entry in. A key that is there gets the new value and stays the first sender's, protected or not as before.
    public mutating func insert(
        _ value: Value, for key: Key, by sender: Sender, isProtected: Bool = false
    ) -> Insertion {
        if let old = entries[key] {
            entries[key]!.value = value
            return .replaced(old.value)
        }
        var displaced: (Key, Value)?
        if count(of: sender) >= min(rule.quota, rule.total) {
            guard rule.atQuota == .dropOldest else { return refuse() }
            let hasOther = queues[sender].map { $0.protected < $0.keys.count } ?? false
            displaced = displace(oldestOf: sender, sparesProtected: !isProtected || hasOther)
        } else if entries.count >= rule.total {
            guard let loser = loser(for: sender, isProtected: isProtected) else { return refuse() }
            displaced = displace(oldestOf: loser, sparesProtected: !isProtected || hasUnprotected)
        }
        guard entries.count < rule.total, count(of: sender) < rule.quota else { return refuse() }
        entries[key] = Entry(value: value, sender: sender, isProtected: isProtected, number: nextNumber)
        line.append((nextNumber, key))
        nextNumber += 1
        queues[sender, default: Queue()].keys.append(key)
        if isProtected {
            queues[sender]!.protected += 1
            protectedCount += 1
        }
        return displaced.map { .displacing($0.0, $0.1) } ?? .added
    }

    /// Changes the value of a key that is there.
    public mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        guard entries[key] != nil else { return }
        change(&entries[key]!.value)
    }

    /// Protects the entries of these keys and no others: what must stay may change while it lies here.
    public mutating func protect(_ keys: Set<Key>) {
        for (key, entry) in entries where entry.isProtected != keys.contains(key) {
            entries[key]!.isProtected.toggle()
            queues[entry.sender]!.protected += entry.isProtected ? -1 : 1
            protectedCount += entry.isProtected ? -1 : 1
        }
    }

    @discardableResult
    public mutating func remove(_ key: Key) -> Value? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        queues[entry.sender]!.keys.remove(at: queues[entry.sender]!.keys.firstIndex(of: key)!)
        if entry.isProtected {
            queues[entry.sender]!.protected -= 1
            protectedCount -= 1
        }
        if queues[entry.sender]!.keys.isEmpty { queues[entry.sender] = nil }
        if line.count > 2 * entries.count + 16 { line.removeAll { entries[$0.key]?.number != $0.number } }
        return entry.value
    }

    /// Removes all that a sender brought: it is gone, or banned.
    public mutating func removeAll(of sender: Sender) {
        for key in keys(of: sender) { remove(key) }
    }

    public mutating func removeAll(where condition: (Key, Value) -> Bool = { _, _ in true }) {
        for (key, value) in ordered where condition(key, value) { remove(key) }
    }

    // MARK: Who goes

    private var hasUnprotected: Bool { entries.count > protectedCount }

    private mutating func refuse() -> Insertion {
        losses += 1
        return .refused
    }

    private mutating func displace(oldestOf sender: Sender, sparesProtected: Bool) -> (Key, Value)? {
        guard let key = keys(of: sender).first(where: { !sparesProtected || !entries[$0]!.isProtected }),
            let value = remove(key)
        else { return nil }
        losses += 1
        return (key, value)
    }

    /// The sender whose oldest entry goes for one of `newcomer`, all places being taken.
    private func loser(for newcomer: Sender, isProtected: Bool) -> Sender? {
        let forProtected = isProtected && hasUnprotected
        let amongProtected = isProtected && !forProtected
        let share = max(1, rule.total / max(1, queues.count + (queues[newcomer] == nil ? 1 : 0)))
        var most: (count: Int, sender: Sender)?
        for (sender, queue) in queues {
            let count = amongProtected ? queue.protected : queue.keys.count - queue.protected
            guard count > 0, forProtected || count > share && count > self.count(of: newcomer) else { continue }
            if let known = most, (known.count, known.sender) > (count, sender) { continue }
            most = (count, sender)
        }
        return most?.sender
    }
}
