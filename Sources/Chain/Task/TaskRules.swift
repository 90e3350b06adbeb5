public import MeshCrypto
public import Wire

/// Validity of task blocks: a function of decided and carried bytes only. No clock, no arrival, no retrievability.
///
/// The one part that is missing here, because it needs bodies and group arithmetic, is the block equation and the
/// new model of a RESULT; see `ResultCheck`.
public enum TaskRules {
    /// Checks a block that extends `state` and returns its content.
    public static func check(
        header: BlockHeader, body: [UInt8], state: TaskState
    ) throws(ChainError) -> TaskBlockContent {
        try require(!state.isEnded, "the task chain has ended at height \(state.height)")
        try require(header.chain == state.chain, "the block belongs to another chain")
        try require(header.height == state.height + 1, "height \(header.height) does not follow \(state.height)")
        try require(header.parent == state.head, "parent \(header.parent.short) is not the head \(state.head.short)")
        try require(header.timeMs > state.headTimeMs, "time does not advance")
        let proposers = state.nextProposers
        try require(
            header.author == proposers[Int(header.originView) % proposers.count],
            "view \(header.originView) does not belong to author \(header.author.short)")
        try require(header.round == state.round && header.attempt == state.attempt, "wrong round or attempt")
        try Election.check(
            header, beacon: state.beacon, key: state.genesis.member(header.author)?.enrolment.electionKey,
            parameters: state.genesis.parameters)
        try require(header.body == .of(body, kind: .blockBody), "the body is not the one that the header names")
        try require(
            header.nextElectorate == .zero && header.secondElectorate == .zero, "a task's electorate never changes")

        let content = try self.content(header: header, body: body, state: state)
        var next = state
        next.apply(content, header: header, block: header.id)
        try require(header.stateRoot == next.root, "the state root does not match the block's content")
        try require(header.payoutRoot == next.payoutRoot, "the payout root does not match the block's content")
        return content
    }

    private static func content(
        header: BlockHeader, body: [UInt8], state: TaskState
    ) throws(ChainError) -> TaskBlockContent {
        if let implied = state.impliedControl {
            try require(header.kind == .control, "decided blocks imply \(implied): nothing else may follow")
        }
        if state.isPaused {
            try require(header.kind == .control, "the task is paused: only a CONTROL may follow")
        }
        if state.isDirectionDue {
            try require(header.kind == .control, "a scored round waits for its direction: only a CONTROL may follow")
        }
        switch header.kind {
        case .registry: throw .invalid("a registry block on a task chain")
        case .manifest:
            let manifest = try decoded(ManifestBody.self, body)
            return .manifest(manifest, set: try set(of: manifest, header: header, state: state))
        case .result:
            let result = try decoded(ResultBody.self, body)
            return .result(result, accuracyPpm: try check(result, header: header, state: state))
        case .void:
            let void = try decoded(VoidBody.self, body)
            try check(void, header: header, state: state)
            return .void(void)
        case .control:
            let control = try decoded(ControlBody.self, body)
            switch control {
            case .failed(.expired):
                try require(
                    state.impliedControl == nil && header.timeMs >= state.expiresMs, "the task has not expired")
            case .ordered(let order):
                try require(state.impliedControl == nil, "decided blocks imply another control")
                try check(order, state: state)
            case .anchor(let steps):
                try require(state.impliedControl == nil, "decided blocks imply another control")
                try check(anchor: steps, state: state)
            case .direction(let commitment): try check(direction: commitment, state: state)
            case .noDirection: try check(direction: nil, state: state)
            case .scores(let section):
                try require(state.impliedControl != nil, "the next MANIFEST carries the scores")
                try check(scores: section, height: header.height, state: state)
            case .complete, .failed:
                try require(
                    state.scores.pending == nil, "the scores of round \(state.scores.pending?.round ?? 0) come first")
                try require(control == state.impliedControl, "decided blocks do not imply \(control)")
            }
            return .control(control)
        }
    }

    // MARK: MANIFEST

