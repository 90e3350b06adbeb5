internal import Chain
internal import Foundation
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// The aggregator's part of a round: collecting vectors, recovering the sum, and saying what went wrong.
extension Node {
    /// Asks holders whose vectors are still missing.
    func requestKeys() {
        for chain in taskOrder {
            guard let runtime = tasks[chain], let aggregation = runtime.aggregation, !aggregation.isRunning,
                !aggregation.isDone || runtime.machine.holdersDiffer, runtime.machine.aggregator == nodeID,
                case .aggregating(aggregation.job.manifest, _) = runtime.machine.state.phase
            else { continue }
            let present = Set(runtime.vectors.values.flatMap(\.keys))
            for holder in runtime.machine.state.holders where holder.node != nodeID && !present.contains(holder.node) {
                send(.keyRequest(chain, manifest: aggregation.job.manifest), to: holder.node)
            }
            // Where a body could not be had when all vectors were here.
            aggregateIfComplete(chain)
        }
    }

    /// Nobody waits for the sum of an attempt that has ended.
    func endRecovery(_ chain: ChainID) { tasks[chain]?.aggregation?.progress?.cancel() }

    func collectKeys(_ job: KeyJob, chain: ChainID) {
        if tasks[chain]?.aggregation?.job != job {
            endRecovery(chain)
            tasks[chain]?.aggregation = .init(job: job)
        }
        for (name, release) in tasks[chain]?.releases.ordered ?? [] where name.manifest == job.manifest {
            take(release, of: name.holder)
        }
        if let candidate = tasks[chain]?.aggregation?.candidate {
            // A later view, or another height behind an order: the same sum is announced there again.
            perform(tasks[chain]!.machine.aggregated(candidate, now), chain: chain)
        } else {
            aggregateIfComplete(chain)
        }
        blame(chain)
    }

    func receive(_ release: PeerMessage.KeyRelease, from holder: NodeID) {
        guard let runtime = tasks[release.chain],
            let place = runtime.machine.state.holders.firstIndex(where: { $0.node == holder }),
            runtime.policy.profile.components(of: place).contains(Int(release.component))
        else { return }
        let name = TaskRuntime.ReleaseName(holder: holder, manifest: release.manifest, component: release.component)
        // Told again, and on its way already: asking again would only add to what is waited for.
        if runtime.releases[name] == release, !contentStore.has(release.vector.id) { return }
        // Places of all holders are as many as the table has. It is for releases that come before this node collects them.
        _ = tasks[release.chain]!.releases.insert(release, for: name, by: holder)
        take(release, of: holder)
    }

    private func take(_ release: PeerMessage.KeyRelease, of holder: NodeID) {
        let chain = release.chain
        guard let runtime = tasks[chain], runtime.aggregation?.job.manifest == release.manifest,
            runtime.vectors[Int(release.component)]?[holder] == nil, let job = runtime.aggregation?.job,
            release.vector.length == UInt64(runtime.policy.sealedVectorBytes(job))
        else { return }
        whenStored(
            [release.vector], from: holder, deadline: elapsed + .seconds(20), namedBy: holder, attempt: chain
        ) { node in
            node.open(release, of: holder)
        }
    }

    private func open(_ release: PeerMessage.KeyRelease, of holder: NodeID) {
        let chain = release.chain
        let name = TaskRuntime.ReleaseName(holder: holder, manifest: release.manifest, component: release.component)
        guard let runtime = tasks[chain], runtime.aggregation?.job.manifest == release.manifest,
            let key = runtime.sealingKey, tasks[chain]?.aggregation?.opening.insert(name).inserted == true
        else { return }
        let endsOpening: @Sendable (isolated Node) -> Void = { node in
            node.tasks[chain]?.aggregation?.opening.remove(name)
        }
        let context = HoldingKeys.sealingContext(
            network: genesis.networkID, manifest: release.manifest, component: Int(release.component), holder: holder)
        compute(
            reading: [release.vector], attempt: chain, unread: endsOpening,
            again: { node in node.open(release, of: holder) }
        ) { contents in
            Result { () throws(RoundError) -> (bytes: [UInt8], root: [UInt8]) in
                do {
                    let bytes = try SealedVector.open(contents[0], key: key, context: context)
                    return (bytes, KeyVector.tree(bytes).root)
                } catch { throw .rejected("\(error)") }
            }
        } _: { node, result in
            endsOpening(node)
            node.take(try? result.get(), release, of: holder)
        }
    }

