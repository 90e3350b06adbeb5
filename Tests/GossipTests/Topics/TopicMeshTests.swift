@testable import Gossip
import Testing
import Wire

/// The mesh of a topic: who is in it, what it passes on, and what it pulls.
@Suite("Topic mesh")
struct TopicMeshTests {
    @Test func smallMessagesReachEverybodyAtOnce() {
        var world = TopicWorld(9)
        world.linkAll()
        let message = world.message(1)
        world.feed(node(1), .publish(message))
        world.settle()
        for number in UInt8(2)...9 { #expect(world.delivered[node(number)] == [message.id], "node \(number)") }
        #expect(world.delivered[node(1)] == nil)
    }

    /// A message over the eager limit is told and pulled: each node gets its bytes once.
    @Test func largeMessagesArePulledOnce() {
        var world = TopicWorld(9)
        world.linkAll()
        let message = world.message(1, bytes: 2_000)
        world.feed(node(1), .publish(message))
        world.settle()
        for number in UInt8(2)...9 { #expect(world.delivered[node(number)] == [message.id], "node \(number)") }
        let copies = world.sent.reduce(0) { count, sent in
            if case .send(_, let nodes) = sent.directive { count + nodes.count } else { count }
        }
        #expect(copies == 8)
    }

    /// A peer that has told of a message gets no copy of it when it comes from another.
    @Test func whoToldOfAMessageIsSentNoCopy() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.join(topic), now: .zero)
        for number in UInt8(2)...6 {
            _ = mesh.handle(.linked(node(number), outbound: true), now: .zero)
            _ = mesh.handle(.control(.graft(topic), from: node(number)), now: .zero)
        }
        #expect(mesh.mesh(of: topic) == (2...6).map { node($0) })
        let message = TopicWorld.message(1, topic: topic)
        #expect(
            mesh.handle(.control(.have(topic, [message.id]), from: node(2)), now: .zero)
                .contains(.control(.want([message.id]), to: node(2))))
        _ = mesh.handle(.control(.have(topic, [message.id]), from: node(3)), now: .zero)
        _ = mesh.handle(.message(message, from: node(4)), now: .zero)
        let directives = mesh.handle(.verdict(message.id, .accept), now: .zero)
        #expect(directives.contains(.send(message, to: [node(5), node(6)])), "\(directives)")
        // Nor is it told of it later.
        for second in 1...3 {
            for case .control(.have, let told) in mesh.handle(.tick, now: .seconds(second)) {
                #expect(told > node(4), "\(told)")
            }
        }
    }

    /// What was ignored when it came and counts later is passed on to the mesh, not to everybody as an own message is.
    @Test func whatCountsLateGoesToTheMeshAlone() {
        var world = TopicWorld(30)
        world.linkAll()
        world.run(for: .seconds(5))
        var mesh = world.meshes[node(1)]!
        let members = mesh.mesh(of: world.topic)
        let message = world.message(1)
        _ = mesh.handle(.message(message, from: node(2)), now: world.now)
        _ = mesh.handle(.verdict(message.id, .ignore), now: world.now)
        #expect(!mesh.hasSeen(message.id))
        #expect(mesh.handle(.relay(message), now: world.now) == [.send(message, to: members)])
        #expect(!members.isEmpty && members.count < 29 && mesh.hasSeen(message.id))
        #expect(mesh.counters.published == 0)
        #expect(mesh.handle(.relay(message), now: world.now).isEmpty)
        // Whoever asks for it gets it.
        let answer = mesh.handle(.control(.want([message.id]), from: node(30)), now: world.now)
        #expect(answer.contains(.send(message, to: [node(30)])))
    }

    @Test func aMeshKeepsItsSize() {
        var world = TopicWorld(30)
        world.linkAll()
        world.run(for: .seconds(10))
        for (id, mesh) in world.meshes {
            let members = mesh.mesh(of: world.topic)
            #expect(members.count >= 4 && members.count <= 13, "\(id.short) has \(members.count)")
            for member in members { #expect(world.meshes[member]!.mesh(of: world.topic).contains(id)) }
        }
    }

    /// Whoever dials us cannot fill our mesh: two places stay for links that we dialled.
    @Test func twoPlacesStayForDialledLinks() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.join(topic), now: .zero)
        for number in UInt8(2)...21 {
            _ = mesh.handle(.linked(node(number), outbound: number > 18), now: .zero)
            _ = mesh.handle(.control(number > 18 ? .join([topic]) : .graft(topic), from: node(number)), now: .zero)
        }
        var now: Duration = .zero
        for _ in 0..<5 {
            now += .seconds(1)
            _ = mesh.handle(.tick, now: now)
        }
        #expect(mesh.mesh(of: topic).count { $0 > node(18) } >= 2)
        #expect(mesh.mesh(of: topic).count <= 12)
    }

    /// Who comes when all meshes are full finds a place at the next beat.
    @Test func aFullMeshMakesRoom() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.join(topic), now: .zero)
        func graft(_ number: UInt8, _ now: Duration) -> [TopicDirective] {
            _ = mesh.handle(.linked(node(number), outbound: false), now: now)
            return mesh.handle(.control(.graft(topic), from: node(number)), now: now)
        }
        for number in UInt8(2)...11 { _ = graft(number, .zero) }
        #expect(mesh.mesh(of: topic).count == 10)
        #expect(graft(12, .zero).contains(.control(.prune(topic, backoffMs: 60_000), to: node(12))))
        let pruned = mesh.handle(.tick, now: .seconds(1)).count {
            if case .control(.prune, _) = $0 { true } else { false }
        }
        #expect(pruned == 4 && mesh.mesh(of: topic).count == 6)
        _ = graft(13, .seconds(1))
        #expect(mesh.mesh(of: topic).contains(node(13)))
    }

    /// The mesh loses a message; those outside it tell of it at the next beat.
    @Test func whatTheMeshLosesIsPulledFromOthers() {
        var world = TopicWorld(12)
        world.linkAll()
        world.run(for: .seconds(5))
        world.passes = { from, directive in
            guard case .send(_, let nodes) = directive else { return true }
            return !(nodes.contains(node(7)) && nodes.count > 1)
        }
        let message = world.message(1)
        // Straight into one node's mesh, as if it came from elsewhere: flood publishing would reach all.
        world.feed(node(1), .publish(message))
        world.settle()
        #expect(world.delivered[node(7)] == nil)
        world.run(for: .seconds(2))
        #expect(world.delivered[node(7)] == [message.id])
    }

    /// Who tells of a message and does not deliver it costs a pull. It is late, not wrong: no score, and where nobody else is
    /// there, no place either.
    @Test func afterABrokenPromiseTheNextIsAsked() {
        var world = TopicWorld(3)
        world.link(1, 2)
        world.link(1, 3)
        let id = MessageID([UInt8](repeating: 5, count: 32))
        world.feed(node(1), .control(.have(world.topic, [id]), from: node(2)))
        world.feed(node(1), .control(.have(world.topic, [id]), from: node(3)))
        func asked(_ number: UInt8) -> Int {
            world.sent.count { $0.from == node(1) && $0.directive == .control(.want([id]), to: node(number)) }
        }
        #expect(asked(2) == 1 && asked(3) == 0)
        world.run(for: .milliseconds(600))
        #expect(asked(2) == 1 && asked(3) == 1)
        world.run(for: .seconds(4))
        #expect(world.meshes[node(1)]!.score(of: node(2)) == 0)
        #expect(world.meshes[node(1)]!.score(of: node(3)) == 0)
        #expect(world.meshes[node(1)]!.counters.brokenPromises == 2)
        #expect(world.meshes[node(1)]!.mesh(of: world.topic).count == 2)
        #expect(world.meshes[node(1)]!.load.pulls == 0)
    }

    /// A burst: hundreds of promises that all come too late cut off nobody; with others there, they cost the mesh place.
    @Test func manyBrokenPromisesCutOffNobody() {
        var world = TopicWorld(9)
        // The others want this node in their meshes too; then all would be in its own, and nobody there to take a place.
        world.passes = { _, directive in
            if case .control(.graft, _) = directive { false } else { true }
        }
        for other in UInt8(2)...9 { world.link(1, other) }
        world.run(for: .seconds(2))
        let topic = world.topic
        func promise(_ from: UInt8, _ count: Int) {
            let ids = (0..<count).map { number in
                MessageID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : Int(from)) })
            }
            world.feed(node(1), .control(.have(topic, ids), from: node(from)))
        }
        let first = world.meshes[node(1)]!.mesh(of: topic).first!
        let number = (UInt8(2)...9).first { node($0) == first }!
        // Not counted while this node says that it is behind.
        world.feed(node(1), .busy(until: world.now + .seconds(10)))
        promise(number, 100)
        world.run(for: .seconds(5))
        #expect(world.meshes[node(1)]!.mesh(of: topic).contains(first))
        #expect(world.meshes[node(1)]!.counters.brokenPromises == 0)
        world.run(for: .seconds(6))
        promise(number, 100)
        world.run(for: .seconds(5))
        #expect(!world.meshes[node(1)]!.mesh(of: topic).contains(first), "its place has another")
        #expect(world.cut.isEmpty)
        #expect(world.meshes[node(1)]!.score(of: first) == 0)
    }

    /// Names of 32 bytes that are answered with a kilobyte each, over and over by one who links anew.
    @Test func answersToWantsHaveABudget() {
        var world = TopicWorld(2) { $0.eagerBytesMax = 1 << 20 }
        world.feed(node(1), .standing(Standing(members: [node(1)])))
        world.link(1, 2)
        var ids: [MessageID] = []
        for number in 0..<400 {
            let id = MessageID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 7) })
            ids.append(id)
            let message = TopicMessage(
                id: id, topic: world.topic, bytes: [UInt8](repeating: 1, count: 50_000), isUrgent: false)
            world.feed(node(1), .publish(message))
        }
        world.sent = []
        for _ in 0..<3 { world.feed(node(1), .control(.want(ids), from: node(2))) }
        let allowance = AnswerBudget.Allowance.of(.stranger, .wan).burst
        let answered = 50_000 * world.sent.count { if case .send = $0.directive { true } else { false } }
        #expect(answered > 0 && answered <= allowance + 10 * 3 * 400 * 32 + 50_000, "\(answered) bytes")
        #expect(world.meshes[node(1)]!.counters.overBudget > 0)
        // Members of what runs here draw as much as they need.
        world.feed(node(1), .standing(Standing(members: [node(2)])))
        world.feed(node(1), .control(.want(ids), from: node(2)))
        #expect(world.sent.count { if case .send = $0.directive { true } else { false } } > answered / 50_000 + 100)
    }

    /// Keys cost nothing: a crowd of them that grafts first must neither fill a mesh nor be all that is told.
    @Test(arguments: [true, false])
    func strangersFillNoMesh(standingComesFirst: Bool) {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        let members = (100...107).map { node($0) }
        let standing = TopicInput.standing(Standing(members: Set(members), accounts: Set(members)))
        _ = mesh.handle(.join(topic), now: .zero)
        if standingComesFirst { _ = mesh.handle(standing, now: .zero) }
        for number in UInt8(2)...60 {
            _ = mesh.handle(.linked(node(number), outbound: false), now: .zero)
            _ = mesh.handle(.control(.graft(topic), from: node(number)), now: .zero)
        }
        _ = mesh.handle(standing, now: .zero)
        for member in members {
            _ = mesh.handle(.linked(member, outbound: false), now: .zero)
            _ = mesh.handle(.control(.graft(topic), from: member), now: .zero)
        }
        func strangers() -> Int { mesh.mesh(of: topic).count { !members.contains($0) } }
        #expect(mesh.mesh(of: topic).count { members.contains($0) } == members.count, "\(mesh.mesh(of: topic))")
        for second in 1...3 { _ = mesh.handle(.tick, now: .seconds(second)) }
        #expect(mesh.mesh(of: topic).count { members.contains($0) } >= 6)
        #expect(strangers() <= mesh.settings.strangersMost)
        // Whoever of the members is outside the mesh hears what there is in the next heartbeat.
        let message = TopicWorld.message(1, topic: topic)
        _ = mesh.handle(.message(message, from: mesh.mesh(of: topic)[0]), now: .seconds(4))
        let passed = mesh.handle(.verdict(message.id, .accept), now: .seconds(4))
        var told: Set<NodeID> = [mesh.mesh(of: topic)[0]]
        for directive in passed + mesh.handle(.tick, now: .seconds(5)) {
            if case .send(_, let nodes) = directive { told.formUnion(nodes) }
            if case .control(.have, let node) = directive { told.insert(node) }
        }
        #expect(told.isSuperset(of: members), "\(members.filter { !told.contains($0) })")
    }

    /// Nor does this node take them of its own accord, though its mesh is too small without them.
    @Test func strangersAreGraftedIntoFewPlaces() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.standing(Standing(members: [node(100)], accounts: [node(100)])), now: .zero)
        _ = mesh.handle(.join(topic), now: .zero)
        for number in UInt8(2)...30 {
            _ = mesh.handle(.linked(node(number), outbound: number % 2 == 0), now: .zero)
            _ = mesh.handle(.control(.join([topic]), from: node(number)), now: .zero)
        }
        #expect(mesh.mesh(of: topic).count == mesh.settings.strangersMost)
        for second in 1...3 {
            _ = mesh.handle(.tick, now: .seconds(second))
            #expect(mesh.mesh(of: topic).count == mesh.settings.strangersMost, "second \(second)")
        }
    }

    @Test func graftsWithinTheBackoffAreRefusedAndCost() {
        var world = TopicWorld(2)
        world.link(1, 2)
        world.feed(node(1), .control(.prune(world.topic, backoffMs: 60_000), from: node(2)))
        #expect(world.meshes[node(1)]!.mesh(of: world.topic).isEmpty)
        world.run(for: .seconds(5))
        #expect(world.meshes[node(1)]!.mesh(of: world.topic).isEmpty)
        let pruned = world.count { if case .prune = $0 { true } else { false } }
        world.feed(node(1), .control(.graft(world.topic), from: node(2)))
        #expect(world.count { if case .prune = $0 { true } else { false } } == pruned + 1)
        #expect(world.meshes[node(1)]!.score(of: node(2))! < 0)
    }

    /// Each pull wakes the shell earlier than the heartbeat; the timers that it holds must not grow in number.
    @Test func wakesDoNotMultiply() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        var timers: [Duration] = []
        var ticks = 0
        func feed(_ input: TopicInput, _ now: Duration) {
            for directive in mesh.handle(input, now: now) {
                if case .wake(let at) = directive { timers.append(at) }
            }
        }
        feed(.join(topic), .zero)
        feed(.linked(node(2), outbound: true), .zero)
        var now: Duration = .zero
        for number in UInt8(1)...100 {
            feed(.control(.have(topic, [MessageID([UInt8](repeating: number, count: 32))]), from: node(2)), now)
            let end = now + .milliseconds(600)
            while let next = timers.min(), next <= end {
                timers.remove(at: timers.firstIndex(of: next)!)
                now = max(now, next)
                ticks += 1
                feed(.tick, now)
            }
            now = end
        }
        #expect(timers.count <= 4, "\(timers.count) timers")
        #expect(ticks < 1_000, "\(ticks) ticks in a minute")
    }

    /// Each wake looks at all pulls: how many there are must not follow from the times at which frames come.
    @Test func framesAtManyTimesGiveFewWakes() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.join(topic), now: .zero)
        let peers = UInt8(2)...11
        for peer in peers { _ = mesh.handle(.linked(node(peer), outbound: true), now: .zero) }
        // A thousand names at a thousand times within three seconds, from ten peers.
        var frames: [(at: Duration, name: Int)] = (0..<1_000).map { (.microseconds(2_917 * $0 + 13), $0) }
        var wakes: [Duration: Int] = [:]
        var now: Duration = .zero
        while now < .seconds(8) {
            let frame = frames.first?.at ?? .seconds(9)
            let due = mesh.nextDeadline ?? .seconds(9)
            now = max(now, min(frame, due))
            if frame <= due {
                let name = frames.removeFirst().name
                let id = MessageID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? name >> (8 * $0) : 7) })
                _ = mesh.handle(.control(.have(topic, [id]), from: node(2 + UInt8(name % 10))), now: now)
            } else {
                wakes[.seconds(now.components.seconds), default: 0] += 1
                _ = mesh.handle(.tick, now: now)
            }
        }
        #expect(frames.isEmpty && mesh.load.pulls == 0)
        #expect(wakes.values.allSatisfy { $0 <= 20 }, "\(wakes.values.max() ?? 0) wakes in a second")
        #expect(wakes.values.reduce(0, +) >= 8)
    }

    @Test func oneSeedOneOrder() {
        func trace() -> [String] {
            var world = TopicWorld(20)
            world.linkAll()
            for number in UInt8(1)...5 {
                world.feed(node(number), .publish(world.message(number, bytes: number == 3 ? 2_000 : 100)))
                world.run(for: .seconds(1))
            }
            return world.sent.map { "\($0.from.short) \($0.directive)" }
        }
        #expect(trace() == trace())
    }
}
