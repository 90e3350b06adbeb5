internal import Chain
internal import Foundation
internal import Gossip
package import MeshCrypto
internal import Synchronization
package import Wire

/// Where an attack happens: a network of this machine that was made for it.
package struct AttackField: Sendable {
    package let network: NetworkID
    package let task: ChainID
    package let spec: TaskSpec
    /// Where its nodes listen.
    package let ports: [UInt16]
    /// Decided heights of the registry and of the task.
    package let heights: (registry: UInt64, task: UInt64)
    /// Contents that its nodes store.
    package let contents: [ContentReference]
    /// An account with credits and no node.
    package let account: SigningKey
    package var nonce: UInt64 = 0
    /// Accounts of one credit each, made for the attacks that need many.
    package var purses: [SigningKey] = []
    /// The key of a key holder whose node does not run any more.
    package var holder: SigningKey?

    package init(
        network: NetworkID, task: ChainID, spec: TaskSpec, ports: [UInt16], heights: (registry: UInt64, task: UInt64),
        contents: [ContentReference], account: SigningKey
    ) {
        self.network = network
        self.task = task
        self.spec = spec
        self.ports = ports
        self.heights = heights
        self.contents = contents
        self.account = account
    }

    package func transaction(_ transaction: Transaction, nonce: UInt64, by signer: SigningKey) -> Envelope {
        .signed(
            transaction.wireBytes,
            slot: Slot(kind: .transaction, chain: network.registryChain, major: nonce, minor: 0), network: network,
            by: signer)
    }

    /// Says all of it to every node, over a link of a fresh key each that ends then.
    package func spread(_ envelopes: [Envelope]) {
        for (place, port) in ports.enumerated() {
            guard let link = HostilePeer(key: .generate(), network: network, port: port, from: "127.0.1.\(1 + place)")
            else { continue }
            for envelope in envelopes where link.isOpen { link.say(PeerMessage.envelope(envelope).wireBytes) }
            // What was said is read before the link ends.
            _ = link.flood(seconds: 0.2) { _ in nil }
        }
    }
}

