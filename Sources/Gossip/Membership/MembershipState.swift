public import MeshCrypto
public import Wire

/// Who is there: SWIM (Das et al. 2002) with Lifeguard (arXiv 1707.00788), without I/O.
///
/// Deviations: alive updates carry the subject's signed record, so nobody can invent or refute for another; a node
/// whose link answers is alive even if datagrams do not pass; records travel over links too (push/pull at join and
/// each interval, fresh ones to a few at the next beat); dead nodes are remembered for a while, and called now and then,
/// so that a healed partition merges. A record alone proves no life: until its subject has answered it is unconfirmed, is not probed in
/// turn, not passed on unless it has an account, and holds a place of whoever told it, so that invented identities crowd
/// out nobody.
/// What is said here never decides who may vote.
public struct MembershipState: Sendable {
    public enum Input: Sendable {
        /// Records of nodes that this one was linked with in an earlier run, verified here too.
        case knownRecords([NodeRecord])
        /// A stranger's own record; it was shown to hold the address that it came from.
        case joined(NodeRecord)
        /// What the chains say of nodes now.
        case standing(Standing)
        case linkUp(NodeID)
        case linkDown(NodeID)
        /// The peer answered on its link just now.
        case linkAnswered(NodeID)
        case records(from: NodeID, [NodeRecord])
        case recordsRequested(from: NodeID)
        /// An authenticated datagram.
        /// - isProven: its sender is known to hold the address that it came from; a seal does not prove that.
        case message(from: NodeID, MembershipMessage, isProven: Bool = true)
        case tick
    }

    public enum Directive: Sendable, Equatable {
        case send(MembershipMessage, to: NodeID)
        /// Over the link; never more than ``LinkLimits/recordsMax``.
        case sendRecords([NodeRecord], to: NodeID)
        case requestRecords(from: NodeID)
        /// Ask for an answer over the link, if there is one.
        case probeLink(NodeID)
        /// A new or newer record of another node was accepted.
        case learned(NodeRecord)
        case forgotten(NodeID)
        case status(NodeID, MemberStatus)
        /// This node signed a new record of itself.
        case ownRecord(NodeRecord)
    }

    struct Probe: Sendable {
        let target: NodeID
        let sequence: UInt32
        let sentAt: Duration
        let directUntil: Duration
        let endsAt: Duration
        var indirect = false
        var nacksExpected = 0
        var nacks = 0
    }

    /// A probe made for another node.
    struct Errand: Sendable {
        let origin: NodeID
        let originSequence: UInt32
        let target: NodeID
        let nackAt: Duration
        let endsAt: Duration
        var nacked = false
    }

    let identity: SigningKey
    let settings: MembershipSettings
    var generator: MeshGenerator
    public internal(set) var own: NodeRecord
    public internal(set) var members: [NodeID: Member] = [:]
    /// Of `members`, so that no tick has to look at all of them.
    private(set) var suspects: Set<NodeID> = []
    private(set) var deadCount = 0
    private(set) var unconfirmed: Set<NodeID> = []
    var standing = Standing()
    /// Places of `members`: one of two tables has each. Until a node answers its place is that of whoever told its record.
    private var strangers = Bounded<NodeID, NodeID, Bool>(GossipTables.strangers)
    private var known = Bounded<NodeID, NodeID, Bool>(GossipTables.known)
    var order: [NodeID] = []
    var orderIndex = 0
    var probe: Probe?
    /// By the sequence of this node's own ping.
    var errands = Bounded<NodeID, UInt32, Errand>(GossipTables.errands)
    var nextProbeAt: Duration
    var nextPushPullAt: Duration
    var nextGossipAt: Duration = .zero
    /// When those that never answered, and some of the dead, are pinged again.
    var nextCallAt: Duration = .zero
    var sequence: UInt32 = 0
    /// Lifeguard's local health multiplier, 0 when healthy.
    public internal(set) var localHealth = 0
    var rumours = RumourQueue()
    /// Accepted records that no link was told of yet, and who told this node.
    var fresh: [(record: NodeRecord, from: NodeID?)] = []
    var verifyBuckets = Bounded<NodeID, NodeID, TokenBucket>(GossipTables.recordRates)
    /// Of all strangers together.
    private var strangersVerify: TokenBucket
    let recordsPerSecond: Int
    /// When a linked node last got records on its request.
    private var answeredAt = Bounded<NodeID, NodeID, Duration>(GossipTables.recordAnswers)
    /// Records whose signature was wrong, updates that contradict their sender, and the like.
    public internal(set) var rejected: UInt64 = 0

