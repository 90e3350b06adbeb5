public import Wire

/// What the chains say of nodes, told to the machines below them: who is known to somebody other than itself. It decides
/// who is dialled first, whose places nobody takes, and who goes first where work or bytes are short; never who may vote.
public struct Standing: Sendable, Equatable {
    public enum Rank: Int, Comparable, CaseIterable, Sendable {
        /// A key that anybody may have made.
        case stranger = 0
        /// Has an account in the registry.
        case account = 1
        /// A validator, or a member of a task that has not ended.
        case member = 2

        public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    public let members: Set<NodeID>
    public let accounts: Set<NodeID>

    public init(members: Set<NodeID> = [], accounts: Set<NodeID> = []) {
        self.members = members
        self.accounts = accounts
    }

    /// Nothing is known yet: all are alike.
    public var isEmpty: Bool { members.isEmpty && accounts.isEmpty }

    public func rank(of node: NodeID) -> Rank {
        members.contains(node) ? .member : accounts.contains(node) ? .account : .stranger
    }

    /// As what a node is treated where work or bytes are short: its rank, and while nothing is known of anybody all are
    /// alike and nobody is a stranger.
    public func footing(of node: NodeID) -> Rank { isEmpty ? .member : rank(of: node) }
}
