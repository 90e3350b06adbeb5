import Testing
import Wire

@Suite("Tables that peers fill")
struct BoundedTests {
    private func table(
        total: Int, quota: Int, _ atQuota: TableRule.AtQuota = .refuse
    ) -> Bounded<Int, String, Int> {
        Bounded(TableRule("numbers", total: total, quota: quota, atQuota: atQuota, reason: "a test"))
    }

    @Test("one sender fills its quota and nothing beyond it")
    func quota() {
        var refusing = table(total: 10, quota: 3)
        for number in 0..<100 { _ = refusing.insert(number, for: "a\(number)", by: 1) }
        #expect(refusing.keys == ["a0", "a1", "a2"])
        #expect(refusing.losses == 97)
        var rolling = table(total: 10, quota: 3, .dropOldest)
        for number in 0..<100 { _ = rolling.insert(number, for: "a\(number)", by: 1) }
        #expect(rolling.keys == ["a97", "a98", "a99"])
        #expect(rolling.insert(1, for: "b", by: 2).isIn)
        #expect(rolling.count == 4)
    }

    @Test("a full table takes from the one with most, and nobody falls below its share")
    func fairShare() {
        var table = table(total: 8, quota: 6)
        for number in 0..<6 { _ = table.insert(number, for: "a\(number)", by: 1) }
        for number in 0..<2 { _ = table.insert(number, for: "b\(number)", by: 2) }
        // Sender 1 is above 8 / 3, so its oldest goes for a third sender, one after the other.
        for number in 0..<3 { _ = table.insert(number, for: "c\(number)", by: 3) }
        #expect(table.keys(of: 1) == ["a3", "a4", "a5"])
        #expect(table.keys(of: 2) == ["b0", "b1"])
        #expect(table.keys(of: 3) == ["c0", "c1", "c2"])
        #expect(!table.insert(9, for: "c9", by: 3).isIn, "it holds as many as the one with most")
        #expect(table.count == 8)
    }

    @Test("a crowd of invented senders pushes out nobody with a share")
    func invented() {
        var table = table(total: 16, quota: 4)
        for sender in 0..<4 { for number in 0..<4 { _ = table.insert(number, for: "\(sender)/\(number)", by: sender) } }
        for sender in 100..<1_100 {
            for number in 0..<4 { _ = table.insert(number, for: "\(sender)/\(number)", by: sender) }
        }
        for sender in 0..<4 { #expect(table.count(of: sender) >= 1, "sender \(sender)") }
        #expect(table.count == 16)
    }

    @Test("protected entries go for no others, and push out a stranger whatever it holds")
    func protected() {
        var table = table(total: 4, quota: 4)
        for number in 0..<4 { _ = table.insert(number, for: "member\(number)", by: 7, isProtected: true) }
        #expect(!table.insert(1, for: "stranger", by: 8).isIn)
        var other = self.table(total: 4, quota: 4)
        for sender in 0..<4 { _ = other.insert(0, for: "stranger\(sender)", by: sender) }
        for number in 0..<3 { #expect(other.insert(number, for: "member\(number)", by: 7, isProtected: true).isIn) }
        #expect(other.keys == ["stranger0", "member0", "member1", "member2"])
        #expect(other.insert(0, for: "member3", by: 7, isProtected: true).isIn)
        // Among the protected a share is a share.
        #expect(other.insert(0, for: "other member", by: 9, isProtected: true).isIn)
        #expect(other.count(of: 7) == 3)
        #expect(!other.insert(0, for: "one more", by: 0).isIn)
    }

    @Test("at its quota a sender's protected entries stay before the others")
    func protectedAtQuota() {
        var table = table(total: 10, quota: 2, .dropOldest)
        _ = table.insert(0, for: "kept", by: 1, isProtected: true)
        _ = table.insert(1, for: "first", by: 1)
        _ = table.insert(2, for: "second", by: 1)
        #expect(table.keys == ["kept", "second"])
        // A protected newcomer takes the place of one that is not, and only then of the oldest.
        #expect(table.insert(3, for: "new", by: 1, isProtected: true).isIn)
        #expect(table.keys == ["kept", "new"])
        #expect(table.insert(4, for: "newest", by: 1, isProtected: true).isIn)
        #expect(table.keys == ["new", "newest"])
    }

    @Test("what is protected changes while it lies there")
    func protection() {
        var table = table(total: 2, quota: 2, .dropOldest)
        for sender in 0..<2 { _ = table.insert(sender, for: "\(sender)", by: sender) }
        table.protect(["1", "gone"])
        #expect(table.insert(2, for: "2", by: 2, isProtected: true).isIn)
        #expect(table.keys == ["1", "2"])
        #expect(!table.insert(3, for: "3", by: 3).isIn)
        table.protect(["2"])
        #expect(table.insert(4, for: "4", by: 4, isProtected: true).isIn)
        #expect(table.keys == ["2", "4"])
        table.protect([])
        #expect(table.insert(5, for: "5", by: 5, isProtected: true).isIn && table.count == 2)
        for key in table.keys { table.remove(key) }
        #expect(table.isEmpty)
    }

    @Test("a known key keeps its owner; what is removed frees its place")
    func ownership() {
        var table = table(total: 2, quota: 1)
        _ = table.insert(1, for: "x", by: 1)
        guard case .replaced(1) = table.insert(2, for: "x", by: 2) else {
            Issue.record("not replaced")
            return
        }
        #expect(table.sender(of: "x") == 1)
        #expect(table["x"] == 2)
        table.update("x") { $0 += 1 }
        #expect(table.remove("x") == 3)
        #expect(table.remove("x") == nil)
        #expect(table.insert(1, for: "y", by: 1).isIn)
        #expect(table.insert(1, for: "z", by: 2).isIn)
        table.removeAll(of: 1)
        #expect(table.keys == ["z"])
        table.removeAll { _, value in value == 1 }
        #expect(table.isEmpty)
    }

    /// Every call keeps what the rule promises, whatever the order.
    @Test("random calls keep every bound", arguments: 0..<20)
    func bounds(seed: Int) {
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
        func draw(_ limit: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % limit)
        }
        let total = 1 + draw(20)
        let quota = 1 + draw(8)
        var table = table(total: total, quota: quota, seed % 2 == 0 ? .refuse : .dropOldest)
        for step in 0..<2_000 {
            let sender = draw(12)
            let isProtected = sender < 2
            let before = table
            switch draw(10) {
            case 0: table.remove("\(draw(60))")
            case 1: table.removeAll(of: sender)
            default:
                let key = "\(draw(60))"
                let wasThere = table.contains(key)
                let outcome = table.insert(step, for: key, by: sender, isProtected: isProtected)
                if !isProtected {
                    for member in 0..<2 { #expect(table.keys(of: member) == before.keys(of: member)) }
                }
                if case .refused = outcome { #expect(!wasThere && !table.contains(key)) }
                for other in 2..<12 where other != sender && !isProtected {
                    let share = max(1, total / max(1, before.senders.count + 1))
                    #expect(table.count(of: other) >= min(share, before.count(of: other)))
                }
            }
            #expect(table.count <= total)
            #expect(table.senders.allSatisfy { (1...quota).contains(table.count(of: $0)) })
            #expect(table.senders.reduce(0) { $0 + table.count(of: $1) } == table.count)
        }
    }
}
