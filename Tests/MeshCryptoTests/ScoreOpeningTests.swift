import Testing

@testable import MeshCrypto

@Suite("Scores by inner product")
struct ScoreOpeningTests {
    let packing: Packing
    let round: Round
    let direction: ScoreDirection

    init() throws {
        packing = try Packing(digits: 1, bound: 100, maximumSubmitters: 8)
        round = try Round(
            values: testVectors(clients: 2, coordinates: 40, bound: 100, seed: 6), packing: packing)
        direction = try ScoreDirection(signs: (0..<40).map { [1, 0, -1, 0][$0 % 4] })
    }

    private func opening(_ client: Int = 0) throws -> ScoreOpening {
        try ScoreOpening.make(
            values: round.values[client], maskKeys: round.maskKeys[client], direction: direction, bound: 100)
    }

    private func verifies(_ opening: ScoreOpening, body: [UInt8]? = nil, direction: ScoreDirection? = nil) throws
        -> Bool
    {
        try opening.verify(
            body: body ?? round.bodies[0], encoding: .affine, direction: direction ?? self.direction, packing: packing)
    }

    @Test func theScoreIsTheInnerProduct() throws {
        for client in 0..<2 {
            let opening = try opening(client)
            let plain = zip(round.values[client], direction.signs).reduce(0 as Int64) { $0 + $1.0 * Int64($1.1) }
            #expect(opening.score == plain)
            #expect(try verifies(opening, body: round.bodies[client]))
        }
    }

    @Test func anotherScoreMaskBodyOrDirectionIsRefused() throws {
        let right = try opening()
        let mask = try #require(Scalar(canonical: right.mask))
        for change: Int64 in [1, -1, 100] {
            #expect(try !verifies(ScoreOpening(score: right.score + change, mask: right.mask)))
        }
        #expect(try !verifies(ScoreOpening(score: right.score, mask: (mask + .one).bytes)))
        #expect(try !verifies(right, body: round.bodies[1]))
        var signs = direction.signs
        signs[0] = -1
        #expect(try !verifies(right, direction: try ScoreDirection(signs: signs)))
        #expect(throws: NDDFEError.invalidScalar(field: "score mask")) {
            try verifies(ScoreOpening(score: 0, mask: [UInt8](repeating: 0xff, count: 32)))
        }
    }

    @Test func aScoreNoBoundedUpdateCanHaveIsRefusedEvenIfTheEquationHolds() throws {
        // A cheating client encrypts far outside B, where the equation holds for its true, huge score.
        var values = round.values[0]
        values[0] = 1_000_000
        let body = try Encryptor.encrypt(values: values, maskKeys: round.maskKeys[0], encoding: .affine)
        #expect(throws: NDDFEError.valueOutOfRange(index: 0, value: 1_000_000, bound: 100)) {
            try ScoreOpening.make(values: values, maskKeys: round.maskKeys[0], direction: direction, bound: 100)
        }
        let huge = try ScoreOpening.make(
            values: values, maskKeys: round.maskKeys[0], direction: direction, bound: 1_000_000)
        #expect(
            try huge.verify(
                body: body, encoding: .affine, direction: direction,
                packing: try Packing(digits: 1, bound: 1_000_000, maximumSubmitters: 8)))
        #expect(try !verifies(huge, body: body))
        #expect(try !verifies(ScoreOpening(score: .min, mask: huge.mask), body: body))
    }

    @Test func aDirectionThatIsOneCoordinateIsRefused() throws {
        for coordinate in [0, 20, 39] {
            var signs = [Int8](repeating: 0, count: 40)
            signs[coordinate] = 1
            #expect(throws: NDDFEError.wrongCount(field: "non-zero entries of the direction", expected: 10, found: 1)) {
                try ScoreDirection(signs: signs)
            }
        }
        #expect(throws: NDDFEError.self) { try ScoreDirection(signs: []) }
        #expect(throws: NDDFEError.self) { try ScoreDirection(signs: Array(repeating: 0, count: 40)) }
        #expect(throws: NDDFEError.self) { try ScoreDirection(signs: Array(repeating: 2, count: 40)) }
        #expect(throws: NDDFEError.self) { try ScoreDirection(signs: Array(repeating: -128, count: 40)) }
        // Nine of forty is too few, ten is enough; metadata must be zero.
        let nine = (0..<40).map { Int8($0 < 9 ? 1 : 0) }
        #expect(throws: NDDFEError.self) { try ScoreDirection(signs: nine) }
        let ten = (0..<40).map { Int8($0 < 10 ? 1 : 0) }
        #expect(try ScoreDirection(signs: ten, metadata: 10..<40).weight == 10)
        #expect(throws: NDDFEError.valueOutOfRange(index: 9, value: 1, bound: 0)) {
            try ScoreDirection(signs: ten, metadata: 9..<40)
        }
    }

    @Test func packedRoundsAndOtherLengthsAreRefused() throws {
        let two = try Packing(digits: 2, bound: 100, maximumSubmitters: 8)
        #expect(throws: NDDFEError.self) {
            try opening().verify(body: round.bodies[0], encoding: .affine, direction: direction, packing: two)
        }
        #expect(throws: NDDFEError.self) { try verifies(try opening(), body: Array(round.bodies[0].dropLast())) }
        #expect(throws: NDDFEError.self) {
            try ScoreOpening.make(values: [1], maskKeys: round.maskKeys[0], direction: direction, bound: 100)
        }
    }

    @Test func commitmentsAreSaltedAndDistinct() throws {
        let salt = [UInt8](repeating: 1, count: 32)
        var signs = direction.signs
        signs[1] = 1
        let other = try ScoreDirection(signs: signs)
        #expect(direction.commitment(salt: salt) == direction.commitment(salt: salt))
        #expect(direction.commitment(salt: salt) != other.commitment(salt: salt))
        #expect(direction.commitment(salt: salt) != direction.commitment(salt: [UInt8](repeating: 2, count: 32)))
        #expect(ScoreDirection.maximumScoredRounds(coordinates: 49) == 0)
        #expect(ScoreDirection.maximumScoredRounds(coordinates: 100) == 2)
        #expect(ScoreDirection.maximumScoredRounds(coordinates: 1_000_000) == 5)
    }
}

