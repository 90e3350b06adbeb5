import Testing

@testable import MeshCrypto

@Suite("NDD-FE/R: the sum is exact")
struct AggregationTests {
    @Test(arguments: HolderProfile.all, ElementEncoding.allCases)
    func exactSumsUnderEveryProfileAndEncoding(profile: HolderProfile, encoding: ElementEncoding) throws {
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 8)
        let round = try Round(
            values: testVectors(clients: 5, coordinates: 61, bound: 127, seed: 9), packing: packing, profile: profile,
            encoding: encoding)
        let elements = try round.recovered(with: sharedLogarithm)
        let sums = try packing.unpack(elements, count: 61, submitters: 5)
        #expect(sums == round.plainSum)
    }

    @Test(arguments: [4, 16], [1, 2, 3, 255, 257])
    func exactSumsAtTheSizesThatBreakBlocks(clients: Int, coordinates: Int) throws {
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 16)
        let round = try Round(
            values: testVectors(clients: clients, coordinates: coordinates, bound: 127, seed: 3), packing: packing)
        let elements = try round.recovered(with: sharedLogarithm)
        #expect(try packing.unpack(elements, count: coordinates, submitters: clients) == round.plainSum)
    }

    @Test func allAtTheLargestMagnitude() throws {
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 16)
        for value: Int64 in [127, -127] {
            let round = try Round(
                values: Array(repeating: Array(repeating: value, count: 9), count: 16), packing: packing)
            let elements = try round.recovered(with: sharedLogarithm)
            #expect(try packing.unpack(elements, count: 9, submitters: 16) == Array(repeating: value * 16, count: 9))
        }
    }

    @Test func encryptionIsDeterministicAndIndependentOfTheSplit() throws {
        let packing = try Packing(digits: 1, bound: 1000, maximumSubmitters: 8)
        let vectors = testVectors(clients: 1, coordinates: 9000, bound: 1000, seed: 5)
        let round = try Round(values: vectors, packing: packing, encoding: .ristretto)
        let again = try Encryptor.encrypt(values: vectors[0], maskKeys: round.maskKeys[0], encoding: .ristretto)
        #expect(again == round.bodies[0])
        // Element by element, by libsodium: e·G + r·H.
        let h = NDDFEBases.maskBase.ristrettoBytes
        for element in [0, 1, 2, 4095, 4096, 8999] {
            let mask = Encryptor.opening(maskKeys: round.maskKeys[0], element: element)
            let masked = try #require(Oracle.multiple(mask, h))
            let value = vectors[0][element]
            let expected =
                value == 0 ? masked : try #require(Oracle.add(masked, Oracle.baseMultiple(Scalar(value).bytes)!))
            #expect(Array(round.bodies[0][element * 32..<element * 32 + 32]) == expected)
        }
    }

    @Test func bothEncodingsHoldTheSameElements() throws {
        let packing = try Packing(digits: 1, bound: 1000, maximumSubmitters: 8)
        let vectors = testVectors(clients: 4, coordinates: 70, bound: 1000, seed: 5)
        let a = try Round(values: vectors, packing: packing, encoding: .ristretto, seed: 8)
        let b = try Round(values: vectors, packing: packing, encoding: .affine, seed: 8)
        let left = try Aggregate.sum(bodies: a.bodies, encoding: .ristretto, count: 70)
        let right = try Aggregate.sum(bodies: b.bodies, encoding: .affine, count: 70)
        #expect(left.encoded == right.encoded)
    }

    @Test func masksAreTheChaCha20StringsOfTheSpecification() throws {
        let round = try Round(values: [[0]], packing: try Packing(digits: 1, bound: 1, maximumSubmitters: 4))
        let key = round.maskKeys[0][0]
        let many = MaskDerivation.masks(keys: [key], elements: 0..<10)
        for element in 0..<10 {
            let expected = Array(many[element * 32..<element * 32 + 32])
            #expect(MaskDerivation.mask(key: key, element: element) == expected)
            #expect(expected[31] < 0x10)
        }
        #expect(MaskDerivation.masks(keys: [key], elements: 3..<8) == Array(many[96..<256]))
    }

    @Test func nobodyKnowsTheLogarithmOfH() {
        let hash = blake2b(Array("meshnode/nddfe/v1/H".utf8), length: 64)
        #expect(NDDFEBases.maskBase.ristrettoBytes == Oracle.fromHash(hash))
        // Prime order as a curve point, not only as a coset.
        let order = NDDFEBases.maskBase.vartimeMultiplied(by: Scalar.zero - .one) + NDDFEBases.maskBase
        #expect(order.isIdentityPoint)
    }
}

