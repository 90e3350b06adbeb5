import Gossip
import MeshCrypto
import Testing
import Wire

@Suite("Link table")
struct LinkTableTests {
    @Test("simultaneous dials leave one connection, the smaller id's, in every order of messages")
    func simultaneousDial() throws {
        var moved = 0
        for seed: UInt64 in 0..<400 {
            let world = LinkWorld(seed: seed)
            world.add(identity: testKey(1))
            world.add(identity: testKey(2))
            world.feed(0, .bootstrap([LinkWorld.address(1)], expected: nil))
            world.feed(1, .bootstrap([LinkWorld.address(0)], expected: nil))
            // Both dial before any message has passed.
            world.feed(0, .tick)
            world.feed(1, .tick)
            world.run(for: .seconds(4))
            let link0 = try #require(world.nodes[0].table.links[testKey(2).nodeID], "seed \(seed)")
            let link1 = try #require(world.nodes[1].table.links[testKey(1).nodeID], "seed \(seed)")
            let firstIsSmaller = testKey(1).nodeID < testKey(2).nodeID
            #expect(link0.direction == (firstIsSmaller ? .dialled : .accepted), "seed \(seed)")
            #expect(link1.direction == (firstIsSmaller ? .accepted : .dialled), "seed \(seed)")
            let open = world.ends.filter { $0.side.machine.isOpen }
            #expect(open.count == 2 && open[0].other === open[1], "seed \(seed)")
            // A duplicate that goes is no link going down.
            #expect(world.nodes.allSatisfy { $0.downs.isEmpty && $0.ups == 1 }, "seed \(seed)")
            if world.nodes.contains(where: { $0.table.refusals > 0 }) { moved += 1 }
        }
        #expect(moved > 50, "the race was hardly ever run: \(moved)")
    }

    @Test("nodes that learn each other's records link once a pair, whatever the order")
    func manyNodes() {
        for seed: UInt64 in 0..<12 {
            let world = LinkWorld(seed: seed)
            for number: UInt8 in 1...6 { world.add(identity: testKey(number)) }
            for node in 0..<6 {
                for other in 0..<6 where other != node { world.feed(node, .record(world.record(other))) }
            }
            world.run(for: .seconds(10))
            for node in world.nodes { #expect(node.table.links.count == 5, "seed \(seed)") }
            #expect(world.ends.count { $0.side.machine.isOpen } == 30, "seed \(seed)")
            #expect(world.nodes.allSatisfy { $0.downs.isEmpty }, "seed \(seed)")
        }
    }

    @Test("a crashed node's links are dialled again")
    func redial() {
        let world = LinkWorld(seed: 3)
        world.add(identity: testKey(1))
        world.add(identity: testKey(2))
        world.feed(0, .bootstrap([LinkWorld.address(1)], expected: testKey(2).nodeID))
        world.run(for: .seconds(2))
        #expect(world.nodes[0].table.links.count == 1)
        // The process is replaced by a new one with the same key and no memory.
        world.crash(1)
        world.nodes[1] = LinkWorld.Node(
            identity: testKey(2), instance: 77, settings: world.settings, seed: 9)
        world.run(for: .seconds(4))
        #expect(world.nodes[0].table.links.count == 1 && world.nodes[1].table.links.count == 1)
        #expect(world.nodes[0].downs == [.lost])
    }

    @Test("a restarted peer replaces a link that is not known to be dead yet")
    func restartedPeer() throws {
        let ids = [testKey(1).nodeID, testKey(2).nodeID].sorted()
        // Of two connections of one run the smaller id's stays: of another run any one replaces it, whoever dialled it.
        for (own, peer, ownDials) in [(ids[0], ids[1], true), (ids[1], ids[0], true), (ids[0], ids[1], false)] {
            var table = LinkTable(own: own, settings: LinkSettings(profile: .wan), seed: 1, now: .zero)
            if ownDials {
                _ = table.handle(.bootstrap([LinkWorld.address(1)], expected: peer), now: .zero)
                #expect(table.handle(.tick, now: .zero) == [.dial(1, LinkWorld.address(1), expected: peer)])
                _ = table.handle(.identified(1, peer, instance: 5), now: .zero)
                #expect(table.handle(.established(1), now: .zero) == [.linkUp(peer, 1)])
            } else {
                _ = table.handle(.accepted(2), now: .zero)
                _ = table.handle(.identified(2, peer, instance: 5), now: .zero)
                #expect(table.handle(.established(2), now: .zero) == [.linkUp(peer, 2)])
            }
            let old: ConnectionID = ownDials ? 1 : 2
            _ = table.handle(.accepted(4), now: .zero)
            #expect(table.handle(.identified(4, peer, instance: 6), now: .zero) == [.admit(4)])
            #expect(
                table.handle(.established(4), now: .zero) == [
                    .linkMoved(peer, from: old, to: 4), .close(old, .duplicate),
                ])
        }
    }