    /// - Parameters:
    ///   - own: this node's first record of this run, signed with `identity`.
    ///   - seed: of peer choice; the same seed and inputs give the same directives.
    public init(
        own: NodeRecord, identity: SigningKey, settings: MembershipSettings, recordsPerSecond: Int = 256,
        seed: UInt64, now: Duration
    ) {
        precondition(own.node == identity.nodeID, "the record of another node")
        self.own = own
        self.identity = identity
        self.settings = settings
        self.recordsPerSecond = recordsPerSecond
        strangersVerify = TokenBucket(rate: recordsPerSecond, burst: max(1, recordsPerSecond / 2), now: now)
        generator = MeshGenerator(seed: seed)
        nextProbeAt = now + settings.probeInterval
        nextPushPullAt = now + settings.pushPullInterval
    }

    public mutating func handle(_ input: Input, now: Duration) -> [Directive] {
        var directives: [Directive] = []
        switch input {
        case .knownRecords(let records):
            for record in records { accept(record, from: nil, isRemembered: true, now, &directives) }
        case .joined(let record): accept(record, from: record.node, now, &directives)
        case .standing(let standing): changed(standing, &directives)
        case .linkUp(let node): linkUp(node, now, &directives)
        case .linkDown(let node):
            if members[node] != nil {
                members[node]!.isLinked = false
                settle(node, by: node, &directives)
            }
            linkedEarly.removeAll { $0 == node }
            answeredAt.remove(node)
        case .linkAnswered(let node):
            if probe?.target == node { probeAnswered(now, directRoundTrip: false, &directives) }
            markAlive(node, now, &directives)
        case .records(let sender, let records): receive(records, from: sender, now, &directives)
        case .recordsRequested(let sender):
            // The answer is far longer than the request, so a peer gets one only as often as it can need one.
            if let last = answeredAt[sender], now - last < settings.pushPullInterval / 4 { break }
            // Whose last answer cannot be remembered gets none.
            guard answeredAt.insert(now, for: sender, by: sender).isIn else { break }
            directives.append(.sendRecords(records(for: sender), to: sender))
        case .message(let sender, let message, let isProven):
            receive(message, from: sender, isProven: isProven, now, &directives)
        case .tick: tick(now, &directives)
        }
        return directives
    }

    /// When the next `tick` has something to do, at the latest.
    public var nextDeadline: Duration {
        var deadline = min(nextProbeAt, nextPushPullAt)
        if !rumours.isEmpty || !fresh.isEmpty { deadline = min(deadline, nextGossipAt) }
        for node in suspects {
            guard let member = members[node] else { continue }
            deadline = min(deadline, member.since + suspicionTimeout(member))
        }
        if !unconfirmed.isEmpty || deadCount > 0 { deadline = min(deadline, nextCallAt) }
        if let probe { deadline = min(deadline, probe.indirect ? probe.endsAt : probe.directUntil) }
        for (_, errand) in errands.ordered { deadline = min(deadline, errand.nacked ? errand.endsAt : errand.nackAt) }
        return deadline
    }

    /// One's own record and those of all known nodes, ordered by node.
    public var allRecords: [NodeRecord] {
        [own] + members.keys.sorted().compactMap { members[$0]?.record }
    }

