internal import Wire

extension MembershipState {
    // MARK: Time

    mutating func tick(_ now: Duration, _ directives: inout [Directive]) {
        advanceProbe(now, &directives)
        advanceErrands(now, &directives)
        expireSuspicions(now, &directives)
        if now >= nextProbeAt { startProbe(now, &directives) }
        if now >= nextCallAt { call(now, &directives) }
        if now >= nextGossipAt { gossip(now, &directives) }
        if now >= nextPushPullAt { pushPull(now, &directives) }
    }

    /// Pings those that never answered, outside the turn of the others: a thousand invented nodes must not keep a probe
    /// from a real one. Whoever stays silent for long is forgotten, or, with an account, buried without a word to others.
    ///
    /// Of the dead one of each kind, by lot, is called as well: of those with an account, of those that were linked with, and
    /// of the rest. After a partition in which links lived on but everybody of the other half was buried nobody would probe
    /// anybody there again, and hearsay does not cross where no living node is known. Strangers that came, answered and went
    /// are in a lot of their own, so that no number of them makes the turn of a real one rarer.
    private mutating func call(_ now: Duration, _ directives: inout [Directive]) {
        nextCallAt = now + settings.callInterval
        for node in unconfirmed.sorted() {
            let member = members[node]!
            if now - member.since >= settings.patience {
                if member.isRemembered || standing.rank(of: node) > .stranger {
                    setStatus(node, .dead, now, &directives)
                } else {
                    forget(node, &directives)
                }
            } else if member.pings < settings.callsMax {
                ping(node, &directives)
            }
        }
        let dead = deadCount == 0 ? [] : members.keys.filter { members[$0]!.status == .dead }.sorted()
        for kind in Regard.allCases.reversed() {
            var lot = dead.filter { regard(for: $0) == kind }
            for node in draw(1, of: &lot) { directives.append(.send(message(.ping, to: node), to: node)) }
        }
    }

    /// Without rumours: who told of it may have named any address.
    mutating func ping(_ node: NodeID, _ directives: inout [Directive]) {
        members[node]!.pings += 1
        sequence &+= 1
        let ping = plain(.ping, to: node, sequence: sequence, most: settings.messageBytesMax)
        directives.append(.send(ping, to: node))
    }

    private mutating func pushPull(_ now: Duration, _ directives: inout [Directive]) {
        nextPushPullAt = now + settings.pushPullInterval
        let linked = members.keys.sorted().filter { members[$0]!.isLinked }
        guard !linked.isEmpty else { return }
        let partner = linked[Int(generator.next(upperBound: UInt64(linked.count)))]
        directives.append(.sendRecords(records(for: partner), to: partner))
        directives.append(.requestRecords(from: partner))
        for node in members.keys.sorted() {
            let member = members[node]!
            if member.status == .dead, !member.isLinked, now - member.since > settings.tombstone {
                forget(node, &directives)
            }
        }
    }

    /// Rumours do not wait for the next probe (as in memberlist): to a few nodes at a time while there are any.
    private mutating func gossip(_ now: Duration, _ directives: inout [Directive]) {
        nextGossipAt = now + settings.gossipInterval
        passOnRecords(&directives)
        guard !rumours.isEmpty else { return }
        var candidates = members.keys.filter { members[$0]!.status == .alive || members[$0]!.status == .suspect }
            .sorted()
        for node in draw(settings.gossipFanout, of: &candidates) where !rumours.isEmpty {
            directives.append(.send(message(.rumours, to: node), to: node))
        }
    }

    /// All fresh records in one frame a link, over a few links: each to every link at once would cost a mass start frames
    /// in the third power of its nodes. Whom this misses hears it as a rumour or by push/pull.
    private mutating func passOnRecords(_ directives: inout [Directive]) {
        guard !fresh.isEmpty else { return }
        var linked = (members.keys.filter { members[$0]!.isLinked } + linkedEarly).sorted()
        for node in draw(settings.recordFanout, of: &linked).sorted() {
            let news = fresh.filter { $0.from != node && $0.record.node != node }.map(\.record)
            if !news.isEmpty { directives.append(.sendRecords(news, to: node)) }
        }
        fresh = []
    }

    // MARK: Probes

    private mutating func startProbe(_ now: Duration, _ directives: inout [Directive]) {
        let interval = settings.probeInterval * (1 + localHealth)
        nextProbeAt = now + interval
        guard probe == nil, let target = nextTarget(), let member = members[target] else { return }
        sequence &+= 1
        let timeout = directTimeout(member)
        probe = Probe(
            target: target, sequence: sequence, sentAt: now, directUntil: now + timeout,
            endsAt: now + max(interval, timeout * 2))
        directives.append(.send(message(.ping, to: target, sequence: sequence), to: target))
    }

