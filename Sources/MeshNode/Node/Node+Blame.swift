internal import Chain
internal import Logging
internal import MeshCrypto
internal import Wire

/// Who broke a sum: this node's part as holder, client and voter. What follows from it is decided by the chain.
extension Node {
    // MARK: Holder

    /// The second wall: whether this holder's own memory allows a key for the decided set.
    func admitKeys(_ job: KeyJob, chain: ChainID) -> Bool {
        guard let runtime = tasks[chain] else { return false }
        do {
            var memory =
                try runtime.gate
                ?? KeyReleaseMemory(
                    durable: durable, chain: chain, smallestSet: runtime.policy.spec.participants.smallestSet)
            try memory.admit(job, chain: chain, evicted: runtime.machine.state.provenBad, durable: durable)
            tasks[chain]?.gate = memory
            return true
        } catch {
            note("warning", "keys refused: \(error)", task: chain, round: job.round)
            return false
        }
    }

    /// The masks of one element, once this holder has seen itself that something is wrong there: two signed vectors that
    /// differ are seen in the claim; that nothing can be recovered is computed.
    func disclose(_ job: KeyJob, _ claim: BlameClaim, _ components: [Int], chain: ChainID) {
        guard let set = setContent(job, chain: chain) else { return }
        whenStored(set.references, from: nil) { node in
            node.discloseNow(job, claim, components, set.headers, chain: chain)
        }
    }

