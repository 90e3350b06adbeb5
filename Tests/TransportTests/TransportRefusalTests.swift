import Gossip
import MeshCrypto
import NIOCore
import NIOPosix
import Testing
import Wire

@testable import MeshNode

@Suite("Refusals over loopback", .serialized)
struct TransportRefusalTests {
    @Test("nodes of two networks do not link, and both say why", .timeLimit(.minutes(3)))
    func otherNetwork() async throws {
        let first = try await TestNode()
        let second = try await TestNode(network: NetworkID([UInt8](repeating: 8, count: 32)))
        await second.transport.bootstrap([first.address])
        #expect(
            await eventually {
                first.refusals.contains(.here(.wrongNetwork)) && second.refusals.contains(.peer(.wrongNetwork))
            })
        #expect(await first.transport.linkedNodes().isEmpty)
        let ticket = try #require(await first.transport.ticket())
        await #expect(throws: TransportError.self) { try await second.transport.bootstrap(ticket: ticket) }
        await first.stop()
        await second.stop()
    }

    @Test("a ticket's node under another key does not link, and both say why", .timeLimit(.minutes(3)))
    func otherKey() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        let ticket = Ticket(
            network: TestNode.network, node: SigningKey.generate().nodeID, addresses: [first.address])
        try await second.transport.bootstrap(ticket: ticket)
        #expect(
            await eventually {
                second.refusals.contains(.here(.unexpectedKey)) && first.refusals.contains(.peer(.unexpectedKey))
            })
        // To the first nothing is wrong until the second's word arrives, so its link may have to be taken down.
        #expect(await eventually { await first.transport.linkedNodes().isEmpty })
        #expect(await second.transport.linkedNodes().isEmpty)
        await first.stop()
        await second.stop()
    }

    @Test("a node that dials itself does not link", .timeLimit(.minutes(3)))
    func ownKey() async throws {
        let node = try await TestNode()
        await node.transport.bootstrap([node.address])
        #expect(
            await eventually {
                node.refusals.contains(.here(.ownKey)) && node.refusals.contains(.peer(.ownKey))
            })
        #expect(await node.transport.linkedNodes().isEmpty)
        await node.stop()
    }

    @Test("a second process with the same key does not link to the first", .timeLimit(.minutes(3)))
    func copiedKey() async throws {
        let identity = SigningKey.generate()
        let first = try await TestNode(identity: identity)
        let second = try await TestNode(identity: identity)
        await second.transport.bootstrap([first.address])
        #expect(
            await eventually {
                second.refusals.contains(.here(.ownKey)) && first.refusals.contains(.peer(.ownKey))
            })
        await first.stop()
        await second.stop()
    }

    @Test("an address that goes on refusing is told once, and counted every time", .timeLimit(.minutes(3)))
    func toldOnce() async throws {
        let first = try await TestNode()
        let second = try await TestNode(network: NetworkID([UInt8](repeating: 8, count: 32)))
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await second.transport.counters().failedHandshakes >= 4 })
        for refusals in [first.refusals, second.refusals] {
            #expect(!refusals.isEmpty && Set(refusals).count == refusals.count, "\(refusals)")
        }
        await first.stop()
        await second.stop()
    }

    @Test func whatIsNewsIsForgottenAfterAnHourAndAfterALink() {
        var news = RefusalNews()
        func told(_ address: String, _ now: Duration) -> Bool {
            news.isNews(.here(.unexpectedKey), from: address, now: now)
        }
        let first = [
            told("a:1", .zero), told("a:1", .seconds(3_599)), told("b:1", .zero), told("a:1", .seconds(3_600)),
        ]
        #expect(first == [true, false, true, true])
        news.forget("a:1")
        let second = told("a:1", .seconds(3_601))
        #expect(second)
        // However many addresses refuse, the table stays small: the first that fit are told, and make nobody forget the others.
        let others = (0..<1_000).count { told("c:\($0)", .seconds(3_602)) }
        let third = told("a:1", .seconds(3_603))
        #expect(others == 63 && !third, "\(others)")
    }

    @Test("a banned node is cut off on both sides and comes back when allowed", .timeLimit(.minutes(3)))
    func ban() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        await first.transport.ban(second.id)
        #expect(await eventually { second.refusals.contains(.peer(.banned)) })
        #expect(await second.transport.linkedNodes().isEmpty)
        #expect(await first.transport.peers().first { $0.node == second.id }?.isBanned == true)
        await first.transport.allow(second.id)
        #expect(await eventually { await isFullMesh([first, second]) })
        await first.stop()
        await second.stop()
    }

    @Test("a taken port is one clear error, for links and for datagrams", .timeLimit(.minutes(3)))
    func portInUse() async throws {
        let first = try await TestNode()
        let port = first.address.port
        await #expect(throws: TransportError.portInUse(host: "127.0.0.1", port: port, kind: "TCP")) {
            _ = try await TestNode(port: port)
        }
        let udp = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let udpPort = UInt16(try #require(udp.localAddress?.port))
        await #expect(throws: TransportError.portInUse(host: "127.0.0.1", port: udpPort, kind: "UDP")) {
            _ = try await TestNode(port: udpPort)
        }
        try await udp.close().get()
        // The failed start left nothing behind: the port works now.
        let second = try await TestNode(port: udpPort)
        await first.stop()
        await second.stop()
    }

    @Test("an address that is not this machine's is one clear error", .timeLimit(.minutes(3)))
    func foreignAddress() async throws {
        do {
            _ = try await TestNode { $0.listenHost = "192.0.2.1" }
            Issue.record("192.0.2.1 is nobody's")
        } catch let error as TransportError {
            guard case .cannotListen(host: "192.0.2.1", _, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test("garbage on both sockets is counted, dropped, and harms nothing", .timeLimit(.minutes(3)))
    func garbage() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        let group = MultiThreadedEventLoopGroup.singleton
        var generator = MeshGenerator(seed: 6)
        let target = try SocketAddress(ipAddress: "127.0.0.1", port: Int(first.address.port))
        let udp = try await DatagramBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        for size in [0, 1, 3, 5, 6, 54, 100, 1199, 1200, 1201, 2048, 2049, 9000, 60_000] {
            let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let envelope = AddressedEnvelope(remoteAddress: target, data: ByteBuffer(bytes: bytes))
            try await udp.writeAndFlush(envelope).get()
        }
        for _ in 0..<10 {
            let tcp = try await ClientBootstrap(group: group).connect(to: target).get()
            let bytes = (0..<2000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            try? await tcp.writeAndFlush(ByteBuffer(bytes: bytes)).get()
            try? await tcp.closeFuture.get()
        }
        // A connection ends before the node counts it.
        #expect(
            await eventually {
                let counters = await first.transport.counters()
                let drops = counters.datagramDrops
                // Every one of them, the cut ones as oversize.
                return counters.failedHandshakes == 10 && drops[.oversize] == 5 && drops[.malformed] == 9
            })
        #expect(await first.transport.send([1], to: second.id, lane: .control))
        #expect(await eventually { !second.frames.isEmpty })
        try await udp.close().get()
        await first.stop()
        await second.stop()
    }

    @Test("refusals of ever other addresses are told at a rate")
    func refusalsOfManyAddresses() {
        var news = RefusalNews()
        func told(seconds: Range<Int>) -> Int {
            seconds.reduce(0) { told, second in
                let now = Duration.seconds(second)
                return told + (news.isNews(.here(.handshakeTimeout), from: "10.0.0.\(second)", now: now) ? 1 : 0)
            }
        }
        // The first 64, and one a minute for the rest of ten minutes.
        #expect((64...64 + 9).contains(told(seconds: 0..<600)))
        // What was told is forgotten after an hour.
        #expect(told(seconds: 8_000..<8_064) == 64)
    }

    @Test("connections that say nothing are closed after the handshake limit", .timeLimit(.minutes(3)))
    func silentStranger() async throws {
        let node = try await TestNode { $0.links.handshakeLimit = .milliseconds(300) }
        let tcp = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: Int(node.address.port)).get()
        try await tcp.closeFuture.get()
        // The connection ends before the node hears of it.
        #expect(await eventually { !node.refusals.isEmpty })
        #expect(node.refusals == [.here(.handshakeTimeout)])
        await node.stop()
    }

    @Test(
        "a flood of connections is turned away at the rate limit, and linked nodes notice nothing",
        .timeLimit(.minutes(3)))
    func flood() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        var strangers: [any Channel] = []
        for _ in 0..<200 {
            strangers.append(
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: Int(first.address.port)).get())
        }
        #expect(await eventually { await first.transport.counters().refusals > 100 })
        #expect(await isFullMesh([first, second]))
        #expect(await second.transport.send([4], to: first.id, lane: .control))
        #expect(await eventually { !first.frames.isEmpty })
        for stranger in strangers { try? await stranger.close().get() }
        #expect(!first.collected.contains { if case .linkDown = $0 { true } else { false } })
        await first.stop()
        await second.stop()
    }
}