    @Test("own addresses are found out once and left alone")
    func ownAddress() {
        let world = LinkWorld(seed: 1)
        world.add(identity: testKey(1))
        world.feed(0, .bootstrap([LinkWorld.address(0)], expected: nil))
        world.run(for: .seconds(30))
        #expect(world.nodes[0].accepted == 1)
        #expect(world.nodes[0].table.links.isEmpty)
    }

    @Test("a node whose old address is now this one's is dialled again once it is known at another")
    func movedAway() throws {
        var table = LinkTable(own: testKey(1).nodeID, settings: LinkSettings(profile: .loopback), seed: 4, now: .zero)
        let other = testKey(2)
        func record(_ place: Int, _ incarnation: UInt64) -> NodeRecord {
            NodeRecord(
                incarnation: incarnation, addresses: [LinkWorld.address(place)],
                datagramKey: DatagramKey(ExchangeKey().publicKey), capabilities: 0, signedWith: other)
        }
        func dialled(_ now: Duration) -> [(ConnectionID, PeerAddress)] {
            table.handle(.tick, now: now).compactMap {
                if case .dial(let id, let address, _) = $0 { (id, address) } else { nil }
            }
        }
        _ = table.handle(.record(record(1, 1)), now: .zero)
        let first = try #require(dialled(.seconds(60)).first)
        _ = table.handle(.closed(first.0, .here(.ownKey)), now: .seconds(60))
        #expect(dialled(.seconds(7_200)).isEmpty, "its own address is left alone")
        _ = table.handle(.record(record(2, 2)), now: .seconds(7_200))
        #expect(dialled(.seconds(7_300)).map(\.1) == [LinkWorld.address(2)])
    }

    @Test("retries pause longer and longer up to the limit, with jitter, for ever")
    func backoff() {
        var table = LinkTable(own: testKey(1).nodeID, settings: LinkSettings(profile: .wan), seed: 4, now: .zero)
        _ = table.handle(.bootstrap([LinkWorld.address(1)], expected: nil), now: .zero)
        var now: Duration = .zero
        var pauses: [Duration] = []
        for _ in 0..<200 {
            let due = table.nextDeadline!
            #expect(table.handle(.tick, now: due - .nanoseconds(1)).isEmpty || due == .zero)
            let directives = table.handle(.tick, now: due)
            guard case .dial(let id, _, _)? = directives.first else {
                if due == .zero { continue }
                Issue.record("no dial at its time")
                return
            }
            pauses.append(due - now)
            now = due
            _ = table.handle(.unreachable(id, "refused"), now: now)
        }
        #expect(pauses.count > 190)
        for (index, pause) in pauses.enumerated().dropFirst() {
            let full = min(60, index < 8 ? 1 << (index - 1) : 60)
            #expect(pause >= .milliseconds(500 * full) && pause < .seconds(full), "retry \(index): \(pause)")
        }
        #expect(Set(pauses.suffix(50)).count > 40)
    }

