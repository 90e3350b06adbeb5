internal import Gossip
internal import MeshCrypto
internal import Wire

/// What a node's shell does with the directives of its machines, and the network between the shells.
extension NetworkSimulation {
    // MARK: The network

    mutating func send(_ packet: NetworkPacket, from: Int, to: Int) {
        let size = packet.size.bytes
        bytes += size
        var departure = now
        if scenario.bandwidth > 0 {
            departure = max(now, nodes[from].uplinkFreeAt) + UInt64(size) * 1_000_000 / scenario.bandwidth
            nodes[from].uplinkFreeAt = departure
        }
        if isPartitioned, from % 2 != to % 2 { return }
        if random.chance(scenario.lossPpm) { return }
        let base = latency(from, to)
        var travel = base
        if scenario.jitterPercent > 0 { travel += random.below(max(1, base * scenario.jitterPercent / 100)) }
        if random.chance(scenario.reorderPpm) { travel += random.below(3 * scenario.latency.upperBound) }
        queue.push(.deliver(from: from, to: to, packet), at: departure + travel)
        if random.chance(scenario.duplicatePpm) {
            queue.push(.deliver(from: from, to: to, packet), at: departure + travel + random.below(max(1, base)))
        }
    }

    /// The same in both directions; drawn from the pair and the seed, so that no table is needed.
    private func latency(_ left: Int, _ right: Int) -> UInt64 {
        var mixed = scenario.seed ^ UInt64(min(left, right)) << 32 ^ UInt64(max(left, right))
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return scenario.latency.lowerBound
            + mixed % (scenario.latency.upperBound - scenario.latency.lowerBound + 1)
    }

    // MARK: Topics

    mutating func feed(_ index: Int, _ input: TopicInput) {
        guard !nodes[index].isDown else { return }
        for directive in nodes[index].topics.handle(input, now: time) {
            switch directive {
            case .judge(let message, _):
                let hop = nodes[index].hops[message.id] ?? 1
                let cost: UInt64 = scenario.planted == .slowJudge ? 1_000_000 : 120
                queue.push(.judged(index, message.id, hop: hop), at: now + cost)
            case .send(let message, let peers):
                if nodes[index].isSilent { continue }
                let hop = (nodes[index].hops[message.id] ?? 0) + 1
                var targets = peers.compactMap { positions[$0] }
                if scenario.planted == .floods { targets = nodes[index].links }
                if scenario.planted == .stingy { targets = Array(targets.prefix(1)) }
                for peer in targets { send(.message(message, hop: hop), from: index, to: peer) }
            case .control(let control, let peer):
                guard let target = positions[peer] else { continue }
                if nodes[index].isSilent {
                    // Joins and keeps its place in meshes, tells and serves nothing.
                    switch control {
                    case .have, .want: continue
                    default: break
                    }
                }
                if case .have = control, [.tellsNobody, .nothingHeals].contains(scenario.planted) { continue }
                frames += 1
                send(.control(control), from: index, to: target)
            case .wake(let at): queue.push(.wake(index), at: max(now + 1, UInt64(at / .microseconds(1)) + 1))
            case .cutOff:
                report.cutOff += 1
                trace.mix(0xC07 as UInt64)
            case .readmit: trace.mix(0xC08 as UInt64)
            }
        }
    }

    mutating func judged(_ index: Int, _ id: MessageID, _ hop: Int) {
        guard !nodes[index].isDown, let number = indices[id] else { return }
        if !nodes[index].has.isSet(number) {
            mark(index, number)
            if !nodes[index].isSilent, index != crashed {
                lastHop[number] = max(lastHop[number], hop)
                delivered(number)
            }
        }
        feed(index, .verdict(id, .accept))
    }

    private mutating func delivered(_ number: Int) {
        report.deliveries += 1
        let wait = now - publishedAt[number]
        let sent = publishedAt[number]
        // What a partition kept back is measured from its end.
        let wasCut =
            scenario.partition.map { $0.contains(sent) || (sent < $0.lowerBound && now >= $0.lowerBound) } ?? false
        if wasCut { return }
        waits.append(wait)
        if wait > 2 * heartbeatMicros { report.late += 1 }
    }

    mutating func mark(_ index: Int, _ number: Int) { nodes[index].has.set(number) }

    // MARK: Digests

    mutating func sendDigest(_ index: Int) {
        guard ![.noDigests, .nothingHeals].contains(scenario.planted), !nodes[index].isSilent else { return }
        for peer in nodes[index].topics.neighbours(of: topic, others: 2) {
            guard let target = positions[peer] else { continue }
            send(.digest(nodes[index].has), from: index, to: target)
        }
    }