    private func directTimeout(_ member: Member) -> Duration {
        let wanted = member.roundTrip.map { $0 * 3 } ?? settings.probeTimeoutMax
        return min(max(wanted, settings.probeTimeoutMin), settings.probeTimeoutMax) * (1 + localHealth)
    }

    /// Round robin over a shuffled order (SWIM §4.3): every live member is probed within two rounds.
    private mutating func nextTarget() -> NodeID? {
        for _ in 0..<order.count {
            if orderIndex >= order.count {
                orderIndex = 0
                for last in stride(from: order.count - 1, to: 0, by: -1) {
                    order.swapAt(last, Int(generator.next(upperBound: UInt64(last + 1))))
                }
            }
            let candidate = order[orderIndex]
            orderIndex += 1
            if let status = members[candidate]?.status, status == .alive || status == .suspect { return candidate }
        }
        return nil
    }

    private mutating func advanceProbe(_ now: Duration, _ directives: inout [Directive]) {
        guard var current = probe else { return }
        if !current.indirect, now >= current.directUntil {
            current.indirect = true
            var helpers = members.keys.filter { $0 != current.target && members[$0]!.status == .alive }.sorted()
            for helper in draw(settings.indirectProbes, of: &helpers) {
                current.nacksExpected += 1
                directives.append(
                    .send(
                        message(.pingRequest(target: current.target), to: helper, sequence: current.sequence),
                        to: helper))
            }
            if members[current.target]?.isLinked == true { directives.append(.probeLink(current.target)) }
            probe = current
        }
        guard now >= current.endsAt else { return }
        probe = nil
        // Lifeguard: missing answers of helpers mean that this node is the slow one.
        let blame = current.nacksExpected > 0 ? max(0, current.nacksExpected - current.nacks) : 1
        localHealth = min(settings.localHealthMax, localHealth + blame)
        accuse(current.target, by: own.node, from: own.node, now, &directives)
    }

    mutating func probeAnswered(_ now: Duration, directRoundTrip: Bool, _ directives: inout [Directive]) {
        guard let answered = probe else { return }
        probe = nil
        localHealth = max(0, localHealth - 1)
        if directRoundTrip, !answered.indirect, members[answered.target] != nil {
            let sample = now - answered.sentAt
            let smoothed = members[answered.target]!.roundTrip.map { ($0 * 7 + sample) / 8 } ?? sample
            members[answered.target]!.roundTrip = smoothed
        }
        markAlive(answered.target, now, &directives)
    }

    private mutating func advanceErrands(_ now: Duration, _ directives: inout [Directive]) {
        for (sequence, errand) in errands.ordered where !errand.nacked && now >= errand.nackAt {
            errands.update(sequence) { $0.nacked = true }
            let nack =
                isStranger(errand.origin)
                ? plain(.nack, to: errand.origin, sequence: errand.originSequence, most: 0)
                : message(.nack, to: errand.origin, sequence: errand.originSequence)
            directives.append(.send(nack, to: errand.origin))
        }
        errands.removeAll { now >= $1.endsAt }
    }

    // MARK: Messages

