import Gossip
import Testing
import Wire

@testable import MeshNode

/// Promises of strangers take nothing from anybody; what they deliver is paid for.
struct StrangersRangesTests {
    private static let length: UInt64 = 6 << 20
    private let chunks = Int(Self.length) / ContentLimits.chunkBytes

    private func node(_ number: UInt8) -> NodeID { NodeID([UInt8](repeating: number, count: 32)) }

    private func offer(_ number: UInt8, _ mark: UInt8 = 0, length: UInt64 = Self.length) -> RangeOffer {
        let id = ContentID([number, mark] + [UInt8](repeating: 7, count: 30))
        return RangeOffer(
            chain: ChainID([UInt8](repeating: 1, count: 32)), first: 64,
            reference: ContentReference(id: id, length: length), node: node(number), isStrangers: true,
            isFetched: true)
    }

    private func next(
        _ ranges: inout StrangersRanges, _ now: Duration, _ mayBeFetched: (RangeOffer) -> Bool = { _ in true }
    ) -> RangeOffer? {
        ranges.next(now: now, mayBeFetched)
    }

    private func hear(_ ranges: inout StrangersRanges, _ offer: RangeOffer) -> Bool { ranges.hear(offer) }

    /// Ten times the budget promised, one after another, and none of it delivered.
    @Test func onlyBytesThatArrivedAreCharged() throws {
        var ranges = StrangersRanges()
        var now = Duration.seconds(1)
        for mark in UInt8(0)..<107 {
            #expect(hear(&ranges, offer(1, mark)))
            let asked = try #require(next(&ranges, now), "promise \(mark) is not asked for")
            now += StrangersRanges.silence
            #expect(ranges.overdue(now: now) == asked.reference.id)
            ranges.end(asked.reference.id, isBroken: true)
        }
        #expect(ranges.used == 0)
        // What comes is charged, chunk by chunk, and what was here before is not.
        var taken: UInt64 = 0
        while ranges.hear(offer(2, UInt8(taken))), let asked = next(&ranges, now) {
            ranges.begin(with: 2)
            ranges.arrived(3, isWhole: false, now: now)
            ranges.arrived(3, isWhole: false, now: now)
            ranges.arrived(chunks, isWhole: true, now: now)
            #expect(ranges.asked == nil)
            ranges.end(asked.reference.id, isBroken: false)
            taken += 1
            #expect(ranges.used == taken * (Self.length - 2 * UInt64(ContentLimits.chunkBytes)))
        }
        #expect(taken == 10, "the next one does not fit")
        // Nor does one that is longer than all of it, ever.
        #expect(hear(&ranges, offer(3, length: .max)))
        #expect(next(&ranges, now) == nil)
        now += StrangersRanges.period
        #expect(next(&ranges, now)?.node == node(2), "a new period")
    }

    @Test func aPlaceLastsAsLongAsItGetsOn() throws {
        let start = Duration.seconds(100)
        func asked() throws -> StrangersRanges {
            var ranges = StrangersRanges()
            #expect(hear(&ranges, offer(1)))
            _ = try #require(next(&ranges, start))
            return ranges
        }
        let instant = Duration.milliseconds(1)
        // Nothing comes.
        var silent = try asked()
        #expect(silent.overdue(now: start + StrangersRanges.silence - instant) == nil)
        #expect(silent.overdue(now: start + StrangersRanges.silence) == offer(1).reference.id)
        // A megabyte at once, and then nothing.
        silent.arrived(32, isWhole: false, now: start + .seconds(1))
        #expect(silent.overdue(now: start + .seconds(1) + StrangersRanges.silence - instant) == nil)
        #expect(silent.overdue(now: start + .seconds(1) + StrangersRanges.silence) != nil)
        // A chunk every two seconds: never silent for long, and too slow all the same.
        var dripping = try asked()
        var now = start
        var count = 0
        while dripping.overdue(now: now) == nil {
            now += .seconds(2)
            count += 1
            dripping.arrived(count, isWhole: false, now: now)
        }
        #expect(now - start <= .seconds(8))
        // At twice the pace it is waited for, but not for ever.
        var steady = try asked()
        now = start
        for count in 1...116 {
            now += .milliseconds(250)
            steady.arrived(count, isWhole: false, now: now)
            #expect(steady.overdue(now: now) == nil)
        }
        #expect(steady.overdue(now: start + StrangersRanges.longest) != nil)
        // Whole: reading it takes what it takes.
        var whole = try asked()
        whole.arrived(.max, isWhole: true, now: start + .seconds(1))
        #expect(whole.overdue(now: start + .seconds(20)) == nil)
        #expect(whole.used == Self.length)
    }

