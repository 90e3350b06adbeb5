internal import Wire

/// Tasks that the operator has joined or left by hand. Stored before the order is sent, so that no restart forgets it:
/// what was left by hand is not joined again by itself, what was joined by hand is not left by itself.
struct HandChoices {
    enum Choice: UInt8 {
        case left = 0
        case joined = 1
    }

    static let space = "by-hand"
    private(set) var choices: [TaskID: Choice] = [:]

    init(_ durable: DurableStore) throws(StorageError) {
        for stored in try durable.values(space: Self.space) {
            guard stored.key.count == 32, let byte = stored.bytes.first, let choice = Choice(rawValue: byte) else {
                continue
            }
            choices[TaskID(stored.key)] = choice
        }
    }

    /// What an operator is told who leaves a task by hand: where the node joins tasks by itself, also that it stays out of this one.
    static func leftText(_ task: TaskID, joinsByItself: Bool) -> String {
        "the enrolment is taken back; its bond returns with the block"
            + (joinsByItself
                ? "; miner.auto_join stays out of this task, also after a restart, until: `meshnode task join \(task.short)`"
                : "")
    }

    /// - Parameter isKnown: whether the registry still has a task; the choices about others are forgotten.
    mutating func keep(
        _ choice: Choice, _ task: TaskID, in durable: DurableStore, isKnown: (TaskID) -> Bool
    ) throws(StorageError) {
        let gone = choices.keys.filter { $0 != task && !isKnown($0) }.sorted()
        try durable.commit(
            gone.map { .removeValue(space: Self.space, key: $0.bytes) }
                + [.value(space: Self.space, key: task.bytes, bytes: [choice.rawValue])])
        for other in gone { choices[other] = nil }
        choices[task] = choice
    }
}
