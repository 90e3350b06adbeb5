/// What a publisher may order. Numbers are never reused.
public enum ControlAction: UInt8, Sendable, WireCodable, CaseIterable {
    case pause = 1
    case resume = 2
    case stop = 3

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let number = try decoder.u8("control action")
        guard let action = ControlAction(rawValue: number) else {
            throw .invalid(field: "control action", reason: "unknown \(number)")
        }
        self = action
    }
}

/// A publisher's order about a task, numbered from 1.
public struct TaskControl: WireCodable, Hashable {
    public let task: TaskID
    public let sequence: UInt32
    public let action: ControlAction

    public init(task: TaskID, sequence: UInt32, action: ControlAction) {
        self.task = task
        self.sequence = sequence
        self.action = action
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(task)
        encoder.u32(sequence)
        encoder.value(action)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        task = try decoder.value()
        sequence = try decoder.u32("sequence")
        action = try decoder.value()
    }
}

/// A voter and its weight, as a proof carries them.
public struct ElectorateEntry: WireCodable, Hashable {
    public let node: NodeID
    public let weight: UInt64

    public init(node: NodeID, weight: UInt64) {
        self.node = node
        self.weight = weight
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(node)
        encoder.u64(weight)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        node = try decoder.value()
        weight = try decoder.u64("weight")
    }
}

/// A registry header with its certificate and the electorate that signed it.
public struct RegistryStep: WireCodable, Hashable {
    public let header: BlockHeader
    public let certificate: Certificate
    /// Ascending by node.
    public let electorate: [ElectorateEntry]

    public init(header: BlockHeader, certificate: Certificate, electorate: [ElectorateEntry]) {
        self.header = header
        self.certificate = certificate
        self.electorate = electorate
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(header)
        encoder.value(certificate)
        encoder.list(electorate)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        header = try decoder.value()
        certificate = try decoder.value()
        electorate = try decoder.list(limit: Limits.voters, "electorate")
    }
}

/// A decided Control transaction with what proves that the registry decided it: the registry headers at which its
/// electorate changed since the task opened, the header of the block, and the block's transactions.
public struct ControlOrder: WireCodable, Hashable {
    /// Ascending by height; the last is the block that holds the transaction.
    public let steps: [RegistryStep]
    public let body: RegistryBody
    /// Place of the Control in the body.
    public let index: UInt32

    public init(steps: [RegistryStep], body: RegistryBody, index: UInt32) {
        self.steps = steps
        self.body = body
        self.index = index
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.list(steps)
        encoder.value(body)
        encoder.u32(index)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        steps = try decoder.list(limit: Limits.proofSteps, "steps")
        body = try decoder.value()
        index = try decoder.u32("index")
    }
}