    @Test("bounds: dials in progress, dialled, accepted, half-open, handshakes a second")
    func bounds() {
        var settings = LinkSettings(profile: .loopback)
        settings.dialledMax = 6
        settings.dialsInProgressMax = 3
        settings.acceptedMax = 4
        settings.halfOpenMax = 2
        settings.handshakesPerSecond = 5
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        _ = table.handle(.bootstrap((2...20).map(LinkWorld.address), expected: nil), now: .zero)
        #expect(table.handle(.tick, now: .zero).count == 3)
        #expect(table.handle(.tick, now: .zero).isEmpty)
        for (index, id) in [ConnectionID(1), 3, 5].enumerated() {
            _ = table.handle(.identified(id, testKey(UInt8(10 + index)).nodeID, instance: 1), now: .zero)
            _ = table.handle(.established(id), now: .zero)
        }
        #expect(table.handle(.tick, now: .zero).count == 3)
        for (index, id) in [ConnectionID(7), 9, 11].enumerated() {
            _ = table.handle(.identified(id, testKey(UInt8(20 + index)).nodeID, instance: 1), now: .zero)
            _ = table.handle(.established(id), now: .zero)
        }
        #expect(table.handle(.tick, now: .seconds(9)).isEmpty, "six are dialled")

        var accepted: ConnectionID = 0
        func accept(_ now: Duration) -> [LinkTable.Directive] {
            accepted += 2
            return table.handle(.accepted(accepted), now: now)
        }
        #expect(accept(.seconds(1)) == [] && accept(.seconds(1)) == [])
        #expect(accept(.seconds(1)) == [.close(6, .busy)], "two are half open")
        for id: ConnectionID in [2, 4, 6] { _ = table.handle(.closed(id, .lost), now: .seconds(1)) }
        for _ in 0..<3 {
            _ = accept(.seconds(1))
            _ = table.handle(.closed(accepted, .lost), now: .seconds(1))
        }
        #expect(accept(.seconds(1)) == [.close(accepted, .busy)], "five a second")
        _ = table.handle(.closed(accepted, .here(.busy)), now: .seconds(1))
        for number: UInt8 in 30..<34 {
            #expect(accept(.seconds(Int(number))) == [])
            _ = table.handle(.identified(accepted, testKey(number).nodeID, instance: 1), now: .seconds(40))
            _ = table.handle(.established(accepted), now: .seconds(40))
        }
        // No place is left, which who asks hears after its proof, with the names of others.
        #expect(accept(.seconds(41)) == [])
        let newcomer = testKey(40).nodeID
        #expect(table.handle(.identified(accepted, newcomer, instance: 1), now: .seconds(41)) == [.introduce(accepted)])
        _ = table.handle(.closed(accepted, .here(.full)), now: .seconds(41))
        #expect(table.links.count == 10)
        // A full table shakes hands at the same rate as one with places.
        #expect((0..<20).count { _ in accept(.seconds(41)).isEmpty } <= 2)
    }

    @Test("who knows only a node without places finds places elsewhere", arguments: UInt64(1)...8)
    func fullBootstrap(seed: UInt64) {
        var settings = LinkSettings(profile: .loopback)
        settings.acceptedMax = 3
        settings.dialledMax = 4
        for introduces in [true, false] {
            let world = LinkWorld(seed: seed, settings: settings)
            world.introduces = introduces
            for number: UInt8 in 1...12 { world.add(identity: testKey(number)) }
            for node in 1..<12 { world.feed(node, .bootstrap([LinkWorld.address(0)], expected: nil)) }
            world.run(for: .seconds(60))
            #expect(world.nodes[0].table.links.count == 3, "seed \(seed)")
            let outside = world.nodes.count { $0.table.links.isEmpty }
            #expect(introduces ? outside == 0 : outside == 8, "seed \(seed)")
        }
    }

