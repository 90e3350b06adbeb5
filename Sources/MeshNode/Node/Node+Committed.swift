internal import Chain
internal import Foundation
internal import Gossip
internal import MeshCrypto
internal import Wire

/// What follows a decided block of a task: fetching what it names, metrics, the end of a task.
extension Node {
    /// The metrics of the round that a block ends; nil for blocks that end none.
    func roundView(of block: DecidedBlock) -> RoundView? {
        let header = block.header
        guard header.kind == .result || header.kind == .void, let runtime = tasks[header.chain] else { return nil }
        let state = runtime.machine.state
        let stats = runtime.stats
        var view = RoundView(
            task: header.chain.hex, round: header.round, attempt: header.attempt, outcome: .void,
            enrolled: state.genesis.members.count, views: block.certificate.view.clampedSum(1), height: header.height,
            head: header.id.hex)
        view.seconds.total = Double(now.monotonicMs - stats.startedMs) / 1_000
        view.bytesIn = traffic.bytesIn &- stats.bytesIn
        view.bytesOut = traffic.bytesOut &- stats.bytesOut
        view.saturations = stats.saturations
        view.norm = stats.norm
        view.wasClipped = stats.wasClipped
        view.trainingLoss = stats.trainingLoss
        let recipe = runtime.policy.recipe
        view.coordinates = recipe.coordinates(round: Int(header.round))
        view.ratio = Double(recipe.coordinates(round: Int(header.round))) / Double(max(1, recipe.parameterCount))
        if header.kind == .result {
            view.epsilon = (try? recipe.epsilon(after: Int(header.round))) ?? nil
            view.epsilonAgainstMembers = (try? recipe.epsilonAgainstMembers(after: Int(header.round))) ?? nil
        }
        view.seconds.train = stats.train
        view.seconds.encrypt = stats.encrypt
        if header.kind == .void {
            view.reason = (try? VoidBody(wireBytes: block.body)).map { BlockDescription.reason($0) }
            return view
        }
        guard let result = try? ResultBody(wireBytes: block.body) else { return view }
        view.outcome = result.rejected ? .rejected : .accepted
        view.submitted = stats.submitted
        view.containsOwnUpdate = stats.containsOwn
        view.aggregator = header.author.hex
        view.aggregate = result.aggregate.id.hex
        view.model = result.model.id.hex
        let opinions = result.opinions.compactMap { envelope in
            (try? Opinion(wireBytes: envelope.payload)).map {
                (weight: state.electorate.weight(of: envelope.signer), opinion: $0)
            }
        }
        view.accuracy = TaskRules.median(opinions) { UInt64($0.accuracyPpm) }.map { Double($0) / 1e6 }
        view.loss = TaskRules.median(opinions) { $0.lossPpm }.map { Double($0) / 1e6 }
        view.opinions = BlockDescription.opinions(result)
        view.ownAccuracy = stats.ownAccuracy
        view.ownLoss = stats.ownLoss
        func span(_ from: UInt64?, _ to: UInt64?) -> Double? {
            guard let from, let to, to >= from else { return nil }
            return Double(to - from) / 1_000
        }
        view.seconds.collect = span(stats.submittedMs ?? stats.startedMs, stats.manifestMs)
        view.seconds.keys = span(stats.manifestMs, stats.keysMs ?? stats.candidateMs)
        view.seconds.recover = stats.recover
        view.seconds.opinions = span(stats.candidateMs, stats.proposedMs)
        view.seconds.vote = span(stats.proposedMs, now.monotonicMs)
        return view
    }

    func committed(_ block: DecidedBlock, view: RoundView?) {
        let chain = block.header.chain
        switch block.header.kind {
        case .manifest: committedManifest(block)
        case .result, .void: if let view { committedRound(block, view) }
        case .control: committedControl(block)
        case .registry: break
        }
        if let view, view.hasFigures { tasks[chain]?.lastRound = view }
    }

