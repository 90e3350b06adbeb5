internal import Chain
internal import MeshSim
internal import Wire

/// What an observer of all nodes checks: after every stored block and before every frame. It folds the chains itself.
final class NodeInvariants: @unchecked Sendable {
    private(set) var violations: [NodeViolation] = []
    private(set) var registry: RegistryState
    private(set) var task: TaskState?
    /// Stored heights of every node, by chain: what was stored is there after a crash.
    private var heights: [Stored: UInt64] = [:]
    private var witness: Witness
    private let credits: UInt64
    private(set) var voids = 0
    private(set) var results = 0

    private struct Stored: Hashable {
        let node: Int
        let chain: ChainID
    }

    init(genesis: Genesis) {
        registry = RegistryState(genesis: genesis)
        witness = Witness(network: genesis.networkID)
        credits = registry.totalCredits
    }

    private func check(_ holds: Bool, _ invariant: String, _ time: UInt64, _ detail: @autoclosure () -> String) {
        if !holds { violations.append(NodeViolation(invariant: invariant, time: time, detail: detail())) }
    }

    func height(_ node: Int, _ chain: ChainID) -> UInt64 { heights[Stored(node: node, chain: chain)] ?? 0 }

    func report(_ invariant: String, _ time: UInt64, _ detail: String) { check(false, invariant, time, detail) }

    // MARK: Blocks

    func stored(_ block: DecidedBlock, node: Int, time: UInt64) {
        let header = block.header
        let own = Stored(node: node, chain: header.chain)
        check(
            header.height == (heights[own] ?? 0) + 1, "what a node has stored it keeps", time,
            "node \(node) stores height \(header.height) after \(heights[own] ?? 0)")
        heights[own] = header.height
        let sight = witness.decides(header)
        check(
            sight != .other, Violation.Invariant.oneBlockPerHeight.rawValue, time,
            "height \(header.height): node \(node) decides \(header.id.short), another node "
                + "\(witness.decided(header.chain, header.height)?.short ?? "nothing")")
        guard sight == .first else { return }
        do {
            if header.chain == registry.chain {
                certify(block, by: registry.validators, time: time)
                registry = try RegistryRules.check(header: header, body: block.body, state: registry)
                check(
                    registry.totalCredits == credits, Violation.Invariant.credits.rawValue, time,
                    "height \(header.height): \(registry.totalCredits), not \(credits)")
                if task == nil, let opened = registry.openedTasks().first { task = TaskState(genesis: opened) }
            } else if let state = task {
                certify(block, by: state.electorate, time: time)
                let content = try TaskRules.check(header: header, body: block.body, state: state)
                task!.apply(content, header: header, block: header.id)
                if header.kind == .void { voids += 1 }
                if header.kind == .result { results += 1 }
            } else {
                report(
                    Violation.Invariant.certificate.rawValue, time,
                    "node \(node) stores a block of a chain that is not open")
            }
        } catch {
            report(
                Violation.Invariant.certificate.rawValue, time, "node \(node), height \(header.height): \(error)")
        }
    }

    private func certify(_ block: DecidedBlock, by electorate: Electorate, time: UInt64) {
        let fault = witness.fault(of: block, weights: electorate.members.map { (node: $0.node, weight: $0.weight) })
        check(fault == nil, Violation.Invariant.certificate.rawValue, time, fault ?? "")
    }

    // MARK: Messages

    /// A frame that is about to leave: kind 1 holds an envelope. A node signs once a slot, whatever happened to it.
    func sends(_ node: NodeID, _ bytes: [UInt8], time: UInt64) {
        guard bytes.first == 1, let envelope = try? Envelope(wireBytes: Array(bytes.dropFirst())),
            envelope.signer == node, envelope.slot.kind != .transaction
        else { return }
        check(
            witness.signs(envelope) != .other, Violation.Invariant.oneMessagePerSlot.rawValue, time,
            "\(node.short) signs two \(envelope.slot.kind)s at (\(envelope.slot.major), \(envelope.slot.minor))")
    }
}

/// An invariant that did not hold, with when.
public struct NodeViolation: Sendable, Equatable, CustomStringConvertible {
    public let invariant: String
    /// Microseconds of virtual time.
    public let time: UInt64
    public let detail: String

    public var description: String { "\(invariant): \(detail) (at \(time / 1_000) ms)" }
}