    mutating func answer(_ words: [UInt64], of peer: Int, by index: Int) {
        guard !nodes[index].isSilent else { return }
        for number in messages.indices where nodes[index].has.isSet(number) && !words.isSet(number) {
            // What is under way by gossip is not answered; the node's digests come once a heartbeat too.
            guard now > publishedAt[number] + 2 * heartbeatMicros else { continue }
            let hop = (nodes[index].hops[messages[number].id] ?? 0) + 1
            send(.message(messages[number], hop: hop), from: index, to: peer)
        }
    }

    // MARK: Membership

    mutating func feedMembership(_ index: Int, _ input: MembershipState.Input) {
        guard !nodes[index].isDown, nodes[index].membership != nil else { return }
        for directive in nodes[index].membership!.handle(input, now: time) {
            switch directive {
            case .send(let message, let to):
                guard let target = positions[to] else { continue }
                if scenario.planted == .shunsTheDead, Self.buries(message, to) { continue }
                send(.datagram(message), from: index, to: target)
            case .sendRecords(let records, let to):
                guard let target = positions[to], nodes[index].links.contains(target) else { continue }
                send(.records(records), from: index, to: target)
            case .requestRecords(let to):
                guard let target = positions[to], nodes[index].links.contains(target) else { continue }
                send(.recordsRequest, from: index, to: target)
            case .probeLink(let to):
                guard let target = positions[to], nodes[index].links.contains(target) else { continue }
                send(.linkPing, from: index, to: target)
            case .status(let subject, let status): changed(index, subject, status)
            case .learned, .forgotten, .ownRecord: break
            }
        }
    }

    /// Whether a message tells its receiver that it is held for dead.
    private static func buries(_ message: MembershipMessage, _ receiver: NodeID) -> Bool {
        message.updates.contains { update in
            if case .dead(receiver, _, _) = update { true } else { false }
        }
    }

    private mutating func changed(_ observer: Int, _ subject: NodeID, _ status: MemberStatus) {
        guard let target = positions[subject] else { return }
        trace.mix(UInt64(observer) << 32 | UInt64(target))
        if target == crashed, nodes[target].isDown {
            if status == .dead { deadTo.insert(observer) } else { deadTo.remove(observer) }
            if deadTo.count == nodes.count - 1, report.detectMs == nil, let crash = scenario.crashAt {
                report.detectMs = Double(now - crash) / 1_000
            }
        } else if status == .dead, scenario.partition == nil {
            report.falseDead += 1
        }
    }

