internal import MeshCrypto
internal import Wire

/// The undecided transactions of a node: at most `Limits.pendingPlaces` places, whatever peers send.
///
/// An account's transactions stand in line by nonce. One whose predecessors are all decided or pending is *in line*: it
/// is passed on, told of and proposed. One behind a missing nonce is *gapped*: nothing can be done with it, so it is kept
/// for a short time in a small share of the places, and nobody is told of it.
///
/// Who finds a place when none is free, so that no account can keep out another:
/// - this node's own transactions always do;
/// - an account's next nonce does: gapped ones go for it, then those that stand furthest back in their line, then the
///   next nonce of a poorer account;
/// - any other one does only where another stands further back;
/// - a line is shortened from its end, so that no gap arises.
///
/// Beyond its next nonce an account gets a place for each `Limits.creditsPerPendingPlace` credits that it holds: accounts
/// cost little, and a crowd of nearly empty ones must not hold more places than those who work here.
struct PendingTransactions: Sendable {
    struct Entry: Sendable {
        let envelope: Envelope
        let id: TransactionID
        let transaction: Transaction
        /// Number of its arrival: among equals the earlier one is proposed first.
        let arrival: UInt64
        /// Monotonic time of its arrival.
        let arrivedMs: UInt64
        /// Monotonic time since which it waits behind a gap; nil for one in line.
        var gappedSinceMs: UInt64?
        var places: Int { PendingTransactions.places(of: envelope) }
    }

    enum Insertion: Equatable, Sendable {
        /// These can be decided now, or after the ones before them: the new one, and what waited for it.
        case inLine([Envelope])
        case gapped
        case refused(String)
    }

    /// Ascending by nonce; the first `inLine` of them follow the account's decided ones without a gap.
    private struct Line: Sendable {
        var entries: [Entry] = []
        var inLine = 0
        var places: Int { entries.reduce(0) { $0 + $1.places } }
        var gappedPlaces: Int { entries[inLine...].reduce(0) { $0 + $1.places } }
    }

    /// Where one stands: how many of its account come before it, then who came first.
    private struct Place: Comparable, Sendable {
        let position: Int
        let arrival: UInt64
        let signer: NodeID
        static func < (lhs: Place, rhs: Place) -> Bool { (lhs.position, lhs.arrival) < (rhs.position, rhs.arrival) }
    }

    let own: NodeID
    private var lines: [NodeID: Line] = [:]
    private var ids: Set<TransactionID> = []
    /// Those in line, in the order in which they are proposed.
    private var order: [Place] = []
    /// The names of those in line, ascending.
    private var names: [TransactionID] = []
    private var arrivals: UInt64 = 0
    private var usedPlaces = 0
    private var gappedPlaces = 0

    init(own: NodeID) { self.own = own }

    /// Places that a transaction takes: one each begun 4 KiB, so that places bound memory.
    static func places(of envelope: Envelope) -> Int { 1 + envelope.payload.count / Limits.pendingPlaceBytes }

    /// Places that an account may take beyond its next nonce, by the credits that it holds.
    static func allowance(credits: UInt64) -> Int {
        Int(min(UInt64(Limits.pendingTransactionsPerSigner), 1 + credits / Limits.creditsPerPendingPlace))
    }

    // MARK: Questions

    var count: Int { ids.count }
    var hasInLine: Bool { !order.isEmpty }
    var hasGapped: Bool { gappedPlaces > 0 }

    func contains(_ id: TransactionID) -> Bool { ids.contains(id) }

    /// Those in line, first those that an account's decided ones lead to directly.
    func inLine(limit: Int) -> [Entry] { order.prefix(limit).map { lines[$0.signer]!.entries[$0.position] } }

    /// The transactions of one account that are in line.
    func inLine(of signer: NodeID) -> ArraySlice<Entry> { lines[signer].map { $0.entries[..<$0.inLine] } ?? [] }

    func hasGap(of signer: NodeID) -> Bool { lines[signer].map { $0.inLine == 0 } ?? false }

    /// Among this node's own, and those that are next of their account. All others are anybody's word: what waits behind a gap,
    /// or behind others, was never held against the state, and may be impossible on purpose.
    func contains(where matches: (Transaction) -> Bool) -> Bool {
        lines.contains { signer, line in
            line.entries.prefix(signer == own ? line.entries.count : min(1, line.inLine)).contains {
                matches($0.transaction)
            }
        }
    }

    /// This node's own, in the order of their nonces, in line or not.
    var ofThisNode: [Entry] { lines[own]?.entries ?? [] }

    func containsOwn(where matches: (Transaction) -> Bool) -> Bool {
        lines[own]?.entries.contains { matches($0.transaction) } ?? false
    }

    /// Names of those in line for a digest. Where these are more than a digest takes, those that follow each other from
    /// some name on, another one each `turn`, around the end of all names.
    func names(turn: UInt64, limit: Int) -> [TransactionID] {
        guard names.count > limit else { return names }
        // The last of one turn is the first of the next: no name lies between two turns.
        let start = Int(turn % UInt64(names.count)) * (limit - 1) % names.count
        return (0..<limit).map { names[(start + $0) % names.count] }
    }

