public import Wire

/// Names one connection of this process.
public typealias ConnectionID = UInt64

/// Which connections a node keeps: dials, admissions, limits, simultaneous dials, retries. Without I/O.
///
/// Between two nodes one link stays: the connection that the smaller node id dialled. Both sides judge by that rule
/// alone, so they agree whatever the order of events. A newer connection with the same dialler replaces the older one
/// (the dialler lost it), and so does any connection of a restarted peer (another `instance`).
public struct LinkTable: Sendable {
    public enum Input: Sendable {
        /// Addresses to hold on to for ever; `expected` if a ticket names the node.
        case bootstrap([PeerAddress], expected: NodeID?)
        /// A verified record of another node.
        /// - isRemembered: it was linked with this one in an earlier run.
        case record(NodeRecord, isRemembered: Bool = false)
        /// What the chains say of nodes now.
        case standing(Standing)
        /// The record is no longer known; stop dialling it.
        case forget(NodeID)
        /// - host: where it comes from; rates and half-open places are shared out by host.
        case accepted(ConnectionID, host: String = "")
        case unreachable(ConnectionID, String)
        case identified(ConnectionID, NodeID, instance: UInt64)
        case established(ConnectionID)
        case closed(ConnectionID, LinkEnd)
        case ban(NodeID)
        case allow(NodeID)
        /// Only these nodes may link; nil: everybody who is not banned.
        case allowOnly(Set<NodeID>?)
        case tick
    }

    public enum Directive: Equatable, Sendable {
        case dial(ConnectionID, PeerAddress, expected: NodeID?)
        /// Go on with the handshake.
        case admit(ConnectionID)
        /// No place is free: tell it of other nodes, say so, and close. Without that a node whose only known address is
        /// full would stay outside for ever.
        case introduce(ConnectionID)
        /// Say why, then close. For connections at any stage.
        case close(ConnectionID, LinkCode)
        case linkUp(NodeID, ConnectionID)
        /// The link goes on over another connection; queued frames move along.
        case linkMoved(NodeID, from: ConnectionID, to: ConnectionID)
        case linkDown(NodeID, LinkEnd)
    }

    public enum Direction: Sendable, Equatable {
        case dialled
        case accepted
    }

    struct Connection: Sendable {
        let direction: Direction
        let target: LinkTarget.Key?
        /// Of an accepted one.
        var host = ""
        var since: Duration = .zero
        var node: NodeID?
        var instance: UInt64 = 0
        var established = false
    }

    public struct Link: Sendable, Equatable {
        public var connection: ConnectionID
        public var direction: Direction
        public var instance: UInt64
        public var since: Duration
        /// The peer closed `connection` as a duplicate before the other one was established.
        var bridging = false
    }

    private let own: NodeID
    private let settings: LinkSettings
    private var generator: MeshGenerator
    private var nextDialled: ConnectionID = 1
    private var acceptBucket: TokenBucket
    /// Handshakes of one host each.
    private var hostBuckets = Bounded<String, String, TokenBucket>(GossipTables.hostRates)
    private var standing = Standing()
    private(set) var connections: [ConnectionID: Connection] = [:]
    private(set) var targets: [LinkTarget] = []
    public private(set) var links: [NodeID: Link] = [:]
    public private(set) var banned: Set<NodeID> = []
    private var only: Set<NodeID>?
    public private(set) var refusals: UInt64 = 0

    /// - Parameter seed: of the retry jitter; nothing else is random.
    public init(own: NodeID, settings: LinkSettings, seed: UInt64, now: Duration) {
        self.own = own
        self.settings = settings
        generator = MeshGenerator(seed: seed)
        acceptBucket = TokenBucket(rate: settings.handshakesPerSecond, now: now)
    }

    /// Dialled connections have odd names from ``Directive/dial(_:_:expected:)``; the shell gives accepted ones even names.
    public static func acceptedConnection(_ count: UInt64) -> ConnectionID { count &* 2 }

    public mutating func handle(_ input: Input, now: Duration) -> [Directive] {
        var directives: [Directive] = []
        switch input {
        case .bootstrap(let addresses, let expected): bootstrap(addresses, expected, now)
        case .record(let record, let isRemembered): learn(record, isRemembered, now)
        case .standing(let standing): self.standing = standing
        case .forget(let node): targets.removeAll { $0.key == .node(node) && $0.inProgress == nil }
        case .accepted(let id, let host): accepted(id, host, now, &directives)
        case .unreachable(let id, let reason): closed(id, .unreachable(reason), now, &directives)
        case .identified(let id, let node, let instance): identified(id, node, instance, now, &directives)
        case .established(let id): established(id, now, &directives)
        case .closed(let id, let end): closed(id, end, now, &directives)
        case .ban(let node):
            banned.insert(node)
            for id in connections.keys.sorted() where connections[id]?.node == node {
                directives.append(.close(id, .banned))
            }
        case .allow(let node): banned.remove(node)
        case .allowOnly(let nodes):
            only = nodes
            for id in connections.keys.sorted() where connections[id]?.node.map(refuses) == true {
                directives.append(.close(id, .banned))
            }
        case .tick: dialDue(now, &directives)
        }
        return directives
    }