    private func committedManifest(_ block: DecidedBlock) {
        let chain = block.header.chain
        guard let manifest = try? ManifestBody(wireBytes: block.body) else { return }
        if let scores = manifest.scores { committedScores(scores, chain: chain) }
        tasks[chain]?.stats.manifestMs = now.monotonicMs
        tasks[chain]?.vectors = [:]
        tasks[chain]?.aggregation = nil
        keepBodies(of: manifest, chain: chain)
        guard let state = tasks[chain]?.machine.state, case .aggregating(_, let set) = state.phase else { return }
        tasks[chain]?.stats.submitted = set.count
        tasks[chain]?.stats.containsOwn = set.contains { $0.node == nodeID }
        note(
            "manifest", "round \(block.header.round): \(set.count)/\(state.genesis.members.count) submissions decided",
            task: chain, round: block.header.round)
    }

    private func committedRound(_ block: DecidedBlock, _ view: RoundView) {
        let chain = block.header.chain
        if let result = try? ResultBody(wireBytes: block.body), block.header.kind == .result {
            keepContents(of: result, author: block.header.author, chain: chain)
            if !result.rejected { tasks[chain]?.models[block.header.round] = result.model }
        }
        // After a VOID the same integers are submitted again, under a fresh mask.
        if block.header.kind == .result { forgetRound(chain, block.header.round) } else { forgetKeyVectors(chain) }
        tasks[chain]?.stats = freshStats()
        endRecovery(chain)
        endAttempt(chain)
        tasks[chain]?.releases.removeAll()
        tasks[chain]?.released = [:]
        let detail = (try? JSONEncoder().encode(view)).map { String(decoding: $0, as: UTF8.self) }
        var text: String
        if view.outcome == .void {
            text = "round \(view.round), attempt \(view.attempt): VOID (\(view.reason ?? "no reason"))"
        } else {
            let accuracy = view.accuracy.map { String(format: "%.4f", $0) } ?? "–"
            let loss = view.loss.map { String(format: "%.4f", $0) } ?? "–"
            text =
                "round \(view.round): \(view.outcome.rawValue), accuracy \(accuracy), loss \(loss), "
                + "\(view.submitted ?? 0)/\(view.enrolled) submissions, aggregator \(block.header.author.short)"
            if let cut = Self.saturationText(
                view.saturations ?? 0, of: view.coordinates ?? 0, spec: tasks[chain]?.policy.spec)
            {
                text += "; " + cut
            }
        }
        note(view.outcome == .void ? "void" : "round", text, task: chain, round: view.round, detail: detail)
    }

    private func committedControl(_ block: DecidedBlock) {
        let chain = block.header.chain
        let control = try? ControlBody(wireBytes: block.body)
        if case .scores(let section) = control { committedScores(section, chain: chain) }
        if control?.isDirection == true {
            let state = tasks[chain]?.machine.state
            note(
                "direction",
                "round \(block.header.round): "
                    + (state?.directionCommitment.map { "scored, direction committed as \($0.short)" }
                        ?? "not scored, its publisher committed to no direction"),
                task: chain, round: block.header.round)
        }
        let ending: String? =
            switch control {
            case .direction, .noDirection, .scores, .anchor: nil
            case .complete: "completed"
            case .failed(let reason): "failed: \(reason.words)"
            case .ordered(let order):
                switch order.control?.action {
                case .pause: "paused by its publisher"
                case .resume: "resumed by its publisher"
                case .stop, nil: "stopped by its publisher"
                }
            case nil: "ended"
            }
        guard let ending else { return }
        note("task", "task \(chain.short) \(ending)", task: chain)
        guard tasks[chain]?.machine.state.isEnded == true else {
            // A recovery that was under way belongs to the height before.
            tasks[chain]?.aggregation = nil
            return
        }
        // The key of a finished task opens nothing any more.
        tasks[chain]?.sealingKey = nil
        try? MemberMemory(files: vectorFiles, chain: chain).forget()
        forgetTask(chain)
    }

}

extension ControlBody {
    fileprivate var isDirection: Bool {
        switch self {
        case .direction, .noDirection: true
        case .complete, .failed, .ordered, .scores, .anchor: false
        }
    }
}
