import Testing

@testable import MeshCrypto

@Suite("Block proof and element checks")
struct BlockProofTests {
    let manifest = [UInt8](repeating: 3, count: 32)
    let packing: Packing

    init() throws { packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 8) }

    private func proven(_ round: Round, values: [Int64], kHat: [UInt8]? = nil, manifest: [UInt8]? = nil) throws -> Bool
    {
        let seed = BlockProof.seed(context: round.context, manifest: manifest ?? self.manifest, values: values)
        let scalar = try kHat ?? BlockProof.kHat(seed: seed, keyVectors: try round.keyVectors(), count: round.elements)
        return try BlockProof.verify(
            bodies: round.bodies, encoding: round.encoding, values: values, kHat: scalar, seed: seed)
    }

    @Test(arguments: ElementEncoding.allCases, [1, 17, 300])
    func aRightResultIsAccepted(encoding: ElementEncoding, coordinates: Int) throws {
        let round = try Round(
            values: testVectors(clients: 5, coordinates: coordinates, bound: 127, seed: 4), packing: packing,
            encoding: encoding)
        #expect(try proven(round, values: try round.recovered(with: sharedLogarithm)))
    }

    @Test(arguments: ElementEncoding.allCases)
    func aWrongValueAnywhereIsRefused(encoding: ElementEncoding) throws {
        let round = try Round(
            values: testVectors(clients: 5, coordinates: 61, bound: 127, seed: 4), packing: packing, encoding: encoding)
        let values = try round.recovered(with: sharedLogarithm)
        for element in [0, 15, 30] {
            for change: Int64 in [1, -1, 8, 1 << 40] {
                var wrong = values
                wrong[element] += change
                // Whoever computes k̂ honestly for the wrong values …
                #expect(try !proven(round, values: wrong))
            }
        }
        // … swaps two coordinates …
        var swapped = values
        swapped.swapAt(0, 1)
        #expect(values[0] != values[1])
        #expect(try !proven(round, values: swapped))
        // … or negates everything.
        #expect(try !proven(round, values: values.map { -$0 }))
    }

    @Test func aWrongScalarOrChallengeIsRefused() throws {
        let round = try Round(
            values: testVectors(clients: 4, coordinates: 20, bound: 127, seed: 4), packing: packing)
        let values = try round.recovered(with: sharedLogarithm)
        let seed = BlockProof.seed(context: round.context, manifest: manifest, values: values)
        let kHat = try BlockProof.kHat(seed: seed, keyVectors: try round.keyVectors(), count: round.elements)
        #expect(try proven(round, values: values, kHat: kHat))
        let scalar = try #require(Scalar(canonical: kHat))
        for other in [scalar + .one, -scalar, .zero] {
            #expect(try !proven(round, values: values, kHat: other.bytes))
        }
        // k̂ made for another manifest does not fit this one.
        #expect(try !proven(round, values: values, kHat: kHat, manifest: [UInt8](repeating: 4, count: 32)))
        var high = kHat
        high[31] |= 0xf0
        #expect(throws: NDDFEError.invalidScalar(field: "k̂")) { try proven(round, values: values, kHat: high) }
        #expect(throws: NDDFEError.wrongLength(field: "k̂", expected: 32, found: 31)) {
            try proven(round, values: values, kHat: Array(kHat.dropLast()))
        }
    }

    @Test func theKeyOfASubsetDoesNotOpenTheSum() throws {
        let round = try Round(
            values: testVectors(clients: 5, coordinates: 20, bound: 127, seed: 4), packing: packing)
        let sum = try Aggregate.sum(bodies: round.bodies, encoding: round.encoding, count: round.elements)
        for subset in [[0, 1, 2, 3], [0], []] {
            let bare = try Aggregate.unmask(sum, keyVectors: try round.keyVectors(over: subset))
            #expect(throws: NDDFEError.noLogarithm(element: 0, bound: packing.range)) {
                try sharedLogarithm.recover(bare, bound: packing.range)
            }
        }
        // Nor do all components but one.
        var partial = try round.keyVectors()
        partial[1] = [UInt8](repeating: 0, count: partial[1].count)
        let bare = try Aggregate.unmask(sum, keyVectors: partial)
        #expect(throws: NDDFEError.self) { try sharedLogarithm.recover(bare, bound: packing.range) }
    }

    @Test func torsionInAffineElementsChangesNeitherValueNorProof() throws {
        var round = try Round(
            values: testVectors(clients: 4, coordinates: 8, bound: 127, seed: 4), packing: packing)
        let honest = try round.recovered(with: sharedLogarithm)
        for torsion in torsionPoints() {
            let point = try ElementDecoding.decode(round.bodies[0][0..<64], at: 0, encoding: .affine) + torsion
            round.bodies[0].replaceSubrange(0..<64, with: BatchArithmetic.affineBytes([point]))
            #expect(try round.recovered(with: sharedLogarithm) == honest)
            #expect(try proven(round, values: honest))
        }
    }

    @Test func malformedElementsAreNamed() throws {
        let ristretto = try Round(
            values: testVectors(clients: 4, coordinates: 21, bound: 127, seed: 4), packing: packing,
            encoding: .ristretto)
        let affine = try Round(
            values: testVectors(clients: 4, coordinates: 21, bound: 127, seed: 4), packing: packing, encoding: .affine)
        let zeros = [UInt8](repeating: 0, count: 32)
        let prime = hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
        var topBit = Array(ristretto.bodies[2][160..<192])
        topBit[31] |= 0x80
        var negative = Array(ristretto.bodies[2][160..<192])
        negative[0] ^= 1
        var off = Array(affine.bodies[2][320..<384])
        off[33] ^= 1
        var affineTop = Array(affine.bodies[2][320..<384])
        affineTop[63] |= 0x80
        var affineTopX = Array(affine.bodies[2][320..<384])
        affineTopX[31] |= 0x80
        let one = [1] + [UInt8](repeating: 0, count: 31)
        // x + p, where it fits into 255 bits, is the same point in another encoding.
        let onePlusPrime = hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
        var cases: [(Round, [UInt8], ElementFault)] = [
            (ristretto, zeros, .smallOrder), (ristretto, topBit, .nonCanonical), (ristretto, negative, .nonCanonical),
            (ristretto, prime, .nonCanonical), (ristretto, hex(String(repeating: "ff", count: 32)), .nonCanonical),
            (ristretto, hex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"), .notOnCurve),
            (ristretto, hex("4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f"), .notOnCurve),
            (affine, zeros + one, .smallOrder), (affine, off, .notOnCurve), (affine, affineTop, .nonCanonical),
            (affine, affineTopX, .nonCanonical), (affine, zeros + onePlusPrime, .nonCanonical),
            (affine, prime + one, .nonCanonical), (affine, zeros + zeros, .notOnCurve),
        ]
        for point in torsionPoints() { cases.append((affine, BatchArithmetic.affineBytes([point]), .smallOrder)) }
        for (round, element, fault) in cases {
            var bodies = round.bodies
            let width = round.encoding.width
            // Several bad elements: the lowest body, and its lowest element, are named.
            for (body, position) in [(3, 0), (2, 9), (2, 5)] {
                bodies[body].replaceSubrange(position * width..<(position + 1) * width, with: element)
            }
            let expected = NDDFEError.elementRejected(body: 2, element: 5, fault: fault)
            #expect(throws: expected, "\(element)") {
                try Aggregate.sum(bodies: bodies, encoding: round.encoding, count: round.elements)
            }
            let seed = [UInt8](repeating: 0, count: 32)
            #expect(throws: expected) {
                try BlockProof.verify(
                    bodies: bodies, encoding: round.encoding, values: [Int64](repeating: 0, count: round.elements),
                    kHat: seed, seed: seed)
            }
        }
        var short = affine.bodies
        short[1].removeLast()
        #expect(throws: NDDFEError.wrongLength(field: "body 1", expected: 11 * 64, found: 11 * 64 - 1)) {
            try Aggregate.sum(bodies: short, encoding: .affine, count: 11)
        }
    }

    @Test func keyVectorsAreCheckedAndProvenPerElement() throws {
        let round = try Round(values: testVectors(clients: 4, coordinates: 25, bound: 127, seed: 4), packing: packing)
        let vectors = try round.keyVectors()
        for count in [1, 2, 3, 5, 8, 13] {
            let vector = Array(vectors[0][0..<count * 32])
            let tree = KeyVector.tree(vector)
            for element in 0..<count {
                let key = Array(vector[element * 32..<element * 32 + 32])
                let path = tree.path(element)
                #expect(KeyVector.verify(root: tree.root, key: key, element: element, count: count, path: path))
                #expect(!KeyVector.verify(root: tree.root, key: key, element: element + 1, count: count, path: path))
                #expect(!KeyVector.verify(root: tree.root, key: key, element: element, count: count + 1, path: path))
                #expect(
                    !KeyVector.verify(root: tree.root, key: key, element: element, count: count, path: path + [key]))
                #expect(!KeyVector.verify(root: tree.root, key: key, element: -1, count: count, path: path))
                var other = key
                other[3] ^= 4
                #expect(!KeyVector.verify(root: tree.root, key: other, element: element, count: count, path: path))
                if !path.isEmpty {
                    let cut = Array(path.dropLast())
                    #expect(!KeyVector.verify(root: tree.root, key: key, element: element, count: count, path: cut))
                }
            }
        }
        var high = vectors
        high[2].replaceSubrange(32..<64, with: [UInt8](repeating: 0xff, count: 32))
        #expect(throws: NDDFEError.invalidScalar(field: "key vector of component 2")) {
            try KeyVector.combine(high, count: round.elements)
        }
        high[1].removeLast()
        #expect(throws: NDDFEError.self) { try KeyVector.combine(high, count: round.elements) }
    }

    @Test func bodiesAreProvenChunkByChunk() {
        var random = SplitMix(1)
        for size in [1, 32_767, 32_768, 32_769, 100_000] {
            let body = random.bytes(size)
            let tree = SubmissionBody.tree(body)
            for index in 0..<SubmissionBody.chunkCount(byteCount: size) {
                let chunk = body[index * 32_768..<min(size, (index + 1) * 32_768)]
                let path = tree.path(index)
                #expect(SubmissionBody.verify(root: tree.root, chunk: chunk, index: index, byteCount: size, path: path))
                #expect(
                    !SubmissionBody.verify(
                        root: tree.root, chunk: chunk.dropLast(), index: index, byteCount: size, path: path))
                #expect(
                    !SubmissionBody.verify(root: tree.root, chunk: chunk, index: index + 1, byteCount: size, path: path)
                )
                #expect(
                    !SubmissionBody.verify(
                        root: tree.root, chunk: chunk, index: index, byteCount: size + 32_768, path: path))
            }
        }
    }
}
