/// One thing that is wrong with a document: where, and why in words that say what is allowed.
public struct Fault: Error, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Dotted path of the field as the document spells it, for example `update.bits`.
    public let path: String
    public let reason: String

    public init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

    public static func < (lhs: Fault, rhs: Fault) -> Bool {
        (lhs.path, lhs.reason) < (rhs.path, rhs.reason)
    }
}

/// The one judge of task specifications: for files, for the API and for what peers publish.
///
/// Decoding has already bounded lengths; here every value is held against its range and against the others. All faults
/// are found at once. No arithmetic on the spec's numbers can overflow, whatever they are: sizes are optionals
/// (`TaskSpec.sizes`), and a rule is only computed where the fields that it names in `uses` passed theirs.
public enum TaskSpecValidator {
    public static let trainer = "builtin/1"
    /// (k, t) of the holder profiles that exist.
    public static let holderProfiles: [(count: UInt8, threshold: UInt8)] = [(1, 0), (3, 1), (5, 2), (7, 3)]
    /// n_min is never below this, whatever the profile.
    public static let leastSet: UInt32 = 4
    /// Most members of a task with seven holders: 20 components of 90 masks stay below one message.
    public static let mostDisclosed: UInt32 = 90
    /// Largest |sum| that recovery serves with two coordinates an element, and with one.
    public static let packedRange: UInt64 = 1 << 23
    public static let unpackedRange: UInt64 = 1 << 32

    /// Everything that is wrong with `spec`, in the order of its fields; empty when it may be published.
    ///
    /// - Parameter ignoring: paths that are known to be wrong already; rules that need them are left out.
    public static func faults(_ spec: TaskSpec, ignoring: Set<String> = []) -> [Fault] {
        judged(spec, ignoring: ignoring).faults
    }

    /// What fields of a range may be, by path, for whoever has to refuse a value that no specification can even hold: a person
    /// who corrects it by one range must not be refused by a narrower one.
    public static func ranges(_ spec: TaskSpec) -> [String: String] {
        judged(spec, ignoring: [], collectsRanges: true).ranges ?? [:]
    }

    private static func judged(_ spec: TaskSpec, ignoring: Set<String>, collectsRanges: Bool = false) -> SpecCheck {
        var check = SpecCheck(ignoring: ignoring, collectsRanges: collectsRanges)
        check.text("name", spec.name, isName: true)
        check.require(
            "name", !spec.name.readsAsIdentifier,
            "\"\(spec.name)\" could be digits of an id, and digits always mean an id; use a letter after f")
        check.range("rounds", spec.rounds, 1, UInt32(Limits.rounds))
        check.range("body_retention", spec.bodyRetention, 1, UInt32(Limits.rounds))
        model(spec, &check)
        data(spec, &check)
        participants(spec, &check)
        deadlines(spec.deadlines, &check)
        training(spec.training, &check)
        buckets(spec, &check)
        update(spec, &check)
        privacy(spec, &check)
        check.range("evaluation.tolerance", spec.evaluation.tolerancePpm, 0, 1_000_000, parts: true)
        check.range("evaluation.target", spec.evaluation.targetPpm, 0, 1_000_000, parts: true)
        check.require(
            "evaluation.target_commitment",
            spec.evaluation.targetCommitment == nil || spec.evaluation.targetPpm == 0, uses: ["evaluation.target"],
            "a committed target is not open as well; set evaluation.target = 0")
        check.range("reward.credits", spec.reward.credits, 0, UInt64(Int64.max))
        scores(spec, &check)
        check.range("reward.minimum_bond", spec.reward.minimumBond, 1, UInt64(Int64.max))
        demand(spec, &check)
        return check
    }

    /// A person needs about as long to train by a command, or to look at a candidate and answer.
    private static let personMs: UInt64 = 60_000

