internal import Wire

/// Messages in and out.
extension TopicMesh {
    mutating func publish(_ message: TopicMessage, _ now: Duration, _ out: inout [TopicDirective]) {
        guard !seen.contains(message.id), topics[message.topic] != nil else { return }
        counters.published += 1
        settle(message.id)
        seen.insert(message.id)
        cache.insert(message, holders: [])
        // Own messages reach every peer of the topic: nobody in the mesh can hold them back.
        let everybody = subscribers(of: message.topic).filter {
            peers[$0]!.score.value >= settings.score.gossipThreshold
        }
        pass(message, to: everybody, &out)
    }

    /// What only own messages are worth, a copy to every peer, would make a node that comes late flood the topic with what the
    /// others have sent it.
    mutating func relay(_ message: TopicMessage, _ out: inout [TopicDirective]) {
        guard !seen.contains(message.id), topics[message.topic] != nil else { return }
        counters.accepted += 1
        let holders = tellers(of: message.id)
        settle(message.id)
        seen.insert(message.id)
        cache.insert(message, holders: holders)
        pass(message, to: mesh(of: message.topic).filter { !holders.contains($0) }, &out)
    }

    mutating func receive(
        _ message: TopicMessage, from node: NodeID, _ now: Duration, _ out: inout [TopicDirective]
    ) {
        guard peers[node] != nil, topics[message.topic] != nil else {
            counters.dropped += 1
            return
        }
        if seen.contains(message.id) {
            counters.duplicates += 1
            cache.addHolder(node, of: message.id)
            return
        }
        if rejected.contains(message.id) {
            counters.rejected += 1
            penalise(node, &out) { $0.sentInvalid(1, $1) }
            return
        }
        if let waiting = pending[message.id] {
            counters.duplicates += 1
            if waiting.senders.count < 16, !waiting.senders.contains(node) { pending[message.id]!.senders.append(node) }
            return
        }
        guard pending.count < settings.pendingMax, peers[node]!.bucket.take(now: now) else {
            counters.dropped += 1
            return
        }
        pending[message.id] = Pending(message: message, senders: [node])
        out.append(.judge(message, from: node))
    }

    mutating func judged(_ id: MessageID, _ verdict: TopicVerdict, _ now: Duration, _ out: inout [TopicDirective]) {
        guard let waiting = pending.removeValue(forKey: id) else { return }
        // Who told of it has it as surely as who sent it.
        let holders = waiting.senders + tellers(of: id).filter { !waiting.senders.contains($0) }
        settle(id)
        switch verdict {
        case .accept:
            counters.accepted += 1
            seen.insert(id)
            cache.insert(waiting.message, holders: holders)
            if let first = waiting.senders.first { peers[first]?.score.delivered(settings.score) }
            let mesh = mesh(of: waiting.message.topic).filter { !holders.contains($0) }
            pass(waiting.message, to: mesh, &out)
        case .reject:
            counters.rejected += 1
            rejected.insert(id)
            for sender in waiting.senders { penalise(sender, &out) { $0.sentInvalid(1, $1) } }
        case .ignore:
            counters.ignored += 1
            ignored.insert(id)
        }
    }

    private mutating func pass(_ message: TopicMessage, to nodes: [NodeID], _ out: inout [TopicDirective]) {
        guard !nodes.isEmpty else { return }
        if message.bytes.count <= settings.eagerBytesMax {
            counters.sent += UInt64(nodes.count)
            out.append(.send(message, to: nodes))
        } else {
            for node in nodes { tell(.have(message.topic, [message.id]), node, &out) }
        }
    }

    // MARK: Pulls

    private func tellers(of id: MessageID) -> [NodeID] { pulls[id].map { $0.asked + $0.others } ?? [] }

    /// The message came or is settled: nothing is asked or promised any more.
    mutating func settle(_ id: MessageID) {
        pulls.remove(id)
    }

