import Testing

@testable import MeshCrypto

/// The publisher and the aggregator with what they see, alone and with holders.
@Suite("Collusions")
struct CollusionTests {
    let packing: Packing

    init() throws { packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8) }

    private func sum(_ clients: [Int], of round: Round) throws -> [EdwardsPoint] {
        try Aggregate.sum(bodies: clients.map { round.bodies[$0] }, encoding: round.encoding, count: round.elements)
            .points
    }

    private func unmasked(_ points: [EdwardsPoint], by vectors: [[UInt8]]) -> [EdwardsPoint] {
        var points = points
        for vector in vectors {
            PortableKernel().unmask(&points, keys: vector[...], tables: NDDFEBases.tables(elements: points.count))
        }
        return points
    }

    private func isClosed(_ points: [EdwardsPoint]) -> Bool {
        points.allSatisfy { sharedLogarithm.value(of: $0, bound: 1 << 22) == nil }
    }

    @Test(arguments: HolderProfile.all.dropFirst())
    func thePublisherAloneReadsNothingWhereItIsNoHolder(profile: HolderProfile) throws {
        let round = try Round(
            values: testVectors(clients: 5, coordinates: 4, bound: 127, seed: 3), packing: packing, profile: profile)
        // It knows every public byte, and a sealing key of its own that it tries on each holder's boxes.
        let own = try RistrettoKey(uniform: SecretBytes((0..<64).map { UInt8($0) }))
        for client in 0..<5 {
            for holder in 0..<profile.holders {
                let opened = try round.sealed[client].open(
                    holder: holder, key: own, profile: profile, binding: round.bindings[client])
                #expect(opened.seeds.allSatisfy { $0.seed == nil })
            }
            // Nor do the public commitments serve as seeds.
            let guessed = round.sealed[client].commitments.enumerated().map { component, commitment in
                MaskDerivation.maskKey(
                    seed: SecretBytes(commitment), binding: round.bindings[client], component: component)
            }
            let masks = MaskDerivation.masks(keys: guessed, elements: 0..<4)
            #expect(isClosed(unmasked(try sum([client], of: round), by: [masks])))
        }
    }

    @Test func twoManifestsOpenNobodyToTheAggregatorWithAHolder() throws {
        let round = try Round(values: testVectors(clients: 8, coordinates: 3, bound: 127, seed: 4), packing: packing)
        let everybody = Array(0..<8)
        let honest = 2
        func request(_ members: [Int], manifest: UInt8, attempt: UInt32 = 0) -> KeyReleaseGate.Request {
            let sorted = members.sorted {
                round.bindings[$0].publicKey.lexicographicallyPrecedes(round.bindings[$1].publicKey)
            }
            return KeyReleaseGate.Request(
                task: [1], baseModel: [2], manifest: [manifest], round: 1, attempt: attempt, manifestIsDecided: true,
                members: sorted.map { (round.bindings[$0].publicKey, round.bindings[$0].nonce) })
        }
        var gate = KeyReleaseGate(minimumMembers: 4)
        #expect(try gate.admit(request(everybody, manifest: 1)) == .first)
        // The honest holder answered once. A second manifest without client 0, in this attempt or the next, gets nothing.
        let withoutOne = Array(1..<8)
        #expect(throws: KeyReleaseGate.Refusal.alreadyStated) { try gate.admit(request(withoutOne, manifest: 2)) }
        #expect(throws: KeyReleaseGate.Refusal.self) { try gate.admit(request(withoutOne, manifest: 2, attempt: 1)) }
        // Asking twice for the same one repeats the same bytes.
        #expect(try gate.admit(request(everybody, manifest: 1)) == .again)
        #expect(try round.keyVectors(over: everybody) == round.keyVectors(over: everybody))

        // What the aggregator and holder 0 can compute: every vector over any set of the components that 0 knows, and
        // the released one of the component it does not know, which is over everybody.
        let profile = round.profile
        let known = profile.components(of: 0)
        let unknown = (0..<profile.componentCount).filter { !known.contains($0) }
        #expect(unknown.count == 1 && profile.holders(of: unknown[0]).contains(honest))
        let released = try round.keyVectors(over: everybody)
        for set in [withoutOne, [0]] {
            let own = try round.keyVectors(over: set)
            let partly = unmasked(try sum(set, of: round), by: known.map { own[$0] })
            #expect(isClosed(partly))
            #expect(isClosed(unmasked(partly, by: [released[unknown[0]]])))
        }
        // The whole set opens, to the sum and nothing else: the attack above failed for the right reason.
        let opened = unmasked(try sum(everybody, of: round), by: released)
        #expect(opened.map { sharedLogarithm.value(of: $0, bound: 1 << 22) } == round.plainSum)
    }

    @Test func aReSignedSubmissionIsRefusedByItsProof() throws {
        // Client 3 takes over client 0's whole submission under its own name, with its context and nonce or its own.
        let round = try Round(values: testVectors(clients: 4, coordinates: 3, bound: 127, seed: 5), packing: packing)
        let thief = round.bindings[3]
        let stolen = round.sealed[0]
        let bindings = [
            thief,
            try SubmissionBinding(context: round.context, publicKey: thief.publicKey, nonce: round.bindings[0].nonce),
        ]
        for binding in bindings {
            #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
                try stolen.verify(profile: round.profile, binding: binding)
            }
            // A holder stops before its secret touches anything.
            #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
                try stolen.open(holder: 0, key: round.holderKeys[0], profile: round.profile, binding: binding)
            }
        }
        #expect(throws: Never.self) { try stolen.verify(profile: round.profile, binding: round.bindings[0]) }
    }

    @Test func aWrongDigitSplitIsSeenByEverybody() throws {
        // The same element read as other coordinates: (x₀ + R, x₁ − 1) has the same packed value, so the block equation
        // holds; only the balanced digits within |S|·B are accepted.
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 8)
        let values = testVectors(clients: 4, coordinates: 6, bound: 127, seed: 6)
        let round = try Round(values: values, packing: packing)
        let sums = try round.recovered(with: sharedLogarithm)
        #expect(try packing.unpack(sums, count: 6, submitters: 4) == round.plainSum)
        // Only one split exists, so an aggregator can but publish another element, which the equation refuses.
        var other = sums
        other[1] += packing.radix
        let seed = BlockProof.seed(context: round.context, manifest: [], values: other)
        let kHat = try BlockProof.kHat(seed: seed, keyVectors: try round.keyVectors(), count: round.elements)
        #expect(try !BlockProof.verify(bodies: round.bodies, encoding: .affine, values: other, kHat: kHat, seed: seed))
        // A digit beyond |S|·B is refused although the element is within the range of the logarithm.
        #expect(throws: NDDFEError.digitOutOfRange(element: 0, digit: 0, value: 4 * 127 + 1, bound: 4 * 127)) {
            try packing.unpack([4 * 127 + 1, 0, 0], count: 6, submitters: 4)
        }
    }
}
