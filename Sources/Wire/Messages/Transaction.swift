/// Payload of a registry transaction. The envelope's slot carries the account nonce, its signer is the account.
public enum Transaction: WireMessage, Hashable {
    /// Publishes a task and moves its reward into escrow. The sealing key serves profile (1,0), where the publisher
    /// is the only holder.
    case publish(TaskSpec, sealingKey: SealingKey)
    /// Joins a task with a bond.
    case enrol(Enrolment)
    /// Ends enrolment: by anyone at the maximum, or with the minimum after the deadline.
    case close(task: TaskID)
    /// Moves credits to another account.
    case transfer(to: NodeID, credits: UInt64)
    /// Puts credits up as a validator of the registry. The key is that of the election's VRF.
    case bond(credits: UInt64, electionKey: Digest)
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
        case .publish(let spec, let sealingKey):
            encoder.u8(1)
            encoder.value(spec)
            encoder.value(sealingKey)
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
        case .bond(let credits, let electionKey):
            encoder.u8(5)
            encoder.u64(credits)
            encoder.value(electionKey)
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
        case 1: self = .publish(try decoder.value(), sealingKey: try decoder.value())
        case 2: self = .enrol(try decoder.value())
        case 3: self = .close(task: try decoder.value())
        case 4: self = .transfer(to: try decoder.value(), credits: try decoder.u64("credits"))
        case 5: self = .bond(credits: try decoder.u64("credits"), electionKey: try decoder.value())
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

    public init(task: TaskID, sealingKey: SealingKey, electionKey: Digest, rows: UInt32, dataForm: Digest, bond: UInt64)
    {
        self.task = task
        self.sealingKey = sealingKey
        self.electionKey = electionKey
        self.rows = rows
        self.dataForm = dataForm
        self.bond = bond
    }

    public func encode(into encoder: inout WireEncoder) {
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
    }
}

/// The first agreement of a network; its hash is the network id.
public struct Genesis: WireMessage, Hashable {
    public struct Account: WireCodable, Hashable {
        public let node: NodeID
        public let balance: UInt64
        /// Bond as a registry validator; 0: none.
        public let validatorBond: UInt64
        /// ristretto255 key of a validator's election proofs; zero where the network has none.
        public let electionKey: Digest

        public init(node: NodeID, balance: UInt64, validatorBond: UInt64, electionKey: Digest = .zero) {
            self.node = node
            self.balance = balance
            self.validatorBond = validatorBond
            self.electionKey = electionKey
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(node)
            encoder.u64(balance)
            encoder.u64(validatorBond)
            encoder.value(electionKey)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            node = try decoder.value()
            balance = try decoder.u64("balance")
            validatorBond = try decoder.u64("validator bond")
            electionKey = try decoder.value()
        }
    }

    public struct Parameters: WireCodable, Hashable {
        /// A year: sums of times stay far below 2^64.
        public static let longestWindowMs: UInt64 = 31_536_000_000
        /// Bytes of the election proof in every header: 0 until the VRF is in force, then 80.
        public let electionProofBytes: UInt8
        /// First timeouts of a view, milliseconds; each grows by half of itself a view.
        public let proposeMs: UInt32
        public let voteMs: UInt32
        /// From the first settlement of an ended task, or from its expiry, to its payout: for Reveal and for a higher
        /// settlement.
        public let settleMs: UInt64
        /// How long bonds stay slashable after that, and a validator's unbonded weight after its Unbond.
        public let evidenceMs: UInt64

        public init(
            electionProofBytes: UInt8, proposeMs: UInt32, voteMs: UInt32, settleMs: UInt64 = 3_600_000,
            evidenceMs: UInt64 = 172_800_000
        ) {
            self.electionProofBytes = electionProofBytes
            self.proposeMs = proposeMs
            self.voteMs = voteMs
            self.settleMs = settleMs
            self.evidenceMs = evidenceMs
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(electionProofBytes)
            encoder.u32(proposeMs)
            encoder.u32(voteMs)
            encoder.u64(settleMs)
            encoder.u64(evidenceMs)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            electionProofBytes = try decoder.u8("election proof bytes")
            guard electionProofBytes == 0 || electionProofBytes == 80 else {
                throw .invalid(field: "election proof bytes", reason: "0 or 80, found \(electionProofBytes)")
            }
            proposeMs = try decoder.u32("propose timeout")
            voteMs = try decoder.u32("vote timeout")
            guard (10...600_000).contains(proposeMs), (10...600_000).contains(voteMs) else {
                throw .invalid(field: "timeouts", reason: "10...600000 ms, found \(proposeMs) and \(voteMs)")
            }
            settleMs = try decoder.u64("settlement window")
            evidenceMs = try decoder.u64("evidence window")
            guard (1...Self.longestWindowMs).contains(settleMs), (1...Self.longestWindowMs).contains(evidenceMs) else {
                throw .invalid(
                    field: "windows",
                    reason: "1...\(Self.longestWindowMs) ms, found \(settleMs) and \(evidenceMs)")
            }
        }
    }

    public let name: String
    public let timeMs: UInt64
    /// Ascending by node.
    public let accounts: [Account]
    public let parameters: Parameters

    public init(name: String, timeMs: UInt64, accounts: [Account], parameters: Parameters) {
        self.name = name
        self.timeMs = timeMs
        self.accounts = accounts
        self.parameters = parameters
    }

    public static var domain: WireDomain { .genesis }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.string(name)
        encoder.u64(timeMs)
        encoder.list(accounts)
        encoder.value(parameters)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        name = try decoder.string(limit: Limits.name, "name")
        timeMs = try decoder.u64("time")
        guard timeMs <= Limits.timeMs else {
            throw .invalid(field: "time", reason: "\(timeMs) ms since 1970 is beyond the year 9999")
        }
        accounts = try decoder.list(limit: Limits.accounts, "accounts")
        guard zip(accounts, accounts.dropFirst()).allSatisfy({ $0.node < $1.node }) else {
            throw .invalid(field: "accounts", reason: "not in ascending order of node")
        }
        parameters = try decoder.value()
        // Sums of credits are made in u64 everywhere; a genesis that could overflow one is refused here, once.
        var total: UInt64 = 0
        for account in accounts {
            for part in [account.balance, account.validatorBond] {
                let (sum, overflow) = total.addingReportingOverflow(part)
                guard !overflow, sum <= UInt64(Int64.max) else {
                    throw .invalid(field: "accounts", reason: "credits add up to more than 2^63 - 1")
                }
                total = sum
            }
        }
    }
}
