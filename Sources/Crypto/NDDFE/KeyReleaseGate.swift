/// A holder's memory of what it has released keys for, and the rules by which it releases another.
///
/// Every linear combination of released sums is constant on the atoms of the released sets (the groups of members that were
/// in exactly the same sets), so privacy is that of the smallest atom: no atom may have fewer than n_min members that were
/// present when it came to be and are not publicly proven bad. A rule about pairs of sets would not be enough, and a member
/// that dropped out hides nobody. Who leaves beside those who dropped out is drawn by a beacon: `NestingRule`.
///
/// A value to be stored durably *before* a key leaves; it does no storing itself.
public struct KeyReleaseGate: Sendable, Equatable {
    /// One request, everything taken from a decided MANIFEST.
    public struct Request: Sendable, Equatable {
        /// 32 bytes each.
        public var task: [UInt8]
        public var baseModel: [UInt8]
        public var manifest: [UInt8]
        public var round: UInt64
        public var attempt: UInt32
        /// Whether the MANIFEST is decided, certificate checked.
        public var manifestIsDecided: Bool
        /// S: enrolled key and submission id, ascending by key.
        public var members: [(publicKey: [UInt8], submission: [UInt8])]
        /// The sets that are summed: S itself, or disjoint buckets that make up S, by enrolled key.
        public var buckets: [[[UInt8]]]
        /// Enrolled keys publicly proven bad on this base model.
        public var provenBad: [[UInt8]]
        /// Enrolled keys with exactly one announcement that counts: of an earlier set, all others dropped out.
        public var present: [[UInt8]]
        /// R of the MANIFEST block, 32 bytes.
        public var beacon: [UInt8]
        /// The set decided before on this base model: this holder may have keyed an earlier one and not that one. Nil: the
        /// latest that it has keyed.
        public var previous: [[UInt8]]?
        /// Who has been missing at any set on this base model.
        public var dropped: [[UInt8]]

        /// One sum over all members.
        public init(
            task: [UInt8], baseModel: [UInt8], manifest: [UInt8], round: UInt64, attempt: UInt32,
            manifestIsDecided: Bool, members: [(publicKey: [UInt8], submission: [UInt8])], buckets: [[[UInt8]]]? = nil,
            provenBad: [[UInt8]] = [], present: [[UInt8]]? = nil, beacon: [UInt8] = [],
            previous: [[UInt8]]? = nil, dropped: [[UInt8]] = []
        ) {
            self.task = task
            self.baseModel = baseModel
            self.manifest = manifest
            self.round = round
            self.attempt = attempt
            self.manifestIsDecided = manifestIsDecided
            self.members = members
            self.buckets = buckets ?? [members.map(\.publicKey)]
            self.provenBad = provenBad
            self.present = present ?? members.map(\.publicKey)
            self.beacon = beacon
            self.previous = previous
            self.dropped = dropped
        }

        public static func == (a: Request, b: Request) -> Bool {
            a.task == b.task && a.baseModel == b.baseModel && a.manifest == b.manifest && a.round == b.round
                && a.attempt == b.attempt && a.manifestIsDecided == b.manifestIsDecided
                && a.members.map(\.publicKey) == b.members.map(\.publicKey)
                && a.members.map(\.submission) == b.members.map(\.submission) && a.buckets == b.buckets
                && a.provenBad == b.provenBad && a.present == b.present && a.beacon == b.beacon
                && a.previous == b.previous && a.dropped == b.dropped
        }
    }

    public enum Refusal: Error, Sendable, Equatable {
        case manifestNotDecided
        case tooFewMembers(found: Int, minimum: Int)
        /// Keys are not strictly ascending, or a bucket is not a part of S, or buckets overlap or leave somebody out.
        case malformedSets
        /// A key statement exists for this (task, round, attempt) with another manifest: the request is evidence.
        case alreadyStated
        case submissionUsedBefore([UInt8])
        /// A member that was not in every earlier set on this base model.
        case notNested([UInt8])
        /// A group of members that these sums together would isolate, without those of it who dropped out.
        case smallAtom(size: Int, minimum: Int)
        /// Not what the beacon leaves of the set before.
        case notDrawn
    }

    public enum Admission: Sendable, Equatable {
        /// Store, then release.
        case first
        /// The same request as before: the same bytes may be sealed again for a successor.
        case again
    }

    private struct Statement: Sendable, Hashable {
        var task: [UInt8]
        var round: UInt64
        var attempt: UInt32
    }

    /// n_min, never below 4.
    public let minimumMembers: Int
    private var stated: [Statement: Request] = [:]
    private var usedSubmissions: Set<[UInt8]> = []
    private var histories: [[UInt8]: History] = [:]