    /// Those in line that the sender of a digest lacks. One that names as many as a digest takes says nothing of names
    /// that lie outside of what it names, from its first to its last, around the end of all names.
    func missing(from named: [TransactionID], limit: Int) -> [Envelope] {
        let known = Set(named)
        let isPart = named.count >= ChainDigest.entries
        var found: [Envelope] = []
        for place in order where found.count < limit {
            let entry = lines[place.signer]!.entries[place.position]
            guard !known.contains(entry.id), !isPart || Self.isBetween(entry.id, named) else { continue }
            found.append(entry.envelope)
        }
        return found
    }

    private static func isBetween(_ id: TransactionID, _ named: [TransactionID]) -> Bool {
        guard let first = named.first, let last = named.last else { return true }
        return first <= last ? first <= id && id <= last : id >= first || id <= last
    }

    /// Why a transaction cannot be pending, from its fields alone; nil if it can.
    func refusal(_ envelope: Envelope, id: TransactionID, nonce: UInt64) -> String? {
        guard !ids.contains(id) else { return "known" }
        guard envelope.slot.major >= nonce else { return "already decided" }
        guard envelope.slot.major - nonce < UInt64(Limits.pendingTransactionsPerSigner) else {
            return "its nonce is \(envelope.slot.major), the account is at \(nonce)"
        }
        guard !(lines[envelope.signer]?.entries.contains { $0.envelope.slot.major == envelope.slot.major } ?? false)
        else { return "another transaction with this nonce is pending" }
        return nil
    }

    // MARK: Changes

    /// Takes in a checked transaction for which `refusal` says nothing.
    ///
    /// - Parameters:
    ///   - nonce: the account's next one.
    ///   - credits: what an account holds, bonds included.
    mutating func insert(
        _ envelope: Envelope, id: TransactionID, _ transaction: Transaction, nonce: UInt64,
        credits: (NodeID) -> UInt64, nowMs: UInt64
    ) -> Insertion {
        let signer = envelope.signer
        let line = lines[signer] ?? Line()
        let offset = Int(clamping: envelope.slot.major - nonce)
        let isInLine = offset <= line.inLine
        let needed = Self.places(of: envelope)
        if signer != own {
            if offset > 0, !makeRoomInLine(signer, needed, before: envelope.slot.major, credits(signer)) {
                return .refused("too many pending transactions of one account")
            }
            if !isInLine, !makeRoomAmongGapped(signer, needed) {
                return .refused("too many transactions wait for a missing one")
            }
        }
        guard makeRoom(needed, for: signer, position: isInLine ? offset : nil, credits) else {
            return .refused("too many pending transactions")
        }
        let entry = Entry(
            envelope: envelope, id: id, transaction: transaction, arrival: arrivals, arrivedMs: nowMs,
            gappedSinceMs: isInLine ? nil : nowMs)
        arrivals += 1
        var grown = lines[signer] ?? Line()
        let index = grown.entries.firstIndex { $0.envelope.slot.major > envelope.slot.major } ?? grown.entries.endIndex
        grown.entries.insert(entry, at: index)
        lines[signer] = grown
        ids.insert(id)
        usedPlaces += needed
        guard isInLine else {
            gappedPlaces += needed
            return .gapped
        }
        return .inLine([envelope] + extend(signer, from: index, nonce: nonce))
    }

    /// After a decided block: forgets what is decided and what has become impossible, and what waits too long.
    ///
    /// - Returns: those that are in line now and were not before.
    mutating func settle(
        nonce: (NodeID) -> UInt64, impossible: Set<TransactionID>, nowMs: UInt64
    ) -> [Envelope] {
        var fresh: [Entry] = []
        for signer in lines.keys.sorted() {
            var line = lines[signer]!
            let next = nonce(signer)
            line.entries.removeAll { $0.envelope.slot.major < next || impossible.contains($0.id) }
            line.inLine = 0
            for index in line.entries.indices {
                let isNext = index == line.inLine && line.entries[index].envelope.slot.major - next == UInt64(index)
                if isNext {
                    line.inLine += 1
                    if line.entries[index].gappedSinceMs != nil { fresh.append(line.entries[index]) }
                    line.entries[index].gappedSinceMs = nil
                } else if line.entries[index].gappedSinceMs == nil {
                    line.entries[index].gappedSinceMs = nowMs
                }
            }
            lines[signer] = line.entries.isEmpty ? nil : line
        }
        rebuild()
        expire(nowMs: nowMs)
        return fresh.sorted { $0.arrival < $1.arrival }.map(\.envelope)
    }

    /// Forgets what has waited behind a gap for too long. This node fills its own gaps.
    mutating func expire(nowMs: UInt64) {
        guard gappedPlaces > 0 else { return }
        for signer in lines.keys.sorted() where signer != own {
            // From the end, as always: what waits behind one that is too old is of no use either.
            while lines[signer]?.entries.contains(where: { isOver($0.gappedSinceMs, nowMs) }) ?? false {
                removeLast(of: signer)
            }
        }
    }