    /// Banned, or not among those who alone may link.
    public func refuses(_ node: NodeID) -> Bool { banned.contains(node) || only?.contains(node) == false }

    /// When the next dial is due, if any is waiting.
    public var nextDeadline: Duration? {
        targets.filter { $0.inProgress == nil && !$0.isOwn }.map(\.nextAttempt).min()
    }

    // MARK: Targets

    private mutating func bootstrap(_ addresses: [PeerAddress], _ expected: NodeID?, _ now: Duration) {
        for address in addresses where !targets.contains(where: { $0.key == .address(address) }) {
            targets.append(
                LinkTarget(key: .address(address), addresses: [address], expected: expected, nextAttempt: now))
        }
    }

    private mutating func learn(_ record: NodeRecord, _ isRemembered: Bool, _ now: Duration) {
        guard record.node != own else { return }
        // A stranger must not make this node ask name servers for what it likes.
        let maySayNames = isRemembered || standing.rank(of: record.node) > .stranger
        let addresses = record.addresses.filter { maySayNames || $0.isLiteral }
        if let index = targets.firstIndex(where: { $0.key == .node(record.node) }) {
            // Fresh addresses deserve a fresh try.
            if targets[index].addresses != addresses {
                targets[index].addresses = addresses
                // It lived where this node lives now.
                targets[index].isOwn = false
                targets[index].nextAttempt = min(targets[index].nextAttempt, now + jittered(settings.retryBase))
            }
            return
        }
        guard targets.count < 2 * LinkLimits.recordsMax else { return }
        // The smaller id's connection stays anyway, so the larger one lets it go first.
        let pause = own < record.node ? settings.retryBase / 4 : settings.retryBase * 2
        targets.append(
            LinkTarget(
                key: .node(record.node), addresses: addresses, expected: record.node, wasLinked: isRemembered,
                nextAttempt: now + jittered(pause)))
    }

    /// Who is dialled first. What nobody but itself knows of comes last, so that invented nodes wait for each other.
    private func precedence(_ target: LinkTarget) -> Precedence {
        if target.isBootstrap { return .named }
        let rank = target.expected.map { standing.rank(of: $0) } ?? .stranger
        if rank == .member || target.wasLinked && standing.isEmpty { return .proven }
        if rank == .account { return target.wasLinked ? .metAccount : .account }
        return target.wasLinked ? .met : .unproven
    }

    private enum Precedence: Int, Comparable {
        case named
        case proven
        case metAccount
        case account
        case met
        case unproven

        static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    private mutating func dialDue(_ now: Duration, _ directives: inout [Directive]) {
        var dialled = connections.values.count { $0.direction == .dialled }
        var inProgress = connections.values.count { $0.direction == .dialled && !$0.established }
        guard dialled < settings.dialledMax, inProgress < settings.dialsInProgressMax else { return }
        let bootstrapWaits = targets.contains { $0.isBootstrap && !isReached($0) }
        let waiting = Set(targets.filter { !$0.isOwn && !isReached($0) }.map(precedence))
        // By what is known of them, then those that waited longest. Pauses are jittered, so nodes that learned the same
        // records in the same order do not all dial the same ones.
        let due = targets.indices.filter { index in
            let target = targets[index]
            return target.nextAttempt <= now && target.inProgress == nil && !target.isOwn && !target.addresses.isEmpty
                && !isReached(target)
        }.sorted {
            (precedence(targets[$0]), targets[$0].nextAttempt, $0) < (
                precedence(targets[$1]), targets[$1].nextAttempt, $1
            )
        }
        for index in due {
            guard dialled < settings.dialledMax, inProgress < settings.dialsInProgressMax else { return }
            let target = targets[index]
            // Two places are kept for bootstrap addresses, so that meshes that started apart can merge, and a quarter for
            // members, and for accounts that were met, before all behind them: what never answers must not hold all dials
            // while one of them waits for its next try.
            if !target.isBootstrap, bootstrapWaits, dialled >= settings.dialledMax - 2 { continue }
            let rank = precedence(target)
            if rank > .proven && waiting.contains(.proven) || rank > .metAccount && waiting.contains(.metAccount),
                inProgress >= settings.dialsInProgressMax - max(1, settings.dialsInProgressMax / 4)
                    || dialled >= settings.dialledMax - max(1, settings.dialledMax / 4)
            {
                continue
            }
            if let expected = target.expected, refuses(expected) { continue }
            let id = nextDialled
            nextDialled += 2
            targets[index].inProgress = id
            let address = target.addresses[target.attempts % target.addresses.count]
            connections[id] = Connection(direction: .dialled, target: target.key)
            directives.append(.dial(id, address, expected: target.expected))
            dialled += 1
            inProgress += 1
        }
    }

