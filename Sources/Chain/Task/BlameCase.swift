public import MeshCrypto
public import Wire

/// One claim about one element of a decided set, with what holders and clients said about it: who is convicted by the
/// signed bytes alone.
///
/// Nobody is convicted by silence. Under profile (1,0) no holder is convicted: nobody could contradict it.
public struct BlameCase: Sendable {
    public struct Dispute: Sendable, Hashable {
        /// Index in the sum's members.
        public let member: Int
        public let component: Int
    }

    public struct Finding: Sendable, Equatable {
        /// Holders that contradict themselves or an opened seed, ascending.
        public var liars: [NodeID] = []
        /// The openings that convict those of them that only an opened seed contradicts: one a liar at most. A proof carries
        /// these alone. Any member may open a seed unasked, so the first few openings that are known show nothing.
        public var convicting: [Dispute] = []
        /// Holders that have not disclosed what the claim asks of them, by place.
        public var missing: [NodeID] = []
        /// The first difference between holders that no opened seed has settled.
        public var dispute: Dispute?
        /// R_ij^(a) by component and member, where all holders disclosed and agree; for `recovery` only.
        public var masks: [[[UInt8]]]?
    }

    public let claim: BlameClaim
    public let profile: HolderProfile
    /// Members of the sum that the claimed element belongs to: the set, or a bucket.
    let set: [TaskState.SetMember]
    /// The claimed element's place in a member's vector.
    let element: Int
    let state: TaskState
    /// By place: the root of every component that the holder stated.
    private var roots: [Int: [Int: [UInt8]]] = [:]
    /// By component: K_j under each root that was proven.
    private var keys: [Int: [[UInt8]: [UInt8]]] = [:]
    /// By place and component.
    private var disclosed: [Int: [Int: [[UInt8]]]] = [:]
    private var openings: [Dispute: [UInt8]] = [:]
    private var headers: [SubmissionID: SubmissionHeader] = [:]

    /// Takes what a block carries. Everything is checked, signatures too.
    init(proof: BlameProof, manifest: BlockID, set: [TaskState.SetMember], state: TaskState) throws(ChainError) {
        for (list, what) in [
            (proof.statements, "key statements"), (proof.disclosures, "disclosures"), (proof.openings, "openings"),
            (proof.submissions, "announcements"),
        ] {
            try require(
                zip(list, list.dropFirst()).allSatisfy { $0.signer < $1.signer }, "\(what) are not in order of signer")
        }
        try self.init(
            claim: proof.claim, statements: proof.statements, disclosures: proof.disclosures, openings: proof.openings,
            submissions: proof.submissions, manifest: manifest, set: set, state: state, signaturesKnown: false)
    }

    /// - Parameters:
    ///   - submissions: announcements of the set, as far as known; others are ignored.
    ///   - signaturesKnown: the envelopes were accepted before.
    public init(
        claim envelope: Envelope, statements: [Envelope], disclosures: [Envelope], openings: [Envelope],
        submissions: [Envelope], manifest: BlockID, set: [TaskState.SetMember], state: TaskState,
        signaturesKnown: Bool = true
    ) throws(ChainError) {
        guard let profile = state.holderProfile else { throw .invalid("no such holder profile") }
        self.profile = profile
        self.state = state
        let context = RoundContext(state)
        claim = try TaskRules.checkClaim(
            envelope, context: context, manifest: manifest, state: state, signatureKnown: signaturesKnown)
        let (place, sums) = (state.place(ofElement: claim.element), state.sums(of: set))
        let (whole, set) = (set, sums[place.sum].map { set[$0] })
        self.set = set
        element = place.element
        for statement in statements {
            let stated = try TaskRules.checkKeyStatement(
                statement, context: context, manifest: manifest, state: state, signatureKnown: signaturesKnown)
            guard let place = state.holders.firstIndex(where: { $0.node == statement.signer }) else { continue }
            for root in stated.roots { roots[place, default: [:]][Int(root.component)] = root.root.bytes }
        }
        try takeKeys()
        for disclosure in disclosures {
            let found = try TaskRules.checkDisclosure(
                disclosure, context: context, manifest: manifest, sums: sums, state: state,
                signatureKnown: signaturesKnown)
            guard let place = state.holders.firstIndex(where: { $0.node == disclosure.signer }),
                found.element == claim.element
            else { continue }
            for masks in found.masks {
                disclosed[place, default: [:]][Int(masks.component)] = masks.values.map(\.bytes)
            }
        }
        for submission in submissions {
            let id = submission.submissionID
            // The name is the hash of the payload: the set itself vouches for it.
            guard set.contains(where: { $0.submission == id && $0.node == submission.signer }) else { continue }
            headers[id] = try decoded(SubmissionHeader.self, submission.payload)
        }
        for opening in openings {
            let found = try TaskRules.checkOpening(
                opening, context: context, set: whole, state: state, signatureKnown: signaturesKnown)
            guard let member = set.firstIndex(where: { $0.submission == found.submission }) else { continue }
            self.openings[Dispute(member: member, component: Int(found.component))] = found.seed.bytes
        }
    }

