internal import Chain
internal import Foundation
internal import Gossip
internal import Learn
internal import Logging
internal import MeshCrypto
internal import Wire

/// Carrying out the work of a round; every result goes back into the task's machine.
extension Node {
    func perform(_ work: RoundWork, chain: ChainID) {
        if staysSilent(chain) {
            switch work {
            case .openSeeds, .deriveKeys: return
            default: break
            }
        }
        switch work {
        case .train(let job): train(job, chain: chain)
        case .pullBody(let id, let header): pullBody(id, header, chain: chain)
        case .openSeeds(let id): openSeeds(id, chain: chain)
        case .deriveKeys(let job): deriveKeys(job, chain: chain)
        case .releaseKeys(let job, let receiver): releaseKeys(job, to: receiver, chain: chain)
        case .aggregate(let job, _): collectKeys(job, chain: chain)
        case .checkCandidate(let candidate, let job): check(candidate, job, chain: chain)
        case .disclose(let job, let claim, let components): disclose(job, claim, components, chain: chain)
        case .openSeed(let job, let id, let component): openSeed(job, id, component, chain: chain)
        case .rebut(let job, let id, let element, let masks): rebut(job, id, element, masks, chain: chain)
        case .nameClients(let job, let element, let masks): nameClients(job, element, masks, chain: chain)
        case .commitDirection(let job): commitDirection(job, chain: chain)
        case .revealDirection(let round): revealDirection(round, chain: chain)
        case .judgeDirection(let reveal, let pending): judgeDirection(reveal, pending, chain: chain)
        case .openScore(_, let pending): openScore(pending, chain: chain)
        case .checkScore(let statement, _, let pending): checkScore(statement, pending, chain: chain)
        }
    }