    /// A stranger, and whoever may not hold the address that it writes from, gets no rumours for its questions: each copy
    /// that goes out is one less for others, and an answer longer than the question could be sent to a third.
    mutating func receive(
        _ message: MembershipMessage, from sender: NodeID, isProven: Bool, _ now: Duration,
        _ directives: inout [Directive]
    ) {
        guard members[sender] != nil, sender != own.node else {
            rejected += 1
            return
        }
        // Whatever opens under the pair's key was sealed by it in this run: that is an answer.
        let status = members[sender]!.status
        if status == .unconfirmed || status == .dead && message.body == .ping { markAlive(sender, now, &directives) }
        switch message.body {
        case .ping:
            guard mayAsk(sender, now) else { return }
            let ack =
                isStranger(sender) || !isProven
                ? plain(.ack, to: sender, sequence: message.sequence, most: message.wireBytes.count)
                : self.message(.ack, to: sender, sequence: message.sequence)
            directives.append(.send(ack, to: sender))
        case .ack:
            if probe?.target == sender, probe?.sequence == message.sequence {
                probeAnswered(now, directRoundTrip: true, &directives)
            } else if let errand = errands[message.sequence], errand.target == sender {
                errands.remove(message.sequence)
                let ack =
                    isStranger(errand.origin) || !isProven
                    ? plain(.ack, to: errand.origin, sequence: errand.originSequence, most: 0)
                    : self.message(.ack, to: errand.origin, sequence: errand.originSequence)
                directives.append(.send(ack, to: errand.origin))
            } else if probe?.indirect == true, probe?.sequence == message.sequence {
                // A helper passes the answer on under the sequence that it was asked with.
                probeAnswered(now, directRoundTrip: false, &directives)
            }
        case .rumours: break
        case .nack:
            if probe?.indirect == true, probe?.sequence == message.sequence { probe!.nacks += 1 }
        case .pingRequest(let target):
            guard mayAsk(sender, now) else { return }
            guard target != own.node, members[target] != nil else { break }
            sequence &+= 1
            let wait = settings.probeTimeoutMax * 4 / 5
            let errand = Errand(
                origin: sender, originSequence: message.sequence, target: target, nackAt: now + wait,
                endsAt: now + settings.probeTimeoutMax * 4)
            guard errands.insert(errand, for: sequence, by: sender).isIn else { break }
            let ping =
                isStranger(sender)
                ? plain(.ping, to: target, sequence: sequence, most: settings.messageBytesMax)
                : self.message(.ping, to: target, sequence: sequence)
            directives.append(.send(ping, to: target))
        }
        for update in message.updates { apply(update, from: sender, now, &directives) }
    }

    private func isStranger(_ node: NodeID) -> Bool { standing.footing(of: node) == .stranger }

    /// Each question is answered with a datagram, so everybody has a rate of them.
    private mutating func mayAsk(_ node: NodeID, _ now: Duration) -> Bool {
        let rate = max(1, Int(Double(settings.questionsPerInterval) * (Duration.seconds(1) / settings.probeInterval)))
        var bucket = members[node]?.questions ?? TokenBucket(rate: rate, now: now)
        let isFree = bucket.take(now: now)
        members[node]?.questions = bucket
        return isFree
    }

    private mutating func apply(
        _ update: MembershipUpdate, from sender: NodeID, _ now: Duration, _ directives: inout [Directive]
    ) {
        switch update {
        case .alive(let record): accept(record, from: sender, now, &directives)
        case .suspect(let node, let incarnation, let accuser):
            if node == own.node { return refute(incarnation, &directives) }
            guard members[node]?.record.incarnation == incarnation else { return }
            accuse(node, by: accuser, from: sender, now, &directives)
        case .dead(let node, let incarnation, let accuser):
            if node == own.node { return refute(incarnation, &directives) }
            guard let member = members[node], member.record.incarnation == incarnation,
                member.status == .alive || member.status == .suspect
            else { return }
            // A node that is linked here and talks is not dead because somebody says so.
            if member.isLinked { return accuse(node, by: accuser, from: sender, now, &directives) }
            bury(node, from: sender, now, &directives)
        }
    }

    private mutating func refute(_ incarnation: UInt64, _ directives: inout [Directive]) {
        // Only the current incarnation can be accused; a higher number is a lie that would burn the counter.
        guard incarnation == own.incarnation else { return }
        localHealth = min(settings.localHealthMax, localHealth + 1)
        renew(above: own.incarnation, &directives)
    }

    // MARK: Status

    /// - Parameters:
    ///   - accuser: the name that was given. Where it is none that lives here it is the sender's own word.
    ///   - sender: who said so, authentically. What is kept of it takes the sender's places.
    mutating func accuse(
        _ node: NodeID, by accuser: NodeID, from sender: NodeID, _ now: Duration, _ directives: inout [Directive]
    ) {
        guard let member = members[node], member.status == .alive || member.status == .suspect else { return }
        if member.status == .alive { setStatus(node, .suspect, now, &directives) }
        guard members[node]!.accusers.count <= suspicionConfirmations else { return }
        let named = members[accuser]?.status == .alive ? accuser : sender
        guard members[node]!.count(Member.Accusation(accuser: named, sender: sender)) else { return }
        rumours.add(
            .suspect(node, incarnation: member.record.incarnation, accuser: named), limit: retransmissions, by: sender)
    }

    private mutating func expireSuspicions(_ now: Duration, _ directives: inout [Directive]) {
        for node in suspects.sorted() {
            guard let member = members[node], now - member.since >= suspicionTimeout(member) else { continue }
            bury(node, from: own.node, now, &directives)
        }
    }