    /// What is allowed but should be read before publishing, in plain words.
    public static func warnings(_ spec: TaskSpec) -> [String] {
        var lines: [String] = []
        if spec.holders.publisherAlone {
            lines.append(
                "holders (1,0): the publisher alone holds the keys and could read every single update; with 5 "
                    + "participants or more use count = 3, threshold = 1")
        }
        lines += bucketWarnings(spec)
        let (least, overflow) = (2 * UInt64(spec.participants.minimum))
            .multipliedReportingOverflow(by: spec.reward.minimumBond)
        if spec.participants.members.isEmpty, !overflow, spec.reward.credits > least {
            lines.append(
                "reward.credits is above \(least), twice the least bonds of the fewest members: weight is the bond, and whoever "
                    + "bonds more than twice what all others did decides the task alone, its reward too; raise "
                    + "reward.minimum_bond, or name participants.members")
        }
        if !spec.training.server.isRobust,
            UInt64(spec.participants.minimum) <= 2 * UInt64(spec.participants.smallestSet)
        {
            let wanted = 2 * UInt64(spec.participants.smallestSet) + 1
            lines.append(
                "participants.minimum is below \(wanted), twice the smallest set and one: with fewer, a member that is "
                    + "lost for good after its round was keyed and voided ends the task")
        }
        if spec.data.columns.isEmpty, spec.data.shape.count == 1 {
            lines.append(
                "data.columns is empty: where the publisher's own rows are a table, its titles are written out at publication, "
                    + "and every member's table must have them in the same order; name the columns to have them found by title"
            )
        }
        if spec.voting == .manual {
            lines.append(
                "voting = manual: every round waits for people, up to deadlines.aggregate and deadlines.opinion together; whoever "
                    + "has not answered by then abstains, and a round on which nobody votes is accepted where its sum is right"
            )
            let answerMs = UInt64(spec.deadlines.aggregateMs) + UInt64(spec.deadlines.opinionMs)
            if UInt64(spec.deadlines.submitMs) < Self.personMs || answerMs < Self.personMs {
                lines.append(
                    "voting = manual: people have \(spec.deadlines.submitMs / 1_000) s to train and submit and \(answerMs / 1_000) s to "
                        + "look and vote, which is short for them: raise deadlines.submit and deadlines.opinion, for example to "
                        + "\"30m\" and \"10m\"")
            }
        }
        return lines + scoreWarnings(spec)
    }

    /// Who can take part, and what that means for the odds that the readers are given with.
    public static func openness(_ group: TaskSpec.Participants) -> String {
        group.members.isEmpty
            ? "open to every account: the odds assume that x % are bad, nobody checks it"
            : "by invitation: only the \(group.members.count) nodes of participants.members can enrol"
    }

    /// Who, together with whom, could read one participant's update, and how likely that is (`ReadingOdds`).
    ///
    /// - Parameter members: how many there are; nil: as many as may enrol.
    public static func readers(_ spec: TaskSpec, members: Int? = nil) -> String {
        let most = UInt32(Limits.submitters)
        let fewest = Int(min(most, max(1, spec.participants.minimum)))
        let counts =
            members.map { max(1, $0)...max(1, $0) }
            ?? fewest...max(fewest, Int(min(most, max(1, spec.participants.maximum))))
        let sentence = ReadingOdds.sentence(spec, members: counts).map { "; " + $0 } ?? ""
        return readers(spec.holders) + "; " + openness(spec.participants) + sentence
    }

    /// The first half of it: key holders alone.
    public static func readers(_ holders: TaskSpec.Holders) -> String {
        if holders.publisherAlone { return "the publisher alone could read every single update (holder profile 1,0)" }
        return
            "a single update can be read only if \(UInt32(holders.threshold) + 1) of the \(holders.count) key holders "
            + "collude" + (compromise(holders).map { "; " + $0 } ?? "")
    }

    /// P(more than t bad holders) when they are drawn by stake, at 10, 20 and 33 % bad stake (docs/protocol/crypto.md).
    static func compromise(_ holders: TaskSpec.Holders) -> String? {
        let odds: String
        switch holders.count {
        case 3: odds = ".03, .10, .26"
        case 5: odds = ".01, .06, .21"
        case 7: odds = ".003, .03, .17"
        default: return nil
        }
        return "odds of more than \(holders.threshold) bad ones at 10, 20, 33 % bad stake: \(odds)"
    }