    /// The set that a manifest decides, after checking all that it carries.
    static func set(
        of manifest: ManifestBody, header: BlockHeader, state: TaskState
    ) throws(ChainError) -> [TaskState.SetMember] {
        guard case .collecting = state.phase else { throw .invalid("a set is already decided") }
        let context = RoundContext(state)
        try require(manifest.context == context.digest, "the manifest belongs to another context")
        try checkLists(manifest.union, manifest.lists, height: header.height, state: state)
        let listed = SetSelection.listed(union: manifest.union, lists: manifest.lists, electorate: state.electorate)

        // The announcements of all of L, so that everybody can order it by key.
        try require(
            manifest.submissions.map(\.submissionID).sorted() == listed,
            "the carried announcements are not those listed by a third of the weight")
        var byKey: [NodeID: [SubmissionID]] = [:]
        var headers: [SubmissionID: SubmissionHeader] = [:]
        var previous: (NodeID, SubmissionID)?
        for envelope in manifest.submissions {
            headers[envelope.submissionID] = try checkSubmission(envelope, context: context, state: state)
            let place = (envelope.signer, envelope.submissionID)
            if let previous { try require(previous < place, "announcements are not in order") }
            previous = place
            byKey[envelope.signer, default: []].append(envelope.submissionID)
        }
        try checkOneEach(byKey, manifest.union, manifest.lists)
        let bad = try provenBad(manifest.complaints, headers: headers, context: context, state: state)
        let condemned = Set(bad.compactMap { headers[$0]?.submitter }).sorted()
        try require(manifest.evicted == condemned, "the evicted are not those whom the complaints prove bad")
        let set = select(
            byKey, condemned: condemned, beacon: Election.beacon(after: state.beacon, header: header), state: state)
        try require(
            set.count >= state.spec.leastMembers, "the set has \(set.count) members, too few to key")
        try checkReadys(manifest.readys, set: set, context: context, state: state)
        try check(scores: manifest.scores, height: header.height, state: state)
        return set
    }

    /// No list names two announcements of one member: whoever stored both names one, and shows both as evidence.
    private static func checkOneEach(
        _ byKey: [NodeID: [SubmissionID]], _ union: [SubmissionID], _ lists: [ReceivedList]
    ) throws(ChainError) {
        let places = Dictionary(uniqueKeysWithValues: union.enumerated().map { ($1, $0) })
        for ids in byKey.values where ids.count > 1 {
            let bits = ids.compactMap { places[$0] }
            try require(
                lists.allSatisfy { list in bits.count { list.bitmap[$0 / 8] >> UInt8($0 % 8) & 1 == 1 } <= 1 },
                "a list names two announcements of one member")
        }
    }

    /// The set that a block with these announcements decides.
    ///
    /// - Parameter beacon: R of that block: its author knows it before the others, and cannot choose it.
    static func select(
        _ byKey: [NodeID: [SubmissionID]], condemned: [NodeID], beacon: Digest, state: TaskState
    ) -> [TaskState.SetMember] {
        let submitters = submitters(byKey, condemned: condemned)
        let (bad, smallest) = (state.evicted + condemned, Int(state.spec.participants.smallestSet))
        let keys =
            state.buckets.isEmpty
            ? SetSelection.select(
                submitters: submitters, decidedSets: state.decidedSets, provenBad: bad, smallestSet: smallest,
                beacon: beacon)
            : SetSelection.select(
                submitters: submitters, buckets: state.buckets, provenBad: bad, smallestSet: smallest,
                least: state.spec.leastBuckets, beacon: beacon)
        return keys.compactMap { key in
            byKey[key]?.first.map { TaskState.SetMember(node: key, submission: $0) }
        }
    }

    /// Keys with exactly one announcement that counts, ascending: who is present.
    static func submitters(_ byKey: [NodeID: [SubmissionID]], condemned: [NodeID]) -> [NodeID] {
        byKey.filter { $0.value.count == 1 && !condemned.contains($0.key) }.map(\.key).sorted()
    }

    static func checkLists(
        _ union: [SubmissionID], _ lists: [ReceivedList], kind: MessageKind = .received, height: UInt64,
        state: TaskState
    ) throws(ChainError) {
        try require(zip(union, union.dropFirst()).allSatisfy { $0 < $1 }, "the union is not in order")
        try require(
            zip(lists, lists.dropFirst()).allSatisfy { $0.signer < $1.signer }, "lists are not in order of signer")
        var named = [Bool](repeating: false, count: union.count)
        for list in lists {
            try require(state.electorate.contains(list.signer), "\(list.signer.short) has no vote here")
            try require(list.bitmap.count == (union.count + 7) / 8, "a list's bitmap has the wrong length")
            var ids: [SubmissionID] = []
            for (index, id) in union.enumerated() where list.bitmap[index / 8] >> UInt8(index % 8) & 1 == 1 {
                ids.append(id)
                named[index] = true
            }
            // Unused bits must be zero, or one list would have several encodings.
            try require(list.bitmap == bitmap(of: ids, in: union), "a list's unused bits are set")
            let bytes = Envelope.signedBytes(
                network: state.genesis.network,
                slot: Slot(kind: kind, chain: state.chain, major: height, minor: 0), signer: list.signer,
                payload: Received(submissions: ids).wireBytes)
            try require(
                verifySignature(list.signature, bytes, signer: list.signer),
                "the list of \(list.signer.short) is not signed by it")
        }
        try require(named.allSatisfy { $0 }, "the union names an id that no list has")
        let weight = state.electorate.weight(of: lists.map(\.signer))
        try require(
            weight >= state.electorate.quorum, "lists weigh \(weight), the quorum is \(state.electorate.quorum)")
    }