    /// One node tells its peers of a crowd that does not exist: validly signed, at addresses where nobody answers.
    mutating func tellOfInvented(_ index: Int) {
        var records: [NodeRecord] = []
        for number in 0..<scenario.invented {
            let seed = (0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 99) }
            guard let identity = try? SigningKey(seed: SecretBytes(seed)),
                let address = try? PeerAddress(host: "10.9.9.9", port: UInt16(clamping: number + 1))
            else { preconditionFailure("a key of 32 bytes and a literal address are valid") }
            records.append(
                NodeRecord(
                    incarnation: 1, addresses: [address], datagramKey: .zero, capabilities: 0, signedWith: identity))
        }
        for start in stride(from: 0, to: records.count, by: 100) {
            let part = Array(records[start..<min(start + 100, records.count)])
            for peer in nodes[index].links { send(.records(part), from: index, to: peer) }
        }
    }

    /// Who is held for alive at the end, against who is.
    private mutating func judgeMembers() {
        guard scenario.invented > 0 else { return }
        for index in nodes.indices where !nodes[index].isDown && index != sources.last {
            guard let members = nodes[index].membership?.members else { continue }
            let alive = members.filter { $0.value.status == .alive }
            report.inventedAlive += alive.count { positions[$0.key] == nil }
            report.unknown += nodes.indices.count {
                $0 != index && !nodes[$0].isDown && alive[nodes[$0].id] == nil
            }
        }
    }

    mutating func checkHealing() {
        guard let healedAt, report.healMs == nil, !isPartitioned else { return }
        let live = nodes.indices.filter { !nodes[$0].isDown && !nodes[$0].isSilent }
        let allHave = live.allSatisfy { index in
            messages.indices.allSatisfy {
                publishedAt[$0] == 0 || publishedAt[$0] > healedAt || nodes[index].has.isSet($0)
            }
        }
        let others = nodes.count { !$0.isDown } - 1
        let allAlive = live.allSatisfy { index in
            nodes[index].membership.map { $0.members.values.count { $0.status == .alive } == others } ?? true
        }
        if allHave, allAlive { report.healMs = Double(now - healedAt) / 1_000 }
    }

    // MARK: Content

    mutating func startContent() {
        let holder = sources[0]
        nodes[holder].hasContent = true
        let reference = contentManifest.contentID
        for index in nodes.indices where index != holder {
            let providers =
                nodes[index].links.contains(holder) ? [nodes[holder].id] : nodes[index].links.map { nodes[$0].id }
            feedContent(
                index, .want(reference, expectedLength: UInt64(content.count), providers: providers, deadline: nil))
        }
    }

    mutating func feedContent(_ index: Int, _ input: ContentInput) {
        guard !nodes[index].isDown else { return }
        var pending = nodes[index].exchange.handle(input, now: time)[...]
        while let directive = pending.popFirst() {
            switch directive {
            case .send(let to, let message): sendContent(message, from: index, to: to)
            case .open(let id, let manifest):
                nodes[index].arrived = ChunkBitmap(count: manifest.chunks.count)
                pending += nodes[index].exchange.handle(.opened(id, nodes[index].arrived!), now: time)
            case .store(_, let chunk, let bytes):
                // The exchange has verified it; the bytes are those of the one content.
                let start = chunk * ContentLimits.chunkBytes
                if Array(content[start..<min(start + ContentLimits.chunkBytes, content.count)]) != bytes {
                    report.violations.append("content: a wrong chunk was stored")
                }
                nodes[index].arrived?.insert(chunk)
            case .completed(let id):
                pending += nodes[index].exchange.handle(.finished(id, failure: nil), now: time)
                nodes[index].hasContent = true
                contentDone += 1
                let live = nodes.count { !$0.isDown && !$0.isSilent }
                if contentDone == live - 1 { report.contentMs = Double(now) / 1_000 }
            case .failed(_, let failure): report.violations.append("content: \(failure)")
            case .serveManifest(let to, let id):
                let known = nodes[index].hasContent || nodes[index].arrived != nil
                sendContent(
                    known ? .manifest(id, contentManifest.root.wireBytes) : .notFound(id, .absent), from: index, to: to)
            case .serveChunk(let to, let id, let tier, let chunk):
                sendContent(served(index, id, tier, chunk), from: index, to: to)
            case .schedule(let at):
                queue.push(.contentTimer(index), at: max(now + 1, UInt64(at / .microseconds(1)) + 1))
            case .misbehaved(let node, _): feed(index, .misbehaved(node, count: 4))
            case .lengthRefuted, .starving: break
            }
        }
    }

    private func served(_ index: Int, _ id: ContentID, _ tier: ContentMessage.Tier, _ chunk: Int) -> ContentMessage {
        let source = tier == .content ? content : contentManifest.wireBytes
        let start = chunk * ContentLimits.chunkBytes
        guard nodes[index].hasContent || nodes[index].arrived != nil, start < source.count else {
            return .notFound(id, .absent)
        }
        if tier == .content, !nodes[index].hasContent, let arrived = nodes[index].arrived, !arrived.contains(chunk) {
            return .have(id, first: 0, bitmap: arrived.slice(from: 0, bytes: ContentLimits.haveBitmapBytes))
        }
        var bytes = Array(source[start..<min(start + ContentLimits.chunkBytes, source.count)])
        if scenario.planted == .wrongChunks { bytes[0] ^= 1 }
        return .chunk(id, tier, index: UInt32(chunk), bytes)
    }

    private mutating func sendContent(_ message: ContentMessage, from index: Int, to: NodeID) {
        guard let target = positions[to], !nodes[index].isSilent else { return }
        send(.content(message), from: index, to: target)
    }

    // MARK: The end

    mutating func summarise() {
        let live = nodes.indices.filter { !nodes[$0].isDown && !nodes[$0].isSilent && $0 != crashed }
        for number in messages.indices where publishedAt[number] > 0 {
            report.missed += live.count { !nodes[$0].has.isSet(number) }
        }
        judgeMembers()
        waits.sort()
        func percentile(_ share: Double) -> Double {
            waits.isEmpty ? 0 : Double(waits[min(waits.count - 1, Int(Double(waits.count) * share))]) / 1_000
        }
        report.p50Ms = percentile(0.5)
        report.p99Ms = percentile(0.99)
        report.longestMs = Double(waits.last ?? 0) / 1_000
        let deliveries = Double(max(1, report.deliveries))
        report.copiesPerDelivery = Double(copies) / deliveries
        report.lastDeliveryHop = Double(lastHop.reduce(0, +)) / Double(max(1, report.published))
        report.controlPerDelivery = Double(frames) / deliveries
        report.bytesPerDelivery = Double(bytes) / deliveries
        report.traceHash = trace.value
        if scenario.contentBytes > 0, report.contentMs == nil {
            report.violations.append("content: \(contentDone) nodes have it, not all")
        }
        report.judge(scenario.expectation, heartbeatMs: Double(heartbeatMicros) / 1_000)
    }
}