    /// What a linked node is told: everything that this one would vouch for, or, where accounts are known and it has
    /// none, as little as a newcomer gets, drawn anew each time.
    mutating func records(for node: NodeID) -> [NodeRecord] {
        guard standing.footing(of: node) > .stranger else { return introduction() }
        return [own] + members.keys.sorted().filter(isPassedOn).compactMap { members[$0]?.record }
    }

    /// An invented record goes no further; one with an account does, for others to see whether it answers them.
    private func isPassedOn(_ node: NodeID) -> Bool {
        guard let member = members[node] else { return false }
        return member.status != .unconfirmed || standing.rank(of: node) > .stranger
    }

    /// Records for a newcomer that finds no place here: this node's own, so that it can read this node's datagrams, and
    /// some of the living, drawn anew each time.
    public mutating func introduction() -> [NodeRecord] {
        var alive = members.keys.filter { members[$0]!.status == .alive }.sorted()
        return [own] + draw(LinkLimits.introductionMax - 1, of: &alive).compactMap { members[$0]?.record }
    }

    /// Takes `count` nodes by lot, or all where there are fewer.
    mutating func draw(_ count: Int, of nodes: inout [NodeID]) -> [NodeID] {
        (0..<min(count, nodes.count)).map { _ in
            nodes.remove(at: Int(generator.next(upperBound: UInt64(nodes.count))))
        }
    }

    // MARK: Records

    private mutating func linkUp(_ node: NodeID, _ now: Duration, _ directives: inout [Directive]) {
        directives.append(.sendRecords(records(for: node), to: node))
        if members[node]?.status == .suspect {
            // While the accusation still stands here, so that it rides along and can be refuted; a dead one hears it anyway.
            directives.append(.send(message(.ping, to: node), to: node))
        }
        members[node]?.isLinked = true
        members[node]?.wasLinked = true
        if members[node] != nil { settle(node, by: node, &directives) }
        linkedEarly.removeAll { $0 == node }
        if members[node] == nil { linkedEarly.append(node) }
        markAlive(node, now, &directives)
    }

    /// Linked nodes whose record has not come yet.
    var linkedEarly: [NodeID] = []

    private mutating func receive(
        _ records: [NodeRecord], from sender: NodeID, _ now: Duration, _ directives: inout [Directive]
    ) {
        for record in records { accept(record, from: sender, now, &directives) }
    }

    /// Takes a record if it is news and authentic. Cheap checks first: a signature costs more than all the rest.
    ///
    /// - Parameter sender: who told it; nil for this node's own memory.
    mutating func accept(
        _ record: NodeRecord, from sender: NodeID?, isRemembered: Bool = false, _ now: Duration,
        _ directives: inout [Directive]
    ) {
        let isOwn = record.node == own.node
        if isOwn, record.incarnation < own.incarnation || record == own { return }
        let known = members[record.node]
        if let known, record.incarnation <= known.record.incarnation { return }
        // Whoever's it is: a check without a rate is work that anybody can order.
        if let sender, !mayVerify(from: sender, now) { return }
        guard record.isAuthentic else {
            rejected += 1
            // Whoever passes on what it has checked never sends one.
            verifyBuckets.update(sender ?? own.node) { _ = $0.charge(Self.wrongSignatureCost, now: now) }
            return
        }
        // Somebody holds a record of ours that is not the current one: an earlier run with a clock ahead. Go above it.
        if isOwn { return renew(above: record.incarnation, &directives) }
        if let known {
            members[record.node]!.record = record
            // Whoever refutes an accusation was heard before. A dead one has to answer first: anybody can sign for a node
            // that it invented.
            switch known.status {
            case .suspect: setStatus(record.node, .alive, now, &directives)
            case .dead: setStatus(record.node, .unconfirmed, now, &directives)
            case .alive, .unconfirmed: break
            }
            directives.append(.learned(record))
        } else {
            guard enter(record, from: sender, isRemembered: isRemembered, now, &directives) else { return }
        }
        let status = members[record.node]!.status
        if status == .unconfirmed { ping(record.node, &directives) }
        if isPassedOn(record.node) { passOn(record, from: sender) }
    }

