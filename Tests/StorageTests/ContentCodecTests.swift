import Gossip
import Testing
import Wire

@testable import MeshNode

/// Compressed contents, and what hostile ones cost.
@Suite struct ContentCodecTests {
    @Test func whatShrinksComesBack() throws {
        let text = Array(String(repeating: "round 17 accepted, accuracy 0.9412; ", count: 4_000).utf8)
        let packed = try #require(ContentCodec.compressed(text))
        #expect(packed.count < text.count / 10)
        #expect(try ContentCodec.expanded(packed, rawLength: UInt64(text.count)) == text)
    }

    /// Ciphertexts are stored as they are.
    @Test func whatDoesNotShrinkIsLeft() {
        var state: UInt64 = 1
        let noise = (0..<100_000).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        #expect(ContentCodec.compressed(noise) == nil)
        #expect(ContentCodec.compressed([1, 2, 3]) == nil)
    }

    @Test func bombsAreRefusedBeforeTheyExpand() throws {
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        #expect(ContentCodec.compressed(zeros) == nil, "this program makes none itself")
        let bomb = try #require(ContentCodec.packed(zeros))
        #expect(bomb.count * 1_000 < zeros.count)
        let start = ContinuousClock.now
        // Told honestly: over the ratio. Told too short: over what was told.
        let honest = #expect(throws: StorageError.self) {
            try ContentCodec.expanded(bomb, rawLength: UInt64(zeros.count))
        }
        #expect(honest.map { "\($0)".contains("raw length") } == true)
        #expect(throws: StorageError.self) { try ContentCodec.expanded(bomb, rawLength: 1_000) }
        #expect(throws: StorageError.self) { try ContentCodec.expanded(bomb, rawLength: .max) }
        #expect(ContinuousClock.now - start < .seconds(1))
    }

    @Test func cutAndGrownAndForeignBytesAreRefused() throws {
        let text = Array(String(repeating: "abc", count: 1_000).utf8)
        let packed = try #require(ContentCodec.compressed(text))
        let length = UInt64(text.count)
        for bytes in [Array(packed.dropLast()), packed + [0], packed + packed, [], [1, 2, 3], text] {
            #expect(throws: StorageError.self) { try ContentCodec.expanded(bytes, rawLength: length) }
        }
        #expect(throws: StorageError.self) { try ContentCodec.expanded(packed, rawLength: length - 1) }
        #expect(throws: StorageError.self) { try ContentCodec.expanded(packed, rawLength: length + 1) }
    }

    @Test func collectionLeavesWhatIsKept() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let ids = try (UInt8(1)...4).map { try store.put([UInt8](repeating: $0, count: 1_000), kind: .other) }
        try store.pin(ids[0], label: "operator")
        let removed = try store.collect(downTo: 0, keeping: [ids[1]])
        #expect(Set(removed) == Set(ids[2...]))
        #expect(store.has(ids[0]) && store.has(ids[1]))
    }
}
