internal import Wire

/// What the mesh does by the clock, and what peers say about it.
extension TopicMesh {
    mutating func receive(
        _ control: TopicControl, from node: NodeID, _ now: Duration, _ out: inout [TopicDirective]
    ) {
        guard peers[node] != nil else { return }
        switch control {
        case .join(let named):
            for topic in named where peers[node]!.topics.count < settings.topicsPerPeerMax {
                guard peers[node]!.topics.insert(topic).inserted else { continue }
                graftIfNeeded(node, topic, now, &out)
            }
        case .leave(let named):
            for topic in named {
                peers[node]!.topics.remove(topic)
                topics[topic]?.mesh.removeAll { $0 == node }
            }
        case .graft(let topic): grafted(by: node, topic, now, &out)
        case .prune(let topic, let backoff):
            guard topics[topic] != nil else { return }
            topics[topic]!.mesh.removeAll { $0 == node }
            // Ten of this node's own at most: a peer cannot make it remember a throw-away key for long.
            let asked = Duration.milliseconds(Int64(backoff))
            hold(node, topic, until: now + min(asked, settings.pruneBackoff * 10))
        case .have(let topic, let ids): told(topic, ids, by: node, now, &out)
        case .want(let ids): wanted(ids, by: node, now, &out)
        }
    }

