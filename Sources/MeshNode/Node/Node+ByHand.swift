internal import Chain
internal import Gossip
internal import Learn
public import Wire

/// A round that people drive: an update from outside, a look at the candidate, a vote. Everything is judged before anything
/// is written or signed.
extension Node {
    public func submit(
        _ update: [UInt8], rows: UInt32?, round: UInt32?, base: String?, to task: TaskID
    ) async throws(ServiceError) -> Receipt {
        try requireRoom()
        guard let runtime = tasks[task], case .collecting = runtime.machine.state.phase else {
            throw .conflict(
                reason: "task \(task.short) is not collecting submissions",
                next: "see: `meshnode round list \(task.short)`")
        }
        guard runtime.machine.state.spec.voting == .manual else {
            throw .conflict(
                reason: "the task says voting = automatic: this node trains and submits by itself",
                next: "publish the task with voting = \"manual\"")
        }
        guard let member = runtime.machine.state.genesis.member(nodeID) else {
            throw .denied(reason: "this node is not enrolled in the task", next: "join before enrolment closes")
        }
        let job = runtime.machine.trainingJob
        guard !runtime.machine.hasSubmitted, try keptUpdate(job, chain: task) == nil else {
            throw .conflict(
                reason: "round \(job.round) has an update of this node already; the first one counts, also in a later "
                    + "attempt of the round, and this one is not taken",
                next: "wait for the next round: `meshnode watch --task \(task.short)`")
        }
        let own = member.enrolment.rows
        if let rows, rows == 0 || rows > own {
            throw .invalid([Fault("rows", "\(rows): give 1 to \(own), the rows that this node enrolled with")])
        }
        let policy = runtime.policy
        guard let model = bytes(of: job.model) else {
            throw .unavailable(reason: "the base model of round \(job.round) is not stored here yet", next: "try again")
        }
        let quantised: LocalUpdate
        let isZero: Bool
        do {
            let file = try Safetensors(bytes: update, file: "update")
            try requireBase(file, round: round, base: base, job: job, task: task)
            let delta = try Safetensors.parameters(from: update, manifest: policy.model.manifest, file: "update")
            let state = try policy.state(of: model)
            // A member may have nothing to add; it is told, for old minus old is a mistake that is easily made.
            isZero = delta.allSatisfy { $0 == 0 }
            if delta == state.weights, !isZero {
                throw LearnError.invalid(
                    field: "update", reason: "is the base model itself, unchanged",
                    next: "hand in old minus new of every tensor, as examples/train_by_hand.py does")
            }
            quantised = try policy.recipe.integers(
                of: delta, state: state, round: Int(job.round), share: policy.weight(rows: rows ?? own),
                seed: Submitting.trainingSeed(round: job.seed, node: nodeID))
        } catch let error as ServiceError {
            throw error
        } catch { throw .invalid([Fault("update", "\(error)")]) }
        do {
            // Encryption starts from the stored vector, as after a crash.
            try vectorFiles.write(Self.encode(quantised.values), name: updateName(job, chain: task))
        } catch { throw .failed(reason: "\(error)", next: "free disk space and submit again") }
        tasks[task]?.stats.saturations = quantised.saturations
        tasks[task]?.stats.norm = quantised.norm
        tasks[task]?.stats.wasClipped = quantised.wasClipped
        perform(.train(job), chain: task)
        let cut = Self.saturationText(quantised.saturations, of: quantised.values.count, spec: policy.spec)
        if let cut { note("saturation", "round \(job.round): \(cut)", task: task, round: job.round) }
        return Receipt(
            reference: "\(job.round)/\(job.attempt)",
            text: "update of \(quantised.values.count) coordinates for round \(job.round) is being encrypted"
                + (isZero
                    ? "; it is zero in every value, as the difference of a model with itself: nothing of this node changes the model"
                    : "") + (cut.map { "; " + $0 } ?? ""))
    }

    /// The vector of this round and base model that is stored already.
    private func keptUpdate(_ job: RoundJob, chain: ChainID) throws(ServiceError) -> [UInt8]? {
        do { return try vectorFiles.read(name: updateName(job, chain: chain)) } catch {
            throw .failed(reason: "\(error)", next: "see: `meshnode doctor`")
        }
    }

    /// An update belongs to one base model. Who hands it in says which, in the file's metadata (`content`, as
    /// `model export` writes it) or beside it.
    private func requireBase(
        _ update: Safetensors, round: UInt32?, base: String?, job: RoundJob, task: TaskID
    ) throws(ServiceError) {
        func said(_ key: String) -> String? {
            update.metadata.first { $0.key == key }.map(\.value).flatMap { $0.isEmpty ? nil : $0 }
        }
        func stale(_ what: String) -> ServiceError {
            .conflict(
                reason: "\(what); round \(job.round) starts from model \(job.model.id.short)",
                next: "train again on it: `meshnode model export \(task.short) --out FILE`")
        }
        if let round, round != job.round { throw stale("the update is for round \(round)") }
        if let named = said("task"), named != task.hex {
            throw .conflict(
                reason: "the update was trained for task \(String(named.prefix(8)))", next: "submit it to that task")
        }
        let content = base?.lowercased() ?? said("content")
        if let content {
            guard NameResolution.begins(job.model.id.hex, with: content) else {
                throw stale("the update was trained on model \(String(content.prefix(8)))")
            }
        }
        guard round != nil || content != nil else {
            throw .invalid([
                Fault(
                    "round",
                    "the update does not say what it was trained on; give --round \(job.round), or --base with the id that "
                        + "model export prints, or keep the metadata of the exported model")
            ])
        }
    }

