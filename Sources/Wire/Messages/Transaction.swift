/// Payload of a registry transaction. The envelope's slot carries the account nonce, its signer is the account.
///
/// Every ristretto255 key that a transaction brings comes with a proof that its sender holds it, over the rest of the
/// transaction: `KeyRules` of the registry makes and checks them.
public enum Transaction: WireMessage, Hashable {
    /// Publishes a task and moves its reward into escrow. The sealing key serves profile (1,0), where the publisher
    /// is the only holder.
    case publish(TaskSpec, sealingKey: SealingKey, proof: Signature)
    /// Joins a task with a bond.
    case enrol(Enrolment)
    /// Ends enrolment: by anyone at the maximum, or with the minimum after the deadline.
    case close(task: TaskID)
    /// Moves credits to another account.
    case transfer(to: NodeID, credits: UInt64)
    /// Puts credits up as a validator of the registry. The key is that of the election's VRF.
    case bond(credits: UInt64, electionKey: Digest, proof: Signature)
    case unbond(Unbonding)
    /// Pauses, resumes or stops a task: by its publisher.
    case control(TaskControl)
    /// Opens a committed target.
    case reveal(task: TaskID, targetPpm: UInt32, nonce: Digest)
    /// Says what a task's members have earned, from a decided task header: by anyone.
    case settle(Settlement)
    /// Moves what is left of an escrow to the publisher: by anyone, after the settlement.
    case refund(task: TaskID)
    /// Two different messages that one signer put into one slot: it loses its bond on that chain.
    case evidence(first: Envelope, second: Envelope)
    /// What a publisher thinks of a member of its paid task, 1 (bad) to 5 (good).
    case rating(task: TaskID, node: NodeID, stars: UInt8)

    public static var domain: WireDomain { .transaction }

    public func encodeFields(into encoder: inout WireEncoder) {
        switch self {
        case .publish(let spec, let sealingKey, let proof):
            encoder.u8(1)
            encoder.value(spec)
            encoder.value(sealingKey)
            encoder.value(proof)
        case .enrol(let enrolment):
            encoder.u8(2)
            encoder.value(enrolment)
        case .close(let task):
            encoder.u8(3)
            encoder.value(task)
        case .transfer(let to, let credits):
            encoder.u8(4)
            encoder.value(to)
            encoder.u64(credits)
        case .bond(let credits, let electionKey, let proof):
            encoder.u8(5)
            encoder.u64(credits)
            encoder.value(electionKey)
            encoder.value(proof)
        case .unbond(let unbonding):
            encoder.u8(6)
            encoder.value(unbonding)
        case .control(let control):
            encoder.u8(7)
            encoder.value(control)
        case .reveal(let task, let target, let nonce):
            encoder.u8(8)
            encoder.value(task)
            encoder.u32(target)
            encoder.value(nonce)
        case .settle(let settlement):
            encoder.u8(9)
            encoder.value(settlement)
        case .refund(let task):
            encoder.u8(10)
            encoder.value(task)
        case .evidence(let first, let second):
            encoder.u8(11)
            encoder.value(first)
            encoder.value(second)
        case .rating(let task, let node, let stars):
            encoder.u8(12)
            encoder.value(task)
            encoder.value(node)
            encoder.u8(stars)
        }
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("transaction") {
        case 1:
            self = .publish(
                try decoder.value(), sealingKey: try decoder.value(), proof: try decoder.value())
        case 2: self = .enrol(try decoder.value())
        case 3: self = .close(task: try decoder.value())
        case 4: self = .transfer(to: try decoder.value(), credits: try decoder.u64("credits"))
        case 5:
            self = .bond(
                credits: try decoder.u64("credits"), electionKey: try decoder.value(), proof: try decoder.value())
        case 6: self = .unbond(try decoder.value())
        case 7: self = .control(try decoder.value())
        case 8:
            self = .reveal(
                task: try decoder.value(), targetPpm: try decoder.u32("target"), nonce: try decoder.value())
        case 9: self = .settle(try decoder.value())
        case 10: self = .refund(task: try decoder.value())
        case 11: self = .evidence(first: try decoder.value(), second: try decoder.value())
        case 12:
            let (task, node): (TaskID, NodeID) = (try decoder.value(), try decoder.value())
            let stars = try decoder.u8("stars")
            guard (1...5).contains(stars) else { throw .invalid(field: "stars", reason: "1 to 5, found \(stars)") }
            self = .rating(task: task, node: node, stars: stars)
        case let other: throw .invalid(field: "transaction", reason: "unknown kind \(other)")
        }
    }
}

/// What an Unbond takes back.
public enum Unbonding: WireCodable, Hashable {
    /// Weight as a validator; it stays slashable for the evidence window.
    case validator(credits: UInt64)
    /// An enrolment, before its task is closed.
    case enrolment(task: TaskID)

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .validator(let credits):
            encoder.u8(1)
            encoder.u64(credits)
        case .enrolment(let task):
            encoder.u8(2)
            encoder.value(task)
        }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("unbonding") {
        case 1: self = .validator(credits: try decoder.u64("credits"))
        case 2: self = .enrolment(task: try decoder.value())
        case let other: throw .invalid(field: "unbonding", reason: "unknown \(other)")
        }
    }
}

/// What a node states when it joins a task. The enrolled key is the transaction's signer.
public struct Enrolment: WireCodable, Hashable {
    public let task: TaskID
    /// Fresh for this task; seeds are sealed to it and it is erased when the task ends.
    public let sealingKey: SealingKey
    /// Long-lived ristretto255 key of the election's VRF.
    public let electionKey: Digest
    public let rows: UInt32
    /// Hash of the label map, shape and preprocessing that this node's rows were read with; must be the task's.
    public let dataForm: Digest
    public let bond: UInt64
    /// That this node holds the two keys; zero for a key that is.
    public var sealingProof: Signature
    public var electionProof: Signature

    public init(
        task: TaskID, sealingKey: SealingKey, electionKey: Digest, rows: UInt32, dataForm: Digest, bond: UInt64,
        sealingProof: Signature = .zero, electionProof: Signature = .zero
    ) {
        self.task = task
        self.sealingKey = sealingKey
        self.electionKey = electionKey
        self.rows = rows
        self.dataForm = dataForm
        self.bond = bond
        self.sealingProof = sealingProof
        self.electionProof = electionProof
    }

    /// Everything but the proofs: what they are about.
    public var stated: [UInt8] {
        var encoder = WireEncoder()
        encodeStated(into: &encoder)
        return encoder.bytes
    }

    public func encode(into encoder: inout WireEncoder) {
        encodeStated(into: &encoder)
        encoder.value(sealingProof)
        encoder.value(electionProof)
    }

    private func encodeStated(into encoder: inout WireEncoder) {
        encoder.value(task)
        encoder.value(sealingKey)
        encoder.value(electionKey)
        encoder.u32(rows)
        encoder.value(dataForm)
        encoder.u64(bond)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        task = try decoder.value()
        sealingKey = try decoder.value()
        electionKey = try decoder.value()
        rows = try decoder.u32("rows")
        dataForm = try decoder.value()
        bond = try decoder.u64("bond")
        sealingProof = try decoder.value()
        electionProof = try decoder.value()
    }
}