    /// Runs a computation on the worker and brings its result back to this actor.
    func compute<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, RoundError>,
        _ finish: @escaping @Sendable (isolated Node, Result<Success, RoundError>) -> Void
    ) {
        Task {
            let result = await worker.run(body)
            guard !isStopped else { return }
            finish(self, result)
        }
    }

    func seconds(since start: ContinuousClock.Instant) -> Double {
        let parts = (ContinuousClock.now - start).components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }

    func failed(_ what: String, _ error: RoundError, chain: ChainID) {
        note("warning", "\(what): \(error)", task: chain)
        checkRoom()
    }

    // MARK: Miner

    private func train(_ job: RoundJob, chain: ChainID) {
        guard configuration.miner.isEnabled, hopeless[chain] != job.round else { return }
        let origin = tasks[chain].flatMap { $0.machine.state.genesis.publisher }
        whenStored([job.model], from: origin) { node in node.trainNow(job, chain: chain) }
    }

    private func trainNow(_ job: RoundJob, chain: ChainID) {
        guard let runtime = tasks[chain], runtime.machine.trainingJob == job,
            let rows = runtime.machine.state.genesis.member(nodeID)?.enrolment.rows
        else { return }
        let policy = runtime.policy
        let publisher = runtime.machine.state.genesis.publisher
        if let reason = ownerRefusal(of: policy.spec, publisher: publisher, isRound: true) {
            obstacle(
                .train, task: chain, round: job.round, "round \(job.round): the owner's policy refuses it: \(reason)")
            return
        }
        let name = updateName(job, chain: chain)
        let files = vectorFiles
        let data = configuration.data
        let fitted = runtime.rows
        let memory = MemberMemory(files: vectorFiles, chain: chain)
        let holderKeys = runtime.machine.state.holders.map(\.key)
        let node = nodeID
        let cheat = cheatAsClient(chain)
        let earlier: Submitting.Earlier?
        do { earlier = try earlierSubmission(chain) } catch {
            obstacle(.submit, task: chain, round: job.round, "round \(job.round): \(error)")
            return checkRoom()
        }
        let keepsMemory = policy.recipe.keepsMemory
        let start = ContinuousClock.now
        compute(reading: [job.model], again: { node in node.trainNow(job, chain: chain) }) { contents in
            Result { () throws(RoundError) -> Trained in
                let base = contents[0]
                let kept = (try? files.read(name: name)) ?? nil
                let outcomes = self.memoryOutcomes(memory, before: job.round)
                var update: LocalUpdate
                if let kept, let values = Self.decode(kept, count: policy.coordinateCount(round: job.round)) {
                    // The same integers in every attempt of a round; only masks and context are new.
                    update = LocalUpdate(resending: values)
                } else {
                    let own = try fitted.rows(.training, data: data, spec: policy.spec)
                    func train(
                        _ base: [UInt8], _ memory: [Float]?, _ round: UInt32, _ seed: Digest
                    ) throws(RoundError) -> LocalUpdate {
                        try Submitting.train(
                            policy: policy, base: base, memory: memory, data: own, enrolledRows: rows, round: round,
                            seed: Submitting.trainingSeed(round: seed, node: node))
                    }
                    let kept = try memory.current(outcomes, count: policy.recipe.parameterCount) {
                        (begun, before) throws(RoundError) in
                        // Models are kept for ever; one that is gone takes only this round's part of the residual with it.
                        guard let base = self.bytesForWorker(of: begun.model) else { return nil }
                        return try train(base, before, begun.round, begun.seed).kept
                    }
                    if keepsMemory {
                        do {
                            try memory.begin(.init(round: job.round, seed: job.seed, model: job.model))
                        } catch { throw .failed("\(error)") }
                    }
                    update = try train(base, kept, job.round, job.seed)
                    if let cheat { update.twist { cheat.twisted($0, bound: policy.spec.bound) } }
                }
                let trained = ContinuousClock.now
                let sealed = try Submitting.encrypt(
                    policy: policy, values: update.values, job: job, node: node, holderKeys: holderKeys,
                    earlier: earlier, cheat: cheat)
                let encryptSeconds = Self.interval(trained, .now)
                self.dropMiner(round: job.round, attempt: job.attempt)
                // Memory, vector and body are on disk before the header that names them is signed. Of an attempt that has
                // ended meanwhile they are those that its next one would write, or go at once (`forgetWhatCameLate`).
                var unstored: StorageError?
                do throws(StorageError) {
                    if let kept = update.kept { try memory.keep(kept, round: job.round) }
                    try files.write(Self.encode(update.values), name: name)
                    unstored = self.storeContent(sealed.content, sealed.header.body, .submission)
                } catch { unstored = error }
                return Trained(
                    update: update, sealed: sealed, unstored: unstored,
                    seconds: (Self.interval(start, trained), encryptSeconds))
            }
        } _: { node, result in
            switch result {
            case .success(let trained): node.submit(trained, job, chain: chain)
            case .failure(let error):
                // The same rows, base and seed give the same failure in each attempt of this round.
                node.hopeless[chain] = job.round
                node.obstacle(.train, task: chain, round: job.round, "round \(job.round): \(error)")
                node.checkRoom()
            }
        }
    }

    /// A training with what it left on disk.
    private struct Trained: Sendable {
        let update: LocalUpdate
        let sealed: Submitting.Sealed
        let unstored: StorageError?
        let seconds: (train: Double, encrypt: Double)
    }

    private func submit(_ trained: Trained, _ job: RoundJob, chain: ChainID) {
        guard tasks[chain]?.machine.trainingJob == job else { return forgetWhatCameLate(chain) }
        let (update, sealed, seconds) = (trained.update, trained.sealed, trained.seconds)
        // The seeds are the last that is made durable before the header is signed.
        do {
            if let error = trained.unstored { throw error }
            if let ownUpdates {
                try ownUpdates.write(
                    Self.encode(update.values), name: "update-\(chain.short)-\(job.round)-\(job.attempt)")
            }
            keepBody(sealed.header.body, chain: chain, round: job.round)
            try keepSeeds(sealed, chain: chain)
        } catch {
            obstacle(.submit, task: chain, round: job.round, "round \(job.round): \(error)")
            return checkRoom()
        }
        obstacles.clear(.train, chain)
        obstacles.clear(.submit, chain)
        tasks[chain]?.stats.train = seconds.train
        tasks[chain]?.stats.encrypt = seconds.encrypt
        if !update.isResent {
            tasks[chain]?.stats.saturations = update.saturations
            tasks[chain]?.stats.trainingLoss = update.loss
            tasks[chain]?.stats.norm = update.norm
            tasks[chain]?.stats.wasClipped = update.wasClipped
        }
        if !update.isResent, let spec = tasks[chain]?.machine.state.spec,
            let cut = Self.saturationText(update.saturations, of: update.values.count, spec: spec)
        {
            note("saturation", "round \(job.round): \(cut)", task: chain, round: job.round)
        }
        tasks[chain]?.stats.submittedMs = now.monotonicMs
        perform(tasks[chain]!.machine.trained(sealed.header, now), chain: chain)
    }

    /// What the chain decided about earlier rounds that this node trained in.
    nonisolated func memoryOutcomes(
        _ memory: MemberMemory, before round: UInt32
    ) -> [(round: UInt32, outcome: MemberMemory.Outcome)] {
        let open = (try? memory.open(before: round)) ?? []
        guard !open.isEmpty, let rows = try? chainStore.roundMetrics(chain: memory.chain) else { return [] }
        return open.map { number in
            let views = rows.filter { $0.round == UInt64(number) }.compactMap {
                try? JSONDecoder().decode(RoundView.self, from: Data($0.json.utf8))
            }
            guard let accepted = views.last(where: { $0.outcome == .accepted }) else { return (number, .rejected) }
            return (number, accepted.containsOwnUpdate == true ? .contained : .missed)
        }
    }

    /// One vector a round and base model, whatever the attempt.
    func updateName(_ job: RoundJob, chain: ChainID) -> String {
        Self.updatePrefix(chain, job.round) + job.model.id.short
    }

    static func encode(_ values: [Int32]) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: values.count * 4)
        for value in values { encoder.i32(value) }
        return encoder.bytes
    }

    static func decode(_ bytes: [UInt8], count: Int) -> [Int32]? {
        guard bytes.count == count * 4 else { return nil }
        var decoder = WireDecoder(bytes)
        return try? (0..<count).map { _ in try decoder.i32("value") }
    }

    static func interval(_ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant) -> Double {
        let parts = (end - start).components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }

    // MARK: Voter: bodies

    private func pullBody(_ id: SubmissionID, _ header: SubmissionHeader, chain: ChainID) {
        tasks[chain]?.headers[id] = header
        let expected = tasks[chain].map { $0.policy.elementCount(round: header.round) * $0.policy.encoding.width } ?? 0
        // Length is known from the policy: a header that lies about it is not worth a byte.
        guard header.body.length <= UInt64(expected) + 64 << 10 else {
            count("oversize")
            perform(tasks[chain]!.machine.bodyChecked(id, isValid: false, now), chain: chain)
            return
        }
        let previous = header.resubmission.flatMap { self.header(of: $0.previous, chain: chain) }
        whenStored(
            [header.body] + (previous.map { [$0.body] } ?? []), from: header.submitter, namedBy: header.submitter,
            attempt: chain,
            otherwise: { node in
                // Only what is here tells that the header lies; what cannot be had may come yet.
                guard node.hasOtherLength(header.body), node.tasks[chain] != nil else { return }
                node.perform(node.tasks[chain]!.machine.bodyChecked(id, isValid: false, node.now), chain: chain)
            }
        ) { node in node.checkBody(id, header, previous, chain: chain) }
    }

    /// - Parameter previous: the submission that it repeats, where the chain of this round has it.
    private func checkBody(
        _ id: SubmissionID, _ header: SubmissionHeader, _ previous: SubmissionHeader?, chain: ChainID
    ) {
        guard let policy = tasks[chain]?.policy else { return }
        // One that is damaged here is no fault of the member's: it is read again, not judged.
        compute(
            reading: [header.body] + (previous.map { [$0.body] } ?? []), attempt: chain,
            again: { node in node.checkBody(id, header, previous, chain: chain) }
        ) { contents in
            Result { () throws(RoundError) -> Void in
                let content = try BodyCheck.check(contents[0], header: header, policy: policy)
                if header.resubmission != nil {
                    guard let previous else {
                        throw .rejected("the submission that it repeats is not in the chain of this round")
                    }
                    try BodyCheck.checkSameVector(
                        content, header: header, previous: contents[1], of: previous, policy: policy)
                }
            }
        } _: { node, result in
            var isValid = true
            if case .success = result { node.keepBody(header.body, chain: chain, round: header.round) }
            if case .failure(let error) = result {
                isValid = false
                node.failed("submission of \(header.submitter.short)", error, chain: chain)
            }
            guard node.tasks[chain] != nil else { return }
            node.perform(node.tasks[chain]!.machine.bodyChecked(id, isValid: isValid, node.now), chain: chain)
        }
    }

    /// The MANIFEST of the present attempt: the head, or what lies below the orders that were decided since.
    private func manifestBlock(_ id: BlockID, below height: UInt64, chain: ChainID) -> DecidedBlock? {
        for height in stride(from: height, to: 0, by: -1) {
            guard let stored = try? chainStore.block(chain: chain, height: height),
                let block = try? ChainReplay.decoded(stored)
            else { return nil }
            if block.header.id == id { return block }
            guard block.header.kind == .control else { return nil }
        }
        return nil
    }

    /// The announcements and bodies of a decided set; nil while something is missing.
    func setContent(_ job: KeyJob, chain: ChainID) -> (headers: [SubmissionHeader], references: [ContentReference])? {
        guard let state = tasks[chain]?.machine.state,
            let block = manifestBlock(job.manifest, below: state.height, chain: chain),
            let manifest = try? ManifestBody(wireBytes: block.body)
        else { return nil }
        var byID: [SubmissionID: SubmissionHeader] = [:]
        for envelope in manifest.submissions {
            byID[envelope.submissionID] = try? SubmissionHeader(wireBytes: envelope.payload)
        }
        let headers = job.set.compactMap { byID[$0.submission] }
        guard headers.count == job.set.count else { return nil }
        return (headers, headers.map(\.body))
    }

    // MARK: Holder

    private func openSeeds(_ id: SubmissionID, chain: ChainID) {
        guard let header = tasks[chain]?.headers[id] else { return }
        whenStored([header.body], from: header.submitter, attempt: chain) { node in
            node.openSeedsNow(id, header, chain: chain)
        }
    }

    private func openSeedsNow(_ id: SubmissionID, _ header: SubmissionHeader, chain: ChainID) {
        guard let runtime = tasks[chain], let key = runtime.sealingKey,
            let place = runtime.machine.state.holders.firstIndex(where: { $0.node == nodeID })
        else { return }
        let policy = runtime.policy
        let lies = complainsFalsely(chain, about: header)
        compute(
            reading: [header.body], attempt: chain,
            again: { node in node.openSeedsNow(id, header, chain: chain) }
        ) { contents in
            Result { () throws(RoundError) -> (isComplete: Bool, complaint: Complaint.Entry?) in
                let content = try BodyCheck.decode(contents[0], header: header, policy: policy)
                return try HoldingKeys.examine(
                    content, header: header, place: place, key: key, policy: policy, lies: lies)
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            let found: (isComplete: Bool, complaint: Complaint.Entry?) = (try? result.get()) ?? (false, nil)
            node.perform(
                node.tasks[chain]!.machine.seedsOpened(
                    id, isComplete: found.isComplete, complaint: found.complaint, node.now), chain: chain)
        }
    }

    private func deriveKeys(_ job: KeyJob, chain: ChainID) {
        guard let set = setContent(job, chain: chain) else { return }
        whenStored(set.references, from: nil) { node in node.deriveKeysNow(job, set.headers, chain: chain) }
    }

    private func deriveKeysNow(_ job: KeyJob, _ headers: [SubmissionHeader], chain: ChainID) {
        guard let runtime = tasks[chain], let key = runtime.sealingKey,
            let place = runtime.machine.state.holders.firstIndex(where: { $0.node == nodeID })
        else { return }
        let policy = runtime.policy
        // Durable before a body is read for it; where one is damaged the same set is admitted again.
        guard admitKeys(job, chain: chain) else { return }
        let lies = liesAsHolder(chain)
        let files = vectorFiles
        let names = policy.profile.components(of: place).sorted().map {
            (component: $0, name: Self.vectorName(chain, job.manifest, $0))
        }
        compute(
            reading: headers.map(\.body), again: { node in node.deriveKeysNow(job, headers, chain: chain) }
        ) { bodies in
            Result { () throws(RoundError) -> [KeyStatement.ComponentRoot] in
                var members: [(header: SubmissionHeader, content: SubmissionContent)] = []
                for (header, bytes) in zip(headers, bodies) {
                    members.append((header, try BodyCheck.decode(bytes, header: header, policy: policy)))
                }
                let vectors = try HoldingKeys.derive(
                    members: members, sums: job.sums, place: place, key: key, policy: policy, lies: lies)
                // Files first, fsynced; the statement that names their roots is signed only after.
                for vector in vectors {
                    guard let name = names.first(where: { $0.component == vector.component })?.name else { continue }
                    do { try files.write(vector.bytes, name: name) } catch { throw .failed("\(error)") }
                }
                return vectors.map { KeyStatement.ComponentRoot(component: UInt8($0.component), root: $0.root) }
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            switch result {
            case .success(let roots):
                node.perform(node.tasks[chain]!.machine.keysDerived(job.manifest, roots: roots, node.now), chain: chain)
            case .failure(let error): node.failed("keys", error, chain: chain)
            }
        }
    }

    /// Seals the stored vectors, byte for byte the same, to the aggregator of a view that this node has reached.
    private func releaseKeys(_ job: KeyJob, to receiver: NodeID, chain: ChainID) {
        guard let runtime = tasks[chain],
            let place = runtime.machine.state.holders.firstIndex(where: { $0.node == nodeID })
        else { return }
        let components = Array(runtime.policy.profile.components(of: place))
        let (files, store, node, network) = (vectorFiles, contentStore, nodeID, genesis.networkID)
        if receiver == nodeID {
            // Under (1,0) the publisher may sum itself; with more holders an aggregator uses the others' vectors.
            guard runtime.policy.spec.holders.publisherAlone else { return }
            onDisk { () -> [(component: Int, bytes: [UInt8])] in
                components.compactMap { component in
                    let read = try? files.read(name: Self.vectorName(chain, job.manifest, component))
                    return (read ?? nil).map { (component, $0) }
                }
            } _: { node, vectors in
                guard node.isAggregating(job, chain: chain) else { return }
                for (component, bytes) in vectors {
                    node.tasks[chain]?.vectors[component, default: [:]][node.nodeID] = bytes
                }
                node.aggregateIfComplete(chain)
            }
            return
        }
        guard let recipient = runtime.machine.state.genesis.member(receiver)?.enrolment.sealingKey else { return }
        let key = TaskRuntime.ReleaseKey(manifest: job.manifest, node: receiver)
        if let known = runtime.released[key], Self.areOffered(known, of: components.count, in: store) {
            for release in known { send(.keyRelease(release), to: receiver) }
            return
        }
        // Once for each receiver: who asks while its vectors are sealed is told when they are.
        guard tasks[chain]?.sealing.insert(key).inserted == true else { return }
        onDisk { () -> [PeerMessage.KeyRelease] in
            components.compactMap { component in
                Self.sealed(
                    component, of: job, chain: chain, holder: node, network: network, to: recipient, files, store)
            }
        } _: { node, releases in
            node.tasks[chain]?.sealing.remove(key)
            // An attempt that has ended meanwhile gets no key.
            guard node.isAggregating(job, chain: chain) else { return }
            node.tasks[chain]?.released[key] = releases
            for release in releases { node.send(.keyRelease(release), to: receiver) }
        }
    }

    /// Whether the set whose keys these are is still the one that is to be summed.
    private func isAggregating(_ job: KeyJob, chain: ChainID) -> Bool {
        if case .aggregating(job.manifest, _)? = tasks[chain]?.machine.state.phase { true } else { false }
    }

    /// Whether there is one release a component and its content is still here. One that was collected or found damaged is
    /// sealed again: nobody else has it.
    static func areOffered(_ releases: [PeerMessage.KeyRelease], of components: Int, in store: ContentStore) -> Bool {
        releases.count == components && releases.allSatisfy { store.has($0.vector.id) }
    }

    /// One sealed content. Sealed once for each receiver: each sealing has another name, and a receiver that is slower than
    /// its own questions would otherwise fetch for ever. It is on disk before anybody is told of it.
    private static func sealed(
        _ component: Int, of job: KeyJob, chain: ChainID, holder: NodeID, network: NetworkID, to recipient: SealingKey,
        _ files: VectorFiles, _ store: ContentStore
    ) -> PeerMessage.KeyRelease? {
        let context = HoldingKeys.sealingContext(
            network: network, manifest: job.manifest, component: component, holder: holder)
        guard let bytes = try? files.read(name: vectorName(chain, job.manifest, component)),
            let sealed = try? SealedVector.seal(bytes, to: recipient.bytes, context: context),
            let id = try? store.put(sealed, kind: .other)
        else { return nil }
        return PeerMessage.KeyRelease(
            chain: chain, manifest: job.manifest, component: UInt8(component),
            vector: ContentReference(id: id, length: UInt64(sealed.count)))
    }

    func answerKeyRequest(_ chain: ChainID, _ manifest: BlockID, from node: NodeID) {
        guard let machine = tasks[chain]?.machine, case .aggregating(manifest, let set) = machine.state.phase,
            machine.aggregator == node, machine.hasStatedKeys
        else { return }
        let job = KeyJob(
            manifest: manifest, round: machine.state.round, attempt: machine.state.attempt,
            context: machine.currentContext.digest, set: set, sums: machine.state.sums(of: set),
            presence: machine.state.presence, model: machine.state.model)
        releaseKeys(job, to: node, chain: chain)
    }

}
