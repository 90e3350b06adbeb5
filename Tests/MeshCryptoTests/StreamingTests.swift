import Testing

@testable import MeshCrypto

@Suite("Rounds read a range at a time")
struct StreamingTests {
    let packing: Packing
    let round: Round

    init() throws {
        packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        // More than one piece, with an odd tail.
        round = try Round(
            values: testVectors(clients: 4, coordinates: 9001, bound: 127, seed: 2), packing: packing)
    }

    private func decrypt(_ source: BodySource, progress: (@Sendable (Int) -> Bool)? = nil) throws -> [Int64] {
        try Aggregate.decrypt(
            bodies: source, encoding: round.encoding, count: 9001, keyVectors: try round.keyVectors(),
            logarithm: sharedLogarithm, bound: packing.range, progress: progress)
    }

    @Test func theStreamedResultIsTheSum() throws {
        let values = try decrypt(BodySource(round.bodies))
        #expect(values == round.plainSum)
        let seed = BlockProof.seed(context: round.context, manifest: round.context, values: values)
        let kHat = try BlockProof.kHat(seed: seed, keyVectors: try round.keyVectors(), count: 9001)
        let source = BodySource(round.bodies)
        func verifies(_ values: [Int64]) throws -> Bool {
            try BlockProof.verify(bodies: source, encoding: .affine, values: values, kHat: kHat, seed: seed)
        }
        #expect(try verifies(values))
        var wrong = values
        wrong[9000] += 1
        #expect(try !verifies(wrong))
    }

    @Test func theLowestErrorWinsInAFixedOrder() throws {
        var bodies = round.bodies
        let bad = [UInt8](repeating: 0xff, count: 64)
        bodies[3].replaceSubrange(0..<64, with: bad)
        bodies[1].replaceSubrange(8000 * 64..<8001 * 64, with: bad)
        #expect(throws: NDDFEError.elementRejected(body: 1, element: 8000, fault: .nonCanonical)) {
            try decrypt(BodySource(bodies))
        }
        // Two elements without logarithm.
        bodies = round.bodies
        for element in [8500, 4500] {
            bodies[2].replaceSubrange(element * 64..<element * 64 + 64, with: BatchArithmetic.affineBytes([.base]))
        }
        #expect(throws: NDDFEError.noLogarithm(element: 4500, bound: packing.range)) { try decrypt(BodySource(bodies)) }
        bodies[2].removeLast(70)
        #expect(throws: NDDFEError.wrongLength(field: "body 2", expected: 9001 * 64, found: 8192 * 64)) {
            try decrypt(BodySource(bodies))
        }
        #expect(throws: NDDFEError.cancelled) { try decrypt(BodySource(round.bodies)) { $0 < 4096 } }
    }

    @Test func cachedTablesAreTheSameOrRefused() throws {
        let table = BoundedLogarithm(bound: 5000, maximumTable: 1000)
        let bytes = table.cacheBytes
        let restored = try #require(BoundedLogarithm(cached: bytes, bound: 5000, maximumTable: 1000))
        #expect(restored.table.slotBytes == table.table.slotBytes)
        let points = PointVector(
            points: [-5000, -1001, -1, 0, 777, 5000].map { EdwardsPoint.base.vartimeMultiplied(by: Scalar($0)) })
        #expect(try restored.recover(points, bound: 5000) == [-5000, -1001, -1, 0, 777, 5000])
        #expect(BoundedLogarithm(cached: bytes, bound: 5000, maximumTable: 999) == nil)
        #expect(BoundedLogarithm(cached: bytes, bound: 900, maximumTable: 1000) == nil)
        #expect(BoundedLogarithm(cached: [], bound: 5000, maximumTable: 1000) == nil)
        #expect(BoundedLogarithm(cached: Array(bytes.dropLast()), bound: 5000, maximumTable: 1000) == nil)
        for position in [0, 8, 16, 24, 32, 5000, bytes.count - 1] {
            var altered = bytes
            altered[position] ^= 1
            #expect(BoundedLogarithm(cached: altered, bound: 5000, maximumTable: 1000) == nil)
        }
    }
}