    /// Gives a new record a place, if there is one for it.
    private mutating func enter(
        _ record: NodeRecord, from sender: NodeID?, isRemembered: Bool, _ now: Duration,
        _ directives: inout [Directive]
    ) -> Bool {
        let node = record.node
        let isLinked = linkedEarly.contains(node)
        var member = Member(record: record, status: isLinked ? .alive : .unconfirmed, since: now)
        member.isLinked = isLinked
        member.wasLinked = isLinked
        member.isRemembered = isRemembered
        if members.count >= LinkLimits.recordsMax, !evictOneDead(&directives) { return false }
        members[node] = member
        // Whoever has something to lose, and whom this node has met, speaks for itself.
        let vouches = isLinked || isRemembered || standing.rank(of: node) == .member
        guard place(node, by: vouches ? node : sender ?? own.node, &directives) else {
            members[node] = nil
            return false
        }
        linkedEarly.removeAll { $0 == node }
        count(member.status, node, leaving: false)
        directives.append(.learned(record))
        if isLinked {
            probeInTurn(node)
            directives.append(.status(node, .alive))
        }
        return true
    }

    /// Moves a member to the table of its kind; one that finds no place there any more is forgotten.
    private mutating func settle(_ node: NodeID, by sender: NodeID, _ directives: inout [Directive]) {
        if !place(node, by: sender, &directives) { forget(node, &directives, isPlaced: false) }
    }

    /// Puts a member into the table of its kind, in the name of `sender`, or else among the strangers.
    private mutating func place(_ node: NodeID, by sender: NodeID, _ directives: inout [Directive]) -> Bool {
        strangers.remove(node)
        known.remove(node)
        let member = members[node]!
        let rank = standing.rank(of: node)
        let isProtected = member.isLinked || member.isRemembered || rank == .member
        var outcome = Bounded<NodeID, NodeID, Bool>.Insertion.refused
        if rank > .stranger || member.isRemembered {
            outcome = known.insert(true, for: node, by: sender, isProtected: isProtected)
        }
        if !outcome.isIn { outcome = strangers.insert(true, for: node, by: sender, isProtected: isProtected) }
        if case .displacing(let other, _) = outcome { forget(other, &directives, isPlaced: false) }
        return outcome.isIn
    }

    /// A member joins the probe order at a random place (SWIM §4.3), once it has answered.
    private mutating func probeInTurn(_ node: NodeID) {
        order.insert(node, at: Int(generator.next(upperBound: UInt64(order.count + 1))))
    }

    mutating func passOn(_ record: NodeRecord, from sender: NodeID?) {
        rumours.add(.alive(record), limit: retransmissions, by: sender ?? own.node)
        fresh.removeAll { $0.record.node == record.node }
        fresh.append((record, sender))
    }

    /// It answered for the first time.
    mutating func confirmed(_ node: NodeID, _ now: Duration, _ directives: inout [Directive]) {
        if !order.contains(node) { probeInTurn(node) }
        let wasPassedOn = standing.rank(of: node) > .stranger
        settle(node, by: node, &directives)
        if !wasPassedOn, let member = members[node] { passOn(member.record, from: nil) }
    }

    /// Accounts come and go with the registry's blocks.
    private mutating func changed(_ standing: Standing, _ directives: inout [Directive]) {
        self.standing = standing
        for node in strangers.keys where standing.rank(of: node) > .stranger {
            // An earlier one of these may have pushed it out.
            guard let sender = strangers.sender(of: node) else { continue }
            settle(node, by: standing.rank(of: node) == .member ? node : sender, &directives)
        }
    }