    public static func bitmap(of ids: [SubmissionID], in union: [SubmissionID]) -> [UInt8] {
        var bitmap = [UInt8](repeating: 0, count: (union.count + 7) / 8)
        let present = Set(ids)
        for (index, id) in union.enumerated() where present.contains(id) { bitmap[index / 8] |= 1 << UInt8(index % 8) }
        return bitmap
    }

    /// Checks an announcement's signature, place and fields against the context. Bodies are checked by who stores
    /// them.
    public static func checkSubmission(
        _ envelope: Envelope, context: RoundContext, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> SubmissionHeader {
        let header = try read(
            envelope, as: SubmissionHeader.self, .submission, from: .submitter, context: context, state: state,
            signatureKnown: signatureKnown)
        try require(header.submitter == envelope.signer, "an announcement names another submitter")
        try require(
            header.round == context.round && header.attempt == context.attempt, "an announcement of another context")
        try require(
            Int(header.elementCount) == state.spec.elementCount(round: context.round), "an announcement of another size"
        )
        // Whoever was in a set that gave no result submits the same integers again; the proof itself needs both bodies
        // and is checked by who lists it.
        let earlier = state.resubmits.first { $0.node == envelope.signer }
        try require(
            header.resubmission?.previous == earlier?.submission,
            earlier == nil
                ? "an announcement repeats what was in no set of this round"
                : "an announcement does not prove the vector of submission \(earlier?.submission.short ?? "")")
        return header
    }

    private static func checkReadys(
        _ readys: [Envelope], set: [TaskState.SetMember], context: RoundContext, state: TaskState
    ) throws(ChainError) {
        try require(
            zip(readys, readys.dropFirst()).allSatisfy { $0.signer < $1.signer }, "Readys are not in order of signer")
        var opened: [Int: Set<SubmissionID>] = [:]
        for envelope in readys {
            let ready = try checkReady(envelope, context: context, state: state)
            guard let place = state.holders.firstIndex(where: { $0.node == envelope.signer }) else { continue }
            opened[place] = Set(ready.opened)
        }
        try require(covers(opened, set: set, state: state), "the holders' Readys do not cover the set")
    }

    public static func checkReady(
        _ envelope: Envelope, context: RoundContext, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> Ready {
        try read(envelope, .ready, from: .holder, context: context, state: state, signatureKnown: signatureKnown)
    }

    /// Whether for every member and component some holder of it has opened that member's seeds.
    static func covers(_ opened: [Int: Set<SubmissionID>], set: [TaskState.SetMember], state: TaskState) -> Bool {
        guard let profile = state.holderProfile else { return false }
        return set.allSatisfy { member in
            (0..<profile.componentCount).allSatisfy { component in
                profile.holders(of: component).contains { opened[$0]?.contains(member.submission) ?? false }
            }
        }
    }

    // MARK: RESULT

    /// Checks what a RESULT carries and returns the weight-median accuracy.
    static func check(
        _ result: ResultBody, header: BlockHeader, state: TaskState
    ) throws(ChainError) -> UInt32 {
        guard case .aggregating(let manifest, _) = state.phase else { throw .invalid("no set is decided") }
        try require(result.manifest == manifest, "the result belongs to another manifest")
        let context = RoundContext(state)
        try require(
            zip(result.keyStatements, result.keyStatements.dropFirst()).allSatisfy { $0.signer < $1.signer },
            "key statements are not in order of signer")
        var stated: Set<UInt8> = []
        for envelope in result.keyStatements {
            let statement = try checkKeyStatement(envelope, context: context, manifest: manifest, state: state)
            stated.formUnion(statement.roots.map(\.component))
        }
        try require(
            stated.count == state.holderProfile?.componentCount ?? 0, "key statements do not cover every component")

        try checkLiars(of: result, context: context, state: state)
        let payload = payloadID(
            manifest: manifest, aggregate: result.aggregate, model: result.model, opening: result.opening)
        try require(
            zip(result.opinions, result.opinions.dropFirst()).allSatisfy { $0.signer < $1.signer },
            "opinions are not in order of signer")
        var opinions: [(weight: UInt64, opinion: Opinion)] = []
        for envelope in result.opinions {
            let opinion = try checkOpinion(envelope, height: header.height, state: state)
            try require(opinion.payload == payload, "an opinion of another candidate")
            opinions.append((state.electorate.weight(of: envelope.signer), opinion))
        }
        let weight = opinions.reduce(0) { $0 + $1.weight }
        try require(
            weight >= state.electorate.quorum, "opinions weigh \(weight), the quorum is \(state.electorate.quorum)")
        let against = opinions.filter { $0.opinion.verdict == .reject }.reduce(0) { $0 + $1.weight }
        try require(result.rejected == (against >= state.electorate.third), "'rejected' does not follow the opinions")
        return median(opinions.map { ($0.weight, $0.opinion) }) { UInt64($0.accuracyPpm) }.map(UInt32.init) ?? 0
    }

    /// Weight-median of a metric over the opinions that evaluated rows; nil if none did.
    public static func median(
        _ opinions: [(weight: UInt64, opinion: Opinion)], _ metric: (Opinion) -> UInt64
    ) -> UInt64? {
        let values = opinions.filter { $0.opinion.evaluatedRows > 0 }
            .map { (value: metric($0.opinion), weight: $0.weight) }
            .sorted { ($0.value, $0.weight) < ($1.value, $1.weight) }
        let total = values.reduce(0) { $0 + $1.weight }
        var passed: UInt64 = 0
        for entry in values {
            passed += entry.weight
            if passed * 2 >= total { return entry.value }
        }
        return nil
    }

    /// The payload that opinions name: the same for every proposer of one manifest.
    public static func payloadID(
        manifest: BlockID, aggregate: ContentReference, model: ContentReference, opening: Digest
    ) -> PayloadID {
        var transcript = Transcript("meshnode/payload/1")
        transcript.append(manifest)
        transcript.append(aggregate.wireBytes)
        transcript.append(model.wireBytes)
        transcript.append(opening)
        return transcript.identifier()
    }

    public static func checkKeyStatement(
        _ envelope: Envelope, context: RoundContext, manifest: BlockID, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> KeyStatement {
        let statement = try read(
            envelope, as: KeyStatement.self, .keyStatement, from: .holder, context: context, state: state,
            signatureKnown: signatureKnown)
        try require(statement.manifest == manifest, "a key statement of another set")
        try require(
            statement.roots.map { Int($0.component) } == state.components(of: envelope.signer).sorted(),
            "a key statement must give a root for every component of its holder")
        return statement
    }

    public static func checkOpinion(
        _ envelope: Envelope, height: UInt64, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> Opinion {
        try read(
            envelope, slot: Slot(kind: .opinion, chain: state.chain, major: height, minor: 0), from: .voter,
            state: state, signatureKnown: signatureKnown)
    }

    // MARK: VOID

    /// VOID by deadline is valid from max(3, the first view whose preceding slots weigh at least T).
    public static func firstVoidView(_ state: TaskState) -> UInt32 {
        var weight: UInt64 = 0
        for (view, node) in state.nextProposers.enumerated() {
            if weight >= state.electorate.third { return max(3, UInt32(view)) }
            weight += state.electorate.weight(of: node)
        }
        return max(3, UInt32(state.nextProposers.count))
    }

    // MARK: Building

    /// The header of a block with this content; the same function that checks roots makes them.
    public static func header(
        for content: TaskBlockContent, state: TaskState, author: NodeID, view: UInt32, timeMs: UInt64,
        electionKey: RistrettoKey? = nil
    ) -> BlockHeader {
        var header = BlockHeader(
            chain: state.chain, height: state.height + 1, parent: state.head,
            timeMs: max(timeMs, state.headTimeMs &+ 1),
            author: author, originView: view, kind: content.kind, round: state.round, attempt: state.attempt,
            body: .of(content.bytes, kind: .blockBody), stateRoot: .zero, payoutRoot: .zero, nextElectorate: .zero,
            secondElectorate: .zero,
            electionProof: Election.proof(
                chain: state.chain, height: state.height + 1, beacon: state.beacon, key: electionKey,
                bytes: state.genesis.parameters.electionProofBytes))
        var next = state
        next.apply(content, header: header, block: .zero)
        header.stateRoot = next.root
        header.payoutRoot = next.payoutRoot
        return header
    }
}

extension TaskState {
    /// Components whose seeds a node holds now; none if it holds no place.
    func components(of node: NodeID) -> [Int] {
        holders.firstIndex { $0.node == node }.flatMap { holderProfile?.components(of: $0) } ?? []
    }

    /// nil only for a spec that the validator refuses.
    public var holderProfile: HolderProfile? {
        try? HolderProfile(holders: Int(spec.holders.count), threshold: Int(spec.holders.threshold))
    }
}
