internal import Chain
internal import Foundation
internal import Gossip
internal import Learn
internal import MeshCrypto
public import Wire

/// The store and the peers for their operator.
extension Node: NetworkService {
    // MARK: Store

    public func store() async -> StoreView {
        let used = contentsInUse()
        return StoreView(
            usedBytes: contentStore.usedBytes, quotaBytes: contentStore.quota,
            contents: contentStore.list().map { view($0, used) })
    }

    public func contentInfo(_ id: ContentID) async throws(ServiceError) -> ContentView {
        guard let stored = contentStore.list().first(where: { $0.id == id }) else { throw missing(id) }
        var view = view(stored, contentsInUse())
        if let manifest = try? contentStore.manifest(id) {
            view.rawBytes = manifest.rawLength
            view.codec = "\(manifest.codec)"
        }
        return view
    }

    public func put(_ bytes: [UInt8], compresses: Bool, label: String?) async throws(ServiceError) -> ContentView {
        let id: ContentID
        do throws(StorageError) {
            id = try await operatorDisk.write { [contentStore] () throws(StorageError) in
                if compresses, let packed = ContentCodec.compressed(bytes) {
                    try contentStore.put(
                        packed, kind: .other, codec: .zstd, rawLength: UInt64(bytes.count), pinnedBy: label)
                } else {
                    try contentStore.put(bytes, kind: .other, pinnedBy: label)
                }
            }
        } catch { throw refusal(error, id: nil) }
        return try await contentInfo(id)
    }

    public func content(_ id: ContentID) async throws(ServiceError) -> [UInt8] {
        do throws(StorageError) {
            guard let bytes = try await readForOperator(id, limit: 1 << 30),
                let manifest = try contentStore.manifest(id)
            else { throw StorageError.unknownContent(id) }
            guard manifest.codec == .zstd else { return bytes }
            return try await operatorDisk.write { () throws(StorageError) in
                try ContentCodec.expanded(bytes, rawLength: manifest.rawLength)
            }
        } catch { throw refusal(error, id: id) }
    }

    public func fetch(_ id: ContentID, length: UInt64) async throws(ServiceError) -> Receipt {
        keepRanges([id])
        if contentStore.has(id) { return Receipt(reference: id.hex, text: "the content is here") }
        guard !linked.isEmpty else {
            throw .unavailable(reason: "no peer is linked that could be asked", next: "see: `meshnode peers`")
        }
        guard length <= contentStore.quota else {
            throw .invalid([Fault("length", "\(length) bytes are more than the quota of \(contentStore.quota)")])
        }
        content(.want(id, expectedLength: length, providers: linked, deadline: elapsed + .seconds(600)))
        return Receipt(reference: id.hex, text: "asking \(Counted.text(linked.count, "peer")) for \(length) bytes")
    }

    public func pin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView {
        do throws(StorageError) {
            try await operatorDisk.write { [contentStore] () throws(StorageError) in
                try contentStore.pin(id, label: label)
            }
        } catch { throw refusal(error, id: id) }
        return try await contentInfo(id)
    }

    public func unpin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView {
        do throws(StorageError) {
            try await operatorDisk.write { [contentStore] () throws(StorageError) in
                try contentStore.unpin(id, label: label)
            }
        } catch { throw refusal(error, id: id) }
        return try await contentInfo(id)
    }

    public func collect(downTo bytes: UInt64) async throws(ServiceError) -> CollectionView {
        let before = contentStore.usedBytes
        do throws(StorageError) {
            let removed = try contentStore.collect(downTo: bytes, keeping: contentsInUse())
            return CollectionView(
                removed: removed.count, freedBytes: before - min(before, contentStore.usedBytes),
                usedBytes: contentStore.usedBytes)
        } catch { throw refusal(error, id: nil) }
    }

    /// Models of running tasks, and the bodies of their present rounds.
    func contentsInUse() -> Set<ContentID> {
        var used: Set<ContentID> = Set(needs.flatMap(\.missing))
        for task in tasks.values where !task.machine.state.isEnded {
            used.formUnion(task.models.values.map(\.id))
            used.formUnion(task.headers.values.map(\.body.id))
        }
        return used
    }

    private func view(_ stored: StoredContent, _ used: Set<ContentID>) -> ContentView {
        ContentView(
            content: stored.id.hex, kind: Self.name(of: stored.kind), bytes: stored.length,
            isComplete: stored.isComplete,
            pins: stored.pins.sorted(), isInUse: used.contains(stored.id))
    }

    private static func name(of kind: ContentManifest.Kind) -> String {
        switch kind {
        case .manifest: "manifest"
        case .submission: "submission"
        case .model: "model"
        case .blockBody: "block body"
        case .aggregate: "aggregate"
        case .data: "data"
        case .task: "task"
        case .direction: "direction"
        case .other: "other"
        default: "kind \(kind.rawValue)"
        }
    }

    private func missing(_ id: ContentID) -> ServiceError {
        .notFound(
            what: "content \(id.short) is not stored here",
            next: "fetch it: `meshnode store get \(id.hex):LENGTH --out FILE`")
    }

    private func refusal(_ error: StorageError, id: ContentID?) -> ServiceError {
        switch error {
        case .unknownContent(let unknown): missing(id ?? unknown)
        case .full: .unavailable(reason: "\(error)", next: "run: `meshnode store gc`")
        case .invalid(let field, let reason): .invalid([Fault(field, reason)])
        case .tooLarge: .invalid([Fault("content", "\(error)")])
        case .damagedContent(let damaged, let reason):
            .unavailable(
                reason: "content \(damaged.short) was damaged on disk: \(reason)",
                next: contentStore.isMissed(damaged) ? "it is fetched again: try again" : "fetch it again")
        default: .failed(reason: "\(error)", next: "run: `meshnode doctor`")
        }
    }

