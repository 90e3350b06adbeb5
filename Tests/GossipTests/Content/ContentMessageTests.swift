import Gossip
import Testing
import Wire

@Suite struct ContentMessageTests {
    private static let id = ContentID([UInt8](repeating: 5, count: 32))
    private static let messages: [ContentMessage] = [
        .getManifest(id), .manifest(id, [UInt8](repeating: 1, count: ContentLimits.chunkBytes)),
        .getChunks(id, .content, first: 7, bitmap: [UInt8](repeating: 255, count: ContentLimits.requestBitmapBytes)),
        .getChunks(id, .manifest, first: .max, bitmap: []),
        .chunk(id, .content, index: 3, [UInt8](repeating: 2, count: ContentLimits.chunkBytes)),
        .chunk(id, .manifest, index: .max, []),
        .have(id, first: 0, bitmap: [UInt8](repeating: 3, count: ContentLimits.haveBitmapBytes)),
        .notFound(id, .absent), .notFound(id, .busy), .cancel(id),
    ]

    @Test(arguments: messages.indices)
    func oneFormThatFitsAFrame(index: Int) throws {
        let message = Self.messages[index]
        let bytes = message.wireBytes
        #expect(bytes.count < 64 << 10)
        #expect(try ContentMessage(wireBytes: bytes) == message)
        #expect(message.content == Self.id)
        for count in 0..<min(bytes.count, 64) {
            #expect(throws: WireError.self) { try ContentMessage(wireBytes: Array(bytes[..<count])) }
        }
        #expect(throws: WireError.self) { try ContentMessage(wireBytes: bytes + [0]) }
    }

    @Test func oneByteTooMuchIsRefused() {
        for message in [
            ContentMessage.chunk(
                Self.id, .content, index: 0, [UInt8](repeating: 0, count: ContentLimits.chunkBytes + 1)),
            .manifest(Self.id, [UInt8](repeating: 0, count: ContentLimits.chunkBytes + 1)),
            .getChunks(
                Self.id, .content, first: 0, bitmap: [UInt8](repeating: 0, count: ContentLimits.requestBitmapBytes + 1)),
            .have(Self.id, first: 0, bitmap: [UInt8](repeating: 0, count: ContentLimits.haveBitmapBytes + 1)),
        ] {
            #expect(throws: WireError.self) { try ContentMessage(wireBytes: message.wireBytes) }
        }
    }

    /// What is accepted from damaged bytes has those bytes as its only form.
    @Test func acceptedBytesAreCanonical() {
        var random = TestRandom(seed: 11)
        var accepted = 0
        for _ in 0..<2_000 {
            var bytes = Self.messages[random.below(Self.messages.count)].wireBytes
            if random.below(4) == 0 { bytes = Array(bytes.prefix(1 + random.below(256))) }
            for _ in 0..<random.below(4) { bytes[random.below(min(64, bytes.count))] = UInt8(random.below(256)) }
            if let message = try? ContentMessage(wireBytes: bytes) {
                accepted += 1
                #expect(message.wireBytes == bytes)
            }
        }
        #expect(accepted > 500)
    }
}

@Suite struct ContentManifestTests {
    @Test func lengthsAroundChunks() throws {
        for length in [0, 1, ContentLimits.chunkBytes - 1, ContentLimits.chunkBytes, ContentLimits.chunkBytes + 1] {
            let bytes = [UInt8](repeating: 9, count: length)
            let manifest = ContentManifest(of: bytes, kind: .model)
            #expect(manifest.chunks.count == (length + ContentLimits.chunkBytes - 1) / ContentLimits.chunkBytes)
            #expect(manifest.wireBytes.count == ContentManifest.encodedLength(length: UInt64(length)))
            #expect(try ContentManifest(wireBytes: manifest.wireBytes) == manifest)
            #expect(manifest.root == manifest)
            for index in manifest.chunks.indices {
                let start = index * ContentLimits.chunkBytes
                let chunk = Array(bytes[start..<start + manifest.chunkLength(index)])
                #expect(manifest.matches(chunk, chunk: index))
                #expect(!manifest.matches(chunk + [0], chunk: index))
                #expect(!manifest.matches(chunk, chunk: manifest.chunks.count))
            }
        }
    }

