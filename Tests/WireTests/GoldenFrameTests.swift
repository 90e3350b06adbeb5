import Foundation
import Testing
import Wire

/// The frames of the file are the format: a change that alters one of them breaks every stored chain.
@Suite("Golden frames")
struct GoldenFrameTests {
    static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors/wire/frames.txt")

    /// Lines `name hex`; lines that begin with # are comments.
    static func frames() throws -> [(name: String, bytes: [UInt8])] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: " ").map(String.init)
            return (parts[0], try #require([UInt8](hex: parts[1])))
        }
    }

    @Test func everyFrameIsUnchanged() throws {
        let frames = try Self.frames()
        var samples = Samples(salt: 1)
        let all = samples.all()
        #expect(frames.map(\.name) == all.map(\.name))
        for (frame, sample) in zip(frames, all) {
            #expect(sample.bytes == frame.bytes, "\(frame.name) is now \(sample.bytes.hex)")
            #expect(sample.reencoded(frame.bytes) == frame.bytes, "\(frame.name)")
        }
    }

    /// After a format was changed on purpose: `MESHNODE_WRITE_FRAMES=1 ./testnet/test.sh --filter writesTheFile`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MESHNODE_WRITE_FRAMES"] == "1"))
    func writesTheFile() throws {
        var samples = Samples(salt: 1)
        let comments = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n").filter {
            $0.hasPrefix("#")
        }
        let lines = comments.map(String.init) + samples.all().map { "\($0.name) \($0.bytes.hex)" }
        try (lines.joined(separator: "\n") + "\n").write(to: Self.file, atomically: true, encoding: .utf8)
    }

    /// A frame written out by hand, field by field, so that the samples cannot hide a mistake in both directions.
    @Test func slotByHand() throws {
        let chain = [UInt8](repeating: 0xab, count: 32)
        let slot = Slot(kind: .precommit, chain: ChainID(chain), major: 0x0102_0304_0506_0708, minor: 0x0a0b_0c0d)
        let expected: [UInt8] = [3] + chain + [8, 7, 6, 5, 4, 3, 2, 1] + [0x0d, 0x0c, 0x0b, 0x0a]
        #expect(slot.wireBytes == expected)
    }

    @Test func envelopeByHand() throws {
        let network = [UInt8](repeating: 1, count: 32)
        let chain = [UInt8](repeating: 2, count: 32)
        let signer = [UInt8](repeating: 3, count: 32)
        let signature = [UInt8](repeating: 4, count: 64)
        let envelope = Envelope(
            network: NetworkID(network), slot: Slot(kind: .prevote, chain: ChainID(chain), major: 5, minor: 6),
            signer: NodeID(signer), payload: [9, 8], signature: Signature(signature))
        let head: [UInt8] = [1, 0, 1] + network
        let slot: [UInt8] = [2] + chain + [5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0]
        let rest: [UInt8] = signer + [2, 0, 0, 0, 9, 8]
        #expect(envelope.signedBytes == head + slot + rest)
        #expect(envelope.wireBytes == head + slot + rest + signature)
    }

    /// Two numbers behind the row cap, under a robust rule alone: every other spec has the bytes that it had.
    @Test func robustSpecByHand() throws {
        var samples = Samples(salt: 3)
        var spec = samples.spec()
        let plain = spec.wireBytes
        spec.training.server = .krum
        spec.training.robust = .init(buckets: 5, hostile: 1)
        let robust = spec.wireBytes
        let server = try #require(zip(plain, robust).enumerated().first { $0.element.0 != $0.element.1 }?.offset)
        // Server rate and its three numbers, weighting, row cap.
        let behind = server + 1 + 4 * 4 + 1 + 4
        var expected = plain
        expected[server] = 8
        expected.insert(contentsOf: [5, 0, 1, 0], at: behind)
        #expect(robust == expected)
        #expect(try TaskSpec(wireBytes: robust) == spec)
        #expect(throws: WireError.self) { try TaskSpec(wireBytes: Array(robust.dropLast(4))) }
    }

    /// A fork says where it comes from behind everything that a genesis had before; without it not a byte is added.
    @Test func forkByHand() throws {
        var samples = Samples(salt: 4)
        let fork = samples.fork()
        let plain = Genesis(
            name: fork.name, timeMs: fork.timeMs, accounts: fork.accounts, parameters: fork.parameters)
        let origin = try #require(fork.origin)
        var section: [UInt8] = [1]
        section += origin.network.bytes + [77, 0, 0, 0, 0, 0, 0, 0]
        section += origin.block.bytes + origin.carried.bytes + [1, 0, 0, 0] + origin.without[0].bytes
        #expect(fork.wireBytes == plain.wireBytes + section)
        #expect(try Genesis(wireBytes: fork.wireBytes) == fork)
        #expect(try Genesis(wireBytes: plain.wireBytes).origin == nil)
        // No other section, none without a name, none that ends early.
        for bytes in [
            plain.wireBytes + [2] + section.dropFirst(), plain.wireBytes + section.dropLast(36) + [0, 0, 0, 0],
            plain.wireBytes + [1], plain.wireBytes + section + [0],
        ] {
            #expect(throws: WireError.self) { try Genesis(wireBytes: bytes) }
        }
    }
}
