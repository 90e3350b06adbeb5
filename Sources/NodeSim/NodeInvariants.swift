internal import Chain
internal import MeshCrypto
internal import Wire

/// What an observer of all nodes checks: after every stored block and before every frame. It folds the chains itself.
final class NodeInvariants: @unchecked Sendable {
    private(set) var violations: [NodeViolation] = []
    private(set) var registry: RegistryState
    private(set) var task: TaskState?
    /// Stored heights of every node, by chain: what was stored is there after a crash.
    private var heights: [Stored: UInt64] = [:]
    private var signed: [Signing: [UInt8]] = [:]
    private var decided: [Place: BlockID] = [:]
    private let credits: UInt64
    private(set) var voids = 0
    private(set) var results = 0

    private struct Place: Hashable {
        let chain: ChainID
        let height: UInt64
    }
    private struct Stored: Hashable {
        let node: Int
        let chain: ChainID
    }
    private struct Signing: Hashable {
        let slot: Slot
        let signer: NodeID
    }

    init(genesis: Genesis) {
        registry = RegistryState(genesis: genesis)
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
        if let before = decided[Place(chain: header.chain, height: header.height)] {
            check(
                before == header.id, "one decided block per height", time,
                "height \(header.height): node \(node) decides \(header.id.short), another node \(before.short)")
            return
        }
        decided[Place(chain: header.chain, height: header.height)] = header.id
        do {
            if header.chain == registry.chain {
                try block.certificate.check(network: registry.network, header: header, electorate: registry.validators)
                registry = try RegistryRules.check(header: header, body: block.body, state: registry)
                check(
                    registry.totalCredits == credits, "the sum of credits is constant", time,
                    "height \(header.height): \(registry.totalCredits), not \(credits)")
                if task == nil, let opened = registry.openedTasks().first { task = TaskState(genesis: opened) }
            } else if let state = task {
                try block.certificate.check(network: registry.network, header: header, electorate: state.electorate)
                let content = try TaskRules.check(header: header, body: block.body, state: state)
                task!.apply(content, header: header, block: header.id)
                if header.kind == .void { voids += 1 }
                if header.kind == .result { results += 1 }
            } else {
                report("certificates are valid", time, "node \(node) stores a block of a chain that is not open")
            }
        } catch {
            report("certificates are valid", time, "node \(node), height \(header.height): \(error)")
        }
    }

    // MARK: Messages

    /// A frame that is about to leave: kind 1 holds an envelope. A node signs once a slot, whatever happened to it.
    func sends(_ node: NodeID, _ bytes: [UInt8], time: UInt64) {
        guard bytes.first == 1, let envelope = try? Envelope(wireBytes: Array(bytes.dropFirst())),
            envelope.signer == node, envelope.slot.kind != .transaction
        else { return }
        let place = Signing(slot: envelope.slot, signer: node)
        if let before = signed.updateValue(envelope.payload, forKey: place) {
            check(
                before == envelope.payload, "no honest key signs twice in a slot", time,
                "\(node.short) signs two \(envelope.slot.kind)s at (\(envelope.slot.major), \(envelope.slot.minor))")
        }
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