    /// The update of a round that people drive is sent again in a later attempt, and after a restart, without being handed
    /// in a second time: only the same vector has a proof.
    func resendByHand(_ chain: ChainID) {
        guard let machine = tasks[chain]?.machine, machine.state.spec.voting == .manual, !machine.hasSubmitted,
            machine.state.roster.contains(nodeID)
        else { return }
        let job = machine.trainingJob
        guard let kept = try? keptUpdate(job, chain: chain), !kept.isEmpty else { return }
        perform(.train(job), chain: chain)
    }

    /// What is said where the quantiser cut an update; nil where it cut nothing.
    static func saturationText(_ cut: Int, of count: Int, spec: TaskSpec?) -> String? {
        guard cut > 0, let spec else { return nil }
        let next =
            spec.data.meanPpm.isEmpty && spec.data.shape.count == 1
            ? "set data.mean and data.deviation (`meshnode data inspect FILE --normalise` prints them)"
            : "set a larger update.range, or a lower training.learning_rate"
        return "\(cut) of \(count) coordinates of this node's update were cut to the range: \(next)"
    }

    public func candidate(of round: UInt32, task: TaskID) async throws(ServiceError) -> CandidateView {
        guard let machine = tasks[task]?.machine, machine.state.round == round,
            let (candidate, check) = machine.presentCandidate
        else { throw Self.noCandidate(round, task) }
        return CandidateView(
            task: task.hex, round: round, attempt: machine.state.attempt, model: candidate.model.id.hex,
            base: machine.state.model.id.hex, isChecked: check != nil, isValid: check?.isValid,
            reason: check.flatMap { $0.reason.isEmpty ? nil : $0.reason },
            accuracy: check.flatMap { $0.evaluatedRows > 0 ? Double($0.accuracyPpm) / 1e6 : nil },
            loss: check.flatMap { $0.evaluatedRows > 0 ? Double($0.lossPpm) / 1e6 : nil },
            rows: check?.evaluatedRows ?? 0, accuracyBefore: tasks[task]?.lastRound?.ownAccuracy,
            ownAnswer: machine.ownAnswer.map { "\($0)" }, asksPerson: machine.asksPerson)
    }

    private static func noCandidate(_ round: UInt32, _ task: TaskID) -> ServiceError {
        .conflict(
            reason: "round \(round) of task \(task.short) has no candidate to vote on",
            next: "see: `meshnode round list \(task.short)`")
    }

    public func vote(_ vote: ManualVote, round: UInt32, task: TaskID) async throws(ServiceError) -> Receipt {
        try requireRoom()
        guard let machine = tasks[task]?.machine, machine.state.round == round,
            case .aggregating = machine.state.phase
        else { throw Self.noCandidate(round, task) }
        guard machine.asksPerson else {
            throw .conflict(
                reason: "this node votes by itself: neither the task nor its own configuration says manual",
                next: "set [voting] mode = \"manual\" in \(home.configuration) to answer in every task by hand")
        }
        if let answer = machine.ownAnswer {
            throw .conflict(
                reason: "this node has answered round \(round) with '\(answer)' already; an opinion is signed once",
                next: "see: `meshnode round show \(task.short) \(round)`")
        }
        if let reason = vote.reason, reason.utf8.count > Limits.remark {
            throw .invalid([Fault("reason", "\(reason.utf8.count) bytes, an opinion takes \(Limits.remark)")])
        }
        perform(
            tasks[task]!.machine.verdict(vote.isValid ? .accept : .reject, remark: vote.reason ?? "", now), chain: task)
        if let reason = vote.reason { note("vote", "round \(round): \(reason)", task: task, round: round) }
        let isSigned = machine.presentCandidate?.check?.isValid == true
        return Receipt(
            reference: "\(round)",
            text: isSigned
                ? "the opinion '\(vote.isValid ? "accept" : "reject")' is signed"
                : "'\(vote.isValid ? "accept" : "reject")' is signed once this node's own check of the sum has passed")
    }

    /// A decided model, or the candidate of the present round, with what it says of itself.
    public func model(
        of task: TaskID, round: UInt32?, isCandidate: Bool
    ) async throws(ServiceError) -> [UInt8] {
        guard let record = record(of: task), let models = modelTable(task) else {
            throw .notFound(what: "task \(task.short) has not started here", next: "see: `meshnode task list`")
        }
        let reference: ContentReference
        let number: UInt32
        if isCandidate {
            guard let machine = tasks[task]?.machine, let candidate = machine.presentCandidate?.candidate else {
                throw .conflict(
                    reason: "no round of task \(task.short) has a candidate now",
                    next: "see: `meshnode round list \(task.short)`")
            }
            (reference, number) = (candidate.model, machine.state.round)
        } else {
            guard let wanted = round ?? models.keys.max(), let known = models[wanted] else {
                throw .notFound(
                    what: "task \(task.short) has no model of round \(round.map(String.init) ?? "any")",
                    next: "see: `meshnode model list \(task.short)`")
            }
            (reference, number) = (known, wanted)
        }
        let view =
            isCandidate
            ? nil
            : (try? await rounds(of: task, after: 0))?.last {
                $0.round == number && $0.outcome == .accepted
            }
        let card = ModelCard(
            spec: record.spec, task: task.hex, network: genesis.networkID.hex, round: number,
            content: reference.id.hex, accuracy: view?.accuracy, loss: view?.loss,
            labelColumn: configuration.data.label, isCandidate: isCandidate)
        do {
            guard let bytes = try await readForOperator(reference.id, limit: ContentLimits.longestContent) else {
                throw ServiceError.unavailable(
                    reason: "model \(reference.id.short) is not stored here yet", next: "try again")
            }
            return try card.written(into: bytes)
        } catch let error as ServiceError {
            throw error
        } catch { throw .failed(reason: "\(error)", next: "fetch it from another node") }
    }
}