    /// Trainable values of the model; nil when the numbers are too large to count.
    public static func parameterCount(_ spec: TaskSpec) -> UInt64? { spec.modelSize }

    private static func participants(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let group = spec.participants
        check.range("participants.minimum", group.minimum, 1, UInt32(Limits.submitters))
        check.range("participants.maximum", group.maximum, 1, UInt32(Limits.submitters))
        check.require(
            "participants.maximum", group.maximum >= group.minimum, uses: ["participants.minimum"],
            "\(group.maximum) is below participants.minimum \(group.minimum)")
        check.require(
            "participants.smallest_set", group.smallestSet >= leastSet,
            "\(group.smallestSet) is below \(leastSet): the sum of fewer tells too much about each")
        check.require(
            "participants.smallest_set", group.smallestSet <= group.minimum, uses: ["participants.minimum"],
            "\(group.smallestSet) exceeds participants.minimum \(group.minimum): no round could ever be keyed")
        check.require(
            "participants.members",
            group.members.isEmpty || group.members.count >= Int(group.maximum),
            uses: ["participants.maximum"],
            "\(group.members.count) nodes are named, participants.maximum is \(group.maximum): name at least as many, or "
                + "nobody for a task that is open to all")
        check.require(
            "participants.members", zip(group.members, group.members.dropFirst()).allSatisfy { $0 < $1 },
            "a node is named twice, or the nodes are not in ascending order")
        let holders = spec.holders
        guard holderProfiles.contains(where: { $0.count == holders.count && $0.threshold == holders.threshold }) else {
            check.require(
                "holders", false, uses: ["holders.count", "holders.threshold"],
                "(\(holders.count), \(holders.threshold)) is no profile; use (1, 0), (3, 1), (5, 2) or (7, 3)")
            return
        }
        // Whoever sums is no holder, and there is a second such node when the first one dies.
        let needed = holders.publisherAlone ? 1 : UInt32(holders.count) + 2
        check.require(
            "participants.minimum", group.minimum >= needed, uses: ["holders.count", "holders.threshold"],
            "holders (\(holders.count), \(holders.threshold)) need \(needed) participants or more, found "
                + "\(group.minimum); below 5 use (1, 0)")
        // A holder's disclosure has one mask of 32 bytes for each of its components and members, in one message.
        check.require(
            "participants.maximum", holders.count < 7 || group.maximum <= mostDisclosed,
            uses: ["holders.count", "holders.threshold"],
            "\(group.maximum) with holders (7, 3): at most \(mostDisclosed) can be blamed; use fewer or holders (5, 2)")
    }

    private static func deadlines(_ deadlines: TaskSpec.Deadlines, _ check: inout SpecCheck) {
        let day: UInt32 = 86_400_000
        check.milliseconds("deadlines.enrol", UInt64(deadlines.enrolMs), 100, UInt64(day) * 30)
        check.milliseconds("deadlines.submit", UInt64(deadlines.submitMs), 100, UInt64(day) * 7)
        check.milliseconds("deadlines.aggregate", UInt64(deadlines.aggregateMs), 100, UInt64(day) * 7)
        check.milliseconds("deadlines.opinion", UInt64(deadlines.opinionMs), 100, UInt64(day) * 7)
        check.milliseconds("deadlines.expiry", deadlines.expiryMs, 1_000, UInt64(day) * 365)
        let oneRound =
            UInt64(deadlines.enrolMs) + UInt64(deadlines.submitMs) + UInt64(deadlines.aggregateMs)
            + UInt64(deadlines.opinionMs)
        check.require(
            "deadlines.expiry", deadlines.expiryMs >= oneRound,
            uses: ["deadlines.enrol", "deadlines.submit", "deadlines.aggregate", "deadlines.opinion"],
            "\(deadlines.expiryMs) ms end before the enrolment and one round may (\(oneRound) ms)")
    }
}

/// Collects faults field by field.
struct SpecCheck {
    let ignoring: Set<String>
    private(set) var faults: [Fault] = []
    /// Fields that are known to be wrong: those given, and those that a rule has found a fault in.
    private var wrong: Set<String>
    /// What fields may be, of all that have a range, whether they are wrong or not; nil where nobody asks, for what peers
    /// publish is judged, too.
    private(set) var ranges: [String: String]?