    /// A vector counts only if it is the one that its holder's signed statement names.
    private func take(
        _ opened: (bytes: [UInt8], root: [UInt8])?, _ release: PeerMessage.KeyRelease, of holder: NodeID
    ) {
        let chain = release.chain
        guard let runtime = tasks[chain], let job = runtime.aggregation?.job, job.manifest == release.manifest else {
            return
        }
        guard let (bytes, computed) = opened, bytes.count == runtime.policy.keyVectorBytes(job),
            let statement = runtime.machine.keyStatements.first(where: { $0.signer == holder })
                .flatMap({ try? KeyStatement(wireBytes: $0.payload) }),
            let root = statement.roots.first(where: { $0.component == release.component })?.root,
            computed == root.bytes
        else {
            warn(
                .keyVector, of: holder,
                "the key vector of \(holder.short) for component \(release.component) does not fit its statement")
            return
        }
        tasks[chain]?.vectors[Int(release.component), default: [:]][holder] = bytes
        aggregateIfComplete(chain)
        blame(chain)
    }

    func aggregateIfComplete(_ chain: ChainID) {
        guard let runtime = tasks[chain], let aggregation = runtime.aggregation, !aggregation.isRunning,
            !aggregation.isDone, runtime.machine.aggregator == nodeID,
            case .aggregating(aggregation.job.manifest, _) = runtime.machine.state.phase,
            (0..<runtime.policy.profile.componentCount).allSatisfy({ !(runtime.vectors[$0] ?? [:]).isEmpty }),
            nextChoice(runtime) != nil, let set = setContent(aggregation.job, chain: chain)
        else { return }
        killAfterKeys(chain)
        tasks[chain]?.aggregation?.isWaiting = true
        tasks[chain]?.stats.keysMs = now.monotonicMs
        let job = aggregation.job
        // Whatever comes of it, nothing is waited for any more. An action that came upon a damaged content runs again.
        let endsWait: @Sendable (isolated Node) -> Void = { node in
            guard node.tasks[chain]?.aggregation?.job == job else { return }
            node.tasks[chain]?.aggregation?.isWaiting = false
        }
        whenStored(set.references + [job.model], from: nil, otherwise: endsWait) { node in
            endsWait(node)
            node.aggregateNow(job, set.headers, chain: chain)
        }
    }

    private func aggregateNow(_ job: KeyJob, _ headers: [SubmissionHeader], chain: ChainID) {
        guard let runtime = tasks[chain], let aggregation = runtime.aggregation, aggregation.job == job,
            !aggregation.isComputing, !aggregation.isDone, let choice = nextChoice(runtime),
            let members = members(headers, chain: chain)
        else { return }
        tasks[chain]?.aggregation?.isComputing = true
        let policy = runtime.policy
        let vectors = choice.enumerated().compactMap { component, holder in runtime.vectors[component]?[holder] }
        let range = policy.packing.range
        let known = logarithms[range]
        let tables = home.tables
        let progress = RecoveryProgress { [weak self] text in
            Task { await self?.note("recovery", "round \(job.round): \(text)", task: chain, round: job.round) }
        }
        tasks[chain]?.aggregation?.progress = progress
        let endsRun: @Sendable (isolated Node) -> Void = { node in
            guard node.tasks[chain]?.aggregation?.job == job else { return }
            node.tasks[chain]?.aggregation?.isComputing = false
            node.tasks[chain]?.aggregation?.progress = nil
        }
        compute(
            reading: headers.map(\.body) + [job.model], unread: endsRun,
            again: { node in node.aggregateNow(job, headers, chain: chain) }
        ) { contents in
            let start = ContinuousClock.now
            return Result { () throws(RoundError) -> Recovered in
                guard
                    let set = SetContent.decoded(members, contents: contents.dropLast(), sums: job.sums, policy: policy)
                else { throw .failed("a body of the set does not decode") }
                let logarithm: BoundedLogarithm
                do {
                    let building = progress.begin("builds its table of logarithms", total: 100)
                    logarithm =
                        try known
                        ?? LogarithmFile.table(
                            bound: range, maximumTable: policy.plan.tableRange, directory: tables
                        ) { building.reach(100 * $0 / max(1, $1)) }
                } catch { throw .failed("the table of logarithms: \(error)") }
                let elements = policy.elementCount(round: job.round) * set.sums.count
                let recovering = progress.begin("recovers the sum", total: elements)
                let outcome = try Aggregating.run(
                    policy: policy, job: job, set: set, keyVectors: vectors, base: contents[contents.count - 1],
                    logarithm: logarithm, progress: recovering.reach)
                let seconds = Self.interval(start, .now)
                var unstored: StorageError?
                if case .sum(let sum) = outcome {
                    // Sum and model are on disk before the candidate that names them is signed.
                    unstored =
                        self.storeContent(sum.aggregate, sum.candidate.aggregate, .aggregate)
                        ?? self.storeContent(sum.model, sum.candidate.model, .model)
                }
                return Recovered(outcome: outcome, logarithm: logarithm, unstored: unstored, seconds: seconds)
            }
        } _: { node, result in
            guard node.tasks[chain]?.aggregation?.job == job else { return }
            endsRun(node)
            node.tasks[chain]?.aggregation?.tried.insert(choice)
            if case .success(let recovered) = result { node.logarithms[range] = recovered.logarithm }
            switch result.map(\.outcome) {
            case .success(.sum(let outcome)):
                node.tasks[chain]?.aggregation?.candidate = outcome.candidate
                if case .success(let recovered) = result {
                    node.tasks[chain]?.stats.recover = recovered.seconds
                    node.noteUnstored(outcome.candidate.model, recovered.unstored)
                }
                node.perform(node.tasks[chain]!.machine.aggregated(outcome.candidate, node.now), chain: chain)
            case .success(.fails(let element)):
                node.tasks[chain]?.aggregation?.failure = (choice, element)
                node.note(
                    "warning", "round \(job.round): element \(element) of the sum has no value within its bounds",
                    task: chain, round: job.round)
                node.aggregateIfComplete(chain)
            case .failure(let error): node.failed("round \(job.round): no sum", error, chain: chain)
            }
            node.blame(chain)
        }
    }