    /// What was keyed on one base model.
    private struct History: Sendable, Equatable {
        /// Every sum, in order.
        var sums: [[[UInt8]]] = []
        /// The sums of the latest set.
        var latest: [[[UInt8]]] = []
        /// Who dropped out of some set, and so hides nobody.
        var silent: Set<[UInt8]> = []
    }

    public init(minimumMembers: Int) { self.minimumMembers = max(4, minimumMembers) }

    /// Admits a request and remembers it, or refuses it and remembers nothing.
    public mutating func admit(_ request: Request) throws(Refusal) -> Admission {
        guard request.manifestIsDecided else { throw .manifestNotDecided }
        let statement = Statement(task: request.task, round: request.round, attempt: request.attempt)
        if let earlier = stated[statement] {
            guard earlier == request else { throw .alreadyStated }
            return .again
        }
        let keys = request.members.map(\.publicKey)
        guard keys.count >= minimumMembers else {
            throw .tooFewMembers(found: keys.count, minimum: minimumMembers)
        }
        for index in keys.indices.dropFirst() where !keys[index - 1].lexicographicallyPrecedes(keys[index]) {
            throw .malformedSets
        }
        let inBuckets = request.buckets.flatMap { $0 }.sorted { $0.lexicographicallyPrecedes($1) }
        guard inBuckets == keys else { throw .malformedSets }
        for bucket in request.buckets where bucket.count < minimumMembers {
            throw .tooFewMembers(found: bucket.count, minimum: minimumMembers)
        }
        let submissions = request.members.map(\.submission)
        guard Set(submissions).count == submissions.count else { throw .malformedSets }
        for submission in submissions where usedSubmissions.contains(submission) {
            throw .submissionUsedBefore(submission)
        }
        var history = histories[request.baseModel] ?? History()
        if !history.latest.isEmpty {
            let known = Set(history.latest.joined())
            for key in keys where !known.contains(key) { throw .notNested(key) }
            history.silent.formUnion(known.subtracting(request.present).union(known.intersection(request.dropped)))
        }
        let provenBad = Set(request.provenBad)
        try checkAtoms(
            of: history.sums + request.buckets, after: history.sums, provenBad: provenBad, silent: history.silent)
        // A holder that was away when a set between was decided cannot draw anew; atoms and nesting hold all the same.
        let hasSeenPrevious = request.previous.map { Set($0) == Set(history.latest.joined()) } ?? true
        if !history.latest.isEmpty, hasSeenPrevious, !isDrawn(request, after: history.latest, provenBad: provenBad) {
            throw .notDrawn
        }
        history.sums += request.buckets
        history.latest = request.buckets
        stated[statement] = request
        usedSubmissions.formUnion(submissions)
        histories[request.baseModel] = history
        return .first
    }

    /// Whether these are the buckets that the rule leaves of the latest ones.
    private func isDrawn(_ request: Request, after latest: [[[UInt8]]], provenBad: Set<[UInt8]>) -> Bool {
        let present = Set(request.present)
        let drawn = latest.compactMap { bucket in
            NestingRule.next(
                after: bucket.filter { !provenBad.contains($0) }, isPresent: present.contains,
                smallest: minimumMembers, beacon: request.beacon)
        }
        return drawn == request.buckets
    }

    /// An atom that was there before and is in none of the new sums is what it was: a member of it that has been proven bad
    /// since makes it smaller, but nothing is released about it any more.
    private func checkAtoms(
        of sets: [[[UInt8]]], after before: [[[UInt8]]], provenBad: Set<[UInt8]>, silent: Set<[UInt8]>
    ) throws(Refusal) {
        let known = Self.atoms(of: before, without: provenBad)
        let touched = Self.atoms(of: sets, without: provenBad).filter { known[$0.key] != $0.value }
        // Whoever dropped out hides nobody, and has to be hidden itself: an atom of such members alone has size 0.
        if let smallest = touched.values.map({ $0.subtracting(silent).count }).min(), smallest < minimumMembers {
            throw .smallAtom(size: smallest, minimum: minimumMembers)
        }
    }

    /// Members by the sums that they are in.
    static func atoms(of sets: [[[UInt8]]], without excluded: Set<[UInt8]>) -> [[Int]: Set<[UInt8]>] {
        var signatures: [[UInt8]: [Int]] = [:]
        for (index, set) in sets.enumerated() {
            for key in set where !excluded.contains(key) { signatures[key, default: []].append(index) }
        }
        var atoms: [[Int]: Set<[UInt8]>] = [:]
        for (key, signature) in signatures { atoms[signature, default: []].insert(key) }
        return atoms
    }
}