    @Test("nodes that learned the same records at once do not all dial the same ones")
    func dialOrder() {
        let world = LinkWorld(seed: 1)
        for number: UInt8 in 10..<50 { world.add(identity: testKey(number)) }
        var counts: [PeerAddress: Int] = [:]
        for seed: UInt64 in 0..<20 {
            // A small id, so that each record waits for a time of the same range.
            var table = LinkTable(own: .zero, settings: world.settings, seed: seed, now: .zero)
            for node in 0..<40 { _ = table.handle(.record(world.record(node)), now: .zero) }
            for directive in table.handle(.tick, now: .seconds(1)) {
                if case .dial(_, let address, _) = directive { counts[address, default: 0] += 1 }
            }
        }
        #expect(counts.values.reduce(0, +) == 20 * world.settings.dialsInProgressMax)
        #expect(
            counts.count > 30 && counts.values.max()! < 15, "\(counts.count) dialled, one \(counts.values.max()!) times"
        )
    }

    @Test("a host with many slow handshakes makes room for others, and in time for its own")
    func slowHandshakes() {
        var settings = LinkSettings(profile: .wan)
        settings.halfOpenMax = 4
        settings.handshakesPerSecond = 100
        settings.handshakesPerHost = 50
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        for id: ConnectionID in [2, 4, 6, 8] { #expect(table.handle(.accepted(id, host: "slow"), now: .zero).isEmpty) }
        // The crowd's own next one waits its turn; another host's takes the place of the oldest.
        #expect(table.handle(.accepted(10, host: "slow"), now: .milliseconds(500)) == [.close(10, .busy)])
        _ = table.handle(.closed(10, .here(.busy)), now: .milliseconds(500))
        #expect(table.handle(.accepted(12, host: "other"), now: .milliseconds(500)) == [.close(2, .busy)])
        _ = table.handle(.closed(2, .here(.busy)), now: .milliseconds(500))
        #expect(table.handle(.accepted(14, host: "slow"), now: .milliseconds(999)) == [.close(14, .busy)])
        _ = table.handle(.closed(14, .here(.busy)), now: .milliseconds(999))
        #expect(table.handle(.accepted(16, host: "slow"), now: .seconds(1)) == [.close(4, .busy)])
        #expect(table.refusals == 4)
    }

    @Test("a host that floods does not use up the handshakes of others")
    func handshakesOfHosts() {
        let settings = LinkSettings(profile: .wan)
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        var id: ConnectionID = 0
        func taken(_ host: String, _ count: Int) -> Int {
            (0..<count).count { _ in
                id += 2
                let isTaken = table.handle(.accepted(id, host: host), now: .zero).isEmpty
                _ = table.handle(.closed(id, .lost), now: .zero)
                return isTaken
            }
        }
        #expect(taken("flood", 1_000) == settings.handshakesPerHost)
        #expect(taken("honest", 5) == 5)
        #expect(taken("third", 100) == settings.handshakesPerSecond - settings.handshakesPerHost - 5)
    }

    @Test("links shrink to the files that may be open")
    func descriptors() {
        var settings = LinkSettings(profile: .wan)
        let enough = settings.fit(descriptors: settings.connectionsMax)
        #expect(!enough && settings == LinkSettings(profile: .wan))
        let few = settings.fit(descriptors: 60)
        #expect(few && settings.connectionsMax <= 60 && settings.dialledMax >= 7 && settings.acceptedMax >= 28)
        let none = settings.fit(descriptors: -5)
        #expect(none && settings.connectionsMax == 14)
    }

    @Test("a banned node is closed, refused and not dialled until it is allowed")
    func bans() {
        var table = LinkTable(own: testKey(1).nodeID, settings: LinkSettings(profile: .loopback), seed: 1, now: .zero)
        let peer = testKey(2).nodeID
        _ = table.handle(.bootstrap([LinkWorld.address(1)], expected: peer), now: .zero)
        _ = table.handle(.tick, now: .zero)
        _ = table.handle(.identified(1, peer, instance: 1), now: .zero)
        _ = table.handle(.established(1), now: .zero)
        #expect(table.handle(.ban(peer), now: .zero) == [.close(1, .banned)])
        #expect(table.handle(.closed(1, .here(.banned)), now: .zero) == [.linkDown(peer, .here(.banned))])
        #expect(table.handle(.tick, now: .seconds(100)).isEmpty)
        _ = table.handle(.accepted(2), now: .seconds(100))
        #expect(table.handle(.identified(2, peer, instance: 1), now: .seconds(100)) == [.close(2, .banned)])
        _ = table.handle(.closed(2, .here(.banned)), now: .seconds(100))
        _ = table.handle(.allow(peer), now: .seconds(100))
        #expect(table.handle(.tick, now: .seconds(101)) == [.dial(3, LinkWorld.address(1), expected: peer)])
    }

    @Test("two places stay free for bootstrap addresses while one is not reached")
    func bootstrapPlaces() {
        var settings = LinkSettings(profile: .loopback)
        settings.dialledMax = 16
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        let world = LinkWorld(seed: 1)
        for number: UInt8 in 0..<30 { world.add(identity: testKey(number + 2)) }
        for index in 0..<30 { _ = table.handle(.record(world.record(index)), now: .zero) }
        _ = table.handle(.bootstrap([LinkWorld.address(40)], expected: nil), now: .seconds(2))
        var dialled = 0
        var bootstrapDialled = 0
        for second in 3..<60 {
            for directive in table.handle(.tick, now: .seconds(second)) {
                guard case .dial(let id, let address, let expected) = directive else { continue }
                if address == LinkWorld.address(40) {
                    bootstrapDialled += 1
                    _ = table.handle(.unreachable(id, "down"), now: .seconds(second))
                } else {
                    dialled += 1
                    _ = table.handle(.identified(id, expected!, instance: 1), now: .seconds(second))
                    _ = table.handle(.established(id), now: .seconds(second))
                }
            }
        }
        #expect(dialled == 14)
        #expect(bootstrapDialled > 10)
    }

    @Test("who is proven is dialled first, and finds dials free whatever is invented beside it")
    func provenFirst() {
        let settings = LinkSettings(profile: .wan)
        let own = testKey(1).nodeID
        let world = LinkWorld(seed: 1)
        for number: UInt8 in 2..<200 { world.add(identity: testKey(number)) }
        for seed: UInt64 in 0..<10 {
            var table = LinkTable(own: own, settings: settings, seed: seed, now: .zero)
            // Four members of the network, linked with before, behind nearly two hundred that nobody knows.
            let proven = Set([50, 90, 130, 170].map { world.nodes[$0].identity.nodeID })
            _ = table.handle(.standing(Standing(members: proven)), now: .zero)
            for index in world.nodes.indices {
                let record = world.record(index)
                _ = table.handle(.record(record, isRemembered: proven.contains(record.node)), now: .zero)
            }
            var met: [Duration] = []
            var silent: [(ConnectionID, Duration)] = []
            for tick in 0..<600 {
                let now = Duration.milliseconds(200 * tick)
                for (id, since) in silent where now - since >= settings.handshakeLimit {
                    _ = table.handle(.closed(id, .here(.handshakeTimeout)), now: now)
                }
                silent.removeAll { now - $0.1 >= settings.handshakeLimit }
                for case .dial(let id, _, let expected?) in table.handle(.tick, now: now) {
                    guard proven.contains(expected) else {
                        silent.append((id, now))
                        continue
                    }
                    _ = table.handle(.identified(id, expected, instance: 1), now: now)
                    _ = table.handle(.established(id), now: now)
                    met.append(now)
                }
            }
            #expect(met.count == 4 && met.allSatisfy { $0 <= .seconds(3) }, "seed \(seed): \(met)")
        }
    }

    @Test("strangers leave places to those that the chains know, and give way where none is left")
    func keptPlaces() {
        var settings = LinkSettings(profile: .loopback)
        settings.acceptedMax = 8
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        let members = Set((100..<110).map { testKey($0).nodeID })
        _ = table.handle(.standing(Standing(members: members)), now: .zero)
        var id: ConnectionID = 0
        func come(_ number: UInt8) -> [LinkTable.Directive] {
            id += 2
            let now = Duration.seconds(Int(number))
            _ = table.handle(.accepted(id), now: now)
            let answer = table.handle(.identified(id, testKey(number).nodeID, instance: 1), now: now)
            if answer.contains(.admit(id)) { _ = table.handle(.established(id), now: now) }
            for case .close(let other, .full) in answer { _ = table.handle(.closed(other, .here(.full)), now: now) }
            return answer
        }
        for number: UInt8 in 2..<20 { _ = come(number) }
        #expect(table.links.count == 6, "a quarter stays free")
        for number: UInt8 in 100..<108 { #expect(come(number).contains(.admit(id)), "member \(number)") }
        #expect(table.links.count == 8 && table.links.keys.allSatisfy(members.contains))
        #expect(come(108) == [.introduce(id)], "members do not push out each other")
    }

    @Test("accounts leave a quarter of the places to members, and the latest of them goes for one")
    func placesOfMembers() throws {
        let settings = LinkSettings(profile: .wan)
        var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
        let accounts = (UInt8(10)..<74).map { testKey($0).nodeID }
        let members = (UInt8(100)..<180).map { testKey($0).nodeID }
        let strangers = (UInt8(200)..<210).map { testKey($0).nodeID }
        _ = table.handle(.standing(Standing(members: Set(members), accounts: Set(accounts))), now: .zero)
        var id: ConnectionID = 0
        func come(_ node: NodeID) -> (isIn: Bool, gone: NodeID?) {
            id += 2
            let now = Duration.seconds(Int(id))
            _ = table.handle(.accepted(id), now: now)
            let answer = table.handle(.identified(id, node, instance: 1), now: now)
            var gone: NodeID?
            for case .close(let other, .full) in answer {
                gone = table.links.first { $0.value.connection == other }?.key
                _ = table.handle(.closed(other, .here(.full)), now: now)
            }
            guard answer.contains(.admit(id)) else {
                _ = table.handle(.closed(id, .here(.full)), now: now)
                return (false, gone)
            }
            _ = table.handle(.established(id), now: now)
            return (true, gone)
        }
        let kept = settings.acceptedMax / 4
        for stranger in strangers { #expect(come(stranger).isIn) }
        let came = accounts.map(come)
        #expect(table.links.count == settings.acceptedMax - kept)
        #expect(came.filter(\.isIn).count == settings.acceptedMax - kept)
        #expect(Set(came.compactMap(\.gone)) == Set(strangers), "accounts push out strangers, and no account")
        for member in members.prefix(kept) { #expect(come(member) == (true, nil)) }
        #expect(table.links.count == settings.acceptedMax)
        let next = come(members[kept])
        #expect(next == (true, accounts[settings.acceptedMax - kept - 1]), "the latest account leaves")
        for member in members.dropFirst(kept + 1) { _ = come(member) }
        #expect(table.links.keys.count { members.contains($0) } == settings.acceptedMax)
    }

    @Test("members are dialled before accounts that were linked with, and those before all others")
    func membersBeforeAccounts() {
        var settings = LinkSettings(profile: .wan)
        settings.dialsInProgressMax = 8
        let world = LinkWorld(seed: 1)
        for number: UInt8 in 2..<120 { world.add(identity: testKey(number)) }
        let nodes = world.nodes.map(\.identity.nodeID)
        // A hundred accounts, each met once; two members that nobody met here.
        let members = Set(nodes.suffix(2))
        for seed: UInt64 in 0..<10 {
            var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: seed, now: .zero)
            let standing = Standing(members: members, accounts: Set(nodes.prefix(100)))
            _ = table.handle(.standing(standing), now: .zero)
            for index in nodes.indices {
                _ = table.handle(.record(world.record(index), isRemembered: index < 100), now: .zero)
            }
            let first = table.handle(.tick, now: .seconds(60)).compactMap {
                if case .dial(_, _, let expected?) = $0 { expected } else { nil }
            }
            #expect(Set(first.prefix(2)) == members, "seed \(seed)")
            #expect(first.dropFirst(2).allSatisfy { standing.rank(of: $0) == .account }, "seed \(seed)")
            // Both are dialled: what is kept for them is kept from accounts.
            #expect(first.count == settings.dialsInProgressMax * 3 / 4, "seed \(seed): \(first.count)")
        }
    }

    @Test("a stranger's record names addresses of numbers only")
    func literalAddresses() throws {
        let names = [
            "example.org", "localhost", "127.1", "0x7f000001", "1.2.3.4.5", "1.2.3.256", "10.0.0.1", "fe80::1",
        ]
        let addresses = try names.map { try PeerAddress(host: $0, port: 7) }
        #expect(addresses.map(\.isLiteral) == [false, false, false, false, false, false, true, true])
        let record = NodeRecord(
            incarnation: 1, addresses: addresses, datagramKey: .zero, capabilities: 0, signedWith: testKey(2))
        func dialled(_ standing: Standing) -> Set<String> {
            var settings = LinkSettings(profile: .loopback)
            settings.retryMax = settings.retryBase
            var table = LinkTable(own: testKey(1).nodeID, settings: settings, seed: 1, now: .zero)
            _ = table.handle(.standing(standing), now: .zero)
            _ = table.handle(.record(record), now: .zero)
            var hosts: Set<String> = []
            for second in 1..<40 {
                for case .dial(let id, let address, _) in table.handle(.tick, now: .seconds(second)) {
                    hosts.insert(address.host)
                    _ = table.handle(.unreachable(id, "nobody"), now: .seconds(second))
                }
            }
            return hosts
        }
        #expect(dialled(Standing()) == ["10.0.0.1", "fe80::1"])
        #expect(dialled(Standing(accounts: [record.node])) == Set(names))
    }
}