    /// Checks the claim's K_j against the stated roots, and that there is something to blame.
    private mutating func takeKeys() throws(ChainError) {
        for entry in claim.entries {
            let component = Int(entry.component)
            guard let root = roots[Int(entry.holder)]?[component] else {
                throw .invalid("no key statement of place \(entry.holder) for component \(component)")
            }
            try require(
                KeyVector.verify(
                    root: root, key: entry.key.bytes, element: Int(claim.element),
                    count: state.summedElements, path: entry.path.map(\.bytes)),
                "a key is not in the vector of place \(entry.holder), component \(component)")
            keys[component, default: [:]][root] = entry.key.bytes
        }
        switch claim.kind {
        case .recovery:
            try require(
                claim.entries.map { Int($0.component) } == Array(0..<profile.componentCount),
                "a claim of failed recovery names one key of every component")
            for (component, known) in keys {
                try require(
                    roots.values.allSatisfy { $0[component].map { known[$0] != nil } ?? true },
                    "the roots of component \(component) differ: that comes first")
            }
        case .dispute:
            try require(
                keys.count == 1 && Set(keys.values.flatMap(\.values)).count >= 2,
                "a dispute names one component and keys that differ")
        }
    }

    /// Components that the claim is about.
    private var components: [Int] {
        claim.kind == .recovery ? Array(0..<profile.componentCount) : keys.keys.sorted()
    }

    /// Components that the holder of this place has to disclose; none if the claim does not ask it.
    public func asked(of place: Int) -> [Int] {
        profile.components(of: place).filter {
            components.contains($0) && roots[place]?[$0] != nil || claim.kind == .recovery
        }
        .sorted()
    }

    // MARK: Finding

    public var finding: Finding {
        var finding = Finding()
        var liars: Set<Int> = []
        var heard: [Int: [(place: Int, masks: [[UInt8]])]] = [:]
        for place in 0..<profile.holders {
            for component in asked(of: place) {
                guard let masks = disclosed[place]?[component] else {
                    if finding.missing.last != state.holders[place].node {
                        finding.missing.append(state.holders[place].node)
                    }
                    continue
                }
                heard[component, default: []].append((place, masks))
                if let root = roots[place]?[component], let key = keys[component]?[root],
                    !Blame.masksSum(masks, to: key)
                {
                    liars.insert(place)
                }
            }
        }
        for component in components {
            let told = heard[component] ?? []
            for member in set.indices {
                let said = told.filter { !liars.contains($0.place) }
                let place = Dispute(member: member, component: component)
                if let truth = truth(place) {
                    let convicted = told.filter { $0.masks[member] != truth && !liars.contains($0.place) }
                    if !convicted.isEmpty { finding.convicting.append(place) }
                    liars.formUnion(convicted.map(\.place))
                } else if let first = said.first, said.contains(where: { $0.masks[member] != first.masks[member] }),
                    finding.dispute == nil
                {
                    finding.dispute = place
                }
            }
        }
        if liars.isEmpty, finding.dispute == nil, finding.missing.isEmpty, claim.kind == .recovery {
            finding.masks = components.map { heard[$0]?.first?.masks ?? [] }
        }
        // Nobody can contradict the only holder.
        if profile.threshold > 0 { finding.liars = liars.map { state.holders[$0].node }.sorted() }
        return finding
    }

