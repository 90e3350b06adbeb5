internal import Chain
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

extension GossipBench {
    /// Six nodes in lockstep, each waiting for the message of every other before it sends its next, as votes do; then
    /// the same while four linked peers send 10,000 frames a second that mean nothing and 500 forged messages.
    func hostile() async throws -> Row {
        let rounds = 150
        let calm = try await lockstep(rounds: rounds, attackers: 0)
        let attacked = try await lockstep(rounds: rounds, attackers: 4)
        return Row(
            name: "hostile",
            figures: [
                ("slowdown", attacked.seconds / calm.seconds), ("cut_off_s", attacked.cutOff),
                ("rss_mib", Self.residentMiB()), ("calm_seconds", calm.seconds),
                ("frames_sent", Double(attacked.frames)),
            ])
    }

    private func lockstep(rounds: Int, attackers count: Int) async throws -> (
        seconds: Double, cutOff: Double, frames: Int
    ) {
        var honest: [BenchNode] = []
        var address: PeerAddress?
        for _ in 0..<6 {
            let node = BenchNode(origin: origin)
            let own = try await node.start(joining: address)
            if address == nil { address = own }
            honest.append(node)
        }
        let nodes = honest
        try await until("six nodes have a mesh") {
            for node in nodes where await node.meshSize < 4 { return false }
            return true
        }
        var attackers: [Attacker] = []
        for _ in 0..<count {
            let attacker = Attacker()
            try await attacker.start(joining: address!)
            attackers.append(attacker)
        }
        let hostiles = attackers.map(\.id)
        if count > 0 {
            try await until("the attackers link with everybody") {
                for node in nodes where !Set(await node.transport.linkedNodes()).isSuperset(of: hostiles) {
                    return false
                }
                return true
            }
        }
        let began = ContinuousClock.now
        let attacks = attackers.map { attacker in Task { await attacker.attack(nodes.map(\.id)) } }
        let watch = Task { () -> Double in
            guard count > 0 else { return 0 }
            while !Task.isCancelled {
                var all = true
                for node in nodes where await !node.hasCutOff(hostiles) { all = false }
                if all { return Self.seconds(since: began) }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return .nan
        }
        for _ in 0..<rounds {
            var names: Set<MessageID> = []
            for node in nodes { names.insert(await node.publish().id) }
            await withTaskGroup(of: Void.self) { [names] group in
                for node in nodes { group.addTask { await node.wait(for: names) } }
            }
        }
        let seconds = Self.seconds(since: began)
        // The attack goes on for five seconds at least: that is how long cutting off may take.
        while count > 0, Self.seconds(since: began) < 5 { try await Task.sleep(for: .milliseconds(20)) }
        watch.cancel()
        let cutOff = await watch.value
        var frames = 0
        for (attack, attacker) in zip(attacks, attackers) {
            attack.cancel()
            frames += await attack.value
            await attacker.stop()
        }
        await Self.stop(nodes)
        return (seconds, cutOff, frames)
    }
}

/// A linked peer that sends what means nothing and what nobody signed.
private final class Attacker: Sendable {
    let id: NodeID
    private let transport: MeshTransport

    init() {
        let key = SigningKey.generate()
        id = key.nodeID
        var logger = Logger(label: "attacker")
        logger.logLevel = .critical
        transport = MeshTransport(
            configuration: TransportConfiguration(
                listenHost: "127.0.0.1", listenPort: 0, network: BenchNode.network, profile: .loopback),
            identity: key, logger: logger)
    }

    func start(joining address: PeerAddress) async throws {
        _ = try await transport.start()
        await transport.bootstrap([address])
        Task { [transport] in for await _ in transport.events {} }
    }

    func stop() async { await transport.shutdown() }

    /// 2,500 frames a second that mean nothing and 125 forged messages; the number that left while links were up.
    func attack(_ targets: [NodeID]) async -> Int {
        var sent = 0
        var number: UInt64 = 0
        while !Task.isCancelled {
            for target in targets {
                for index in 0..<5 {
                    number += 1
                    var bytes: [UInt8] = [200, UInt8(truncatingIfNeeded: number)]
                    if index == 0, number % 4 == 1 {
                        bytes =
                            PeerMessage.envelope(
                                Envelope(
                                    network: BenchNode.network,
                                    slot: Slot(kind: .prevote, chain: BenchNode.topic, major: number, minor: 0),
                                    signer: id,
                                    payload: [1], signature: Signature([UInt8](repeating: 3, count: 64)))
                            ).wireBytes
                    }
                    if await transport.send(bytes, to: target, lane: .control) { sent += 1 }
                }
            }
            // 30 frames each 12 ms.
            try? await Task.sleep(for: .milliseconds(12))
        }
        return sent
    }
}
