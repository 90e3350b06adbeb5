internal import Chain
internal import Gossip
internal import Learn
internal import MeshCrypto
internal import Wire

/// A voter's check of candidates: the sum, the model that follows from it, and an opinion on its own held-out rows.
extension Node {
    func check(_ candidate: Candidate, _ job: KeyJob, chain: ChainID) {
        guard let runtime = tasks[chain], let set = setContent(job, chain: chain) else { return }
        // Nothing is fetched whose length this node does not know by itself: a candidate may name gigabytes.
        let length = runtime.policy.aggregateLength(round: job.round, sums: job.sums.count)
        guard candidate.aggregate.length == length else {
            let check = TaskMachine.CandidateCheck(
                isValid: false,
                reason: "it names a sum of \(candidate.aggregate.length) bytes, which has \(length)")
            perform(tasks[chain]!.machine.candidateChecked(candidate.payload, check, now), chain: chain)
            return
        }
        let origin = tasks[chain]?.machine.aggregator
        whenStored(set.references + [job.model], from: nil) { node in
            // The model is not fetched: it follows from base and sum, and every voter computes it.
            node.whenStored([candidate.aggregate], from: origin, namedBy: origin, attempt: chain) { node in
                node.checkNow(candidate, job, set.headers, chain: chain)
            }
        }
    }

    private func checkNow(_ candidate: Candidate, _ job: KeyJob, _ headers: [SubmissionHeader], chain: ChainID) {
        guard let runtime = tasks[chain], let members = members(headers, chain: chain) else { return }
        let policy = runtime.policy
        let data = configuration.data
        let hasEvaluation = evaluationData != nil
        let fitted = runtime.rows
        let tolerance = policy.spec.evaluation.tolerancePpm
        compute(
            reading: headers.map(\.body) + [candidate.aggregate, job.model], attempt: chain,
            again: { node in node.checkNow(candidate, job, headers, chain: chain) }
        ) { contents in
            Result { () throws(RoundError) -> (check: TaskMachine.CandidateCheck, unstored: StorageError?)? in
                let (aggregate, base) = (contents[contents.count - 2], contents[contents.count - 1])
                // What does not decode here is no fault of the candidate's.
                guard
                    let set = SetContent.decoded(
                        members, contents: contents.dropLast(2), sums: job.sums, policy: policy)
                else { return nil }
                let model = try ResultCheck.model(
                    policy: policy, context: job.context, manifest: job.manifest, set: set, aggregate: aggregate,
                    opening: candidate.opening, base: base)
                guard ContentReference.of(model, kind: .model) == candidate.model else {
                    throw .rejected("the new model is not what the server step gives")
                }
                let unstored = self.storeContent(model, candidate.model, .model)
                // Validity is the equation and the model alone: rows of ours that do not fit mean no opinion, never a
                // vote against a valid result.
                guard hasEvaluation else {
                    return (TaskMachine.CandidateCheck(isValid: true, because: .noRows), unstored)
                }
                guard let rows = try? fitted.rows(.evaluation, data: data, spec: policy.spec),
                    let evaluation = try? Evaluating.evaluate(policy: policy, model: model, rows: rows)
                else { return (TaskMachine.CandidateCheck(isValid: true, because: .unusableRows), unstored) }
                var verdict = Opinion.Verdict.accept
                if tolerance < 1_000_000 {
                    if let before = try? Evaluating.evaluate(policy: policy, model: base, rows: rows),
                        UInt64(evaluation.accuracyPpm) + UInt64(tolerance) < UInt64(before.accuracyPpm)
                    {
                        verdict = .reject
                    }
                }
                return (
                    TaskMachine.CandidateCheck(
                        isValid: true, verdict: verdict, accuracyPpm: evaluation.accuracyPpm,
                        lossPpm: evaluation.lossPpm, evaluatedRows: evaluation.rows), unstored
                )
            }
        } _: { node, result in
            guard node.tasks[chain] != nil else { return }
            let check: TaskMachine.CandidateCheck
            switch result {
            case .success(nil): return
            case .success(let found?):
                check = found.check
                node.noteUnstored(candidate.model, found.unstored)
            case .failure(let error): check = TaskMachine.CandidateCheck(isValid: false, reason: "\(error)")
            }
            if check.evaluatedRows > 0 {
                node.tasks[chain]?.stats.ownAccuracy = Double(check.accuracyPpm) / 1e6
                node.tasks[chain]?.stats.ownLoss = Double(check.lossPpm) / 1e6
            }
            node.perform(
                node.tasks[chain]!.machine.candidateChecked(candidate.payload, check, node.now), chain: chain)
        }
    }
}
