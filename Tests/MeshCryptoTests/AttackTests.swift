import Testing

@testable import MeshCrypto

/// Attackers with a seat at the table; each is played and must fail closed.
@Suite("Attackers inside the mesh")
struct AttackTests {
    let packing: Packing

    init() throws { packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8) }

    private func points(_ body: [UInt8], _ round: Round) throws -> [EdwardsPoint] {
        try (0..<round.elements).map {
            try ElementDecoding.decode(
                body[$0 * round.encoding.width..<($0 + 1) * round.encoding.width], at: $0 * round.encoding.width,
                encoding: round.encoding)
        }
    }

    private func isClosed(_ points: [EdwardsPoint]) -> Bool {
        points.allSatisfy { sharedLogarithm.value(of: $0, bound: 1 << 20) == nil }
    }

    @Test(arguments: HolderProfile.all.dropFirst())
    func theAggregatorWithAnyThresholdOfHoldersReadsNoClient(profile: HolderProfile) throws {
        let round = try Round(
            values: testVectors(clients: 5, coordinates: 3, bound: 127, seed: 1), packing: packing, profile: profile)
        let vectors = try round.keyVectors()
        let tables = NDDFEBases.tables(elements: 3)
        // Every coalition of t holders.
        for mask in 0..<(1 << profile.holders) where mask.nonzeroBitCount == profile.threshold {
            let coalition = (0..<profile.holders).filter { mask >> $0 & 1 == 1 }
            let known = Set(coalition.flatMap { profile.components(of: $0) })
            let unknown = (0..<profile.componentCount).filter { !known.contains($0) }
            #expect(!unknown.isEmpty)
            // It takes off client 0's masks it knows; of the others it has only sums over S, less what it knows of the
            // other clients, which leaves the sum over S of an unknown component.
            var target = try points(round.bodies[0], round)
            let own = MaskDerivation.masks(keys: known.sorted().map { round.maskKeys[0][$0] }, elements: 0..<3)
            PortableKernel().unmask(&target, keys: own[...], tables: tables)
            #expect(isClosed(target))
            for component in unknown {
                var attempt = target
                PortableKernel().unmask(&attempt, keys: vectors[component][...], tables: tables)
                #expect(isClosed(attempt))
            }
        }
    }

    @Test(arguments: ElementEncoding.allCases)
    func aCopiedOrMauledBodyDoesNotOpenAndNamesItsSender(encoding: ElementEncoding) throws {
        // Client 3 sends client 0's body as its own, as it is or with 5·G added, under its own seeds.
        for shift: Int64 in [0, 5] {
            var round = try Round(
                values: testVectors(clients: 5, coordinates: 6, bound: 127, seed: 1), packing: packing,
                encoding: encoding)
            let moved = try points(round.bodies[0], round).map {
                $0 + EdwardsPoint.base.vartimeMultiplied(by: Scalar(shift))
            }
            round.bodies[3] = ElementDecoding.encode(moved, encoding: encoding)
            #expect(throws: NDDFEError.noLogarithm(element: 0, bound: packing.range)) {
                try round.recovered(with: sharedLogarithm)
            }
            let blame = try Blame(
                profile: round.profile, encoding: encoding, packing: packing, coordinates: 6, element: 0,
                bindings: round.bindings, commitments: round.sealed.map(\.commitments),
                elements: round.bodies.map { Array($0[0..<encoding.width]) })
            let statements = (0..<3).flatMap { component in
                round.profile.holders(of: component).map { holder in
                    Blame.statement(
                        holder: holder, component: component, maskKeys: round.maskKeys.map { $0[component] }, element: 0
                    )
                }
            }
            let finding = try blame.examine(
                keys: try round.keyVectors().map { Array($0[0..<32]) }, statements: statements,
                logarithm: sharedLogarithm)
            #expect(finding == .clients([3]))
        }
    }

    @Test func aBodyReplayedInAnotherRoundDoesNotOpen() throws {
        let values = testVectors(clients: 5, coordinates: 6, bound: 127, seed: 1)
        let first = try Round(values: values, packing: packing, seed: 1)
        var second = try Round(values: values, packing: packing, seed: 2)
        second.bodies[1] = first.bodies[1]
        #expect(throws: NDDFEError.noLogarithm(element: 0, bound: packing.range)) {
            try second.recovered(with: sharedLogarithm)
        }
        // Nor do the sealed seeds of the other round pass under this context.
        #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
            try first.sealed[1].verify(profile: .threeHolders, binding: second.bindings[1])
        }
    }

    @Test func aSubstitutedOrTruncatedBodyIsSeenByItsRoot() throws {
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        let round = try Round(values: testVectors(clients: 2, coordinates: 1500, bound: 127, seed: 1), packing: packing)
        let tree = SubmissionBody.tree(round.bodies[0])
        let other = SubmissionBody.tree(round.bodies[1])
        #expect(tree.root != other.root)
        let size = round.bodies[0].count
        for index in 0..<tree.count {
            let bytes = index * SubmissionBody.chunkBytes..<min(size, (index + 1) * SubmissionBody.chunkBytes)
            func accepted(_ body: [UInt8], path: [[UInt8]], byteCount: Int) -> Bool {
                SubmissionBody.verify(
                    root: tree.root, chunk: body[bytes], index: index, byteCount: byteCount, path: path)
            }
            let own = accepted(round.bodies[0], path: tree.path(index), byteCount: size)
            let substituted = accepted(round.bodies[1], path: tree.path(index), byteCount: size)
            let withItsPath = accepted(round.bodies[1], path: other.path(index), byteCount: size)
            let shorter = accepted(round.bodies[0], path: tree.path(index), byteCount: size - SubmissionBody.chunkBytes)
            #expect(own && !substituted && !withItsPath && !shorter)
        }
        // The signed header has the element count, which gives the size of the last chunk.
        let last = tree.count - 1
        let cut = round.bodies[0][last * SubmissionBody.chunkBytes..<size - 64]
        let truncated = [size, size - 64].contains {
            SubmissionBody.verify(root: tree.root, chunk: cut, index: last, byteCount: $0, path: tree.path(last))
        }
        #expect(!truncated)
    }

    @Test func aColludingAggregatorCannotPublishAnotherSum() throws {
        // Publisher, all holders and the aggregator together know every mask; they want e + Δ accepted.
        let round = try Round(values: testVectors(clients: 5, coordinates: 4, bound: 127, seed: 1), packing: packing)
        let values = try round.recovered(with: sharedLogarithm)
        let vectors = try round.keyVectors()
        var wrong = values
        wrong[2] += 1
        let seed = BlockProof.seed(context: round.context, manifest: [], values: wrong)
        let honest = Scalar(canonical: try BlockProof.kHat(seed: seed, keyVectors: vectors, count: 4))!
        // k̂ would have to absorb ρ₂·G into H, whose logarithm nobody knows: the obvious tries fail.
        let rho = BlockProof.rho(seed: seed, elements: 2..<3)[0]
        let shift = Scalar(unchecked: rho.low, rho.high, 0, 0)
        for kHat in [honest, honest + shift, honest - shift, .zero, shift] {
            #expect(
                try !BlockProof.verify(
                    bodies: round.bodies, encoding: .affine, values: wrong, kHat: kHat.bytes, seed: seed))
        }
        // Reusing the challenge of the right values for the wrong ones is what the seed forbids.
        #expect(seed != BlockProof.seed(context: round.context, manifest: [], values: values))
    }

    @Test func unequalWeightsDoNotExist() {
        // Weights y ∈ {0, 1} only: the key of a sum is the plain sum over a set of distinct members. A member counted
        // twice, the first step of decoding single clients from one key, is refused before a key exists.
        var gate = KeyReleaseGate(minimumMembers: 4)
        let key = { (index: UInt8) in [UInt8](repeating: index, count: 32) }
        let members = [0, 1, 2, 2, 3].map { (publicKey: key($0), submission: key($0)) }
        #expect(throws: KeyReleaseGate.Refusal.malformedSets) {
            try gate.admit(
                KeyReleaseGate.Request(
                    task: key(1), baseModel: key(1), manifest: key(1), round: 1, attempt: 1, manifestIsDecided: true,
                    members: members))
        }
    }
}
