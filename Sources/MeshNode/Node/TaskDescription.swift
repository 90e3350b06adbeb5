internal import Chain
internal import Wire

/// A task for people: the same words from a running node and from a home on disk.
extension TaskView {
    /// Who could read one update, with the odds for as many members as there are or may be.
    static func readers(_ record: RegistryState.TaskRecord) -> String {
        TaskSpecValidator.readers(record.spec, members: record.closed == nil ? nil : record.enrolments.count)
    }

    /// - Parameters:
    ///   - state: of its chain; nil before it has one, and where only `ended` is kept.
    ///   - ended: what is kept of a chain that has ended.
    ///   - waiting: what a running task waits for.
    ///   - obstacles: why the own node does not take part.
    ///   - last: the last round whose figures this home has.
    ///   - own: the node that is called this one.
    init(
        _ record: RegistryState.TaskRecord, parameters: Genesis.Parameters, state: Chain.TaskState?,
        ended: EndedTask? = nil, waiting: String?,
        obstacles: [String] = [], last: RoundView?, own: NodeID?
    ) {
        var taskState = TaskState.enrolling
        var reason: String?
        if let outcome = ended?.outcome ?? state?.outcome {
            switch outcome {
            case .complete: taskState = .completed
            case .failed(.expired), .running: taskState = .expired
            case .failed(let failure):
                taskState = .failed
                reason = failure.words
            case .stopped: taskState = .cancelled
            }
        } else if state != nil {
            taskState = state?.isPaused == true ? .paused : .running
            reason = waiting
        } else if record.isCancelled {
            taskState = .cancelled
            reason = "stopped by its publisher before it started; everybody got everything back"
        } else if record.closed == nil, record.windowEndsMs != nil {
            taskState = .expired
            reason = "it expired before enough nodes had enrolled"
        } else if record.closed != nil {
            reason = "enrolment is closed; the two due registry heights follow"
        } else {
            let (least, most) = (record.spec.participants.minimum, record.spec.participants.maximum)
            let closes = record.publishedMs &+ UInt64(record.spec.deadlines.enrolMs)
            reason =
                "\(record.enrolments.count) of \(least == most ? "\(least)" : "\(least) to \(most)") participants have "
                + "enrolled; "
                + (record.enrolments.count >= Int(least)
                    ? "others may until \(CalendarText.text(closes))"
                    : "it waits for \(Int(least) - record.enrolments.count) more, until \(CalendarText.text(record.expiresMs))")
        }
        let holders = Set(state?.holders.map(\.node) ?? ended?.holders ?? [])
        let electorate = state?.electorate ?? ended?.electorate
        let round = state?.round ?? ended?.round
        if !obstacles.isEmpty { reason = ([reason].compactMap { $0 } + obstacles).joined(separator: "; ") }
        self.init(
            task: record.task.hex, name: record.spec.name, state: taskState, reason: reason,
            publisher: record.publisher.hex, round: round.map { $0 - 1 } ?? 0, rounds: record.spec.rounds,
            minimumParticipants: record.spec.participants.minimum,
            maximumParticipants: record.spec.participants.maximum,
            participants: record.enrolments.sorted { $0.node < $1.node }.map { enrolled in
                .init(
                    node: enrolled.node.hex, rows: enrolled.enrolment.rows, bond: enrolled.enrolment.bond,
                    votes: electorate?.contains(enrolled.node) ?? true, holdsKeys: holders.contains(enrolled.node)
                )
            },
            isMember: own.map { node in record.enrolments.contains { $0.node == node } } ?? false,
            model: (state?.model ?? ended?.model)?.id.hex, accuracy: last?.accuracy ?? ended?.accuracy,
            loss: last?.loss ?? ended?.loss, readers: TaskSpecValidator.readers(record.spec.holders),
            reward: record.spec.reward.credits, head: (state?.head ?? ended?.head)?.hex,
            specification: TaskFile.text(record.spec))
        dates = TaskDates(record, parameters)
        if [.enrolling, .running, .paused].contains(taskState) {
            power = WeightAdvice.text(record, electorate: electorate)
        }
    }
}

extension TaskDates {
    init(_ record: RegistryState.TaskRecord, _ parameters: Genesis.Parameters) {
        let isOver = record.isCancelled || record.windowEndsMs != nil
        let latest = record.windowEndsMs ?? record.expiresMs &+ parameters.settleMs
        let paysNobody = record.isCancelled || (record.windowEndsMs != nil && record.settlement == nil)
        self.init(
            publishedMs: record.publishedMs,
            closesFromMs: isOver || record.closed != nil
                ? nil : record.publishedMs &+ UInt64(record.spec.deadlines.enrolMs),
            expiresMs: isOver ? nil : record.expiresMs, settleMs: parameters.settleMs,
            evidenceMs: parameters.evidenceMs, payoutMs: paysNobody ? nil : record.windowEndsMs,
            paidMs: paysNobody ? nil : record.paidMs, payoutLatestMs: paysNobody ? nil : latest,
            bondsBackMs: record.bondsReleased || record.isCancelled
                ? nil : (record.paidMs ?? latest) &+ parameters.evidenceMs,
            hasSecretTarget: record.spec.evaluation.targetCommitment != nil && record.revealedTargetPpm == nil
                && record.paidMs == nil && !record.isCancelled)
    }
}

extension Chain.TaskState {
    /// What a round was or will be scored along, for people.
    func direction(of round: UInt32) -> String? {
        if let decided = scores.rounds.first(where: { $0.round == round }) {
            return decided.direction.map(\.id.hex) ?? "not revealed: nobody is scored"
        }
        if let pending = scores.pending, pending.round == round {
            return "committed as \(pending.commitment.short), scores open"
        }
        guard self.round == round else { return nil }
        return directionCommitment.map { "committed as \($0.short)" }
    }
}
