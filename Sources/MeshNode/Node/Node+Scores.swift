internal import Chain
internal import Learn
internal import MeshCrypto
public import Wire

/// Carrying out the work of scored rounds; every result goes back into the task's machine.
extension Node {
    static func directionName(_ chain: ChainID, _ round: UInt32) -> String {
        directionPrefix(chain) + "\(round)"
    }
    static func directionPrefix(_ chain: ChainID) -> String { "direction-\(chain.hex.prefix(32))-" }

    // MARK: Publisher

    /// The direction is on disk before anybody hears of its commitment, so a restart reveals what was committed to.
    func commitDirection(_ job: RoundJob, chain: ChainID) {
        let origin = tasks[chain]?.machine.state.genesis.publisher
        whenStored([job.model], from: origin) { node in node.commitDirectionNow(job, chain: chain) }
    }

    private func commitDirectionNow(_ job: RoundJob, chain: ChainID) {
        guard let runtime = tasks[chain] else { return }
        let policy = runtime.policy
        let name = Self.directionName(chain, job.round)
        let (files, data, fitted) = (vectorFiles, configuration.data, runtime.rows)
        let hasEvaluation = evaluationData != nil
        compute(
            reading: [job.model], again: { node in node.commitDirectionNow(job, chain: chain) }
        ) { contents in
            Result { () throws(RoundError) -> Digest in
                let base = contents[0]
                let stored: [UInt8]?
                do { stored = try files.read(name: name) } catch { throw .failed("\(error)") }
                let kept: [UInt8]
                if let stored {
                    kept = stored
                } else {
                    guard hasEvaluation else { throw .failed("this node holds out no rows ([data] evaluation)") }
                    kept = try Scoring.direction(
                        policy: policy, base: base, rows: try fitted.rows(.evaluation, data: data, spec: policy.spec),
                        round: job.round)
                    do { try files.write(kept, name: name) } catch { throw .failed("\(error)") }
                }
                return try Scoring.commitment(kept, policy: policy, round: job.round)
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            if case .failure(let error) = result {
                node.failed("round \(job.round) is not scored, no direction", error, chain: chain)
            }
            node.perform(
                node.tasks[chain]!.machine.directionCommitted(try? result.get(), round: job.round, node.now),
                chain: chain)
        }
    }

    func revealDirection(_ round: UInt32, chain: ChainID) {
        let (files, name) = (vectorFiles, Self.directionName(chain, round))
        onDisk { () -> (reveal: DirectionReveal, unstored: StorageError?)? in
            guard let kept = (try? files.read(name: name)) ?? nil, kept.count > Scoring.saltBytes else { return nil }
            let content = Array(kept.dropFirst(Scoring.saltBytes))
            let reference = ContentReference.of(content, kind: .direction)
            // On disk before the reveal that names it is signed.
            let unstored = self.storeContent(content, reference, .direction)
            let salt = Digest(Array(kept.prefix(Scoring.saltBytes)))
            return (DirectionReveal(salt: salt, direction: reference), unstored)
        } _: { node, found in
            guard node.tasks[chain] != nil else { return }
            guard let (reveal, unstored) = found else {
                node.note(
                    "warning", "round \(round): the committed direction is not stored here: nobody is scored",
                    task: chain)
                return
            }
            node.noteUnstored(reveal.direction, unstored)
            node.keepForever([reveal.direction], chain: chain)
            node.perform(
                node.tasks[chain]!.machine.directionRevealed(reveal, round: round, node.now), chain: chain)
        }
    }

    // MARK: Everybody

    func judgeDirection(_ reveal: DirectionReveal, _ pending: ScoreBook.Pending, chain: ChainID) {
        whenStored([reveal.direction], from: tasks[chain]?.machine.state.genesis.publisher) { node in
            guard let policy = node.tasks[chain]?.policy else { return }
            node.compute(
                reading: [reveal.direction], again: { node in node.judgeDirection(reveal, pending, chain: chain) }
            ) { contents in
                Result { () throws(RoundError) -> ScoreDirection in
                    try Scoring.judge(reveal, content: contents[0], of: pending, policy: policy)
                }
            } _: { node, result in
                guard node.tasks[chain] != nil else { return }
                var reason = ""
                switch result {
                case .success(let direction):
                    node.tasks[chain]?.direction = (pending.round, direction)
                    node.keepForever([reveal.direction], chain: chain)
                case .failure(let error): reason = "\(error)"
                }
                node.perform(
                    node.tasks[chain]!.machine.directionJudged(
                        reveal, round: pending.round, isValid: reason.isEmpty, reason: reason, node.now), chain: chain)
            }
        }
    }

    /// The one place where something about an own update leaves this node beside the sum: only along a direction that was
    /// decided before the round, is broad, and was found right here.
    func openScore(_ pending: ScoreBook.Pending, chain: ChainID) {
        guard let runtime = tasks[chain], let known = runtime.direction, known.round == pending.round,
            let member = pending.set.first(where: { $0.node == nodeID })
        else { return }
        guard let own = seeds(of: member.submission, round: pending.round, chain: chain),
            let name = ownUpdateName(round: pending.round, chain: chain)
        else {
            note(
                "warning", "round \(pending.round): no score, seeds or vector of the own submission are gone",
                task: chain)
            return
        }
        let (policy, files) = (runtime.policy, vectorFiles)
        compute {
            Result { () throws(RoundError) -> ScoreStatement in
                guard let bytes = (try? files.read(name: name)) ?? nil,
                    let values = Self.decode(bytes, count: policy.coordinateCount(round: pending.round))
                else { throw .failed("the vector of the own submission cannot be read") }
                return try Scoring.open(
                    values: values, seeds: own.seeds, header: own.header, direction: known.direction, policy: policy)
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            switch result {
            case .success(let statement):
                node.perform(
                    node.tasks[chain]!.machine.scoreOpened(statement, round: pending.round, node.now), chain: chain)
            case .failure(let error): node.failed("round \(pending.round): no score", error, chain: chain)
            }
        }
    }

    func checkScore(_ statement: ScoreStatement, _ pending: ScoreBook.Pending, chain: ChainID) {
        guard let header = announcement(of: statement.submission, round: pending.round, chain: chain) else { return }
        whenStored([header.body], from: header.submitter) { node in
            guard let runtime = node.tasks[chain], let known = runtime.direction, known.round == pending.round else {
                return
            }
            let policy = runtime.policy
            node.compute(
                reading: [header.body], again: { node in node.checkScore(statement, pending, chain: chain) }
            ) { contents in
                Result { () throws(RoundError) -> Void in
                    try Scoring.check(
                        statement, body: contents[0], header: header, direction: known.direction, policy: policy)
                }
            } _: { node, result in
                guard node.tasks[chain] != nil else { return }
                var isValid = true
                if case .failure(let error) = result {
                    isValid = false
                    node.failed("score of \(header.submitter.short)", error, chain: chain)
                }
                node.perform(
                    node.tasks[chain]!.machine.scoreChecked(
                        statement, round: pending.round, isValid: isValid, node.now), chain: chain)
            }
        }
    }

    /// The file of the integers that this node encrypted in a round.
    private func ownUpdateName(round: UInt32, chain: ChainID) -> String? {
        (try? vectorFiles.list())?.first { $0.hasPrefix(Self.updatePrefix(chain, round)) }
    }

    /// The announcement of a submission that a MANIFEST of `round` carries.
    func announcement(of id: SubmissionID, round: UInt32, chain: ChainID) -> SubmissionHeader? {
        guard let state = tasks[chain]?.machine.state else { return nil }
        for height in stride(from: state.height, to: 0, by: -1) {
            guard let stored = try? chainStore.block(chain: chain, height: height),
                let block = try? ChainReplay.decoded(stored), block.header.round >= round
            else { return nil }
            guard block.header.kind == .manifest, let manifest = try? ManifestBody(wireBytes: block.body),
                let envelope = manifest.submissions.first(where: { $0.submissionID == id })
            else { continue }
            return try? SubmissionHeader(wireBytes: envelope.payload)
        }
        return nil
    }

    // MARK: Decided

    /// What a block decided about scores, for people, and what need not be kept any longer.
    func committedScores(_ section: ScoreSection, chain: ChainID) {
        guard let round = tasks[chain]?.machine.state.scores.rounds.last else { return }
        let scores = round.entries.map { entry in "\(entry.node.short) \(entry.score.map(String.init) ?? "none")" }
            .joined(separator: ", ")
        note(
            "scores",
            "round \(round.round): " + (scores.isEmpty ? "nobody is scored" : "scores \(scores)"), task: chain,
            round: round.round)
        if let direction = round.direction {
            whenStored([direction], from: nil) { $0.keepForever([direction], chain: chain) }
        }
        tasks[chain]?.direction = nil
        forgetScored(chain)
    }

    /// Vectors and directions of rounds that are over and have no open scores.
    func forgetScored(_ chain: ChainID) {
        guard let state = tasks[chain]?.machine.state, let names = try? vectorFiles.list() else { return }
        let open = state.scores.pending?.round
        let prefixes = [Self.updatesPrefix(chain), Self.directionPrefix(chain)]
        forget(
            names.filter { name in
                guard let prefix = prefixes.first(where: { name.hasPrefix($0) }),
                    let round = UInt32(name.dropFirst(prefix.count).prefix { $0 != "-" })
                else { return false }
                return round < state.round && round != open
            })
    }
}

// MARK: For the operator

extension Node {
    public func scores(of task: TaskID) async throws(ServiceError) -> ScoresView {
        guard let state = await taskState(task) else {
            throw .notFound(what: "task \(task.short) has not started", next: "see: `meshnode task list`")
        }
        return ScoresView(state)
    }

    /// What a round was or will be scored along.
    func direction(of round: UInt32, task: TaskID) async -> String? {
        await taskState(task)?.direction(of: round)
    }
}

extension ScoresView {
    init(_ state: Chain.TaskState) {
        let one = 65_536.0
        let rounds = state.scores.rounds.map { round in
            let units = ContributionShares.units(round.entries.map(\.score))
            return Round(
                round: round.round, direction: round.direction?.id.hex, counts: units != nil,
                scores: round.entries.enumerated().map { index, entry in
                    Score(node: entry.node.hex, score: entry.score, unit: units.map { Double($0[index]) / one })
                })
        }
        let entries = state.payouts.entries
        let sums = ContributionShares.sums(state.scores.rounds, of: entries.map(\.node)).sums
        let weights = state.contributionWeights
        let total = max(1, Double(weights.values.reduce(0, +)))
        self.init(
            task: state.chain.hex, rule: state.spec.reward.rule.word, left: state.scores.left,
            open: state.scores.pending?.round, isByScore: state.isPaidByScore, rounds: rounds,
            members: zip(entries, sums).map { entry, sum in
                Member(
                    node: entry.node.hex, sum: Double(sum) / one, share: Double(weights[entry.node] ?? 0) / total,
                    credits: entry.credits)
            })
    }
}