    private func discloseNow(
        _ job: KeyJob, _ claim: BlameClaim, _ components: [Int], _ headers: [SubmissionHeader], chain: ChainID
    ) {
        guard let runtime = tasks[chain], let key = runtime.sealingKey,
            let place = runtime.machine.state.holders.firstIndex(where: { $0.node == nodeID }),
            !staysSilent(chain)
        else { return }
        let policy = runtime.policy
        // Of the members of the claimed element's sum alone: nobody else's element is anybody's business.
        let (sum, element) = policy.place(ofElement: Int(claim.element), round: job.round)
        let concerned = job.sums[sum].map { headers[$0] }
        let lies = liesAsHolder(chain)
        compute(
            reading: concerned.map(\.body),
            again: { node in node.discloseNow(job, claim, components, headers, chain: chain) }
        ) { bodies in
            Result { () throws(RoundError) -> [Disclosure.Masks] in
                var members: [HoldingKeys.Member] = []
                for (header, bytes) in zip(concerned, bodies) {
                    members.append((header, try BodyCheck.decode(bytes, header: header, policy: policy)))
                }
                if claim.kind == .recovery {
                    let isSum = Blame.holdsSum(
                        elements: members.map { policy.element(element, of: $0.content) },
                        keys: claim.entries.map(\.key.bytes), policy: policy.elementPolicy(element, round: job.round))
                    guard !isSum else {
                        throw .rejected("element \(element) can be recovered: the claim is false, nothing is disclosed")
                    }
                }
                return try HoldingKeys.disclose(
                    members: members, place: place, key: key, element: element, components: components, policy: policy,
                    lies: lies)
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            switch result {
            case .success(let masks):
                node.perform(
                    node.tasks[chain]!.machine.disclosed(job.manifest, element: claim.element, masks: masks, node.now),
                    chain: chain)
            case .failure(let error): node.failed("disclosure", error, chain: chain)
            }
        }
    }

    // MARK: Client

    /// Opens one seed of an own submission: what was sealed under it becomes as readable as one component less.
    func openSeed(_ job: KeyJob, _ id: SubmissionID, _ component: Int, chain: ChainID) {
        guard let own = seeds(of: id, round: job.round, chain: chain), own.seeds.indices.contains(component) else {
            return
        }
        logger.warning(
            "holders differ about this node's submission \(id.short): its seed of component \(component) is opened")
        let seed = own.seeds[component].withCopy { Digest($0) }
        perform(tasks[chain]!.machine.seedOpened(id, component: component, seed: seed, now), chain: chain)
    }

    /// Contradicts holders that agree on a mask which is not this node's.
    func rebut(_ job: KeyJob, _ id: SubmissionID, _ element: Int, _ masks: [[UInt8]], chain: ChainID) {
        guard let own = seeds(of: id, round: job.round, chain: chain), let binding = try? own.header.binding() else {
            return
        }
        for (component, told) in masks.enumerated() where own.seeds.indices.contains(component) {
            let truth = MaskDerivation.mask(
                key: MaskDerivation.maskKey(seed: own.seeds[component], binding: binding, component: component),
                element: element)
            if truth != told {
                openSeed(job, id, component, chain: chain)
                return
            }
        }
    }

    /// This node's submission in the latest set of the round, whose vector it submits again; nil where there is none.
    func earlierSubmission(_ chain: ChainID) throws(RoundError) -> Submitting.Earlier? {
        guard let state = tasks[chain]?.machine.state,
            let id = state.resubmits.first(where: { $0.node == nodeID })?.submission
        else { return nil }
        guard let own = seeds(of: id, round: state.round, chain: chain) else {
            throw .failed("the seeds of submission \(id.short) are not stored here: its vector cannot be proven")
        }
        return Submitting.Earlier(id: id, header: own.header, seeds: own.seeds)
    }

    // MARK: Voter

    /// An announcement in a MANIFEST of the present round.
    func header(of id: SubmissionID, chain: ChainID) -> SubmissionHeader? {
        (tasks[chain]?.machine.state.round).flatMap { announcement(of: id, round: $0, chain: chain) }
    }

    /// Looks which members' elements are out of range under the masks that all holders agree on.
    func nameClients(_ job: KeyJob, _ element: Int, _ masks: [[[UInt8]]], chain: ChainID) {
        guard let set = setContent(job, chain: chain) else { return }
        whenStored(set.references, from: nil) { node in
            node.nameClientsNow(job, element, masks, set.headers, chain: chain)
        }
    }

    private func nameClientsNow(
        _ job: KeyJob, _ element: Int, _ masks: [[[UInt8]]], _ headers: [SubmissionHeader], chain: ChainID
    ) {
        guard let runtime = tasks[chain], let members = members(headers, chain: chain) else { return }
        let policy = runtime.policy
        let (sum, place) = policy.place(ofElement: element, round: job.round)
        compute(
            reading: headers.map(\.body),
            again: { node in node.nameClientsNow(job, element, masks, headers, chain: chain) }
        ) { contents in
            Result { () throws(RoundError) -> [BlameProof.Chunk] in
                let element = place
                guard
                    let content = SetContent.decoded(members, contents: contents, sums: job.sums, policy: policy)
                else { throw .failed("a body of the set does not decode") }
                let logarithm = BoundedLogarithm(bound: policy.packing.range, maximumTable: Blame.checkTable)
                let place = Blame.chunkPlace(element: element, encoding: policy.encoding)
                var chunks: [BlameProof.Chunk] = []
                for (index, member) in job.sums[sum].enumerated() where chunks.count < Limits.named {
                    let body = content.bodies[member]
                    let start = place.chunk * SubmissionBody.chunkBytes
                    let bytes = Array(body[start..<min(body.count, start + SubmissionBody.chunkBytes)])
                    let isInRange = Blame.holdsSum(
                        elements: [Array(bytes[place.bytes])], keys: masks.map { $0[index] },
                        policy: policy.elementPolicy(element, round: job.round), logarithm: logarithm)
                    guard !isInRange else { continue }
                    chunks.append(
                        BlameProof.Chunk(
                            submission: job.set[member].submission, bytes: bytes,
                            path: SubmissionBody.tree(body).path(place.chunk).map { Digest($0) }))
                }
                return chunks
            }
        } _: { node, result in
            guard node.tasks[chain] != nil, let chunks = try? result.get() else { return }
            node.perform(node.tasks[chain]!.machine.clientsNamed(job.manifest, chunks, node.now), chain: chain)
        }
    }
}

extension RoundPolicy {
    func elementPolicy(_ element: Int, round: UInt32) -> Blame.ElementPolicy {
        Blame.ElementPolicy(
            encoding: encoding, packing: packing, coordinates: coordinateCount(round: round), element: element)
    }

    /// The sum that an element of e belongs to, and its place in a member's vector.
    func place(ofElement element: Int, round: UInt32) -> (sum: Int, element: Int) {
        let count = elementCount(round: round)
        return (element / count, element % count)
    }

    func element(_ element: Int, of content: SubmissionContent) -> [UInt8] {
        Array(content.elements[element * encoding.width..<(element + 1) * encoding.width])
    }
}