    @Test func manifestLongerThanAChunkIsContentItself() throws {
        let last = UInt64(1023 * ContentLimits.chunkBytes)
        #expect(!ContentManifest.isNested(length: last))
        #expect(ContentManifest.isNested(length: last + 1))
        let manifest = ContentManifest(of: [UInt8](repeating: 3, count: Int(last) + 1), kind: .model)
        let root = manifest.root
        #expect(root.kind == .manifest)
        #expect(root.length == UInt64(manifest.wireBytes.count))
        #expect(root.wireBytes.count < ContentLimits.chunkBytes)
        #expect(manifest.contentID == ContentManifest.contentID(rootBytes: root.wireBytes))
        // The root of the longest content still fits one chunk.
        let longest = ContentManifest.encodedLength(length: ContentLimits.longestContent)
        #expect(!ContentManifest.isNested(length: UInt64(longest)))
    }

    @Test func fieldsThatContradictEachOtherAreRefused() {
        func encoded(_ length: UInt64, _ codec: UInt8, _ raw: UInt64, chunks: Int, kind: UInt8 = 1) -> [UInt8] {
            var encoder = WireEncoder()
            encoder.u16(10)
            encoder.u8(1)
            encoder.u8(kind)
            encoder.u64(length)
            encoder.u8(codec)
            encoder.u64(raw)
            encoder.list((0..<chunks).map { _ in Digest.zero })
            return encoder.bytes
        }
        #expect((try? ContentManifest(wireBytes: encoded(40_000, 0, 40_000, chunks: 2))) != nil)
        #expect((try? ContentManifest(wireBytes: encoded(40_000, 1, 90_000, chunks: 2))) != nil)
        for bad in [
            encoded(40_000, 0, 40_000, chunks: 1), encoded(40_000, 0, 40_000, chunks: 3), encoded(0, 0, 0, chunks: 1),
            encoded(40_000, 0, 40_001, chunks: 2), encoded(40_000, 2, 40_000, chunks: 2),
            encoded(.max, 0, .max, chunks: 2), encoded(40_000, 1, ContentLimits.longestContent + 1, chunks: 2),
            encoded(40_000, 1, 90_000, chunks: 2, kind: 0),
        ] {
            #expect(throws: WireError.self) { try ContentManifest(wireBytes: bad) }
        }
    }

    /// The same bytes must have the same name everywhere and for ever. The names were computed apart from this code,
    /// with Python's hashlib.
    @Test func nameOfAKnownContent() {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(ContentManifest(of: bytes, kind: .model).contentID.hex == knownContent)
        #expect(ContentManifest(of: [], kind: .other).contentID.hex == emptyContent)
    }

    @Test func bitmapAgreesWithASet() {
        var random = TestRandom(seed: 3)
        for count in [0, 1, 63, 64, 65, 200, 1000] {
            var bitmap = ChunkBitmap(count: count)
            var set = Set<Int>()
            for _ in 0..<count * 3 {
                let index = random.below(count)
                if random.below(4) == 0 {
                    bitmap.remove(index)
                    set.remove(index)
                } else {
                    #expect(bitmap.insert(index) == set.insert(index).inserted)
                }
                let start = random.below(count + 1)
                #expect(bitmap.firstMissing(from: start) == (start..<count).first { !set.contains($0) })
            }
            #expect(bitmap.present == set.count)
            #expect(bitmap.isComplete == (set.count == count))
            #expect(!bitmap.contains(-1) && !bitmap.contains(count) && !bitmap.insert(count))
            for first in stride(from: 0, to: count, by: 17) {
                let slice = bitmap.slice(from: first, bytes: 4)
                #expect(
                    ChunkBitmap.indices(slice, first: UInt32(first), end: count)
                        == (first..<min(count, first + 32)).filter { set.contains($0) })
            }
        }
    }

    private let knownContent = "537389397747aee05db70f13ab034464e20fca3bc4b76fd60c9aba525f18df3f"
    private let emptyContent = "34809fd2d1c76079f29af0b004133d90370c6809bb8dcfb6b1609ad3cf5951dd"
}