    /// Whether one more signature is checked: by the sender's own rate, and by one for all strangers, who are as many as
    /// they like to be. The first of each stranger, which is its own record, is outside the common rate: links are made
    /// at a rate of their own, and a flood of some must not keep others unknown.
    private mutating func mayVerify(from sender: NodeID, _ now: Duration) -> Bool {
        let isStranger = standing.footing(of: sender) == .stranger
        let known = verifyBuckets[sender]
        var bucket =
            known
            ?? TokenBucket(
                rate: recordsPerSecond, burst: isStranger ? recordsPerSecond : LinkLimits.recordsMax, now: now)
        let isFree = bucket.take(now: now)
        guard
            verifyBuckets.insert(bucket, for: sender, by: sender, isProtected: members[sender]?.isLinked ?? false).isIn
        else { return false }
        return isFree && (!isStranger || known == nil || strangersVerify.take(now: now))
    }

    /// Of a sender's rate.
    static let wrongSignatureCost = 63

    mutating func renew(above incarnation: UInt64, _ directives: inout [Directive]) {
        guard incarnation < .max else { return }
        own = NodeRecord(
            incarnation: incarnation + 1, addresses: own.addresses, datagramKey: own.datagramKey,
            capabilities: own.capabilities, signedWith: identity)
        directives.append(.ownRecord(own))
        rumours.add(.alive(own), limit: retransmissions, by: own.node)
        for node in members.keys.sorted() where members[node]!.isLinked {
            directives.append(.sendRecords([own], to: node))
        }
        for node in linkedEarly { directives.append(.sendRecords([own], to: node)) }
    }

    /// Of the dead the one that matters least, and has been dead for longest.
    private mutating func evictOneDead(_ directives: inout [Directive]) -> Bool {
        let dead = members.filter { $0.value.status == .dead && !$0.value.isLinked }.map {
            (regard: regard(for: $0.key), since: $0.value.since, node: $0.key)
        }
        let least = dead.min { ($0.regard.rawValue, $0.since, $0.node) < ($1.regard.rawValue, $1.since, $1.node) }
        guard let least else { return false }
        forget(least.node, &directives)
        return true
    }

    /// What a node has that a made-up one has not.
    enum Regard: Int, CaseIterable {
        case nothing
        /// A link with this node, once: it holds an address and took a place.
        case link
        case account
    }

    func regard(for node: NodeID) -> Regard {
        if standing.rank(of: node) > .stranger { return .account }
        guard let member = members[node] else { return .nothing }
        return member.isRemembered || member.wasLinked ? .link : .nothing
    }

    mutating func count(_ status: MemberStatus, _ node: NodeID, leaving: Bool) {
        switch status {
        case .alive: break
        case .unconfirmed: if leaving { unconfirmed.remove(node) } else { unconfirmed.insert(node) }
        case .suspect: if leaving { suspects.remove(node) } else { suspects.insert(node) }
        case .dead: deadCount += leaving ? -1 : 1
        }
    }

    /// - Parameter isPlaced: false if the node has lost its place already.
    mutating func forget(_ node: NodeID, _ directives: inout [Directive], isPlaced: Bool = true) {
        guard let status = members[node]?.status else { return }
        count(status, node, leaving: true)
        members[node] = nil
        if isPlaced {
            strangers.remove(node)
            known.remove(node)
        }
        verifyBuckets.remove(node)
        if let index = order.firstIndex(of: node) {
            order.remove(at: index)
            if index < orderIndex { orderIndex -= 1 }
        }
        directives.append(.forgotten(node))
    }

    func accusation(_ member: Member, _ node: NodeID) -> MembershipUpdate {
        let incarnation = member.record.incarnation
        return member.status == .dead
            ? .dead(node, incarnation: incarnation, accuser: own.node)
            : .suspect(node, incarnation: incarnation, accuser: own.node)
    }
}

extension MeshGenerator {
    mutating func next(upperBound: UInt64) -> UInt64 {
        // The bias of one 64-bit draw over a few thousand is below 2^-50.
        next() % upperBound
    }
}
