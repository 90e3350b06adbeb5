/// The odds that colluding members read one other member's update without any key holder, computed and not estimated.
///
/// They know their own updates, so a sum over a group with exactly one honest member in it shows that member's update.
/// Without buckets such groups come to be when a keyed attempt ends in VOID and not everybody comes back: the nesting rule
/// then takes p members out of the set by the beacon (docs/protocol/rounds.md), and both those p and the rest are sums.
///
/// What the numbers assume, each against the members who are honest:
/// - the colluders force a VOID whenever they want, for one of them each time (whoever proves to be bad is evicted), at most
///   twice a round, because the third keyed attempt that fails ends the task, and until none is left;
/// - it costs none of them to be missing afterwards: some honest member is, or is cut off;
/// - views belong to honest and colluding authors by chance. An author knows the beacon of its own block, so a colluding one
///   passes its view where the draw is bad for it, and may leave as many colluders out of its lists as it likes;
/// - equal bonds, and every round of the task is used.
///
/// Not part of consensus: for printing only. docs/adr/0019 gives the same in words.
public enum ReadingOdds {
    /// p of the nesting rule; nil where too few would be left.
    static func leaving(present: Int, smallest: Int) -> Int? {
        let count = max(smallest, (present + 2) / 3)
        return present - count >= smallest ? count : nil
    }

    /// Odds for a whole task with one sum a round.
    ///
    /// - Parameters:
    ///   - members: all of them, the colluders included.
    ///   - least: p is this many whatever the number of those present; nil: the rule's. For comparison only.
    public static func task(
        members: Int, colluders: Int, smallest: Int, rounds: Int, alwaysLeaving least: Int? = nil
    ) -> Double {
        guard colluders > 0, members - colluders > 1, members <= Limits.submitters else { return 0 }
        return Campaign(honest: members - colluders - 1, smallest: smallest, fixed: least)
            .odds(colluders: colluders, rounds: min(rounds, colluders))
    }

    /// Odds for a whole task under a robust rule: the beacon cuts every base model's set into buckets, and one of them with
    /// exactly one honest member in it is enough; what VOIDs add inside of buckets is bounded from above.
    public static func task(
        members: Int, colluders: Int, smallest: Int, rounds: Int, buckets: Int
    ) -> Double {
        guard colluders > 0, members - colluders > 0, members <= Limits.submitters, buckets > 0 else { return 0 }
        let count = max(1, min(buckets, members / max(1, smallest)))
        let sizes = (0..<count).map { members / count + ($0 < members % count ? 1 : 0) }
        let exposed = withAuthors(
            exposingBuckets(sizes, colluders: colluders), honest: members - colluders, colluders: colluders)
        var lost = 0.0
        for size in sizes {
            for inside in 0...min(colluders, size - 1) where size - inside > 1 {
                lost +=
                    hypergeometric(inside, of: size, marked: colluders, among: members)
                    * Campaign(honest: size - inside - 1, smallest: smallest, fixed: nil)
                    .draw(size - inside - 1, inside)
            }
        }
        var safe = 1.0
        for _ in 0..<rounds { safe *= 1 - exposed }
        for _ in 0..<min(colluders, 2 * rounds) { safe *= 1 - min(1, lost) }
        return 1 - safe
    }

    /// P(some bucket holds exactly one honest member), buckets of these sizes being drawn at random.
    static func exposingBuckets(_ sizes: [Int], colluders: Int) -> Double {
        // ways[c]: deals of c colluders to the buckets so far in which none exposes anybody.
        var ways = [Double](repeating: 0, count: colluders + 1)
        ways[0] = 1
        for size in sizes {
            var next = [Double](repeating: 0, count: colluders + 1)
            for (before, count) in ways.enumerated() where count > 0 {
                for inside in 0...min(size, colluders - before) where size - inside != 1 {
                    next[before + inside] += count * choose(size, inside)
                }
            }
            ways = next
        }
        return max(0, 1 - ways[colluders] / choose(sizes.reduce(0, +), colluders))
    }