@Suite("Resubmission of the same integer vector")
struct SameVectorProofTests {
    @Test(arguments: ElementEncoding.allCases)
    func onlyTheSameVectorPasses(encoding: ElementEncoding) throws {
        let packing = try Packing(digits: 1, bound: 100, maximumSubmitters: 8)
        let values = testVectors(clients: 1, coordinates: 33, bound: 100, seed: 6)[0]
        let first = try Round(values: [values], packing: packing, encoding: encoding, seed: 1)
        let second = try Round(values: [values], packing: packing, encoding: encoding, seed: 2)
        func id(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }
        let statement = SameVectorProof.Statement(
            previous: id(1), replacement: id(2), context: second.context, nonce: second.bindings[0].nonce,
            root: SubmissionBody.tree(second.bodies[0]).root)
        let proof = SameVectorProof.make(
            previousKeys: first.maskKeys[0], replacementKeys: second.maskKeys[0], count: 33, statement: statement)
        func verifies(_ proof: SameVectorProof, _ new: [UInt8], _ statement: SameVectorProof.Statement) throws -> Bool {
            try proof.verify(
                previous: first.bodies[0], replacement: new, encoding: encoding, count: 33, statement: statement)
        }
        #expect(try verifies(proof, second.bodies[0], statement))
        // Another vector, at the first, middle and last coordinate.
        for coordinate in [0, 16, 32] {
            var changed = values
            changed[coordinate] += 1
            let body = try Encryptor.encrypt(values: changed, maskKeys: second.maskKeys[0], encoding: encoding)
            #expect(try !verifies(proof, body, statement))
        }
        // Two changes that cancel in the plain sum.
        var cancelling = values
        cancelling[3] += 1
        cancelling[4] -= 1
        let body = try Encryptor.encrypt(values: cancelling, maskKeys: second.maskKeys[0], encoding: encoding)
        #expect(try !verifies(proof, body, statement))
        let other = SameVectorProof.Statement(
            previous: id(1), replacement: id(3), context: second.context, nonce: statement.nonce, root: statement.root)
        #expect(try !verifies(proof, second.bodies[0], other))
        #expect(try !verifies(SameVectorProof(lambda: id(0)), second.bodies[0], statement))
        #expect(throws: NDDFEError.invalidScalar(field: "λ")) {
            try verifies(SameVectorProof(lambda: id(0xff)), second.bodies[0], statement)
        }
        var broken = second.bodies[0]
        broken.replaceSubrange(0..<encoding.width, with: [UInt8](repeating: 0xff, count: encoding.width))
        #expect(throws: NDDFEError.elementRejected(body: 1, element: 0, fault: .nonCanonical)) {
            try verifies(proof, broken, statement)
        }
    }
}
