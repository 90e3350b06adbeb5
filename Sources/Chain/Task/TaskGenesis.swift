internal import MeshCrypto
public import Wire

/// What a task chain starts from: the decided Publish, Enrols and Close of the registry.
public struct TaskGenesis: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let node: NodeID
        public let enrolment: Enrolment

        public init(node: NodeID, enrolment: Enrolment) {
            self.node = node
            self.enrolment = enrolment
        }
    }

    public let network: NetworkID
    public let task: TaskID
    public let spec: TaskSpec
    public let publisher: NodeID
    public let publisherSealingKey: SealingKey
    public let publishedMs: UInt64
    /// The registry block that closed enrolment: the parent of the first block.
    public let closeBlock: BlockID
    /// R_0 = H("task" ‖ id ‖ R_c), c the registry height two after Close.
    public let beacon: Digest
    /// Ascending by node.
    public let members: [Member]
    public let parameters: Genesis.Parameters
    /// Where the proof of a publisher's order starts.
    public let registry: RegistryAnchor

    public init(
        network: NetworkID, task: TaskID, spec: TaskSpec, publisher: NodeID, publisherSealingKey: SealingKey,
        publishedMs: UInt64, closeBlock: BlockID, registryBeacon: Digest, members: [Member],
        parameters: Genesis.Parameters, registry: RegistryAnchor
    ) {
        self.network = network
        self.task = task
        self.spec = spec
        self.publisher = publisher
        self.publisherSealingKey = publisherSealingKey
        self.publishedMs = publishedMs
        self.closeBlock = closeBlock
        self.beacon = Digest(Transcript.hash("task", task.bytes, registryBeacon.bytes))
        self.members = members.sorted { $0.node < $1.node }
        self.parameters = parameters
        self.registry = registry
    }

    /// Weight = bond, fixed for the task.
    public var electorate: Electorate {
        Electorate(bonds: members.map { .init(node: $0.node, weight: $0.enrolment.bond) })
    }

    public func member(_ node: NodeID) -> Member? { members.first { $0.node == node } }

    /// Every key whose messages count on this chain: members, and the publisher as holder of profile (1,0).
    public var participants: [NodeID] {
        let nodes = members.map(\.node)
        return nodes.contains(publisher) ? nodes : (nodes + [publisher]).sorted()
    }

    /// The holders of the task and their sealing keys: the first k of a shuffle of their own, or the publisher.
    public var holders: [Holder] {
        guard !spec.holders.publisherAlone else { return [Holder(node: publisher, key: publisherSealingKey)] }
        return Array(holderOrder.prefix(Int(spec.holders.count)))
    }

    /// Every voter in the order in which it would become a holder: the first k are the holders, the next ones replace
    /// those that lie or fall silent.
    public var holderOrder: [Holder] {
        Election.order(electorate.members, seed: beacon, domain: "holders").compactMap { node in
            member(node).map { Holder(node: node, key: $0.enrolment.sealingKey) }
        }
    }

    public struct Holder: Hashable, Sendable {
        public let node: NodeID
        public let key: SealingKey

        public init(node: NodeID, key: SealingKey) {
            self.node = node
            self.key = key
        }
    }
}

extension TaskSpec.Data {
    /// What an Enrol states about the data that it stands for: label map, shape, columns and preprocessing in one hash.
    public var form: Digest {
        var encoder = WireEncoder()
        encode(into: &encoder)
        return Digest(Transcript.hash("meshnode/data-form/1", encoder.bytes))
    }
}

extension TaskSpec {
    /// d: trainable parameters of the model, bias included. As the counts below, of a validated specification.
    public var parameterCount: Int { validatedSizes.parameters }

    /// B: the largest absolute value of a quantised coordinate.
    public var bound: Int64 { validatedSizes.bound }

    /// Integers of one member in `round`, from 1.
    public func coordinateCount(round: UInt32) -> Int { validatedSizes.coordinateCount(round: round) }

    /// Group elements of one update of `round`, from 1.
    public func elementCount(round: UInt32) -> Int { validatedSizes.elementCount(round: round) }

    /// Bytes of one encoded element.
    public var elementBytes: Int { update.encoding.byteCount }

    /// The share of a member in the sum before quantising: rows / cap, or 1.
    public func weight(rows: UInt32) -> (numerator: UInt32, denominator: UInt32) {
        training.weighting == .uniform ? (1, 1) : (min(rows, training.rowCap), training.rowCap)
    }
}