    /// R_ij^(a) from an opened seed; nil without one that the header commits to.
    private func truth(_ place: Dispute) -> [UInt8]? {
        guard let seed = openings[place], let header = headers[set[place.member].submission],
            header.componentCommitments.indices.contains(place.component),
            let binding = try? SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes)
        else { return nil }
        return Blame.mask(
            seed: SecretBytes(seed), binding: binding, component: place.component, element: element,
            commitment: header.componentCommitments[place.component].bytes)
    }

    /// Those of `envelopes` that open one of `places`.
    func openings(of places: [Dispute], among envelopes: [Envelope]) -> [Envelope] {
        envelopes.filter { envelope in
            guard let opening = try? SeedOpening(wireBytes: envelope.payload) else { return false }
            return places.contains {
                set[$0.member].submission == opening.submission && $0.component == Int(opening.component)
            }
        }
    }

    // MARK: Verdict

    /// Convicted holders, and the clients whose element, shown in `chunks`, is out of range under the agreed masks.
    ///
    /// - Throws: for a chunk that is not its member's, or that convicts nobody.
    func verdict(_ chunks: [BlameProof.Chunk]) throws(ChainError) -> (clients: [NodeID], liars: [NodeID]) {
        let finding = finding
        guard !chunks.isEmpty else { return ([], finding.liars) }
        guard let masks = finding.masks else {
            throw .invalid("clients are named although the holders' masks are not complete and agreed")
        }
        try require(
            zip(chunks, chunks.dropFirst()).allSatisfy { $0.submission < $1.submission }, "chunks are not in order")
        let policy = try elementPolicy
        let place = Blame.chunkPlace(element: element, encoding: policy.encoding)
        var clients: [NodeID] = []
        for chunk in chunks {
            guard let member = set.firstIndex(where: { $0.submission == chunk.submission }),
                let header = headers[chunk.submission]
            else { throw .invalid("a chunk of no member's announcement") }
            try require(
                SubmissionBody.verify(
                    root: header.elementsRoot.bytes, chunk: chunk.bytes[...], index: place.chunk,
                    byteCount: state.spec.elementCount(round: state.round) * state.spec.elementBytes,
                    path: chunk.path.map(\.bytes)),
                "a chunk is not that of \(header.submitter.short)")
            try require(
                !Blame.holdsSum(
                    elements: [Array(chunk.bytes[place.bytes])], keys: masks.map { $0[member] }, policy: policy),
                "element \(element) of \(header.submitter.short) is within its range")
            clients.append(header.submitter)
        }
        return (clients.sorted(), finding.liars)
    }

    private var elementPolicy: Blame.ElementPolicy {
        get throws(ChainError) {
            let spec = state.spec
            do {
                return Blame.ElementPolicy(
                    encoding: spec.update.encoding == .ristretto ? .ristretto : .affine,
                    packing: try Packing(
                        digits: Int(spec.update.packing), bound: spec.bound,
                        maximumSubmitters: Int(spec.participants.maximum)),
                    coordinates: spec.coordinateCount(round: state.round), element: element)
            } catch { throw .invalid("\(error)") }
        }
    }
}

/// Admission of the messages of blame.
extension TaskRules {
    public static func checkClaim(
        _ envelope: Envelope, context: RoundContext, manifest: BlockID, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> BlameClaim {
        let claim = try read(
            envelope, as: BlameClaim.self, .claim, from: .voter, context: context, state: state,
            signatureKnown: signatureKnown)
        try require(claim.manifest == manifest, "a claim about another set")
        try require(Int(claim.element) < state.summedElements, "a claim about no element")
        guard let profile = state.holderProfile else { throw .invalid("no such holder profile") }
        try require(
            claim.entries.allSatisfy { profile.boxIndex(component: Int($0.component), holder: Int($0.holder)) != nil },
            "a claim names a holder that does not know the component")
        return claim
    }

    public static func checkDisclosure(
        _ envelope: Envelope, context: RoundContext, manifest: BlockID, sums: [[Int]], state: TaskState,
        signatureKnown: Bool = false
    ) throws(ChainError) -> Disclosure {
        let disclosure = try read(
            envelope, as: Disclosure.self, .disclosure, from: .holder, context: context, state: state,
            signatureKnown: signatureKnown)
        try require(disclosure.manifest == manifest, "a disclosure about another set")
        let known = state.components(of: envelope.signer)
        let sum = state.place(ofElement: disclosure.element).sum
        try require(sum < sums.count, "a disclosure about no element")
        try require(
            disclosure.masks.allSatisfy { known.contains(Int($0.component)) && $0.values.count == sums[sum].count },
            "a disclosure of components that its holder does not know, or not of every member")
        return disclosure
    }

    public static func checkOpening(
        _ envelope: Envelope, context: RoundContext, set: [TaskState.SetMember], state: TaskState,
        signatureKnown: Bool = false
    ) throws(ChainError) -> SeedOpening {
        let opening = try read(
            envelope, as: SeedOpening.self, .opening, from: .anybody, context: context, state: state,
            signatureKnown: signatureKnown)
        try require(
            set.contains { $0.node == envelope.signer && $0.submission == opening.submission },
            "an opening of a submission that is not its signer's")
        try require(Int(opening.component) < state.holderProfile?.componentCount ?? 0, "an opening of no component")
        return opening
    }

    /// Whether an opened seed is the one that its announcement commits to.
    static func isCommitted(_ opening: SeedOpening, in header: SubmissionHeader) -> Bool {
        let component = Int(opening.component)
        guard header.componentCommitments.indices.contains(component),
            let binding = try? SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes)
        else { return false }
        let commitment = MaskDerivation.componentCommitment(
            seed: SecretBytes(opening.seed.bytes), binding: binding, component: component)
        return Digest(commitment) == header.componentCommitments[component]
    }
}