    /// The best of the draws that colluding authors in a row may look at before the first honest one's.
    static func withAuthors(
        _ single: Double, chosen: Double? = nil, honest: Int, colluders: Int
    ) -> Double {
        var (total, run, missed) = (0.0, 1.0, 1.0)
        let all = honest + colluders
        for turn in 0...colluders where all > turn {
            total += run * Double(honest) / Double(all - turn) * (1 - missed * (1 - single))
            run *= Double(colluders - turn) / Double(all - turn)
            missed *= 1 - (chosen ?? single)
        }
        return total + (honest == 0 ? run : 0)
    }

    static func choose(_ n: Int, _ k: Int) -> Double {
        guard k >= 0, k <= n, n < pascal.count else { return 0 }
        return pascal[n][k]
    }

    /// Binomial coefficients of as many members as a task can have.
    private static let pascal: [[Double]] = {
        var rows: [[Double]] = [[1]]
        for _ in 0..<Limits.submitters {
            let last = rows[rows.count - 1]
            rows.append([1] + zip(last, last.dropFirst()).map { $0 + $1 } + [1])
        }
        return rows
    }()

    /// P(exactly `hits` of `drawn` are marked), drawn without replacement.
    static func hypergeometric(_ hits: Int, of drawn: Int, marked: Int, among all: Int) -> Double {
        guard hits >= 0, hits <= marked, drawn - hits >= 0, drawn - hits <= all - marked, drawn <= all else { return 0 }
        return choose(marked, hits) * choose(all - marked, drawn - hits) / choose(all, drawn)
    }
}

/// Colluders who repeat it over all rounds of a task, and stop where that is better.
struct Campaign {
    /// Honest members who are present at the first draw of a round.
    let honest: Int
    let smallest: Int
    let fixed: Int?

    func leaving(_ present: Int) -> Int? {
        guard let fixed else { return ReadingOdds.leaving(present: present, smallest: smallest) }
        return present - fixed >= smallest ? fixed : nil
    }

    /// Exactly one honest member leaves, or exactly one is left: this many honest and colluding members being present.
    func exposed(_ honest: Int, _ colluders: Int) -> Double {
        let present = honest + colluders
        guard honest > 0, let count = leaving(present) else { return 0 }
        let leaves = ReadingOdds.hypergeometric(1, of: count, marked: honest, among: present)
        let stays =
            honest == 2 ? 0 : ReadingOdds.hypergeometric(honest - 1, of: count, marked: honest, among: present)
        return leaves + stays
    }

    /// One draw, however many of the colluders are present, and with the authors that may look at theirs.
    func draw(_ honest: Int, _ colluders: Int) -> Double {
        guard honest > 0, colluders >= 0 else { return 0 }
        let single = (0...colluders).map { exposed(honest, $0) }.max() ?? 0
        return ReadingOdds.withAuthors(
            single, chosen: max(single, chosen(honest, colluders)), honest: honest, colluders: colluders)
    }

    /// One draw of an author that knows all places and picks the colluders who are listed, at most.
    ///
    /// It leaves out those behind: fewer present, so fewer leave. It needs at most one honest member among the first p, p being
    /// what the honest and the p − 1 colluders in front make it; or at most one among the last that stay.
    func chosen(_ honest: Int, _ colluders: Int) -> Double {
        let present = honest + colluders
        func atMostOne(_ places: Int) -> Double {
            ReadingOdds.hypergeometric(0, of: places, marked: honest, among: present)
                + ReadingOdds.hypergeometric(1, of: places, marked: honest, among: present)
        }
        guard leaving(present) != nil else { return 0 }
        let canStay = (0...colluders).contains { (leaving(honest + $0) ?? 0) >= honest - 1 }
        return min(1, atMostOne(fixed ?? max(smallest, honest / 2)) + (canStay ? atMostOne(smallest) : 0))
    }