    /// - Parameter sender: at whose word. It holds the rumour's place: who buries many must not push out this node's own.
    private mutating func bury(
        _ node: NodeID, from sender: NodeID, _ now: Duration, _ directives: inout [Directive]
    ) {
        guard let member = members[node] else { return }
        setStatus(node, .dead, now, &directives)
        rumours.add(
            .dead(node, incarnation: member.record.incarnation, accuser: own.node), limit: retransmissions,
            by: sender)
    }

    /// Direct, authenticated evidence of life. Only this node's opinion: others need the subject's new record, so one who
    /// was buried here is told so while the accusation stands, and refutes it for all who heard it.
    mutating func markAlive(_ node: NodeID, _ now: Duration, _ directives: inout [Directive]) {
        guard let member = members[node], member.status != .alive else { return }
        if member.status == .dead { directives.append(.send(message(.ping, to: node), to: node)) }
        let isFirst = member.status == .unconfirmed
        setStatus(node, .alive, now, &directives)
        if isFirst { confirmed(node, now, &directives) }
    }

    mutating func setStatus(
        _ node: NodeID, _ status: MemberStatus, _ now: Duration, _ directives: inout [Directive]
    ) {
        guard members[node]!.status != status else { return }
        count(members[node]!.status, node, leaving: true)
        count(status, node, leaving: false)
        members[node]!.status = status
        members[node]!.since = now
        members[node]!.accusers = []
        members[node]!.pings = 0
        directives.append(.status(node, status))
    }

    // MARK: Formulas

    private var population: Int { members.count - deadCount - unconfirmed.count + 1 }

    var retransmissions: Int {
        var digits = 0
        var reach = 1
        while reach < population + 1 {
            reach *= 10
            digits += 1
        }
        return settings.retransmitMultiplier * digits
    }

    /// Independent accusers after which suspicion is shortest: none if there is nobody to ask.
    private var suspicionConfirmations: Int {
        let wanted = settings.suspicionMultiplier - 2
        return population - 2 < wanted ? 0 : wanted
    }

    /// Lifeguard §IV-B: max − (max − min) · log(C + 1) / log(K + 1), with K ≤ 2 so that a table of three is exact enough.
    func suspicionTimeout(_ member: Member) -> Duration {
        let milli = max(1000, Self.log10Milli(population))
        let least = settings.probeInterval * settings.suspicionMultiplier * milli / 1000
        let most = least * settings.suspicionMaxFactor
        let confirmations = max(0, member.accusers.count - 1)
        switch (suspicionConfirmations, confirmations) {
        case (0, _): return least
        case (let all, let seen) where seen >= all: return least
        case (_, 0): return most
        default: return most - (most - least) * 631 / 1000
        }
    }

    /// 1000 · log10, linear between powers of ten (error below 9 %, on a timer).
    static func log10Milli(_ value: Int) -> Int {
        var rest = max(1, value)
        var whole = 0
        var power = 1
        while rest >= 10 {
            rest /= 10
            power *= 10
            whole += 1000
        }
        return whole + (max(1, value) - power) * 1000 / (9 * power)
    }

    // MARK: Making messages

    /// A message without rumours; what is said against its receiver is in it where it is no longer than `most` then.
    private func plain(
        _ body: MembershipMessage.Body, to node: NodeID, sequence: UInt32, most: Int
    ) -> MembershipMessage {
        let bare = MembershipMessage(sequence: sequence, body: body)
        guard let member = members[node], member.status == .suspect || member.status == .dead else { return bare }
        let told = MembershipMessage(sequence: sequence, body: body, updates: [accusation(member, node)])
        return told.wireBytes.count <= most ? told : bare
    }

    /// A message with as many rumours as fit. One who is suspected or buried here hears it first, and can refute it.
    mutating func message(
        _ body: MembershipMessage.Body, to node: NodeID, sequence: UInt32? = nil
    ) -> MembershipMessage {
        let extra = members[node].flatMap {
            $0.status == .suspect || $0.status == .dead ? accusation($0, node) : nil
        }
        var number = sequence ?? 0
        if sequence == nil {
            self.sequence &+= 1
            number = self.sequence
        }
        let fixed = MembershipMessage(sequence: number, body: body, updates: extra.map { [$0] } ?? [])
        let room = settings.messageBytesMax - fixed.wireBytes.count
        var updates = fixed.updates
        for update in rumours.take(bytes: max(0, room)) where update != extra { updates.append(update) }
        return MembershipMessage(
            sequence: number, body: body, updates: Array(updates.prefix(MembershipMessage.updatesMax)))
    }
}