    // MARK: Peers

    public func ban(_ node: NodeID) async throws(ServiceError) -> Receipt {
        guard node != nodeID else {
            throw .invalid([Fault("node", "a node cannot ban itself")])
        }
        bans.insert(node)
        try saveBans()
        await transport.ban(node)
        note("banned", "\(node.short) is banned by the operator")
        return Receipt(reference: node.hex, text: "\(node.short) is cut off and refused until it is allowed again")
    }

    public func allow(_ node: NodeID) async throws(ServiceError) -> Receipt {
        guard bans.remove(node) != nil else {
            return Receipt(reference: node.hex, text: "\(node.short) was not banned by hand")
        }
        try saveBans()
        // What its score cost it stays in force.
        if !topics.isCutOff.contains(node) { await transport.allow(node) }
        note("allowed", "\(node.short) may link again")
        return Receipt(reference: node.hex, text: "\(node.short) may link again")
    }

    private func saveBans() throws(ServiceError) {
        do throws(StorageError) { try BanFile.write(bans, home: home) } catch {
            throw .failed(
                reason: "\(error)", next: "free disk space and ban it again; the ban holds until the next start")
        }
    }

    // MARK: Health

    public func health() async -> [HealthCheck] {
        let counters = await transport.counters()
        let peers = await transport.peers()
        let linkedPeers = peers.filter { $0.state == .linked }
        var checks: [HealthCheck] = []
        let received = counters.datagramsReceived.frames
        let drops = counters.datagramDrops.values.reduce(0, +)
        if received > drops {
            checks.append(HealthCheck("udp", .ok, "\(received) datagrams came in, \(drops) of them were dropped"))
        } else if linkedPeers.isEmpty {
            checks.append(
                HealthCheck(
                    "udp", .unknown, "no peer is linked, so nobody probes this node",
                    next: "give a ticket of a running node: --set mesh.bootstrap=TICKET"))
        } else if elapsed < .seconds(10) {
            checks.append(
                HealthCheck(
                    "udp", .unknown,
                    "no good datagram came yet; the node started \(Node.milliseconds(elapsed) / 1_000) s ago",
                    next: "ask again in 10 s"))
        } else {
            checks.append(
                HealthCheck(
                    "udp", .fail, "\(linkedPeers.count) links are up and no good datagram ever came",
                    next:
                        "open UDP port \(listening.map { "\($0.port)" } ?? "of this node") in the firewall, beside TCP")
            )
        }
        checks.append(
            linkedPeers.isEmpty && lacksPeers
                ? HealthCheck(
                    "links", .fail,
                    "no peer is linked; \(counters.failedDials) dials and "
                        + "\(counters.failedHandshakes) handshakes failed",
                    next: configuration.bootstrap.isEmpty
                        ? Self.peersAdvice
                        : "see the log for the reason of each; check that the ticket is of this network")
                : HealthCheck("links", .ok, "\(Counted.text(linkedPeers.count, "peer", "are")) linked"))
        let load = topics.load
        checks.append(
            HealthCheck(
                "queues", .ok,
                "\(load.cached) messages cached (\(load.cachedBytes) bytes), \(load.pending) under "
                    + "judgement, \(load.pulls) asked for, \(outbox.count) frames to be sent"))
        checks.append(MemoryAdvice.check(unlocked: SecretMemory.unlockedBytes))
        if let degraded {
            checks.append(HealthCheck("disk", .fail, degraded, next: "free space on the disk of \(home.path)"))
        }
        checks.append(
            Self.storeCheck(storeProblem, used: contentStore.usedBytes, quota: contentStore.quota))
        if let missed = missedContents() { checks.append(missed) }
        checks.append(
            clockProblem.map { HealthCheck("clock and chain", .fail, $0, next: Self.clockAdvice) }
                ?? HealthCheck("clock and chain", .ok, "no decided block is ahead of this machine's clock"))
        if let reason = obstacles.reason(.registry, nil) {
            checks.append(HealthCheck("registry", .fail, "it stands still: \(reason)"))
        }
        if let alarm { checks.append(HealthCheck("key", .fail, alarm, next: Self.twinAdvice)) }
        if let haltReason { checks.append(HealthCheck("chain", .fail, haltReason, next: "see the log")) }
        return checks
    }
}

/// Nodes that the operator banned, one a line.
enum BanFile {
    private static let most = 10_000

    static func read(home: HomeDirectory) throws(StorageError) -> Set<NodeID> {
        let path = home.path + "/bans"
        guard try FileSystem.exists(path) else { return [] }
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        var found: Set<NodeID> = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard let node = NodeID(hex: String(line)) else {
                throw .damaged(
                    path: path, reason: "line \(index + 1) is not the 64 digits of a node", next: "correct that line")
            }
            found.insert(node)
        }
        return found
    }

    static func write(_ nodes: Set<NodeID>, home: HomeDirectory) throws(StorageError) {
        guard nodes.count <= most else {
            throw .tooLarge(field: "bans", length: UInt64(nodes.count), limit: UInt64(most))
        }
        let text = nodes.sorted().map { $0.hex + "\n" }.joined()
        try FileSystem.writeAtomically(home.path + "/bans", [Array(text.utf8)])
    }
}
