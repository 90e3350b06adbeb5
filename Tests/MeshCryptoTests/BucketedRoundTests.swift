import Testing

@testable import MeshCrypto

/// Several sums of one round: the vectors of all stand one after the other, under one root, one opening and one equation.
@Suite("A round of several sums")
struct BucketedRoundTests {
    static let sums = [[0, 2, 5, 7], [1, 3, 4, 6, 8]]
    static let coordinates = 5001
    let round: Round
    let keys: [[UInt8]]
    let values: [Int64]

    init() throws {
        // Two digits an element with an odd count: each sum has filling of its own.
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 9)
        round = try Round(
            values: testVectors(clients: 9, coordinates: Self.coordinates, bound: 127, seed: 3), packing: packing)
        keys = try Self.keys(round, over: Self.sums)
        values = try Self.decrypt(round, keys, round.bodies)
    }

    static func keys(_ round: Round, over sums: [[Int]]) throws -> [[UInt8]] {
        let each = try sums.map { try round.keyVectors(over: $0) }
        return (0..<round.profile.componentCount).map { component in each.flatMap { $0[component] } }
    }

    static func source(_ round: Round, _ bodies: [[UInt8]], sums: [[Int]] = Self.sums) -> BodySource {
        BodySource(BodySource(bodies), sums: sums, elements: round.elements)
    }

    static func decrypt(_ round: Round, _ keys: [[UInt8]], _ bodies: [[UInt8]]) throws(NDDFEError) -> [Int64] {
        try Aggregate.decrypt(
            bodies: source(round, bodies), encoding: round.encoding, count: 2 * round.elements, keyVectors: keys,
            logarithm: sharedLogarithm, bound: round.packing.range)
    }

    private func verifies(_ values: [Int64], sums: [[Int]] = Self.sums) throws -> Bool {
        let seed = BlockProof.seed(context: round.context, manifest: round.context, values: values)
        let opening = try BlockProof.kHat(seed: seed, keyVectors: keys, count: 2 * round.elements)
        return try BlockProof.verify(
            bodies: Self.source(round, round.bodies, sums: sums), encoding: round.encoding, values: values,
            kHat: opening, seed: seed)
    }

    @Test func eachSumIsThatOfItsMembers() throws {
        let digits = try round.packing.unpack(values, count: Self.coordinates, sums: Self.sums.map(\.count))
        for (sum, members) in zip(digits, Self.sums) {
            #expect(sum == (0..<Self.coordinates).map { j in members.reduce(0) { $0 + round.values[$1][j] } })
        }
        #expect(try verifies(values))
        // One sum of all is what it was before there were several.
        let whole = BodySource(BodySource(round.bodies), sums: [Array(0..<9)], elements: round.elements)
        let single = try Aggregate.decrypt(
            bodies: whole, encoding: round.encoding, count: round.elements, keyVectors: try round.keyVectors(),
            logarithm: sharedLogarithm, bound: round.packing.range)
        #expect(try round.packing.unpack(single, count: Self.coordinates, submitters: 9) == round.plainSum)
    }

    @Test func aWrongSumInOneBucketIsFound() throws {
        for element in [0, round.elements - 1, round.elements, 2 * round.elements - 1] {
            var wrong = values
            wrong[element] += 1
            #expect(try !verifies(wrong), "element \(element)")
        }
        // What moves from one bucket to the other keeps the sum of all.
        var moved = values
        moved[7] += 3
        moved[round.elements + 7] -= 3
        #expect(try !verifies(moved))
    }

    @Test func swappedBucketsAreFound() throws {
        let half = round.elements
        let swapped = Array(values[half...]) + Array(values[..<half])
        #expect(try !verifies(swapped))
        // The right sums of another partition, with the keys of this one.
        #expect(try !verifies(values, sums: [Self.sums[1], Self.sums[0]]))
        #expect(try !verifies(values, sums: [[0, 2, 5, 6], [1, 3, 4, 7, 8]]))
    }

    @Test func digitsAreHeldAgainstTheirOwnSum() throws {
        // Nine members' worth in a bucket of four.
        var wrong = values
        wrong[2] = 9 * 127
        #expect(throws: NDDFEError.digitOutOfRange(element: 2, digit: 0, value: 9 * 127, bound: 4 * 127)) {
            try round.packing.unpack(wrong, count: Self.coordinates, sums: [4, 5])
        }
        // Counted over all sums; the filling of each sum's last element is zero.
        wrong = values
        wrong[2 * round.elements - 1] += round.packing.radix
        let error = #expect(throws: NDDFEError.self) {
            try round.packing.unpack(wrong, count: Self.coordinates, sums: [4, 5])
        }
        guard case .digitOutOfRange(2 * round.elements - 1, 1, _, 0) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func anElementWithoutValueIsNamedByItsPlaceInAll() throws {
        var bodies = round.bodies
        let element = 17
        bodies[4].replaceSubrange(element * 64..<element * 64 + 64, with: BatchArithmetic.affineBytes([.base]))
        #expect(throws: NDDFEError.noLogarithm(element: round.elements + element, bound: round.packing.range)) {
            try Self.decrypt(round, keys, bodies)
        }
        // A malformed element is named by its body and its place there.
        bodies[4].replaceSubrange(element * 64..<element * 64 + 64, with: [UInt8](repeating: 0xff, count: 64))
        #expect(throws: NDDFEError.elementRejected(body: 4, element: element, fault: .nonCanonical)) {
            try Self.decrypt(round, keys, bodies)
        }
    }

    @Test func oneRootCoversAllSums() {
        let tree = KeyVector.tree(keys[0])
        let place = round.elements + 3
        let key = Array(keys[0][place * 32..<place * 32 + 32])
        let count = 2 * round.elements
        #expect(KeyVector.verify(root: tree.root, key: key, element: place, count: count, path: tree.path(place)))
        #expect(!KeyVector.verify(root: tree.root, key: key, element: 3, count: count, path: tree.path(3)))
    }
}
