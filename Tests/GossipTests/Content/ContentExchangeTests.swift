import Gossip
import Testing
import Wire

@Suite struct ContentExchangeTests {
    private static let length = 40 * ContentLimits.chunkBytes + 77

    private func content(_ seed: UInt64, _ length: Int = length) -> [UInt8] {
        var random = TestRandom(seed: seed)
        return random.bytes(length)
    }

    @Test func oneProviderDeliversEverythingOnce() {
        var source = ContentPeer(1)
        let bytes = content(1)
        let id = source.hold(bytes)
        var network = ContentNetwork([source, ContentPeer(2)], seed: 1)
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(2))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed == [id] })
        #expect(digest(network.peers[node(2)]!.whole[id]?.bytes) == digest(bytes))
        #expect(network.served[node(1)] == bytes.count)
        #expect(network.largestBacklog <= 33)
        #expect(network.now < .seconds(1))
        // The first window at once, then a batch for each that came: one by one it would be ten.
        #expect(network.requests == 3)
    }

    @Test func emptyContentCompletes() {
        var source = ContentPeer(1)
        let id = source.hold([])
        var network = ContentNetwork([source, ContentPeer(2)], seed: 1)
        network.give(.want(id, expectedLength: 0, providers: [node(1)], deadline: nil), to: node(2))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed == [id] })
    }

    /// A manifest of more than 32 KiB travels as content itself.
    @Test func contentBeyondOneManifest() {
        var source = ContentPeer(1)
        let bytes = [UInt8](repeating: 6, count: 1023 * ContentLimits.chunkBytes + 5)
        let id = source.hold(bytes)
        var settings = ContentSettings()
        settings.serveBytesPerSecond = 1 << 30
        var network = ContentNetwork([source, ContentPeer(2, settings)], seed: 1)
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(2))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed == [id] })
        #expect(digest(network.peers[node(2)]!.whole[id]?.bytes) == digest(bytes))
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func lossReorderAndDoublingOnlyCostTime(seed: UInt64) {
        var (first, second) = (ContentPeer(1), ContentPeer(2))
        let contents = (0..<3).map { content(seed * 10 + $0, 20 * ContentLimits.chunkBytes + Int($0)) }
        let ids = contents.map { first.hold($0) }
        for bytes in contents { _ = second.hold(bytes) }
        var network = ContentNetwork([first, second, ContentPeer(3)], seed: seed)
        network.lost = 100
        network.doubled = 100
        network.slowest = 200
        for (id, bytes) in zip(ids, contents) {
            network.give(
                .want(id, expectedLength: UInt64(bytes.count), providers: [node(1), node(2)], deadline: nil),
                to: node(3))
        }
        #expect(network.run(until: .seconds(300)) { $0.peers[node(3)]!.completed.count == 3 }, "seed \(seed)")
        for (id, bytes) in zip(ids, contents) {
            #expect(digest(network.peers[node(3)]!.whole[id]?.bytes) == digest(bytes))
        }
        #expect(network.peers[node(3)]!.offences.isEmpty)
    }

    @Test func severalProvidersShareTheWork() {
        let bytes = content(2)
        var peers = (1...4).map { ContentPeer(UInt8($0)) }
        let ids = peers.indices.map { peers[$0].hold(bytes) }
        var network = ContentNetwork(peers + [ContentPeer(9)], seed: 2)
        network.give(
            .want(ids[0], expectedLength: UInt64(bytes.count), providers: peers.map(\.id), deadline: nil), to: node(9))
        #expect(network.run(until: .seconds(60)) { !$0.peers[node(9)]!.completed.isEmpty })
        for peer in peers { #expect(network.served[peer.id] ?? 0 >= 8 * ContentLimits.chunkBytes) }
        #expect(network.served.values.reduce(0, +) == bytes.count)
    }

    @Test func providerOfABadChunkIsNeverAskedAgain() {
        let bytes = content(3)
        var (liar, honest) = (ContentPeer(1), ContentPeer(2))
        let id = liar.hold(bytes)
        _ = honest.hold(bytes)
        liar.bend = { message in
            guard case .chunk(let id, let tier, let index, var bytes) = message else { return message }
            bytes[0] ^= 1
            return .chunk(id, tier, index: index, bytes)
        }
        var network = ContentNetwork([liar, honest, ContentPeer(3)], seed: 3)
        let want = ContentInput.want(
            id, expectedLength: UInt64(bytes.count), providers: [node(1), node(2)], deadline: nil)
        network.give(want, to: node(3))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(3)]!.completed == [id] })
        #expect(digest(network.peers[node(3)]!.whole[id]?.bytes) == digest(bytes))
        #expect(network.peers[node(3)]!.offences[node(1)]?.count == 1)
        // One window of lies at most: the ban came with the first.
        #expect(network.served[node(1)] ?? 0 <= 32 * ContentLimits.chunkBytes)

        // The ban outlives the want.
        let asked = network.peers[node(3)]!.handle(
            .want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), network.now)
        #expect(asked.isEmpty)
        #expect(network.peers[node(3)]!.starved == 1)
    }

    @Test func badManifestBansAndTheNextProviderHelps() {
        let bytes = content(4)
        var (liar, honest) = (ContentPeer(1), ContentPeer(2))
        let id = liar.hold(bytes)
        _ = honest.hold(bytes)
        let other = ContentManifest(of: [1], kind: .model)
        liar.bend = { message in
            guard case .manifest(let id, _) = message else { return message }
            return .manifest(id, other.wireBytes)
        }
        var network = ContentNetwork([liar, honest, ContentPeer(3)], seed: 4)
        network.give(
            .want(id, expectedLength: UInt64(bytes.count), providers: [node(1), node(2)], deadline: nil), to: node(3))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(3)]!.completed == [id] })
        #expect(network.peers[node(3)]!.offences == [node(1): [.badManifest(id)]])
        #expect(network.served[node(1)] == nil)
    }

    @Test func announcedLengthIsCheckedBeforeAnyChunk() {
        for (actual, announced) in [(100, 101), (40_000, 0), (1023 * 32_768 + 1, 9), (9, 1023 * 32_768 + 1)] {
            var source = ContentPeer(1)
            let id = source.hold([UInt8](repeating: 1, count: actual))
            var network = ContentNetwork([source, ContentPeer(2)], seed: 5)
            network.give(
                .want(id, expectedLength: UInt64(announced), providers: [node(1)], deadline: nil), to: node(2))
            #expect(network.run(until: .seconds(60)) { !$0.peers[node(2)]!.failures.isEmpty })
            guard case .lengthMismatch(UInt64(announced), _) = network.peers[node(2)]!.failures[0] else {
                Issue.record("\(network.peers[node(2)]!.failures)")
                continue
            }
            #expect(network.served.isEmpty)
        }
        var peer = ContentPeer(2)
        _ = peer.handle(.want(.zero, expectedLength: .max, providers: [node(1)], deadline: nil), .zero)
        #expect(peer.failures == [.tooLong(announced: .max, limit: ContentLimits.longestContent)])
    }

    /// Whoever copies an honest cid into an announcement with another length stops nobody.
    @Test func falseLengthDoesNotDisplaceTheTrueOne() {
        var source = ContentPeer(1)
        let bytes = content(6)
        let id = source.hold(bytes)
        var network = ContentNetwork([source, ContentPeer(2)], seed: 6)
        for length in [5, UInt64(bytes.count), 7] {
            network.give(.want(id, expectedLength: length, providers: [node(1)], deadline: nil), to: node(2))
        }
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed == [id] })
        #expect(network.peers[node(2)]!.refuted == [5, 7])
        #expect(network.peers[node(2)]!.failures.isEmpty)
    }

    @Test func resumesAtWhatIsThere() {
        let bytes = content(7)
        var source = ContentPeer(1)
        let id = source.hold(bytes)
        var receiver = ContentPeer(2)
        let manifest = ContentManifest(of: bytes, kind: .model)
        var chunks: [Int: [UInt8]] = [:]
        for index in 0..<30 {
            chunks[index] = Array(bytes[index * ContentLimits.chunkBytes..<(index + 1) * ContentLimits.chunkBytes])
        }
        receiver.partial[id] = (manifest, chunks)
        var network = ContentNetwork([source, receiver], seed: 7)
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(2))
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed == [id] })
        #expect(network.served[node(1)] == bytes.count - 30 * ContentLimits.chunkBytes)
        #expect(digest(network.peers[node(2)]!.whole[id]?.bytes) == digest(bytes))
    }

    @Test func silentProviderIsPassedOver() {
        let bytes = content(8)
        var (silent, honest) = (ContentPeer(1), ContentPeer(2))
        let id = silent.hold(bytes)
        _ = honest.hold(bytes)
        silent.bend = { _ in nil }
        var network = ContentNetwork([silent, honest, ContentPeer(3)], seed: 8)
        network.give(
            .want(id, expectedLength: UInt64(bytes.count), providers: [node(1), node(2)], deadline: nil), to: node(3))
        #expect(network.run(until: .seconds(20)) { $0.peers[node(3)]!.completed == [id] })
    }

    /// Contents that nobody has must not use up the places of those that are fetched at the same time.
    @Test func whatNobodyHasDoesNotKeepOutTheRest() {
        var settings = ContentSettings()
        settings.activeWants = 4
        var source = ContentPeer(1)
        let bytes = content(10)
        let id = source.hold(bytes)
        var network = ContentNetwork([source, ContentPeer(2, settings)], seed: 10)
        for number in 0..<20 as Range<UInt8> {
            let absent = ContentID([UInt8](repeating: number, count: 32))
            network.give(.want(absent, expectedLength: 100, providers: [node(1)], deadline: nil), to: node(2))
        }
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(2))
        #expect(network.run(until: .seconds(5)) { $0.peers[node(2)]!.completed == [id] })
        #expect(network.peers[node(2)]!.exchange.wanted.count == 20, "they are still wanted")
    }

    @Test func lostPeerIsReplacedByOneLearnedLater() {
        let bytes = content(9)
        var (first, second) = (ContentPeer(1), ContentPeer(2))
        let id = first.hold(bytes)
        _ = second.hold(bytes)
        var network = ContentNetwork([first, second, ContentPeer(3)], seed: 9)
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(3))
        #expect(network.run(until: .seconds(60)) { $0.served[node(1)] ?? 0 > 3 * ContentLimits.chunkBytes })
        let gone = network.peers.removeValue(forKey: node(1))!
        network.give(.peerGone(node(1)), to: node(3))
        #expect(network.peers[node(3)]!.starved == 1)
        #expect(!network.run(until: .seconds(100)) { $0.peers[node(3)]!.completed == [id] })
        network.give(.providers(id, [node(2)]), to: node(3))
        #expect(network.run(until: .seconds(200)) { $0.peers[node(3)]!.completed == [id] })
        #expect(gone.id == node(1))
    }

    @Test func returningPeerIsAskedAgain() {
        let bytes = content(10)
        var source = ContentPeer(1)
        let id = source.hold(bytes)
        var network = ContentNetwork([source, ContentPeer(2)], seed: 10)
        network.give(.want(id, expectedLength: UInt64(bytes.count), providers: [node(1)], deadline: nil), to: node(2))
        network.give(.peerGone(node(1)), to: node(2))
        network.give(.peerGone(node(2)), to: node(1))
        #expect(!network.run(until: .seconds(50)) { !$0.peers[node(2)]!.completed.isEmpty })
        network.give(.peerLinked(node(1)), to: node(2))
        #expect(network.run(until: .seconds(100)) { !$0.peers[node(2)]!.completed.isEmpty })
    }

    /// Two peers that hold a half each, and pull from each other and from nobody else, both end whole.
    @Test func halvesCompleteEachOther() {
        let bytes = content(11)
        let manifest = ContentManifest(of: bytes, kind: .submission)
        var (first, second) = (ContentPeer(1), ContentPeer(2))
        var halves: [[Int: [UInt8]]] = [[:], [:]]
        for index in manifest.chunks.indices {
            let start = index * ContentLimits.chunkBytes
            halves[index % 2][index] = Array(bytes[start..<start + manifest.chunkLength(index)])
        }
        let id = manifest.contentID
        first.partial[id] = (manifest, halves[0])
        second.partial[id] = (manifest, halves[1])
        var source = ContentPeer(3)
        _ = source.hold(bytes, kind: .submission)
        // The source gives the manifest alone.
        source.bend = { message in if case .chunk(let id, _, _, _) = message { .notFound(id, .absent) } else { message }
        }
        var network = ContentNetwork([first, second, source], seed: 11)
        for (receiver, other) in [(1, 2), (2, 1)] as [(UInt8, UInt8)] {
            network.give(
                .want(id, expectedLength: UInt64(bytes.count), providers: [node(3), node(other)], deadline: nil),
                to: node(receiver))
        }
        #expect(
            network.run(until: .seconds(120)) {
                !$0.peers[node(1)]!.completed.isEmpty && !$0.peers[node(2)]!.completed.isEmpty
            })
        #expect(digest(network.peers[node(1)]!.whole[id]?.bytes) == digest(bytes))
        #expect(digest(network.peers[node(2)]!.whole[id]?.bytes) == digest(bytes))
    }

    /// A provider that gave all it had is asked again later, when it has more.
    @Test func providerThatIsStillFetchingIsAskedAgain() {
        let bytes = content(14)
        var (origin, relay) = (ContentPeer(1), ContentPeer(2))
        let id = origin.hold(bytes)
        let manifest = ContentManifest(of: bytes, kind: .model)
        var chunks: [Int: [UInt8]] = [:]
        for index in 0..<10 {
            chunks[index] = Array(bytes[index * ContentLimits.chunkBytes..<(index + 1) * ContentLimits.chunkBytes])
        }
        relay.partial[id] = (manifest, chunks)
        var network = ContentNetwork([origin, relay, ContentPeer(3)], seed: 14)
        let want = { (provider: NodeID) in
            ContentInput.want(id, expectedLength: UInt64(bytes.count), providers: [provider], deadline: nil)
        }
        network.give(want(node(2)), to: node(3))
        #expect(!network.run(until: .seconds(9)) { !$0.peers[node(3)]!.completed.isEmpty })
        #expect(network.served[node(2)] == 10 * ContentLimits.chunkBytes)
        network.give(want(node(1)), to: node(2))
        #expect(network.run(until: .seconds(60)) { !$0.peers[node(3)]!.completed.isEmpty })
        #expect(digest(network.peers[node(3)]!.whole[id]?.bytes) == digest(bytes))
    }

    /// Contents that a slow disk does not have yet keep the places of who named them.
    @Test func slowDiskMakesNoRoomForMoreNames() {
        var origin = ContentPeer(1)
        var reader = ContentPeer(2)
        reader.isDiskStuck = true
        let ids = (0..<66 as Range<UInt8>).map { origin.hold([$0, 9]) }
        var network = ContentNetwork([origin, reader], seed: 16)
        let give = { (network: inout ContentNetwork, id: ContentID) in
            network.give(
                .want(id, expectedLength: 2, providers: [node(1)], deadline: nil, namedBy: node(1)), to: node(2))
        }
        for id in ids.prefix(64) { give(&network, id) }
        #expect(network.run(until: .seconds(60)) { $0.peers[node(2)]!.completed.count == 64 })
        #expect(network.peers[node(2)]!.exchange.finishing.count == 64)
        give(&network, ids[64])
        #expect(network.peers[node(2)]!.failures.count == 1)
        network.give(.finished(ids[3], failure: nil), to: node(2))
        give(&network, ids[65])
        #expect(network.run(until: .seconds(120)) { $0.peers[node(2)]!.completed.last == ids[65] })
        #expect(network.peers[node(2)]!.failures.count == 1)
    }

    @Test func deadlineTellsWhatIsMissing() {
        var network = ContentNetwork([ContentPeer(1), ContentPeer(2)], seed: 12)
        network.give(.want(.zero, expectedLength: 5, providers: [node(1)], deadline: .seconds(9)), to: node(2))
        #expect(network.run(until: .seconds(60)) { !$0.peers[node(2)]!.failures.isEmpty })
        #expect(network.peers[node(2)]!.failures == [.deadline(missingChunks: nil)])
        #expect(network.now == .seconds(9))
        #expect(network.peers[node(2)]!.exchange.wanted.isEmpty)
    }

    @Test func oneAskerCannotQueueWithoutBound() {
        let bytes = content(13, 200 * ContentLimits.chunkBytes)
        var settings = ContentSettings()
        settings.serveBytesPerSecond = 1 << 20
        settings.serveBurstBytes = 1 << 20
        var source = ContentPeer(1, settings)
        let id = source.hold(bytes)
        var sent: [(to: NodeID, message: ContentMessage)] = []
        for round in 0..<100 as Range<UInt32> {
            sent += source.handle(
                .frame(from: node(2), .getChunks(id, .content, first: round * 2, bitmap: [255, 255, 255, 255])), .zero)
        }
        let chunks = sent.filter { if case .chunk = $0.message { true } else { false } }
        #expect(chunks.count == 32)
        #expect(source.offences[node(2)]?.isEmpty == false)
        #expect(sent.contains { $0.message == .notFound(id, .busy) })
        // The rest comes at the rate, not at once, and a second asker is served meanwhile.
        let other = source.handle(.frame(from: node(3), .getChunks(id, .content, first: 0, bitmap: [1])), .zero)
        #expect(other.count == 1)
        var later = 0
        for step in 1...100 { later += source.handle(.timer, .milliseconds(step * 20)).count }
        #expect(later <= 64 && later >= 60)
    }

    /// Twenty fresh keys and one member that ask for all they can, for ten seconds.
    @Test func strangersShareWhatTheyMayDraw() {
        let settings = ContentSettings()
        var source = ContentPeer(1, settings)
        let id = source.hold(content(14, 64 * ContentLimits.chunkBytes))
        _ = source.handle(.standing(Standing(members: [node(2)], accounts: [node(2)])), .zero)
        var drawn: [NodeID: Int] = [:]
        for step in 0..<200 {
            let now = Duration.milliseconds(step * 50)
            for asker in [UInt8(2)] + Array(10..<30) {
                let sent = source.handle(
                    .frame(
                        from: node(asker),
                        .getChunks(id, .content, first: UInt32(step % 2) * 32, bitmap: [255, 255, 255, 255])), now)
                for answer in sent {
                    if case .chunk(_, _, _, let bytes) = answer.message { drawn[answer.to, default: 0] += bytes.count }
                }
            }
        }
        let strangers = (10..<30).map { drawn[node($0)] ?? 0 }
        let one = settings.serveBurstBytes + 11 * settings.strangerBytesPerSecond
        let all = settings.serveBurstBytes + 11 * settings.strangersBytesPerSecond
        #expect(strangers.allSatisfy { $0 <= one })
        #expect(strangers.reduce(0, +) <= all, "\(strangers.reduce(0, +)) of \(all) bytes")
        #expect(strangers.reduce(0, +) > all / 2, "what strangers may draw they get")
        // 32 chunks every 50 ms are what it asked for.
        #expect(drawn[node(2)] ?? 0 >= 190 * 32 * ContentLimits.chunkBytes, "\(drawn[node(2)] ?? 0)")
    }

    /// Forty fresh keys that always wait for something: each gets as much as any other, whatever its id.
    @Test func whoWaitsIsServedInTurn() {
        var settings = ContentSettings()
        settings.serveBurstBytes = ContentLimits.chunkBytes
        settings.strangersBytesPerSecond = 32 * ContentLimits.chunkBytes
        var source = ContentPeer(1, settings)
        let id = source.hold(content(15, 32 * ContentLimits.chunkBytes))
        _ = source.handle(.standing(Standing(members: [node(2)], accounts: [node(2)])), .zero)
        let askers = Array(10..<50 as Range<UInt8>)
        var drawn: [NodeID: Int] = [:]
        for step in 0..<400 {
            // The lowest id asks first as well.
            for asker in askers {
                let sent = source.handle(
                    .frame(from: node(asker), .getChunks(id, .content, first: 0, bitmap: [255, 255, 255, 255])),
                    .milliseconds(step * 25))
                for answer in sent { if case .chunk = answer.message { drawn[answer.to, default: 0] += 1 } }
            }
        }
        let chunks = askers.map { drawn[node($0)] ?? 0 }
        #expect(chunks.reduce(0, +) > 250, "\(chunks)")
        #expect(chunks.max()! - chunks.min()! <= 2, "\(chunks)")
    }

    /// Everything a peer can say, in any order and at any time, neither traps nor schedules without end.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func arbitraryFramesDoNoHarm(seed: UInt64) {
        var random = TestRandom(seed: seed)
        var source = ContentPeer(1)
        let bytes = random.bytes(5 * ContentLimits.chunkBytes + 9)
        let id = source.hold(bytes)
        let manifest = source.whole[id]!.manifest
        var peer = ContentPeer(2)
        var now: Duration = .zero
        for _ in 0..<400 {
            now += .milliseconds(random.below(400))
            let from = node(UInt8(1 + random.below(4)))
            let some = random.below(2) == 0 ? id : .zero
            let index = [0, 3, 5, 6, UInt32.max, 1 << 31][random.below(6)]
            let frame: ContentMessage =
                switch random.below(8) {
                case 0: .getManifest(some)
                case 1: .manifest(some, random.below(2) == 0 ? manifest.wireBytes : random.bytes(random.below(300)))
                case 2: .getChunks(some, .content, first: index, bitmap: random.bytes(random.below(129)))
                case 3:
                    .chunk(
                        some, random.below(4) == 0 ? .manifest : .content, index: index,
                        Array(bytes.prefix(random.below(32_769))))
                case 4: .have(some, first: index, bitmap: random.bytes(random.below(4097)))
                case 5: .notFound(some, random.below(2) == 0 ? .busy : .absent)
                case 6: .cancel(some)
                default: .getChunks(some, .manifest, first: index, bitmap: random.bytes(9))
                }
            let input: ContentInput =
                switch random.below(12) {
                case 0:
                    .want(
                        some, expectedLength: [UInt64(bytes.count), 0, .max][random.below(3)],
                        providers: [node(1), node(3)],
                        deadline: random.below(2) == 0 ? nil : now + .seconds(random.below(9)))
                case 1: .peerGone(from)
                case 2: .timer
                case 3: .cancel(some)
                case 4: .peerLinked(from)
                case 5: .opened(some, ChunkBitmap(count: random.below(9)))
                default: .frame(from: from, frame)
                }
            _ = peer.handle(input, now)
        }
        // Timers alone come to rest or move forward.
        for _ in 0..<50 {
            guard let due = peer.timer else { break }
            peer.timer = nil
            now = max(now, due)
            _ = peer.handle(.timer, now)
            #expect(peer.timer.map { $0 > now } ?? true, "seed \(seed)")
        }
    }
}
