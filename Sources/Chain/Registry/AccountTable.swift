public import Wire

/// The accounts of a registry, in parts that are shared until they change.
///
/// Every transaction is tried on a copy of the state, so that one that fails leaves nothing behind. With one dictionary the
/// first change to the copy would copy all accounts; so it copies one part in 256. Which part an account is in differs from
/// process to process, so that nobody can make keys that share one; no order of iteration means anything.
public struct AccountTable: Sendable, Sequence, Hashable {
    public typealias Account = RegistryState.Account

    private static let partCount = 256
    private var parts = [[NodeID: Account]](repeating: [:], count: Self.partCount)

    /// Accounts that have credits on their way back: what time looks at in every block, and in every trial of one.
    public private(set) var unbonding: Set<NodeID> = []

    public init() {}

    private static func part(of node: NodeID) -> Int { node.hashValue & (partCount - 1) }

    public subscript(node: NodeID) -> Account? {
        get { parts[Self.part(of: node)][node] }
        _modify {
            let part = Self.part(of: node)
            defer {
                if parts[part][node]?.unbonding.isEmpty == false {
                    unbonding.insert(node)
                } else if unbonding.contains(node) {
                    unbonding.remove(node)
                }
            }
            yield &parts[part][node]
        }
    }

    public subscript(node: NodeID, default fresh: @autoclosure () -> Account) -> Account {
        get { self[node] ?? fresh() }
        set { self[node] = newValue }
    }

    public var count: Int { parts.reduce(0) { $0 + $1.count } }
    /// In no order.
    public var keys: [NodeID] { parts.flatMap(\.keys) }
    /// In no order.
    public var values: [Account] { parts.flatMap(\.values) }

    public func makeIterator() -> AnyIterator<(key: NodeID, value: Account)> {
        var rest = parts.lazy.joined().makeIterator()
        return AnyIterator { rest.next().map { (key: $0.key, value: $0.value) } }
    }

    public func mapValues<Value>(_ transform: (Account) -> Value) -> [NodeID: Value] {
        var result: [NodeID: Value] = [:]
        for part in parts { for (node, account) in part { result[node] = transform(account) } }
        return result
    }
}