    private func isReached(_ target: LinkTarget) -> Bool {
        guard let node = target.expected ?? target.resolved else { return false }
        return links[node] != nil
    }

    /// Times a factor drawn from [0.5, 1).
    private mutating func jittered(_ duration: Duration) -> Duration {
        duration * (0.5 + Double(generator.next() >> 11) / Double(1 << 54))
    }

    private mutating func retryLater(_ key: LinkTarget.Key, _ end: LinkEnd, wasUp: Duration?, _ now: Duration) {
        guard let index = targets.firstIndex(where: { $0.key == key }) else { return }
        targets[index].inProgress = nil
        if end == .here(.ownKey) || end == .peer(.ownKey) {
            targets[index].isOwn = true
            return
        }
        if let wasUp, now - wasUp >= settings.retryMax { targets[index].attempts = 0 }
        var pause = settings.retryBase
        for _ in 0..<targets[index].attempts where pause < settings.retryMax { pause = pause * 2 }
        targets[index].attempts = min(targets[index].attempts + 1, 1 << 16)
        targets[index].nextAttempt = now + jittered(min(pause, settings.retryMax))
    }

    // MARK: Connections

    private mutating func accepted(
        _ id: ConnectionID, _ host: String, _ now: Duration, _ directives: inout [Directive]
    ) {
        let halfOpen = connections.values.count { $0.direction == .accepted && !$0.established }
        connections[id] = Connection(direction: .accepted, target: nil, host: host, since: now)
        // Half-open ones have a bound of their own: strangers that never finish must not take the links' places. A full
        // table shakes hands too, at the same rate: the newcomer is told of others.
        if !mayShakeHands(host, now) {
            refuse(id, .busy, &directives)
        } else if halfOpen >= settings.halfOpenMax {
            refuse(displaced(by: id, now), .busy, &directives)
        }
    }

    /// The host's own rate first: one that floods must not use up what the others need.
    private mutating func mayShakeHands(_ host: String, _ now: Duration) -> Bool {
        if hostBuckets.count >= hostBuckets.rule.total {
            // A host that has its whole rate back need not be remembered.
            hostBuckets.removeAll { $1.isFull(now) }
        }
        var bucket = hostBuckets[host] ?? TokenBucket(rate: settings.handshakesPerHost, now: now)
        let isFree = bucket.take(now: now)
        // Where a thousand hosts shook hands within the second, newer ones have to wait.
        return hostBuckets.insert(bucket, for: host, by: host).isIn && isFree && acceptBucket.take(now: now)
    }

    /// Who goes when no half-open place is left: the oldest of the hosts that hold most of them, if the newcomer's host
    /// holds fewer or that one had its time; else the newcomer.
    private func displaced(by id: ConnectionID, _ now: Duration) -> ConnectionID {
        let waiting = connections.keys.sorted().filter {
            $0 != id && connections[$0]!.direction == .accepted && !connections[$0]!.established
        }
        var held: [String: Int] = [:]
        for other in waiting { held[connections[other]!.host, default: 0] += 1 }
        let most = held.values.max() ?? 0
        guard let oldest = waiting.first(where: { held[connections[$0]!.host] == most }) else { return id }
        let newcomer = held[connections[id]!.host] ?? 0
        let hadItsTime = now - connections[oldest]!.since >= settings.handshakePatience
        return newcomer + 1 < most || hadItsTime ? oldest : id
    }

    private mutating func refuse(_ id: ConnectionID, _ code: LinkCode, _ directives: inout [Directive]) {
        refusals += 1
        directives.append(.close(id, code))
    }

