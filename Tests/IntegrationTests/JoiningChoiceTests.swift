import Chain
import Testing
import Wire

@testable import MeshNode

/// Which tasks a node that joins by itself is in: the decision alone.
@Suite("Joining choice")
struct JoiningChoiceTests {
    private typealias Entry = JoiningChoice.Entry

    private static let node = NodeID([UInt8](repeating: 1, count: 32))
    private let stranger = NodeID([UInt8](repeating: 2, count: 32))
    private let other = NodeID([UInt8](repeating: 3, count: 32))

    private func task(_ number: UInt8) -> TaskID { TaskID([UInt8](repeating: number, count: 32)) }

    private func entry(
        _ number: UInt8, by publisher: NodeID, reward: UInt64 = 0, members: UInt32 = 5, deadline: UInt64 = 1_000,
        bond: UInt64 = 100, mayBeLeft: Bool = true, isLate: Bool = false
    ) -> Entry {
        Entry(
            task: task(number), publisher: publisher, reward: reward, members: members, deadlineMs: deadline,
            bond: bond,
            mayBeLeft: mayBeLeft, isLate: isLate)
    }

    private func decide(
        _ candidate: Entry, among own: [Entry], most: Int = 8, limit: UInt64 = 10_000
    ) -> JoiningChoice.Decision {
        JoiningChoice(
            node: Self.node, mostTasks: most, bonded: own.reduce(0) { $0 + $1.bond }, mostBonded: limit,
            bondLimitText: "miner.max_total_bond is \(limit)"
        ).decide(candidate, among: own)
    }

    private func reason(_ decision: JoiningChoice.Decision) -> String {
        if case .wait(let reason) = decision { reason } else { "\(decision)" }
    }

    /// Eight tasks without a reward from one account: half of the places, and an honest one finds another.
    @Test func freeTasksOfOneAccountTakeHalfOfThePlaces() {
        var own: [Entry] = []
        for number in UInt8(1)...8 {
            let free = entry(number, by: stranger, members: 256)
            if decide(free, among: own) == .join(leaving: []) { own.append(free) }
        }
        #expect(own.count == 4)
        let honest = entry(9, by: other, reward: 5_000)
        #expect(decide(honest, among: own) == .join(leaving: []))
        let ninth = reason(decide(entry(10, by: other), among: own))
        #expect(ninth.contains("4 tasks without a reward have half of the places (miner.max_tasks is 8)"), "\(ninth)")
        let paid = own.map { free in
            var free = free
            free.reward = 10
            return free
        }
        let fifth = reason(decide(entry(11, by: stranger, reward: 10, members: 256), among: paid))
        #expect(fifth.contains("4 tasks of its publisher have half of the places (miner.max_tasks is 8)"), "\(fifth)")
        // Half is rounded up, and what this node published itself is held to neither half.
        #expect(decide(entry(12, by: stranger), among: [entry(1, by: other)], most: 3) == .join(leaving: []))
        let mine = own + [entry(13, by: Self.node)]
        #expect(decide(entry(14, by: Self.node), among: mine) == .join(leaving: []))
    }

    @Test func theLeastWorthyThatMayBeLeftMakesRoom() {
        let poor = entry(1, by: stranger, reward: 10)
        let rich = entry(2, by: other, reward: 1_000)
        let best = entry(3, by: Self.node, reward: 2_000)
        #expect(decide(best, among: [rich, poor], most: 2) == .join(leaving: [task(1)]))
        // A reward is for each member: this one is less for one of 500.
        let shared = entry(4, by: Self.node, reward: 900, members: 500)
        #expect(reason(decide(shared, among: [rich, poor], most: 2)).contains("miner.max_tasks is 2"))
        // Running tasks and those that were joined by hand stay.
        var kept = poor
        kept.mayBeLeft = false
        #expect(decide(best, among: [rich, kept], most: 2) == .join(leaving: [task(2)]))
        var running = rich
        running.mayBeLeft = false
        #expect(reason(decide(best, among: [running, kept], most: 2)).hasPrefix("this node is in 2 tasks"))
        // Of equal rewards the sooner deadline; what is equal in both changes nothing.
        let sooner = entry(5, by: Self.node, reward: 10, deadline: 999)
        #expect(decide(sooner, among: [rich, poor], most: 2) == .join(leaving: [task(1)]))
        let equal = entry(6, by: Self.node, reward: 10)
        #expect(reason(decide(equal, among: [rich, poor], most: 2)).hasPrefix("this node is in 2 tasks"))
        // Whatever was left does not come back for what it was left for.
        #expect(reason(decide(poor, among: [rich, best], most: 2)).hasPrefix("this node is in 2 tasks"))
    }