    /// One holder a component, a choice that was not tried: where two holders of a component sent different vectors, the
    /// honest one is found by trying. At most 16.
    private func nextChoice(_ runtime: TaskRuntime) -> [NodeID]? {
        guard let aggregation = runtime.aggregation else { return nil }
        var choices: [[NodeID]] = [[]]
        for component in 0..<runtime.policy.profile.componentCount {
            let options = distinct(runtime.vectors[component] ?? [:])
            choices = choices.flatMap { choice in options.map { choice + [$0] } }
            if choices.count > 16 { choices = Array(choices.prefix(16)) }
        }
        return choices.first { !aggregation.tried.contains($0) }
    }

    /// The smallest key of every different vector.
    private func distinct(_ vectors: [NodeID: [UInt8]]) -> [NodeID] {
        var chosen: [NodeID] = []
        for node in vectors.keys.sorted() where !chosen.contains(where: { vectors[$0] == vectors[node] }) {
            chosen.append(node)
        }
        return chosen
    }

    // MARK: Blame

    /// Says once an attempt what is wrong: two holders of a component that differ, or, if all agree, the lowest element
    /// that cannot be recovered.
    private func blame(_ chain: ChainID) {
        guard let runtime = tasks[chain], let aggregation = runtime.aggregation, !aggregation.isRunning,
            runtime.machine.aggregator == nodeID
        else { return }
        let places = runtime.machine.state.holders.map(\.node)
        func entry(_ component: Int, _ holder: NodeID, _ element: Int) -> BlameClaim.Entry? {
            guard let vector = runtime.vectors[component]?[holder], let place = places.firstIndex(of: holder) else {
                return nil
            }
            return BlameClaim.Entry(
                holder: UInt8(place), component: UInt8(component),
                key: Digest(Array(vector[element * 32..<element * 32 + 32])),
                path: KeyVector.tree(vector).path(element).map { Digest($0) })
        }
        for component in 0..<runtime.policy.profile.componentCount {
            let vectors = runtime.vectors[component] ?? [:]
            let different = distinct(vectors)
            guard different.count > 1, let first = vectors[different[0]], let second = vectors[different[1]],
                let element = Blame.firstDifference(first, second)
            else { continue }
            let entries = vectors.keys.sorted().compactMap { entry(component, $0, element) }
            perform(
                tasks[chain]!.machine.blamed(
                    aggregation.job.manifest, kind: .dispute, element: element, entries: entries, now), chain: chain)
            return
        }
        // Nobody is named while a holder's statement is missing, so there is no claim before all are here.
        guard !aggregation.isDone, let failure = aggregation.failure, nextChoice(runtime) == nil,
            Set(runtime.machine.keyStatements.map(\.signer)).isSuperset(of: places)
        else { return }
        let entries = failure.choice.enumerated().compactMap { entry($0.offset, $0.element, failure.element) }
        perform(
            tasks[chain]!.machine.blamed(
                aggregation.job.manifest, kind: .recovery, element: failure.element, entries: entries, now),
            chain: chain)
    }

    /// Nil where somebody is no member, which a decided set has none of.
    func members(_ headers: [SubmissionHeader], chain: ChainID) -> [SetContent.Member]? {
        guard let genesis = tasks[chain]?.machine.state.genesis else { return nil }
        let members = headers.compactMap { header in
            genesis.member(header.submitter).map { SetContent.Member(header: header, rows: $0.enrolment.rows) }
        }
        return members.count == headers.count ? members : nil
    }
}

/// What a recovery gave.
private struct Recovered: Sendable {
    let outcome: Aggregating.Recovery
    let logarithm: BoundedLogarithm
    /// Why the sum or the model is not on disk.
    let unstored: StorageError?
    let seconds: Double
}
