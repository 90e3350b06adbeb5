internal import Chain
internal import Foundation
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Synchronization
internal import Wire

/// A node without chains, for measurements: real sockets, links, membership, topics and content.
actor BenchNode {
    nonisolated let id: NodeID
    nonisolated let transport: MeshTransport
    private let key: SigningKey
    private let origin: ContinuousClock.Instant
    private var topics: TopicMesh
    private var transfer: ContentTransfer?
    private let disk = Worker(label: "meshnode.bench.disk")
    private var arrivals: [MessageID: Duration] = [:]
    private(set) var copies = 0
    private var completions: [ContentID: CheckedContinuation<Void, Never>] = [:]
    private var waiting: (names: Set<MessageID>, continuation: CheckedContinuation<Void, Never>)?
    private var direct: [UInt64: Duration] = [:]
    private var tasks: [Task<Void, Never>] = []
    private var number: UInt64 = 0
    private var outbox: [OutboundFrame] = []
    private var isSending = false

    static let network = NetworkID([UInt8](repeating: 0x6b, count: 32))
    static let topic = ChainID([UInt8](repeating: 0x6c, count: 32))

    init(origin: ContinuousClock.Instant, store: ContentStore? = nil) {
        let key = SigningKey.generate()
        self.key = key
        id = key.nodeID
        self.origin = origin
        var configuration = TransportConfiguration(
            listenHost: "127.0.0.1", listenPort: 0, network: Self.network, profile: .loopback)
        configuration.inboundBytesMax = 8 << 20
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        transport = MeshTransport(configuration: configuration, identity: key, logger: logger)
        topics = TopicMesh(
            own: id, settings: TopicSettings(profile: .loopback),
            seed: randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }, now: .zero)
        transfer = store.map { ContentTransfer(store: $0, settings: .loopback) }
    }

    private var now: Duration { ContinuousClock.now - origin }

    func start(joining address: PeerAddress? = nil) async throws -> PeerAddress {
        let own = try await transport.start()
        gossip(.join(Self.topic))
        if let address { await transport.bootstrap([address]) }
        tasks.append(Task { [transport] in for await event in transport.events { self.handle(event) } })
        tasks.append(
            Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(50))
                    await self.beat()
                }
            })
        return own
    }

    func stop() async {
        for task in tasks { task.cancel() }
        await transport.shutdown()
    }

    private func beat() async {
        gossip(.tick)
        if transfer != nil { content(.timer) }
    }

    // MARK: Questions

    func arrival(of id: MessageID) -> Duration? { arrivals[id] }
    func directArrivals() -> [UInt64: Duration] { direct }
    var meshSize: Int { topics.mesh(of: Self.topic).count }
    func hasCutOff(_ nodes: [NodeID]) -> Bool { topics.isCutOff.isSuperset(of: nodes) }

    // MARK: Messages

    /// Signs and publishes a prevote-sized message.
    func publish(bytes: Int = 200) -> (id: MessageID, at: Duration) {
        number += 1
        let slot = Slot(kind: .prevote, chain: Self.topic, major: number, minor: 0)
        let envelope = Envelope.signed(
            [UInt8](repeating: 1, count: bytes), slot: slot, network: Self.network, by: key)
        let message = TopicMessage(envelope)
        let at = now
        arrivals[message.id] = at
        gossip(.publish(message))
        return (message.id, at)
    }

    /// Returns when all of the messages have come.
    func wait(for names: Set<MessageID>) async {
        let missing = names.filter { arrivals[$0] == nil }
        guard !missing.isEmpty else { return }
        await withCheckedContinuation { waiting = (missing, $0) }
    }

    private func gossip(_ input: TopicInput, envelope: Envelope? = nil) {
        var frames: [OutboundFrame] = []
        run(input, envelope, &frames)
        send(frames)
    }

    /// Queues frames; they leave in order, and nobody waits for the transport meanwhile: as a node's do.
    private func send(_ frames: [OutboundFrame]) {
        outbox += frames
        guard !isSending, !outbox.isEmpty else { return }
        isSending = true
        Task { await self.drainOutbox() }
    }

    private func drainOutbox() async {
        while !outbox.isEmpty {
            let batch = outbox
            outbox = []
            await transport.send(batch)
        }
        isSending = false
    }

    private func run(_ input: TopicInput, _ envelope: Envelope?, _ frames: inout [OutboundFrame]) {
        for directive in topics.handle(input, now: now) {
            switch directive {
            case .judge(let message, _):
                guard let envelope, envelope.isSignatureValid else {
                    run(.verdict(message.id, .reject), nil, &frames)
                    continue
                }
                arrived(message.id)
                run(.verdict(message.id, .accept), nil, &frames)
            case .send(let message, let nodes):
                frames.append(OutboundFrame(to: nodes, bytes: [1] + message.bytes, lane: .control))
            case .control(let control, let node):
                frames.append(OutboundFrame(to: [node], bytes: PeerMessage.topics(control).wireBytes, lane: .control))
            case .cutOff(let node): Task { await transport.ban(node) }
            case .readmit(let node): Task { await transport.allow(node) }
            case .wake: break
            }
        }
    }

    private func arrived(_ name: MessageID) {
        arrivals[name] = now
        guard waiting?.names.remove(name) != nil, waiting?.names.isEmpty == true else { return }
        waiting?.continuation.resume()
        waiting = nil
    }

    /// A control frame that is only timed.
    func ping(_ number: UInt64, to node: NodeID) async -> Duration {
        var encoder = WireEncoder()
        encoder.u8(255)
        encoder.u64(number)
        let at = now
        _ = await transport.send(encoder.bytes, to: node, lane: .control)
        return at
    }

    private func handle(_ event: TransportEvent) {
        switch event {
        case .linkUp(let node, _, let outbound):
            gossip(.linked(node, outbound: outbound))
            content(.peerLinked(node))
        case .linkDown(let node, _):
            gossip(.gone(node))
            content(.peerGone(node))
        case .malformed(let node, let count): gossip(.misbehaved(node, count: count))
        case .frame(let node, _, let bytes):
            guard !topics.isCutOff.contains(node) else { return }
            if bytes.first == 255, bytes.count == 9 {
                direct[bytes.dropFirst().reversed().reduce(0) { $0 << 8 | UInt64($1) }] = now
                return
            }
            switch try? PeerMessage(wireBytes: bytes) {
            case .envelope(let envelope):
                copies += 1
                gossip(.message(TopicMessage(envelope), from: node), envelope: envelope)
            case .topics(let control): gossip(.control(control, from: node))
            case .content(let message): content(.frame(from: node, message))
            case nil: gossip(.misbehaved(node, count: 1))
            default: break
            }
        case .record, .status, .refused, .drained: break
        }
    }

    // MARK: Content

    /// Returns when the content is whole, checked and on disk.
    func fetch(_ id: ContentID, length: UInt64, from node: NodeID) async {
        await withCheckedContinuation { continuation in
            completions[id] = continuation
            content(.want(id, expectedLength: length, providers: [node], deadline: nil))
        }
    }

    private func content(_ input: ContentInput) {
        guard transfer != nil else { return }
        var frames: [OutboundFrame] = []
        for outcome in transfer!.handle(input, now: now) {
            switch outcome {
            case .send(let node, let message):
                let message = PeerMessage.content(message)
                frames.append(OutboundFrame(to: [node], bytes: message.wireBytes, lane: message.lane))
            case .finish(let id): finish(id)
            case .completed(let id): completions.removeValue(forKey: id)?.resume()
            default: break
            }
        }
        send(frames)
    }

    /// As a node does.
    private func finish(_ id: ContentID) {
        guard let store = transfer?.store else { return }
        Task {
            let failure = await disk.finish(id, in: store)
            content(.finished(id, failure: failure))
        }
    }
}