    @Test func bondsAreGivenBackForAWorthierTask() {
        let own = [entry(1, by: stranger, bond: 300), entry(2, by: other, reward: 50, bond: 300)]
        let best = entry(3, by: Self.node, reward: 900, bond: 200)
        #expect(decide(best, among: own, limit: 600) == .join(leaving: [task(1)]))
        let worst = entry(4, by: Self.node, deadline: 2_000, bond: 200)
        let said = reason(decide(worst, among: own, limit: 600))
        #expect(said == "its bond of 200 would make 800 in all, miner.max_total_bond is 600")
        // Where leaving everything would not do, nothing is left.
        let dear = entry(5, by: Self.node, reward: 900, bond: 601)
        #expect(reason(decide(dear, among: own, limit: 600)).contains("miner.max_total_bond is 600"))
    }

    @Test func whatCannotStartInTimeTakesNoPlace() {
        let late = entry(1, by: stranger, reward: 9_000, isLate: true)
        let rich = entry(2, by: other, reward: 1_000)
        // Late is left for any other, however large its reward.
        #expect(decide(entry(3, by: Self.node), among: [late, rich], most: 2) == .join(leaving: [task(1)]))
        var byHand = late
        byHand.mayBeLeft = false
        #expect(decide(entry(3, by: Self.node), among: [byHand, rich], most: 2) == .join(leaving: []))
        // A late one takes what is free, and nothing is left for it.
        let other = entry(4, by: Self.node, reward: 9_000, isLate: true)
        #expect(decide(other, among: [rich], most: 2) == .join(leaving: []))
        #expect(reason(decide(other, among: [late, rich], most: 2)).contains("miner.max_tasks is 2"))
        #expect(decide(entry(5, by: stranger), among: [late], most: 2) == .join(leaving: []))
    }

    /// Eight paused tasks of two accounts keep a node from no other; their bonds stay in the owner's limit.
    @Test func aTaskThatStaysPausedHoldsNoPlace() {
        var own = (UInt8(1)...8).map { entry($0, by: $0 <= 4 ? stranger : other, reward: 10, mayBeLeft: false) }
        let next = entry(9, by: other)
        #expect(reason(decide(next, among: own)).contains("miner.max_tasks is 8"))
        for index in own.indices { own[index].isPaused = true }
        #expect(decide(next, among: own) == .join(leaving: []))
        #expect(reason(decide(next, among: own, limit: 899)).contains("miner.max_total_bond is 899"))

        var pause = TaskPause()
        pause.note(isPaused: true, round: 3, nowMs: 1_000)
        let due = 1_000 + TaskPause.placeMs
        #expect(!pause.holdsNoPlace(isPaused: true, nowMs: due - 1))
        #expect(pause.holdsNoPlace(isPaused: true, nowMs: due))
        // Resumed it has its place; paused again before a round was decided it has been paused all the time.
        pause.note(isPaused: false, round: 3, nowMs: due)
        #expect(!pause.holdsNoPlace(isPaused: false, nowMs: due))
        pause.note(isPaused: true, round: 3, nowMs: due + 1)
        #expect(pause.holdsNoPlace(isPaused: true, nowMs: due + 1))
        pause.note(isPaused: true, round: 4, nowMs: due + 2)
        #expect(!pause.holdsNoPlace(isPaused: true, nowMs: due + 2))
    }

    @Test func theClockIsHeldAgainstOwnChainsOnly() {
        let now = Instant(monotonicMs: 0, wallMs: 1_000_000)
        func problem(_ heads: [ClockHead]) -> String? { ClockHead.clockProblem(heads, now: now) }
        let registry = ClockHead(name: "the registry", timeMs: 999_000, isOwn: true)
        let foreign = ClockHead(name: "task 07070707", timeMs: .max, isOwn: false)
        #expect(problem([registry, foreign]) == nil)
        let own = ClockHead(name: "task 08080808", timeMs: 1_060_001, isOwn: true)
        let said = problem([registry, foreign, own]) ?? ""
        #expect(said.hasPrefix("this machine's clock is 61 s behind the head of the chain of task 08080808"), "\(said)")
    }
}