    mutating func told(
        _ topic: ChainID, _ ids: [MessageID], by node: NodeID, _ now: Duration, _ out: inout [TopicDirective]
    ) {
        guard var peer = peers[node], topics[topic] != nil,
            peer.score.value >= settings.score.gossipThreshold
        else { return }
        peer.haveFrames += 1
        peer.haveIDs += ids.count
        peers[node] = peer
        guard peer.haveFrames <= settings.haveFramesMax, peer.haveIDs <= settings.haveIDsMax else {
            counters.dropped += 1
            return
        }
        var wanted: [MessageID] = []
        for id in ids {
            if seen.contains(id) {
                cache.addHolder(node, of: id)
                continue
            }
            guard pending[id] == nil, !rejected.contains(id), !ignored.contains(id) else { continue }
            if let pull = pulls[id] {
                if pull.others.count < 8, !pull.asked.contains(node), !pull.others.contains(node) {
                    pulls.update(id) { $0.others.append(node) }
                }
                continue
            }
            let pull = Pull(
                topic: topic, others: [], asked: [node], promisedUntil: settings.pullTime(now + settings.promiseLimit),
                retryAt: settings.pullTime(now + settings.pullRetry))
            let isKnown = standing.rank(of: node) > .stranger
            guard pulls.insert(pull, for: id, by: node, isProtected: isKnown).isIn else { break }
            nextPullAt = min(nextPullAt ?? pull.retryAt, pull.retryAt)
            wanted.append(id)
        }
        if !wanted.isEmpty { tell(.want(wanted), node, &out) }
    }

    mutating func wanted(_ ids: [MessageID], by node: NodeID, _ now: Duration, _ out: inout [TopicDirective]) {
        guard var peer = peers[node] else { return }
        peer.wantIDs += ids.count
        peer.answers.asked(ids.count * 32)
        peers[node] = peer
        guard peer.wantIDs <= settings.wantIDsMax else {
            // Who asks for more than anybody was told of floods.
            penalise(node, &out) { $0.misbehaved(1, $1) }
            return
        }
        guard peer.score.value >= settings.score.gossipThreshold else { return }
        for id in ids {
            guard peers[node]!.answers.isOpen(now) else {
                counters.overBudget += 1
                return
            }
            guard let message = cache.take(id, for: node, limit: settings.deliveriesOnRequest) else { continue }
            counters.sent += 1
            peers[node]!.answers.answered(message.bytes.count)
            out.append(.send(message, to: [node]))
        }
    }

    mutating func retryPulls(_ now: Duration, _ out: inout [TopicDirective]) {
        guard let due = nextPullAt, due <= now else { return }
        nextPullAt = nil
        for (id, known) in pulls.ordered {
            guard known.retryAt <= now else {
                nextPullAt = min(nextPullAt ?? known.retryAt, known.retryAt)
                continue
            }
            var pull = known
            if pull.promisedUntil <= now {
                for node in pull.asked where now >= busyUntil { brokePromise(node, pull.topic, now, &out) }
                settle(id)
                continue
            }
            pull.retryAt = min(settings.pullTime(now + settings.pullRetry), pull.promisedUntil)
            if !pull.others.isEmpty, pull.asked.count < settings.pullAttempts {
                let next = pull.others.removeFirst()
                pull.asked.append(next)
                tell(.want([id]), next, &out)
            }
            pulls.update(id) { $0 = pull }
            nextPullAt = min(nextPullAt ?? pull.retryAt, pull.retryAt)
        }
    }

    /// It costs the place in the mesh, where another takes it, and neither score nor link: in a burst the honest are late.
    private mutating func brokePromise(
        _ node: NodeID, _ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]
    ) {
        counters.brokenPromises += 1
        guard peers[node] != nil, mesh(of: topic).contains(node) else { return }
        let others = subscribers(of: topic).filter { $0 != node && mayGraft($0, topic, now) }
        guard let other = shuffled(others).first else { return }
        prune(node, topic, now, &out)
        graft(other, topic, &out)
    }
}
