package import Wire

/// Nodes with something that waits, in turn: whoever was served goes behind the others, so that nobody's place among the
/// ids, and nobody's number of questions, lets it go first for ever. All that is shared out among peers goes by it.
package struct Turns: Sendable {
    private var nodes: [NodeID] = []

    package init() {}

    package var isEmpty: Bool { nodes.isEmpty }

    /// Waits behind the others; who waits already keeps its place.
    package mutating func join(_ node: NodeID) {
        if !nodes.contains(node) { nodes.append(node) }
    }

    package mutating func leave(_ node: NodeID) {
        if let place = nodes.lastIndex(of: node) { nodes.remove(at: place) }
    }

    /// Whose turn it is, of those that `may`; it goes behind the others.
    package mutating func next(_ may: (NodeID) -> Bool) -> NodeID? {
        guard let place = nodes.firstIndex(where: may) else { return nil }
        let node = nodes.remove(at: place)
        nodes.append(node)
        return node
    }
}