    init(ignoring: Set<String>, collectsRanges: Bool = false) {
        self.ignoring = ignoring
        ranges = collectsRanges ? [:] : nil
        wrong = ignoring
    }

    /// Whether none of these fields is known to be wrong, so that a rule may compute with them.
    func stands(on fields: [String]) -> Bool { !fields.contains(where: wrong.contains) }

    /// A rule. Neither its condition nor its reason is computed where a field that it uses is known to be wrong.
    ///
    /// - Parameter uses: other fields that the rule needs.
    mutating func require(
        _ path: String, _ isMet: @autoclosure () -> Bool, uses: [String] = [], _ reason: @autoclosure () -> String
    ) {
        guard !ignoring.contains(path), stands(on: uses), !isMet() else { return }
        faults.append(Fault(path, reason()))
        wrong.insert(path)
        // What is wrong with one entry of a list is wrong with the list.
        if let bracket = path.firstIndex(of: "[") { wrong.insert(String(path[..<bracket])) }
    }

    /// Whether nothing is wrong with it as a text that is no name.
    static func isText(_ text: String) -> Bool {
        (1...Limits.name).contains(text.utf8.count) && text.shownFault(isName: false) == nil
    }

    /// - Parameter isName: people call a thing by it (`LookAlikes`).
    mutating func text(_ path: String, _ text: String, isName: Bool = false) {
        let bytes = text.utf8
        require(
            path, !bytes.isEmpty && bytes.count <= Limits.name,
            "1 to \(Limits.name) bytes are allowed, found \(bytes.count)")
        let fault = text.shownFault(isName: isName)
        require(path, fault == nil, fault ?? "")
    }

    /// - Parameter parts: the value is in millionths and is shown as the fraction that people write.
    mutating func range<Number: FixedWidthInteger & UnsignedInteger>(
        _ path: String, _ value: Number, _ least: Number, _ most: Number, parts: Bool = false
    ) {
        func shown(_ number: Number) -> String { parts ? Ppm.text(UInt64(number)) : "\(number)" }
        func range() -> String { "\(shown(least)) to \(shown(most))" }
        ranges?[path] = range()
        require(path, value >= least && value <= most, "\(shown(value)) is out of range; \(range()) is allowed")
    }

    mutating func milliseconds(_ path: String, _ value: UInt64, _ least: UInt64, _ most: UInt64) {
        require(
            path, value >= least && value <= most,
            "\(value) ms are out of range; \(least) ms to \(most) ms are allowed")
    }
}

/// Fractions as integers in millionths: exact in every language, unlike binary floating point.
public enum Ppm {
    public static let one: UInt64 = 1_000_000

    /// The shortest decimal text of `millionths`, for example 0.1 or 16.
    public static func text(_ millionths: UInt64) -> String {
        let whole = millionths / one
        let rest = millionths % one
        guard rest > 0 else { return "\(whole)" }
        var digits = String(rest)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }

    /// The millionths nearest to `value`; nil when it is not finite, or beyond what binary64 counts exactly.
    ///
    /// Every number that a file, an option or a peer determines becomes millionths here or in `exactly`, and nowhere by a cast
    /// of its own: `Int64(value * 1e6)` ends the program at the first number that does not fit.
    public static func nearest(_ value: Double) -> Int64? {
        let scaled = (value * 1_000_000).rounded()
        return scaled.magnitude < 9_007_199_254_740_992 ? Int64(scaled) : nil
    }

    /// The millionths that `value` stands for; nil when it is negative, not finite, too large or finer than millionths.
    public static func exactly(_ value: Double) -> UInt64? {
        let scaled = value * 1_000_000
        guard scaled.isFinite, scaled >= 0, scaled < 9_007_199_254_740_992 else { return nil }
        let rounded = scaled.rounded()
        // A decimal with six places or fewer is off by rounding only, far below half a millionth.
        guard (scaled - rounded).magnitude <= max(1e-6, scaled * 1e-15) else { return nil }
        return UInt64(rounded)
    }
}