    /// What the first draw of a round leads to where it exposes nobody: the odds of a second draw in the same round.
    private func seconds(_ colluders: Int) -> [(probability: Double, odds: Double)] {
        let present = honest + colluders
        guard let count = leaving(present) else { return [] }
        var cases: [(probability: Double, odds: Double)] = []
        for gone in 0...min(count, honest) where gone != 1 {
            let probability = ReadingOdds.hypergeometric(gone, of: count, marked: honest, among: present)
            guard probability > 0 else { continue }
            let left = colluders - (count - gone)
            // One colluder is evicted for the VOID, one honest member is missing.
            cases.append((probability, left >= 1 ? draw(honest - gone - 1, left - 1) : 0))
        }
        let total = cases.reduce(0) { $0 + $1.probability }
        return total > 0 ? cases.map { ($0.probability / total, $0.odds) } : []
    }

    /// The best that so many colluders can do in so many rounds.
    func odds(colluders: Int, rounds: Int) -> Double {
        // best[r][b]: r rounds left, b colluders left.
        var before = [Double](repeating: 0, count: colluders + 1)
        let first = (0...colluders).map { draw(honest, $0) }
        let second = (0...colluders).map { seconds($0) }
        for _ in 0..<rounds {
            var now = before
            for left in stride(from: 1, through: colluders, by: 1) {
                let rest = before[left - 1]
                let twoLess = left >= 2 ? before[left - 2] : 0
                var later = second[left].isEmpty ? rest : 0
                for one in second[left] {
                    later += one.probability * max(rest, one.odds + (1 - one.odds) * twoLess)
                }
                now[left] = max(before[left], first[left] + (1 - first[left]) * later)
            }
            before = now
        }
        return before[colluders]
    }
}

extension ReadingOdds {
    /// Percentages of bad stake, or of colluding members, that are printed.
    public static let shares = [10, 20, 33]

    /// For each of `shares`, the worst over so many members; a third is a whole third.
    public static func table(_ spec: TaskSpec, members: ClosedRange<Int>) -> [Double] {
        shares.map { share in
            // Above fifty the odds only fall.
            let counts = members.filter { $0 <= 50 || $0 == members.lowerBound }
            return counts.map { count in
                let colluders = share == 33 ? count / 3 : count * share / 100
                let smallest = Int(spec.participants.smallestSet)
                let rounds = min(Int(spec.rounds), Limits.rounds)
                return spec.training.server.isRobust
                    ? task(
                        members: count, colluders: colluders, smallest: smallest, rounds: rounds,
                        buckets: Int(spec.training.robust.buckets))
                    : task(members: count, colluders: colluders, smallest: smallest, rounds: rounds)
            }.max() ?? 0
        }
    }

    /// What is printed before publishing and before joining; nil where a lost member ends the task, so that no two sums on one
    /// model differ.
    public static func sentence(_ spec: TaskSpec, members: ClosedRange<Int>) -> String? {
        guard spec.training.server.isRobust || members.upperBound > 2 * Int(spec.participants.smallestSet) else {
            return nil
        }
        let many =
            members.count == 1
            ? "\(members.lowerBound)" : "\(members.lowerBound) to \(members.upperBound), at worst"
        let odds = table(spec, members: members).map(words).joined(separator: ", ")
        return "or if members collude who know their own updates and let rounds fail: odds in \(spec.rounds) rounds "
            + "that 10, 20, 33 % of the members (\(many)) read somebody's: \(odds)"
    }

    /// Two digits, three below a hundredth; rounded up, so that nothing is said to be impossible that is not.
    public static func words(_ odds: Double) -> String {
        if odds <= 0 { return "0" }
        if odds < 0.001 { return "below .001" }
        if odds > 0.99 { return "nearly 1" }
        let digits = odds < 0.01 ? 3 : 2
        let scale = digits == 3 ? 1000.0 : 100.0
        let number = String(Int((odds * scale).rounded(.up)))
        return "." + String(repeating: "0", count: digits - number.count) + number
    }
}
