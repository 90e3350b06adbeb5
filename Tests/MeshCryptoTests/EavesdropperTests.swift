import Testing

@testable import MeshCrypto

/// The published construction as it is copied: one mask for the whole vector, bases with known logarithms, zeros as the
/// bare mask. Exists to be broken.
private struct insecure_OneMaskScheme {
    let aggregatorKey: EdwardsPoint
    let maskPoint: EdwardsPoint

    func insecure_encrypt(_ values: [Int64]) -> [EdwardsPoint] {
        values.map { maskPoint + aggregatorKey.vartimeMultiplied(by: Scalar($0)) }
    }
}

@Suite("An eavesdropper with all traffic")
struct EavesdropperTests {
    /// All small v with point = v·base, by walking: works for any public base.
    private func smallLogarithm(_ point: EdwardsPoint, base: EdwardsPoint, range: Int64) -> Int64? {
        var walker = EdwardsPoint.identity
        for value in 0...range {
            if walker.isSameElement(as: point) { return value }
            if (-walker).isSameElement(as: point) { return -value }
            walker = walker + base
        }
        return nil
    }

    @Test func theOneMaskConstructionIsReadFromDifferences() {
        var random = SplitMix(3)
        let scheme = insecure_OneMaskScheme(
            aggregatorKey: EdwardsPoint.base.vartimeMultiplied(by: random.scalar()),
            maskPoint: EdwardsPoint.base.vartimeMultiplied(by: random.scalar()))
        let values: [Int64] = [0, 5, -7, 127, -127, 5]
        let ciphertext = scheme.insecure_encrypt(values)
        // Differences of coordinates are small logarithms to a public base …
        for index in values.indices {
            let read = smallLogarithm(ciphertext[index] - ciphertext[0], base: scheme.aggregatorKey, range: 300)
            #expect(read == values[index])
        }
        // … and equal values look equal.
        #expect(ciphertext[1].isSameElement(as: ciphertext[5]))
    }

    @Test func theSameAttackFailsHere() throws {
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        let values: [Int64] = [0, 5, -7, 127, -127, 5]
        let round = try Round(values: [values, values], packing: packing, encoding: .ristretto)
        let points = try round.bodies.map { body in
            try (0..<values.count).map { try ElementDecoding.decode(body[...], at: $0 * 32, encoding: .ristretto) }
        }
        var candidates: [EdwardsPoint] = points[0]
        for j in values.indices {
            for k in values.indices where j != k { candidates.append(points[0][j] - points[0][k]) }
            // The same vector of another client.
            candidates.append(points[0][j] - points[1][j])
        }
        for base in [EdwardsPoint.base, NDDFEBases.maskBase] {
            for candidate in candidates { #expect(smallLogarithm(candidate, base: base, range: 300) == nil) }
        }
        for candidate in candidates { #expect(sharedLogarithm.value(of: candidate, bound: 1 << 20) == nil) }
        // Equal values do not look equal.
        let encodings = Set(
            round.bodies.flatMap { body in (0..<values.count).map { Array(body[$0 * 32..<$0 * 32 + 32]) } })
        #expect(encodings.count == 2 * values.count)
    }

    @Test func noTwoRoundsOrAttemptsShareAMask() throws {
        // Same seeds, same values; the context or the nonce differs.
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        let round = try Round(values: [[1, 2, 3, 4]], packing: packing)
        let binding = round.bindings[0]
        let other = [UInt8](repeating: 9, count: 32)
        let bindings = [
            binding,
            try SubmissionBinding(context: other, publicKey: binding.publicKey, nonce: binding.nonce),
            try SubmissionBinding(context: binding.context, publicKey: other, nonce: binding.nonce),
            try SubmissionBinding(context: binding.context, publicKey: binding.publicKey, nonce: other),
        ]
        let bodies = try bindings.map { binding in
            try Encryptor.encrypt(
                values: [1, 2, 3, 4], maskKeys: MaskDerivation.maskKeys(seeds: round.seeds[0], binding: binding),
                encoding: .affine)
        }
        #expect(bodies[0] == round.bodies[0])
        for left in bodies.indices {
            for right in bodies.indices where left < right {
                for j in 0..<4 {
                    let a = try ElementDecoding.decode(bodies[left][...], at: j * 64, encoding: .affine)
                    let b = try ElementDecoding.decode(bodies[right][...], at: j * 64, encoding: .affine)
                    #expect(sharedLogarithm.value(of: a - b, bound: 1 << 20) == nil)
                }
            }
        }
        // Nor do the components of one submission.
        #expect(Set(round.maskKeys[0].map { $0.withCopy { $0 } }).count == 3)
    }

    @Test(arguments: HolderProfile.all.dropFirst())
    func anyThresholdOfHoldersReadsNothing(profile: HolderProfile) throws {
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        let round = try Round(values: [[1, -2], [3, 4]], packing: packing, profile: profile)
        // The first t holders pool what they open and take their masks off client 0.
        let known = Set((0..<profile.threshold).flatMap { profile.components(of: $0) })
        #expect(known.count < profile.componentCount)
        let keys = known.sorted().map { round.maskKeys[0][$0] }
        var points = try (0..<2).map {
            try ElementDecoding.decode(round.bodies[0][...], at: $0 * 64, encoding: .affine)
        }
        let masks = MaskDerivation.masks(keys: keys, elements: 0..<2)
        PortableKernel().unmask(&points, keys: masks[...], tables: NDDFEBases.tables(elements: 2))
        for point in points { #expect(sharedLogarithm.value(of: point, bound: 1 << 20) == nil) }
        // One more holder and it is open: the threshold is exactly t.
        let all = MaskDerivation.masks(keys: round.maskKeys[0], elements: 0..<2)
        var open = try (0..<2).map { try ElementDecoding.decode(round.bodies[0][...], at: $0 * 64, encoding: .affine) }
        PortableKernel().unmask(&open, keys: all[...], tables: NDDFEBases.tables(elements: 2))
        #expect(open.map { sharedLogarithm.value(of: $0, bound: 127) } == [1, -2])
    }

    @Test func thePublisherAloneReadsEverythingUnderItsProfile() throws {
        // Not a defect of the code but of the published trust model: the test keeps the documentation honest.
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 8)
        let round = try Round(values: [[55], [1], [2], [3]], packing: packing, profile: .publisherAlone)
        let opened = try round.sealed[0].open(
            holder: 0, key: round.holderKeys[0], profile: .publisherAlone, binding: round.bindings[0])
        let seed = try #require(opened.seeds[0].seed)
        let key = MaskDerivation.maskKey(seed: seed, binding: round.bindings[0], component: 0)
        var point = [try ElementDecoding.decode(round.bodies[0][...], at: 0, encoding: .affine)]
        PortableKernel().unmask(
            &point, keys: MaskDerivation.mask(key: key, element: 0)[...], tables: NDDFEBases.tables(elements: 1))
        #expect(sharedLogarithm.value(of: point[0], bound: 127) == 55)
    }
}