    private mutating func grafted(
        by node: NodeID, _ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]
    ) {
        guard let state = topics[topic] else { return }
        peers[node]!.topics.insert(topic)
        guard !state.mesh.contains(node) else { return }
        if let until = state.backoff[node], now < until {
            // It was told when to come back. Both may have sent at the same time, so once is nothing.
            penalise(node, &out) { $0.misbehaved(1, $1) }
            if peers[node] != nil { prune(node, topic, now, &out) }
        } else if peers[node]!.score.value < settings.score.meshThreshold {
            prune(node, topic, now, &out)
        } else if !hasPlace(for: node, in: topic) {
            prune(node, topic, now, &out)
        } else if state.mesh.count >= settings.degreeHigh, !peers[node]!.isOutbound {
            guard isKnown(node), let stranger = strangers(in: topic).last else { return prune(node, topic, now, &out) }
            prune(stranger, topic, now, &out)
            insert(node, topic)
        } else {
            insert(node, topic)
        }
    }

    mutating func tick(_ now: Duration, _ out: inout [TopicDirective]) {
        // A wake that an earlier one has overtaken: answering it with another would add a chain of them each time.
        if let wakesAt, now < wakesAt { return }
        // Woken this late, it is this node that was busy, and what was promised may lie in its own queues.
        if let wakesAt, now - wakesAt > settings.pullRetry { busyUntil = max(busyUntil, now + settings.promiseLimit) }
        wakesAt = nil
        retryPulls(now, &out)
        guard now >= nextHeartbeat else { return }
        // A process that got no processor for long does not make up for missed beats.
        nextHeartbeat = max(nextHeartbeat + settings.heartbeat, now + settings.heartbeat / 2)
        heartbeats += 1
        refreshScores(&out)
        for topic in joined {
            topics[topic]!.backoff.removeAll { $1 <= now }
            keepMesh(topic, now, &out)
            tellOthers(topic, &out)
        }
        cache.shift()
    }

    private mutating func refreshScores(_ out: inout [TopicDirective]) {
        for node in order {
            peers[node]!.score.decay(settings.score)
            peers[node]!.haveFrames = 0
            peers[node]!.haveIDs = 0
            peers[node]!.wantIDs = 0
        }
        for node in remembered.keys.sorted() {
            remembered[node]!.decay(settings.score)
            if cutOff.contains(node), remembered[node]!.value > settings.score.gossipThreshold {
                cutOff.remove(node)
                out.append(.readmit(node))
            }
            if remembered[node]!.isBlank { forgetScore(node) }
        }
    }

    private mutating func keepMesh(_ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]) {
        for node in mesh(of: topic) where peers[node]!.score.value < settings.score.meshThreshold {
            prune(node, topic, now, &out)
        }
        // They came while nobody was known yet.
        for node in strangers(in: topic).dropFirst(settings.strangersMost) { prune(node, topic, now, &out) }
        let count = mesh(of: topic).count
        if count < settings.degreeLow {
            let candidates = lots(subscribers(of: topic).filter { mayGraft($0, topic, now) })
            for node in candidates.prefix(settings.degree - count) where mayGraft(node, topic, now) {
                graft(node, topic, &out)
            }
        } else if count >= settings.degreeHigh {
            // Not only beyond it: meshes that stay full refuse every newcomer that links with them alone.
            shrink(topic, now, &out)
        }
        let outbound = mesh(of: topic).count { peers[$0]!.isOutbound }
        if outbound < settings.outboundLeast, mesh(of: topic).count >= settings.degreeLow {
            let candidates = lots(
                subscribers(of: topic).filter { peers[$0]!.isOutbound && mayGraft($0, topic, now) })
            for node in candidates.prefix(settings.outboundLeast - outbound) where mayGraft(node, topic, now) {
                graft(node, topic, &out)
            }
        }
        // A mesh of peers that deliver nothing while others do better is opened now and then.
        if heartbeats % 60 == 0 {
            let scores = mesh(of: topic).map { peers[$0]!.score.value }.sorted()
            guard let median = scores.isEmpty ? nil : scores[scores.count / 2], median < 1 else { return }
            let better = shuffled(
                subscribers(of: topic).filter { mayGraft($0, topic, now) && peers[$0]!.score.value > median })
            for node in better.prefix(2) where mayGraft(node, topic, now) { graft(node, topic, &out) }
        }
    }

    /// Down to the wanted size: of those that are known the best stay, then others by lot, with enough that this node dialled.
    private mutating func shrink(_ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]) {
        let drawn = shuffled(mesh(of: topic))
        func rank(_ place: Int) -> (Int, Double, Int) {
            (isKnown(drawn[place]) ? 0 : 1, -peers[drawn[place]]!.score.value, place)
        }
        let ranked = drawn.indices.sorted { rank($0) < rank($1) }.map { drawn[$0] }
        var kept = Array(ranked.prefix(settings.keptByScore))
        var rest = lots(Array(ranked.dropFirst(settings.keptByScore)))
        while kept.count < settings.degree, !rest.isEmpty {
            let missing = settings.outboundLeast - kept.count { peers[$0]!.isOutbound }
            let index = missing > 0 ? rest.firstIndex { peers[$0]!.isOutbound } ?? 0 : 0
            kept.append(rest.remove(at: index))
        }
        for node in rest { prune(node, topic, now, &out) }
    }

    /// Ids of recent messages for some peers outside the mesh; a mesh that holds everybody is told instead.
    private mutating func tellOthers(_ topic: ChainID, _ out: inout [TopicDirective]) {
        let ids = cache.ids(of: topic, windows: settings.toldWindows)
        guard !ids.isEmpty else { return }
        let mesh = mesh(of: topic)
        func listens(_ node: NodeID) -> Bool { peers[node]!.score.value >= settings.score.gossipThreshold }
        let outside = shuffled(subscribers(of: topic).filter { !mesh.contains($0) && listens($0) })
        var chosen: [NodeID] = []
        // Each kind has a share of its own: a crowd of strangers must not keep from members what they would be told.
        for nodes in [outside.filter(isKnown), outside.filter { !isKnown($0) }] {
            chosen += nodes.prefix(max(settings.lazyLeast, nodes.count * settings.lazyPercent / 100))
        }
        if chosen.count < settings.lazyLeast {
            chosen += shuffled(mesh.filter(listens)).prefix(settings.lazyLeast - chosen.count)
        }
        for node in chosen.sorted() {
            let unknown = ids.filter { cache.entries[$0]?.holders.contains(node) == false }
            if !unknown.isEmpty { tell(.have(topic, Array(unknown.prefix(TopicControl.idsMax))), node, &out) }
        }
    }
}