@Suite("Packing")
struct PackingTests {
    @Test(arguments: [(1, 127, 16), (2, 127, 16), (2, 511, 4), (3, 7, 4), (4, 1, 8)])
    func packedSumsUnpackExactly(digits: Int, bound: Int64, submitters: Int) throws {
        let packing = try Packing(digits: digits, bound: bound, maximumSubmitters: submitters)
        let vectors = testVectors(clients: submitters, coordinates: 50, bound: bound, seed: 2)
        var sum = [Int64](repeating: 0, count: packing.elementCount(coordinates: 50))
        for vector in vectors {
            sum = zip(sum, try packing.pack(vector)).map(+)
        }
        let plain = vectors.dropFirst().reduce(vectors[0]) { zip($0, $1).map(+) }
        #expect(try packing.unpack(sum, count: 50, submitters: submitters) == plain)
        #expect(sum.allSatisfy { $0.magnitude <= packing.range })
    }

    @Test func theTableOfWhatFits() throws {
        // Two 8-bit coordinates up to n_max 16, two 10-bit ones up to 4.
        #expect(try Packing(digits: 2, bound: 127, maximumSubmitters: 16).range <= Packing.packedLimit)
        #expect(throws: NDDFEError.self) { try Packing(digits: 2, bound: 127, maximumSubmitters: 17) }
        #expect(try Packing(digits: 2, bound: 511, maximumSubmitters: 4).radix == 4089)
        #expect(throws: NDDFEError.self) { try Packing(digits: 2, bound: 511, maximumSubmitters: 5) }
        #expect(throws: NDDFEError.self) { try Packing(digits: 1, bound: 1 << 32, maximumSubmitters: 2) }
        #expect(throws: NDDFEError.self) { try Packing(digits: 0, bound: 1, maximumSubmitters: 2) }
        #expect(throws: NDDFEError.self) { try Packing(digits: 8, bound: .max, maximumSubmitters: .max) }
    }

    @Test func valuesBeyondTheBoundAreNotPacked() throws {
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 4)
        #expect(throws: NDDFEError.valueOutOfRange(index: 3, value: 128, bound: 127)) {
            try packing.pack([0, 0, 1, 128])
        }
        #expect(throws: NDDFEError.valueOutOfRange(index: 0, value: .min, bound: 127)) { try packing.pack([.min]) }
    }

    @Test func wrongDigitSplitsAreRefused() throws {
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 4)
        let limit: Int64 = 3 * 127
        // One above the sum of three, in either digit.
        for element in [limit + 1, -limit - 1, (limit + 1) * packing.radix, (-limit - 1) * packing.radix] {
            #expect(throws: NDDFEError.self) { try packing.unpack([element], count: 2, submitters: 3) }
        }
        // A remainder above the last digit, and extremes that must not trap.
        for element in [packing.radix * packing.radix, Int64.max, .min, packing.range + 1] {
            #expect(throws: NDDFEError.self) { try packing.unpack([element], count: 2, submitters: 3) }
        }
        // The filling of an odd tail must be zero.
        #expect(throws: NDDFEError.self) { try packing.unpack([packing.radix], count: 1, submitters: 3) }
        #expect(try packing.unpack([-5], count: 1, submitters: 3) == [-5])
        #expect(throws: NDDFEError.self) { try packing.unpack([1, 2], count: 2, submitters: 3) }
        #expect(throws: NDDFEError.self) { try packing.unpack([1], count: 2, submitters: 5) }
    }
}