    /// A stranger with forty keys that all fall silent, and an honest one among them.
    @Test func whoBreaksPromisesIsAskedLast() throws {
        var ranges = StrangersRanges()
        var now = Duration.zero
        for number in UInt8(1)...40 { #expect(hear(&ranges, offer(number))) }
        #expect(hear(&ranges, offer(50)))
        for number in UInt8(41)...47 { #expect(hear(&ranges, offer(number))) }
        var order: [NodeID] = []
        while let asked = next(&ranges, now), asked.node != node(50) {
            order.append(asked.node)
            now += StrangersRanges.silence
            let late = try #require(ranges.overdue(now: now))
            ranges.end(late, isBroken: true)
            // It promises again at once.
            _ = ranges.hear(
                RangeOffer(
                    chain: asked.chain, first: 64, reference: asked.reference, node: asked.node, isStrangers: true,
                    isFetched: true))
        }
        #expect(order == (1...40).map { node($0) }, "each of them once")
        // The honest one delivers, and comes again before those who broke a promise.
        ranges.arrived(chunks, isWhole: true, now: now)
        ranges.end(offer(50).reference.id, isBroken: false)
        #expect(hear(&ranges, offer(50, 1)))
        for number in UInt8(41)...47 {
            #expect(next(&ranges, now)?.node == node(number), "who has waited comes first")
            ranges.end(offer(number).reference.id, isBroken: true)
        }
        #expect(next(&ranges, now)?.node == node(50))
    }

    /// Four keys that deliver noise as often as they are let, and a newcomer's only helper beside them.
    @Test func noiseOfFourKeysLeavesRoomForAnHonestStranger() throws {
        var ranges = StrangersRanges()
        let now = Duration.seconds(1)
        var noise = 0
        for mark in UInt8(0)..<4 {
            for number in UInt8(1)...4 { #expect(hear(&ranges, offer(number, mark))) }
            while let asked = next(&ranges, now) {
                ranges.arrived(chunks, isWhole: true, now: now)
                ranges.end(asked.reference.id, isBroken: true)
                noise += 1
            }
        }
        #expect(noise == 5, "each of them once, and what half of the budget has left")
        // Sixty strides, ten times the budget, at once: what holds uses nothing up, and comes before whoever waits.
        for mark in UInt8(10)..<70 {
            #expect(hear(&ranges, offer(50, mark)))
            #expect(hear(&ranges, offer(mark)))
            let asked = try #require(next(&ranges, now), "range \(mark) is not asked for")
            #expect(asked.node == node(50))
            ranges.arrived(chunks, isWhole: true, now: now)
            ranges.held(asked.reference.id)
            ranges.end(asked.reference.id, isBroken: false)
        }
        #expect(ranges.used == UInt64(noise) * Self.length)
        // One that does not hold ends that.
        #expect(hear(&ranges, offer(50)))
        let last = try #require(next(&ranges, now))
        ranges.end(last.reference.id, isBroken: true)
        #expect(hear(&ranges, offer(50, 1)))
        #expect(next(&ranges, now)?.node == node(10), "who has broken nothing comes first")
    }

    /// What is used up comes back within minutes, not after an hour.
    @Test func theBudgetFillsLittleByLittle() throws {
        var ranges = StrangersRanges()
        let now = Duration.seconds(1)
        for number in UInt8(1)...11 { #expect(hear(&ranges, offer(number))) }
        while let asked = next(&ranges, now) {
            ranges.arrived(chunks, isWhole: true, now: now)
            ranges.end(asked.reference.id, isBroken: true)
        }
        #expect(ranges.used == 10 * Self.length)
        #expect(next(&ranges, now + .seconds(200)) == nil)
        #expect(next(&ranges, now + .seconds(230))?.node == node(11))
    }

    @Test func oneAtATimeAndOneOfEach() throws {
        var ranges = StrangersRanges()
        for one in [offer(1), offer(1, 1), offer(2)] { #expect(hear(&ranges, one)) }
        // The later offer stands for the earlier one.
        #expect(next(&ranges, .zero)?.reference == offer(1, 1).reference)
        #expect(next(&ranges, .zero) == nil, "the place is taken")
        ranges.end(offer(9).reference.id, isBroken: true)
        #expect(next(&ranges, .zero) == nil, "another content ends")
        ranges.end(offer(1, 1).reference.id, isBroken: false)
        // What is of no use, and who has left, is not asked for.
        #expect(hear(&ranges, offer(3)))
        ranges.leave(node(2))
        #expect(next(&ranges, .zero, { $0.node == node(2) }) == nil)
        ranges.drop { $0.node == node(3) }
        #expect(next(&ranges, .zero) == nil)
        // Nobody fills the table for whoever is in it.
        for number in 0..<300 {
            let key = NodeID([UInt8(number & 255), UInt8(number >> 8)] + [UInt8](repeating: 3, count: 30))
            let one = RangeOffer(
                chain: offer(1).chain, first: 64, reference: offer(1).reference, node: key, isStrangers: true,
                isFetched: true)
            #expect(hear(&ranges, one) == (number < 254), "\(number)")
        }
    }
}