/// What one hostile peer can do to a running network.
package enum NetworkAttack: String, CaseIterable, Sendable {
    case digests, wants, contents, duplicates, malformed, invented, tasks, burst
    case keyRequests = "key-requests"
    case keyReleases = "key-releases"
    case nonceGap = "nonce-gap"
    case slowLinks = "slow-links"
    case forgedEvidence = "forged-evidence"

    /// Who does what.
    package var text: String {
        switch self {
        case .digests: "one anonymous link to each of two nodes: 10,000 digests of old heights a second"
        case .wants:
            "one anonymous link to each of two nodes: 400,000 wants and haves of messages that nobody has a second"
        case .contents: "one anonymous link to each of two nodes: 2,000 requests of 32 stored chunks a second"
        case .keyRequests: "one anonymous link to each node: 4,000 requests of key vectors a second"
        case .keyReleases:
            "a key holder whose node is down: 2,000 releases for manifests that do not exist a second, each node"
        case .nonceGap:
            "66 accounts of one credit: 63 transactions each that wait for one that never comes, again and again"
        case .burst: "66 accounts of one credit: 63 valid transactions each within 9 s, each node"
        case .slowLinks: "200 half-open connections to each of two nodes, and 120 silent links to one"
        case .invented: "1,000 invented nodes behind silent addresses, told to every node; one node starts again"
        case .malformed: "strangers without end: random frames, oversized packets, odd messages, each node"
        case .tasks: "an account: tasks that nobody can carry out, free ones with high bonds, enrolments with bad keys"
        case .forgedEvidence:
            "an account: evidence against every node that nobody signed, behind a transfer that is valid"
        case .duplicates: "one key that links from two places with two instances, 20 times a second, each node"
        }
    }

    /// Whether one node starts again while the attack goes on.
    package var restartsANode: Bool { self == .invented }
    package var needsPurses: Bool { self == .nonceGap || self == .burst }
    package var needsHolder: Bool { self == .keyReleases }

    package struct Tally: Sendable {
        package var sent = 0
        package var received = 0
        package var links = 0
    }

    /// Returns after `seconds`; blocks its thread.
    package func run(_ field: AttackField, seconds: Double) -> Tally {
        let registry = field.network.registryChain
        let two = Array(field.ports.prefix(2))
        switch self {
        case .digests:
            return flood(field, two, seconds, perSecond: 10_000) { number in
                let isTask = number % 2 == 0 && field.heights.task > 2
                let most = max(2, isTask ? field.heights.task : field.heights.registry)
                return PeerMessage.digest(
                    ChainDigest(
                        chain: isTask ? field.task : registry, height: 1 + UInt64(number / 2) % (most - 1), head: .zero,
                        groups: [], pending: [])
                ).wireBytes
            }
        case .wants:
            // Names that differ in a counter: to draw 400,000 of them at random would cost the attacker more than the nodes.
            let rest = randomBytes(24)
            return flood(field, two, seconds, lane: .control, perSecond: 400) { number in
                let names = (0..<500).map { place in
                    var encoder = WireEncoder()
                    encoder.u64(UInt64(500 * number + place))
                    return MessageID(encoder.bytes + rest)
                }
                return PeerMessage.topics(number % 2 == 0 ? .want(names) : .have(registry, names)).wireBytes
            }
        case .contents:
            let all = [UInt8](repeating: 255, count: 4)
            return flood(field, two, seconds, lane: .bulk, perSecond: 2_000) { number in
                let content = field.contents[number / 2 % field.contents.count].id
                return PeerMessage.content(
                    number % 2 == 0
                        ? .getChunks(content, .content, first: UInt32(number / 2 % 64) * 32, bitmap: all)
                        : .getManifest(content)
                ).wireBytes
            }
        case .keyRequests:
            return flood(field, field.ports, seconds, lane: .control, perSecond: 4_000) { _ in
                PeerMessage.keyRequest(field.task, manifest: BlockID(randomBytes(32))).wireBytes
            }
        case .keyReleases:
            return flood(field, field.ports, seconds, key: field.holder, lane: .control, perSecond: 2_000) { number in
                PeerMessage.keyRelease(
                    .init(
                        chain: field.task, manifest: BlockID(randomBytes(32)), component: UInt8(number % 3),
                        vector: ContentReference(id: ContentID(randomBytes(32)), length: 1_000))
                ).wireBytes
            }
        case .nonceGap, .burst:
            let first: UInt64 = self == .burst ? 0 : 1
            let envelopes = field.purses.flatMap { one in
                (first..<first + 63).map {
                    PeerMessage.envelope(
                        field.transaction(.transfer(to: one.nodeID, credits: 0), nonce: $0, by: one)
                    ).wireBytes
                }
            }
            let repeats = self == .nonceGap
            return flood(field, field.ports, seconds, perSecond: 462) { number in
                repeats || number < envelopes.count ? envelopes[number % envelopes.count] : nil
            }
        case .slowLinks: return slowLinks(field, seconds)
        case .invented: return invented(field, seconds)
        case .malformed: return malformed(field, seconds)
        case .tasks: return tasks(field, seconds)
        case .duplicates: return duplicates(field, seconds)
        case .forgedEvidence: return forgedEvidence(field, seconds)
        }
    }

    // MARK: Attacks with a shape of their own

    private func slowLinks(_ field: AttackField, _ seconds: Double) -> Tally {
        let slow = field.ports.prefix(2).enumerated().map { SlowPeers(count: 200, port: $1, from: "127.0.3.\(1 + $0)") }
        let end = ContinuousClock.now + .seconds(seconds)
        var links: [HostilePeer] = []
        while ContinuousClock.now < end {
            if links.count < 120,
                let link = HostilePeer(
                    key: .generate(), network: field.network, port: field.ports[0], from: "127.0.4.\(1 + links.count)"),
                link.isOpen
            {
                links.append(link)
            }
            // Nothing is read and nothing is said.
            usleep(50_000)
        }
        for one in slow { one.end() }
        return Tally(sent: 0, received: 0, links: links.count)
    }

    private func invented(_ field: AttackField, _ seconds: Double) -> Tally {
        guard let silent = SilentListener(host: "127.0.5.1"),
            let address = try? PeerAddress(host: "127.0.5.1", port: silent.port)
        else { return Tally() }
        let records = (0..<1_000).map { _ in
            NodeRecord(
                incarnation: 1, addresses: [address], datagramKey: DatagramKey(ExchangeKey().publicKey),
                capabilities: 0, signedWith: .generate())
        }
        let bytes = records.reduce(0) { $0 + $1.wireBytes.count }
        return links(field, field.ports, seconds, from: 6) { liar, front in
            liar.tell(records)
            front.tally.sent += bytes
            front.tally.received += liar.flood(seconds: 2) { _ in nil }.received
        }
    }

    private func malformed(_ field: AttackField, _ seconds: Double) -> Tally {
        let registry = field.network.registryChain
        let most = UInt64.max
        let odd: [PeerMessage] = [
            .digest(ChainDigest(chain: registry, height: most, head: .zero, groups: [], pending: [])),
            .digest(ChainDigest(chain: field.task, height: most, head: .zero, groups: [], pending: [])),
            .rangeContent(registry, first: most, ContentReference(id: .zero, length: most)),
            .content(.getChunks(.zero, .manifest, first: .max, bitmap: [255])),
            .content(.chunk(.zero, .content, index: .max, [1])), .content(.have(.zero, first: .max, bitmap: [255])),
            .topics(.prune(registry, backoffMs: .max)), .topics(.graft(registry)), .topics(.have(registry, [.zero])),
            .keyRelease(
                .init(
                    chain: field.task, manifest: .zero, component: .max,
                    vector: ContentReference(id: .zero, length: most))),
        ]
        return links(field, field.ports, seconds, from: 7, retry: .milliseconds(100)) { link, front in
            switch front.tally.links % 3 {
            case 0: link.write([0xff, 0xff, 0xff, 0x7f] + randomBytes(2_000))
            case 1: front.add(link.flood(seconds: 0.5, perSecond: 2_000) { _ in randomBytes(200) })
            default: front.add(link.flood(seconds: 0.5, perSecond: 2_000) { odd[$0 % odd.count].wireBytes })
            }
        }
    }

    private func tasks(_ field: AttackField, _ seconds: Double) -> Tally {
        let sealing = RistrettoKey.generate()
        let nonces = Mutex(field.nonce)
        @Sendable func publish(_ spec: TaskSpec) -> Transaction {
            KeyRules.publish(spec, sealingKey: sealing, network: field.network, account: field.account.nodeID)
        }
        var transactions: [Transaction] = []
        for hidden: [UInt32] in [[1 << 31, .max], [.max], [.max, .max, .max], [4_000, 3_000]] {
            var huge = field.spec
            huge.model.architecture = .mlp
            huge.model.hidden = hidden
            huge.training.server = .median
            transactions.append(publish(huge))
        }
        for bytes in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 255, count: 32), sealing.publicKey] {
            transactions.append(
                .enrol(
                    Enrolment(
                        task: TaskID(field.task.bytes), sealingKey: SealingKey(bytes), electionKey: .zero, rows: 100,
                        dataForm: field.spec.data.form, bond: 100)))
        }
        let odd = transactions
        return flood(field, field.ports, seconds, perSecond: 40) { number in
            // Whatever is refused leaves the nonce free; what is taken uses it up, on one node as on all.
            let nonce = nonces.withLock { $0 + UInt64(number / 16) }
            if number % 16 < odd.count {
                return PeerMessage.envelope(field.transaction(odd[number % 16], nonce: nonce, by: field.account))
                    .wireBytes
            }
            var free = field.spec
            free.name = "free-\(number / 16)"
            free.reward.credits = 0
            free.reward.minimumBond = 7_000
            return PeerMessage.envelope(field.transaction(publish(free), nonce: nonce, by: field.account)).wireBytes
        }
    }

    private func duplicates(_ field: AttackField, _ seconds: Double) -> Tally {
        links(
            field, field.ports, seconds, key: .generate(), from: 8, instances: 2, retry: .milliseconds(50)
        ) { link, front in
            // The one before stays open.
            front.open = front.open.suffix(1) + [link]
            usleep(50_000)
        }
    }

    /// Behind the account's next transaction it is passed on before any state has judged it.
    private func forgedEvidence(_ field: AttackField, _ seconds: Double) -> Tally {
        let peers = field.ports.enumerated().compactMap { place, port in
            HostilePeer(key: .generate(), network: field.network, port: port, from: "127.0.9.\(1 + place)")
        }.filter(\.isOpen)
        func forged(_ victim: NodeID, _ payload: [UInt8]) -> Envelope {
            Envelope(
                network: field.network,
                slot: Slot(kind: .prevote, chain: field.network.registryChain, major: 1, minor: 0), signer: victim,
                payload: payload, signature: Signature([UInt8](repeating: 0, count: Signature.byteCount)))
        }
        var transactions: [Transaction] = [.transfer(to: field.account.nodeID, credits: 0)]
        for victim in peers.compactMap(\.peer) {
            transactions.append(.evidence(first: forged(victim, [0]), second: forged(victim, [1])))
        }
        let messages = transactions.enumerated().map { place, transaction in
            PeerMessage.envelope(
                field.transaction(transaction, nonce: field.nonce + UInt64(place), by: field.account)
            ).wireBytes
        }
        var tally = Tally(links: peers.count)
        for link in peers {
            for message in messages where link.say(message) { tally.sent += message.count }
            let (_, received) = link.flood(seconds: seconds / Double(peers.count)) { _ in nil }
            tally.received += received
        }
        return tally
    }

    // MARK: Links

    /// One flood for each port; whoever is cut off comes back under another key, unless it needs this one.
    private func flood(
        _ field: AttackField, _ ports: [UInt16], _ seconds: Double, key: SigningKey? = nil, lane: Lane = .gossip,
        perSecond: Int, _ payload: @escaping @Sendable (Int) -> [UInt8]?
    ) -> Tally {
        links(field, ports, seconds, key: key, from: 2) { link, front in
            let first = front.said
            var said = first
            front.add(
                link.flood(seconds: front.left, lane: lane, perSecond: perSecond) {
                    said = first + $0 + 1
                    return payload(first + $0)
                })
            front.said = said
        }
    }

    /// What the attack has done at one port.
    private struct Front {
        let end: ContinuousClock.Instant
        var tally = Tally()
        var tries = 0
        /// Frames of a flood.
        var said = 0
        var open: [HostilePeer] = []
        var left: Double { (end - ContinuousClock.now) / .seconds(1) }

        mutating func add(_ bytes: (sent: Int, received: Int)) {
            tally.sent += bytes.sent
            tally.received += bytes.received
        }
    }

    /// One thread for each port, which links again and again until the time is over, and does with each link what `use` says.
    ///
    /// - Parameters:
    ///   - key: of every link; nil for a fresh one each.
    ///   - block: the attack's own addresses, `127.0.BLOCK.`, one a port and instance.
    ///   - instances: which take turns.
    ///   - retry: pause after a link that could not be opened.
    private func links(
        _ field: AttackField, _ ports: [UInt16], _ seconds: Double, key: SigningKey? = nil, from block: Int,
        instances: Int = 1, retry: Duration = .milliseconds(200),
        use: @escaping @Sendable (HostilePeer, inout Front) -> Void
    ) -> Tally {
        Self.parallel(ports) { place, port in
            var front = Front(end: .now + .seconds(seconds))
            while front.left > 0 {
                let instance = front.tries % instances
                front.tries += 1
                guard
                    let link = HostilePeer(
                        key: key ?? .generate(), network: field.network, port: port,
                        from: "127.0.\(block).\(1 + instance + instances * place)", instance: UInt64(1 + instance)),
                    link.isOpen
                else {
                    usleep(UInt32(retry / .microseconds(1)))
                    continue
                }
                front.tally.links += 1
                use(link, &front)
            }
            return front.tally
        }
    }

    private static func parallel(
        _ ports: [UInt16], _ body: @escaping @Sendable (Int, UInt16) -> Tally
    ) -> Tally {
        let group = DispatchGroup()
        let shared = SharedTally()
        for (place, port) in ports.enumerated() {
            group.enter()
            Thread.detachNewThread {
                let tally = body(place, port)
                shared.add(tally)
                group.leave()
            }
        }
        group.wait()
        return shared.value
    }
}

/// Sums of the threads of one attack.
private final class SharedTally: Sendable {
    private let total = Mutex(NetworkAttack.Tally())

    var value: NetworkAttack.Tally { total.withLock { $0 } }

    func add(_ one: NetworkAttack.Tally) {
        total.withLock {
            $0.sent += one.sent
            $0.received += one.received
            $0.links += one.links
        }
    }
}

/// A socket that accepts and stays silent: the worst address to dial, as it costs a whole handshake's time.
package final class SilentListener {
    private let file: Int32
    package let port: UInt16

    package init?(host: String) {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard file >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr(host)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, size) == 0 && listen(file, 4_096) == 0 && getsockname(file, $0, &size) == 0
            }
        }
        guard bound else {
            close(file)
            return nil
        }
        self.file = file
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(file) }
}
