/// The first agreement of a network; its hash is the network id. It begins with the number of the rules that it is
/// read by.
public struct Genesis: WireMessage, Hashable {
    public struct Account: WireCodable, Hashable {
        public let node: NodeID
        public let balance: UInt64
        /// Bond as a registry validator; 0: none.
        public let validatorBond: UInt64
        /// ristretto255 key of a validator's election proofs; zero where the network has none.
        public let electionKey: Digest
        /// That the account holds its keys; a validator has it, nobody else needs it.
        public let proofs: KeyProofs?

        public init(
            node: NodeID, balance: UInt64, validatorBond: UInt64, electionKey: Digest = .zero,
            proofs: KeyProofs? = nil
        ) {
            self.node = node
            self.balance = balance
            self.validatorBond = validatorBond
            self.electionKey = electionKey
            self.proofs = proofs
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(node)
            encoder.u64(balance)
            encoder.u64(validatorBond)
            encoder.value(electionKey)
            encoder.optional(proofs)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            node = try decoder.value()
            balance = try decoder.u64("balance")
            validatorBond = try decoder.u64("validator bond")
            electionKey = try decoder.value()
            proofs = try decoder.optional("proofs")
        }
    }

    /// What a member states about its own keys, before there is a network.
    public struct KeyProofs: WireCodable, Hashable {
        /// By the election key; zero where that is.
        public let election: Signature
        /// By the node's key, over both keys.
        public let node: Signature

        public init(election: Signature, node: Signature) {
            self.election = election
            self.node = node
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(election)
            encoder.value(node)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            election = try decoder.value()
            node = try decoder.value()
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
        /// How long a change of bonds waits at most before it changes the electorate.
        public let epochMs: UInt64

        public init(
            electionProofBytes: UInt8, proposeMs: UInt32, voteMs: UInt32, settleMs: UInt64 = 3_600_000,
            evidenceMs: UInt64 = 172_800_000, epochMs: UInt64 = 3_600_000
        ) {
            self.electionProofBytes = electionProofBytes
            self.proposeMs = proposeMs
            self.voteMs = voteMs
            self.settleMs = settleMs
            self.evidenceMs = evidenceMs
            self.epochMs = epochMs
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(electionProofBytes)
            encoder.u32(proposeMs)
            encoder.u32(voteMs)
            encoder.u64(settleMs)
            encoder.u64(evidenceMs)
            encoder.u64(epochMs)
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
            epochMs = try decoder.u64("epoch")
            let windows = [settleMs, evidenceMs, epochMs]
            guard windows.allSatisfy({ (1...Self.longestWindowMs).contains($0) }) else {
                throw .invalid(field: "windows", reason: "1...\(Self.longestWindowMs) ms, found \(windows)")
            }
        }
    }

    /// Where a network comes from that goes on without voters who were lost for ever.
    public struct Origin: WireCodable, Hashable {
        /// The network that stands still.
        public let network: NetworkID
        /// Its last decided registry block; height 0 and the network's id where none was decided.
        public let height: UInt64
        public let block: BlockID
        /// Hash of what each account of this genesis has been given, bond and balance together.
        public let carried: Digest
        /// Its voters who have no vote here, ascending, at least one. What they held is carried as everybody's.
        public let without: [NodeID]

        public init(network: NetworkID, height: UInt64, block: BlockID, carried: Digest, without: [NodeID]) {
            self.network = network
            self.height = height
            self.block = block
            self.carried = carried
            self.without = without
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(network)
            encoder.u64(height)
            encoder.value(block)
            encoder.value(carried)
            encoder.list(without)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            network = try decoder.value()
            height = try decoder.u64("origin height")
            block = try decoder.value()
            carried = try decoder.value()
            without = try decoder.list(limit: Limits.voters, "lost voters")
            guard !without.isEmpty, zip(without, without.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw .invalid(field: "lost voters", reason: "none, or not in ascending order")
            }
        }
    }

    public let name: String
    public let timeMs: UInt64
    /// Ascending by node.
    public let accounts: [Account]
    public let parameters: Parameters
    /// Nil for a network that begins here; a fork's proofs are signatures under it, and no part of its network id.
    public let origin: Origin?

    public init(name: String, timeMs: UInt64, accounts: [Account], parameters: Parameters, origin: Origin? = nil) {
        self.name = name
        self.timeMs = timeMs
        self.accounts = accounts
        self.parameters = parameters
        self.origin = origin
    }

    /// The number of the section that may follow the parameters. Numbers are never reused.
    private static let originSection: UInt8 = 1

    public static var domain: WireDomain { .genesis }

    /// - Throws: ``WireError/otherRules(_:)`` before anything else of a genesis of another number is read.
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let tag = try decoder.u16("domain")
        guard tag == Self.domain.rawValue else {
            throw .invalid(field: "domain", reason: "expected \(Self.domain), found tag \(tag)")
        }
        let version = try decoder.u8("version")
        if version == 1 { throw .otherRules(RulesNumber.unwritten) }
        guard version == Self.domain.version else {
            throw .invalid(field: "version", reason: "expected \(Self.domain.version), found \(version)")
        }
        self = try Self(fieldsFrom: &decoder)
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u16(RulesNumber.current)
        encoder.string(name)
        encoder.u64(timeMs)
        encoder.list(accounts)
        encoder.value(parameters)
        // A genesis without an origin ends here, as it did before there were forks.
        guard let origin else { return }
        encoder.u8(Self.originSection)
        encoder.value(origin)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        let rules = try decoder.u16("rules")
        guard rules == RulesNumber.current else { throw .otherRules(rules) }
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
        if decoder.remaining > 0 {
            let section = try decoder.u8("section")
            guard section == Self.originSection else {
                throw .invalid(
                    field: "section", reason: "expected the end or \(Self.originSection), found \(section)")
            }
            origin = try decoder.value()
        } else {
            origin = nil
        }
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
