import Testing

@testable import MeshCrypto

@Suite("Group: ristretto255 against RFC 9496 and libsodium")
struct GroupTests {
    @Test func generatorMultiplesOfTheRFC() throws {
        let lines = try vectorLines("crypto-rfc9496.txt").filter { $0[0] == "multiple" }
        #expect(lines.count == 16)
        var point = EdwardsPoint.identity
        for line in lines {
            let expected = hex(line[2])
            #expect(point.ristrettoBytes == expected)
            let decoded = try #require(EdwardsPoint(ristretto: expected))
            #expect(decoded.isSameElement(as: point))
            #expect(decoded.ristrettoBytes == expected)
            let scalar = Scalar(Int64(line[1])!)
            #expect(EdwardsPoint.base.vartimeMultiplied(by: scalar).ristrettoBytes == expected)
            point = point + .base
        }
    }

    @Test func invalidEncodingsOfTheRFCAreRefused() throws {
        let lines = try vectorLines("crypto-rfc9496.txt").filter { $0[0] == "invalid" }
        #expect(lines.count == 29)
        for line in lines { #expect(EdwardsPoint(ristretto: hex(line[1])) == nil, "\(line[1])") }
    }

    @Test func elementsFromUniformBytesOfTheRFC() throws {
        let lines = try vectorLines("crypto-rfc9496.txt").filter { $0[0] == "uniform" }
        #expect(lines.count == 11)
        for line in lines { #expect(EdwardsPoint(uniform: hex(line[1])).ristrettoBytes == hex(line[2])) }
    }

    @Test func bit255IsRefusedWhereLibsodiumAcceptsIt() throws {
        var bytes = EdwardsPoint.base.ristrettoBytes
        bytes[31] |= 0x80
        #expect(EdwardsPoint(ristretto: bytes) == nil)
    }

    @Test func constantsAreConsistent() {
        #expect(EdwardsPoint.base.isOnCurve)
        #expect((CurveConstants.sqrtM1.squared + .one).isZero)
        #expect(Scalar.half + .half == .one)
        #expect(Scalar.eighth * Scalar(8) == .one)
        let minusOne = Scalar.zero - .one
        #expect(EdwardsPoint.base.vartimeMultiplied(by: minusOne).isSamePoint(as: -.base))
        #expect(EdwardsPoint.base.primeOrderRepresentative.isSamePoint(as: .base))
    }

    @Test func scalarsAgreeWithLibsodium() {
        var random = SplitMix(1)
        for _ in 0..<differentialCases {
            let a = random.bytes(64)
            let b = random.bytes(64)
            let x = Scalar(reducing: a)
            let y = Scalar(reducing: b)
            #expect(x.bytes == Oracle.reduce(a))
            #expect((x * y).bytes == Oracle.multiplyScalars(x.bytes, y.bytes))
            #expect((x + y).bytes == Oracle.addScalars(x.bytes, y.bytes))
            #expect(x + (-x) == .zero)
        }
        let x = random.scalar()
        #expect(x.inverted.bytes == Oracle.invert(x.bytes))
    }

    @Test func scalarReductionAtTheEdges() {
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        #expect(Scalar(canonical: order) == nil)
        var below = order
        below[0] -= 1
        #expect(Scalar(canonical: below) == Scalar.zero - .one)
        #expect(Scalar(canonical: [UInt8](repeating: 0xff, count: 32)) == nil)
        for wide in [
            [UInt8](repeating: 0xff, count: 64), order + [UInt8](repeating: 0, count: 32),
            [UInt8](repeating: 0, count: 32) + order, below + below,
            [UInt8](repeating: 0, count: 64),
            [UInt8](repeating: 0, count: 31) + [0x10] + [UInt8](repeating: 0, count: 32),
        ] {
            #expect(Scalar(reducing: wide).bytes == Oracle.reduce(wide))
        }
        let m = UInt64.max
        for top: UInt64 in [0, 1, 0x0fff, (1 << 59) - 1] {
            let sum = Scalar(reducingSum: m, m, m, m, top)
            #expect(sum == Scalar(reducingWords: [m, m, m, m, top, 0, 0, 0]))
        }
    }

    @Test func pointsAgreeWithLibsodium() throws {
        var random = SplitMix(2)
        var previous = EdwardsPoint.base
        for _ in 0..<(differentialCases / 10) {
            let uniform = random.bytes(64)
            let point = EdwardsPoint(uniform: uniform)
            let bytes = point.ristrettoBytes
            #expect(bytes == Oracle.fromHash(uniform))
            #expect(point.isOnCurve)
            let decoded = try #require(EdwardsPoint(ristretto: bytes))
            #expect(decoded.ristrettoBytes == bytes)
            let scalar = random.scalar()
            #expect(decoded.vartimeMultiplied(by: scalar).ristrettoBytes == Oracle.multiple(scalar.bytes, bytes))
            #expect((decoded + previous).ristrettoBytes == Oracle.add(bytes, previous.ristrettoBytes))
            #expect(decoded.doubled.ristrettoBytes == Oracle.add(bytes, bytes))
            previous = decoded
        }
    }

    @Test func randomBytesDecodeExactlyWhereLibsodiumAccepts() {
        var random = SplitMix(3)
        var accepted = 0
        for _ in 0..<differentialCases {
            var bytes = random.bytes(32)
            bytes[31] &= 0x7f
            bytes[0] &= 0xfe
            let point = EdwardsPoint(ristretto: bytes)
            #expect((point != nil) == Oracle.isValid(bytes))
            if let point {
                accepted += 1
                #expect(point.ristrettoBytes == bytes)
            }
        }
        #expect(accepted > differentialCases / 8)
    }

    @Test(arguments: [2, 5, 10, 12])
    func fixedBaseTablesAgreeWithLibsodium(window: Int) {
        let table = FixedBaseTable(base: .base, window: window)
        var random = SplitMix(4)
        for _ in 0..<(differentialCases / 10) {
            let scalar = random.scalar()
            #expect(table.multiply(scalar).ristrettoBytes == Oracle.baseMultiple(scalar.bytes))
        }
        let minusOne = Scalar.zero - .one
        let middle = Scalar.half - .one
        for scalar in [
            Scalar.zero, .one, minusOne, .half, middle, Scalar(2047), Scalar(2048), Scalar(2049), Scalar(-2048),
        ] {
            let expected = EdwardsPoint.base.vartimeMultiplied(by: scalar)
            #expect(table.multiply(scalar).isSamePoint(as: expected))
        }
    }

    @Test func batchInversionSurvivesZeros() {
        var random = SplitMix(5)
        var values = (0..<50).map { _ in FieldElement(small: UInt32.random(in: 1...(.max), using: &random)).squared }
        values[0] = .zero
        values[17] = .zero
        values[49] = .zero
        var inverses = values
        BatchArithmetic.invert(&inverses)
        for index in values.indices {
            let product = values[index] * inverses[index]
            #expect(product.equals(values[index].isZero ? .zero : .one))
        }
    }

    @Test func batchEncodingsAgreeWithSingleOnes() {
        var random = SplitMix(6)
        var points = (0..<300).map { _ in EdwardsPoint(uniform: random.bytes(64)) }
        points[0] = .identity
        points[150] = .identity
        points[299] = .base
        let encoded = BatchArithmetic.doubledRistrettoBytes(points)
        let affine = BatchArithmetic.affineBytes(points)
        for index in points.indices {
            #expect(Array(encoded[index * 32..<index * 32 + 32]) == points[index].doubled.ristrettoBytes)
            let x = loadWords(affine[...], at: index * 64)
            let y = loadWords(affine[...], at: index * 64 + 32)
            let decoded = EdwardsPoint(
                affineX: FieldElement(canonical: x.0, x.1, x.2, x.3)!, y: FieldElement(canonical: y.0, y.1, y.2, y.3)!)
            #expect(decoded.isSamePoint(as: points[index]))
        }
    }
}