    private mutating func identified(
        _ id: ConnectionID, _ node: NodeID, _ instance: UInt64, _ now: Duration, _ directives: inout [Directive]
    ) {
        guard var connection = connections[id] else { return }
        connection.node = node
        connection.instance = instance
        connections[id] = connection
        if let key = connection.target, let index = targets.firstIndex(where: { $0.key == key }) {
            targets[index].resolved = node
        }
        if refuses(node) { return refuse(id, .banned, &directives) }
        if let link = links[node], !replaces(connection, link, node: node) {
            return refuse(id, .duplicate, &directives)
        }
        if connection.direction == .accepted, links[node] == nil, !hasAcceptedPlace(for: node, &directives) {
            refusals += 1
            directives.append(.introduce(id))
            return
        }
        directives.append(.admit(id))
    }

    /// A quarter of the places is for members alone, and where none is left the latest of those with least goes: a stranger
    /// for whoever has an account, an account for a member. An account is cheap, so a hundred of them get no more than one:
    /// what shuts out others goes by what there is to lose.
    private func hasAcceptedPlace(for node: NodeID, _ directives: inout [Directive]) -> Bool {
        let accepted = links.filter { $0.value.direction == .accepted }
        let rank = standing.rank(of: node)
        let others = accepted.count { standing.rank(of: $0.key) < .member }
        let kept = standing.isEmpty || rank == .member ? 0 : settings.acceptedMax / 4
        if accepted.count < settings.acceptedMax, kept == 0 || others < settings.acceptedMax - kept { return true }
        let latest = accepted.filter { standing.rank(of: $0.key) < rank }.max {
            (-standing.rank(of: $0.key).rawValue, $0.value.since, $0.key)
                < (-standing.rank(of: $1.key).rawValue, $1.value.since, $1.key)
        }
        guard let latest else { return false }
        directives.append(.close(latest.value.connection, .full))
        return true
    }

    /// Whether `connection` takes the place of `link` to the same node.
    private func replaces(_ connection: Connection, _ link: Link, node: NodeID) -> Bool {
        if link.bridging || connection.instance != link.instance { return true }
        if connection.direction == link.direction {
            // The dialler's side sees its own second dial; the acceptor's side trusts that the dialler knows why.
            return connection.direction == .accepted || connection.established
        }
        let preferred: Direction = own < node ? .dialled : .accepted
        return connection.direction == preferred
    }

    private mutating func established(_ id: ConnectionID, _ now: Duration, _ directives: inout [Directive]) {
        guard connections[id] != nil else { return }
        connections[id]!.established = true
        let connection = connections[id]!
        guard let node = connection.node else { return }
        for index in targets.indices where targets[index].key == .node(node) { targets[index].wasLinked = true }
        guard let link = links[node] else {
            links[node] = Link(
                connection: id, direction: connection.direction, instance: connection.instance, since: now)
            directives.append(.linkUp(node, id))
            return
        }
        guard replaces(connection, link, node: node) else { return refuse(id, .duplicate, &directives) }
        links[node] = Link(
            connection: id, direction: connection.direction, instance: connection.instance, since: link.since)
        directives.append(.linkMoved(node, from: link.connection, to: id))
        if connections[link.connection] != nil { directives.append(.close(link.connection, .duplicate)) }
    }

    private mutating func closed(
        _ id: ConnectionID, _ end: LinkEnd, _ now: Duration, _ directives: inout [Directive]
    ) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        let node = connection.node
        let link = node.flatMap { links[$0] }
        let carriesLink = link?.connection == id
        if let key = connection.target {
            retryLater(key, end, wasUp: carriesLink ? link?.since : nil, now)
        }
        guard let node else { return }
        let successor = connections.contains { $0.value.node == node && !$0.value.established }
        if carriesLink {
            if end == .peer(.duplicate), successor {
                links[node]!.bridging = true
            } else {
                links[node] = nil
                directives.append(.linkDown(node, end))
                hurry(node, end, now)
            }
        } else if link?.bridging == true, !successor {
            links[node] = nil
            directives.append(.linkDown(node, end))
            hurry(node, end, now)
        }
    }

    /// A link that was lost without anybody's fault is dialled again soon, by both sides, the smaller id first.
    private mutating func hurry(_ node: NodeID, _ end: LinkEnd, _ now: Duration) {
        switch end {
        case .lost, .here(.idle), .peer(.idle), .peer(.shutdown): break
        default: return
        }
        let pause = jittered(own < node ? settings.retryBase : settings.retryBase * 2)
        for index in targets.indices where targets[index].expected ?? targets[index].resolved == node {
            targets[index].nextAttempt = min(targets[index].nextAttempt, now + pause)
        }
    }
}

extension LinkTable {
    /// Known nodes with a dial under way.
    public var diallingNodes: Set<NodeID> {
        Set(targets.compactMap { $0.inProgress == nil ? nil : $0.expected ?? $0.resolved })
    }
}
