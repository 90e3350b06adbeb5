import Foundation
import Gossip
import Logging
import MeshCrypto
import NIOCore
import Synchronization
import Testing
import Wire

@testable import MeshNode

/// A transport on loopback whose events are collected.
final class TestNode: Sendable {
    let transport: MeshTransport
    let address: PeerAddress
    let identity: SigningKey
    private let log = Mutex<[TransportEvent]>([])
    private let collector = Mutex<Task<Void, Never>?>(nil)

    static let network = NetworkID([UInt8](repeating: 7, count: 32))

    init(
        identity: SigningKey = .generate(), port: UInt16 = 0, network: NetworkID = TestNode.network,
        collect: Bool = true, adjust: (inout TransportConfiguration) -> Void = { _ in }
    ) async throws {
        var configuration = TransportConfiguration(
            listenHost: "127.0.0.1", listenPort: port, network: network, profile: .loopback)
        adjust(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel =
            ProcessInfo.processInfo.environment["TRANSPORT_LOG"].flatMap { Logger.Level(rawValue: $0) } ?? .error
        self.identity = identity
        transport = MeshTransport(configuration: configuration, identity: identity, logger: logger)
        address = try await transport.start()
        guard collect else { return }
        let events = transport.events
        let task = Task { [weak self] in
            for await event in events { self?.log.withLock { $0.append(event) } }
        }
        collector.withLock { $0 = task }
    }

    var id: NodeID { identity.nodeID }
    var collected: [TransportEvent] { log.withLock { $0 } }

    func stop() async { await transport.shutdown() }

    var refusals: [LinkEnd] {
        collected.compactMap { if case .refused(let end, _) = $0 { end } else { nil } }
    }

    var frames: [(from: NodeID, lane: Lane, bytes: [UInt8])] {
        collected.compactMap { if case .frame(let from, let lane, let bytes) = $0 { (from, lane, bytes) } else { nil } }
    }
}

/// Waits for a condition over real sockets; false when `limit` passed first.
func eventually(
    within limit: Duration = .seconds(60), _ condition: @Sendable () async -> Bool
) async -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return await condition()
}

func isFullMesh(_ nodes: [TestNode]) async -> Bool {
    for node in nodes {
        let linked = await node.transport.linkedNodes()
        if linked != nodes.map(\.id).filter({ $0 != node.id }).sorted() { return false }
    }
    return true
}

/// Node ids noted from any thread.
final class Collected: Sendable {
    private let nodes = Mutex<[NodeID]>([])
    var all: [NodeID] { nodes.withLock { $0 } }
    func add(_ node: NodeID) { nodes.withLock { $0.append(node) } }
}

extension MeshTransport {
    var connectionCount: Int { connections.count }

    func probeRoundTrip(of node: NodeID) -> Duration? { membership?.members[node]?.roundTrip }

    /// As a killed process: every socket closes without a word.
    func abort() async {
        ticking?.cancel()
        phase = .stopping
        let channels = connections.values.map(\.channel)
        connections = [:]
        await closeSockets()
        for channel in channels { try? await channel.close().get() }
        phase = .stopped
        mailbox.finish()
    }
}