    private func isOver(_ sinceMs: UInt64?, _ nowMs: UInt64) -> Bool {
        sinceMs.map { nowMs >= $0 && nowMs - $0 >= Limits.gappedTransactionMs } ?? false
    }

    // MARK: Order

    /// Moves what follows without a gap into line, from `index` on.
    private mutating func extend(_ signer: NodeID, from index: Int, nonce: UInt64) -> [Envelope] {
        var line = lines[signer]!
        var fresh: [Envelope] = []
        line.inLine = index
        while line.inLine < line.entries.count,
            line.entries[line.inLine].envelope.slot.major - nonce == UInt64(line.inLine)
        {
            let entry = line.entries[line.inLine]
            if entry.gappedSinceMs != nil {
                line.entries[line.inLine].gappedSinceMs = nil
                gappedPlaces -= entry.places
                fresh.append(entry.envelope)
            }
            put(Place(position: line.inLine, arrival: entry.arrival, signer: signer), entry.id)
            line.inLine += 1
        }
        lines[signer] = line
        return fresh
    }

    private mutating func put(_ place: Place, _ id: TransactionID) {
        order.insert(place, at: order.firstPlace { $0 >= place })
        names.insert(id, at: names.firstPlace { $0 >= id })
    }

    private mutating func rebuild() {
        order = []
        ids = []
        names = []
        (usedPlaces, gappedPlaces) = (0, 0)
        for (signer, line) in lines {
            usedPlaces += line.places
            gappedPlaces += line.gappedPlaces
            ids.formUnion(line.entries.map(\.id))
            for position in 0..<line.inLine {
                order.append(Place(position: position, arrival: line.entries[position].arrival, signer: signer))
                names.append(line.entries[position].id)
            }
        }
        order.sort()
        names.sort()
    }

    // MARK: Room

    private mutating func removeLast(of signer: NodeID) {
        guard var line = lines[signer], let entry = line.entries.popLast() else { return }
        usedPlaces -= entry.places
        ids.remove(entry.id)
        if line.inLine > line.entries.count {
            line.inLine = line.entries.count
            let place = Place(position: line.inLine, arrival: entry.arrival, signer: signer)
            let index = order.firstPlace { $0 >= place }
            if index < order.count, order[index] == place { order.remove(at: index) }
            let name = names.firstPlace { $0 >= entry.id }
            if name < names.count, names[name] == entry.id { names.remove(at: name) }
        } else {
            gappedPlaces -= entry.places
        }
        lines[signer] = line.entries.isEmpty ? nil : line
    }

    /// An account's own later ones go for an earlier one.
    private mutating func makeRoomInLine(_ signer: NodeID, _ needed: Int, before nonce: UInt64, _ credits: UInt64)
        -> Bool
    {
        let allowance = Self.allowance(credits: credits)
        while let line = lines[signer], line.places + needed > allowance {
            guard let last = line.entries.last, last.envelope.slot.major > nonce else { return false }
            removeLast(of: signer)
        }
        return true
    }

    /// The account with the most waiting ones loses one, if it has more than `signer`.
    private mutating func makeRoomAmongGapped(_ signer: NodeID, _ needed: Int) -> Bool {
        while gappedPlaces + needed > Limits.gappedPlaces {
            let mine = (lines[signer]?.gappedPlaces ?? 0) + needed
            guard let most = mostGapped, most.places > mine else { return false }
            removeLast(of: most.signer)
        }
        return true
    }

    private var mostGapped: (places: Int, signer: NodeID)? {
        lines.filter { $0.key != own && $0.value.inLine < $0.value.entries.count }
            .map { ($0.value.gappedPlaces, $0.key) }.max { $0 < $1 }
    }

    /// - Parameter position: in its line; nil for one behind a gap.
    private mutating func makeRoom(
        _ needed: Int, for signer: NodeID, position: Int?, _ credits: (NodeID) -> UInt64
    ) -> Bool {
        while usedPlaces + needed > Limits.pendingPlaces {
            guard signer == own || position != nil else { return false }
            if let most = mostGapped {
                removeLast(of: most.signer)
                continue
            }
            // Nobody waits behind a gap here, so whoever stands furthest back is the end of its line.
            guard let furthest = order.last(where: { $0.signer != own })?.position else { return false }
            let candidates = order.filter { $0.position == furthest && $0.signer != own }
            let loser: NodeID?
            if furthest > 0 {
                loser = signer == own || furthest > position ?? 0 ? candidates.last?.signer : nil
            } else {
                let poorest = candidates.map { (credits($0.signer), $0.signer) }.min { $0 < $1 }
                loser = poorest.flatMap { signer == own || position == 0 && $0.0 < credits(signer) ? $0.1 : nil }
            }
            guard let loser else { return false }
            removeLast(of: loser)
        }
        return true
    }
}

extension Array {
    /// The first index whose element satisfies `isAtOrBehind`, of a list in which such elements come last.
    fileprivate func firstPlace(_ isAtOrBehind: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAtOrBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
