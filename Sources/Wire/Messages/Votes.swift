/// Payload of a proposal: the block and the view in which it was last seen to be valid by a quorum (−1: fresh).
public struct Proposal: WireCodable, Hashable {
    public let header: BlockHeader
    public let validView: Int32

    public init(header: BlockHeader, validView: Int32) {
        self.header = header
        self.validView = validView
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(header)
        encoder.i32(validView)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        header = try decoder.value()
        validView = try decoder.i32("valid view")
        guard validView >= -1 else { throw .invalid(field: "valid view", reason: "below -1") }
    }
}

/// Payload of a prevote or precommit: a block, or nil with its reason.
public struct Vote: WireCodable, Hashable {
    /// Why a vote is for no block. It changes nothing: nil votes count together.
    public enum Reason: UInt8, Sendable {
        /// Prevote: the propose timeout passed without a proposal that could be judged.
        case noProposal = 1
        /// Prevote: the proposal's author or views are not those of this view.
        case notItsTurn = 2
        /// Prevote: this voter is locked on another block.
        case locked = 3
        /// Prevote: the rules refuse the block, or it was not admitted.
        case refused = 4
        /// Precommit: no quorum of prevotes within the vote timeout.
        case noQuorum = 5
        /// Precommit: a quorum of prevotes for nil.
        case quorumForNil = 6
    }

    public let block: BlockID?
    /// Nil exactly for a vote for a block, whose bytes every voter must sign alike.
    public let reason: Reason?

    public init(block: BlockID?, reason: Reason = .noProposal) {
        self.block = block
        self.reason = block == nil ? reason : nil
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.optional(block)
        if let reason { encoder.u8(reason.rawValue) }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        block = try decoder.optional("block")
        guard block == nil else {
            reason = nil
            return
        }
        let number = try decoder.u8("reason")
        guard let reason = Reason(rawValue: number) else {
            throw .invalid(field: "reason", reason: "unknown \(number)")
        }
        self.reason = reason
    }
}

/// What a voter must remember across a crash before it may sign again at a height.
public struct VoteState: WireMessage, Hashable {
    public enum Step: UInt8, Sendable, Comparable {
        case propose = 0
        case prevote = 1
        case precommit = 2
        public static func < (lhs: Step, rhs: Step) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    public struct Value: WireCodable, Hashable {
        public let view: UInt32
        public let header: BlockHeader

        public init(view: UInt32, header: BlockHeader) {
            self.view = view
            self.header = header
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u32(view)
            encoder.value(header)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            view = try decoder.u32("view")
            header = try decoder.value()
        }
    }

    public var height: UInt64
    public var view: UInt32
    public var step: Step
    public var locked: Value?
    public var valid: Value?

    public init(height: UInt64, view: UInt32, step: Step, locked: Value?, valid: Value?) {
        self.height = height
        self.view = view
        self.step = step
        self.locked = locked
        self.valid = valid
    }

    public static var domain: WireDomain { .voteState }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u64(height)
        encoder.u32(view)
        encoder.u8(step.rawValue)
        encoder.optional(locked)
        encoder.optional(valid)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        height = try decoder.u64("height")
        view = try decoder.u32("view")
        let number = try decoder.u8("step")
        guard let step = Step(rawValue: number) else { throw .invalid(field: "step", reason: "unknown \(number)") }
        self.step = step
        locked = try decoder.optional("locked")
        valid = try decoder.optional("valid")
    }
}