@Suite("Bounded logarithm")
struct BoundedLogarithmTests {
    @Test(arguments: [1, 2, 100, 1 << 12] as [Int64])
    func everyValueAroundTheEdgesOfTableAndSteps(table: Int64) throws {
        let bound = 10 * table + 7
        let vector = BoundedLogarithm(bound: bound, maximumTable: table)
        let portable = try #require(
            BoundedLogarithm.build(bound: bound, maximumTable: table, vectorised: false) { _, _ in true })
        var wanted: Set<Int64> = [0, 1, -1, bound, -bound, bound - 1, table, -table, table + 1, -table - 1]
        for step: Int64 in 1...4 {
            for offset: Int64 in -1...1 {
                wanted.insert(step * (2 * table + 1) + table + offset)
                wanted.insert(-(step * (2 * table + 1) + table + offset))
            }
        }
        let values = wanted.filter { abs($0) <= bound }.sorted()
        let points = PointVector(points: values.map { EdwardsPoint.base.vartimeMultiplied(by: Scalar($0)) })
        #expect(try vector.recover(points, bound: bound) == values)
        #expect(try portable.recover(points, bound: bound) == values)
    }

    @Test func theLowestFailingElementIsNamed() throws {
        var points = (0..<20_000).map { _ in EdwardsPoint.base }
        points[17_000] = EdwardsPoint.base.vartimeMultiplied(by: Scalar(1 << 40))
        points[9_001] = NDDFEBases.maskBase
        #expect(throws: NDDFEError.noLogarithm(element: 9_001, bound: 1 << 16)) {
            try sharedLogarithm.recover(PointVector(points: points), bound: 1 << 16)
        }
        // Just outside the bound although inside the table's reach.
        let outside = PointVector(points: [.base, EdwardsPoint.base.vartimeMultiplied(by: Scalar(101))])
        #expect(throws: NDDFEError.noLogarithm(element: 1, bound: 100)) {
            try sharedLogarithm.recover(outside, bound: 100)
        }
    }

    @Test func aHitThatOnlyLooksRightIsRefused() throws {
        // The entry of 5 says 6: its tag matches 5·8G, the point does not. A forged value must not come out.
        let table = try #require(PortableLogarithms(bound: 100, tableRange: 100, progress: { _ in true }))
        var slots = table.slots
        let five = slots.firstIndex { ($0 >> 1) & 0x7f_ffff == 5 }!
        slots[five] = (slots[five] & ~(0x7f_ffff << 1)) | (6 << 1)
        let forged = BoundedLogarithm(
            bound: 100, table: PortableLogarithms(bound: 100, tableRange: 100, slots: slots))
        let point = EdwardsPoint.base.vartimeMultiplied(by: Scalar(5))
        #expect(forged.value(of: point, bound: 100) == nil)
        #expect(forged.value(of: point + .base, bound: 100) == 6)
    }

    @Test func torsionDoesNotChangeTheValue() throws {
        for point in torsionPoints() {
            let value = EdwardsPoint.base.vartimeMultiplied(by: Scalar(-77)) + point
            #expect(try sharedLogarithm.recover(PointVector(points: [value]), bound: 100) == [-77])
            let direct = BoundedLogarithm(bound: 100)
            #expect(try direct.recover(PointVector(points: [value]), bound: 100) == [-77])
        }
    }

    @Test func progressIsReportedAndCancels() {
        let points = PointVector(points: Array(repeating: .base, count: 10_000))
        #expect(throws: NDDFEError.cancelled) { try sharedLogarithm.recover(points, bound: 1) { _ in false } }
        #expect(throws: Never.self) { try sharedLogarithm.recover(points, bound: 1) { _ in true } }
    }
}

/// The eight points whose order divides 8.
func torsionPoints() -> [EdwardsPoint] {
    let y = CurveConstants.orderEightY
    let (square, x) = FieldElement.squareRootRatio(
        (y.squared - .one).carried, (CurveConstants.d * y.squared + .one).carried)
    precondition(square)
    let generator = EdwardsPoint(affineX: x, y: y)
    var result: [EdwardsPoint] = [.identity]
    for _ in 1..<8 { result.append(result[result.count - 1] + generator) }
    return result
}
