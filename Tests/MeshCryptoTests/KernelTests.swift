import Testing

@testable import MeshCrypto

@Suite("Every kernel against single operations and libsodium")
struct KernelTests {
    /// The names of the kernels on this machine; each test runs for all of them.
    static let kernels = NDDFEBases.kernels.map(\.name)

    private func kernel(_ name: String) throws -> any GroupKernel {
        try #require(NDDFEBases.kernels.first { $0.name == name })
    }

    private func scalars(_ scalars: [Scalar]) -> [UInt8] { scalars.flatMap(\.bytes) }

    private func reference(_ value: Int64, _ mask: Scalar) -> EdwardsPoint {
        EdwardsPoint.base.vartimeMultiplied(by: Scalar(value)) + NDDFEBases.maskBase.vartimeMultiplied(by: mask)
    }

    private let edgeScalars: [Scalar] = [
        .zero, .one, Scalar(2), Scalar(-1), Scalar(-2), .half, .half - .one, .eighth, Scalar(4095), Scalar(4096),
        Scalar(4097), Scalar(8191), Scalar(8192), Scalar(-8191), Scalar(1 << 40),
        Scalar(unchecked: 0, 0, 0, 1 << 59), Scalar(unchecked: .max, .max, .max, (1 << 60) - 1),
        Scalar(unchecked: .max, .max, .max, (1 << 55) - 1), Scalar(unchecked: 0, 0, 0, 1 << 55),
    ]

    @Test(arguments: kernels, [1, 60_000])
    func commitmentsOfEdgeAndRandomInputs(name: String, elements: Int) throws {
        let kernel = try kernel(name)
        let tables = NDDFEBases.tables(elements: elements)
        var random = SplitMix(21)
        let edgeValues: [Int64] = [
            0, 1, -1, 127, -128, 1023, -1024, 1024, -1025, 2047, 2048, -2049, 1 << 23, -(1 << 23),
        ]
        // Sizes around blocks and tails; each with its own mixture.
        for count in [1, 2, 3, 5, 15, 16, 17, 31, 255, 256, 257, 1023, 1025] {
            for kind in 0..<3 {
                let values: [Int64] = (0..<count).map { index in
                    switch kind {
                    case 0: Int64.random(in: -127...127, using: &random)
                    case 1: edgeValues[(index + count) % edgeValues.count]
                    default: Int64.random(in: -(1 << 46)...(1 << 46), using: &random)
                    }
                }
                let masks = (0..<count).map { index in
                    kind == 1 ? edgeScalars[index % edgeScalars.count] : random.scalar()
                }
                let ristretto = kernel.commit(
                    values: values[...], masks: scalars(masks)[...], tables: tables, encoding: .ristretto)
                let affine = kernel.commit(
                    values: values[...], masks: scalars(masks)[...], tables: tables, encoding: .affine)
                #expect(ristretto.count == count * 32)
                #expect(affine.count == count * 64)
                for index in 0..<count where kind == 1 || index % 50 == 0 || index > count - 3 {
                    let expected = reference(values[index], masks[index])
                    #expect(
                        Array(ristretto[index * 32..<index * 32 + 32]) == expected.ristrettoBytes,
                        "\(count) \(kind) \(index)")
                    #expect(Array(affine[index * 64..<index * 64 + 64]) == BatchArithmetic.affineBytes([expected]))
                }
            }
        }
    }

    @Test(arguments: kernels)
    func identitiesInsideABatchHarmNobody(name: String) throws {
        let kernel = try kernel(name)
        let tables = NDDFEBases.tables(elements: 1)
        var random = SplitMix(22)
        var masks = (0..<100).map { _ in random.scalar() }
        for index in [0, 50, 99] { masks[index] = .zero }
        let values = [Int64](repeating: 0, count: 100)
        let body = kernel.commit(values: values[...], masks: scalars(masks)[...], tables: tables, encoding: .affine)
        for index in masks.indices {
            let expected = BatchArithmetic.affineBytes([reference(0, masks[index])])
            #expect(Array(body[index * 64..<index * 64 + 64]) == expected)
        }
    }

    @Test(arguments: kernels, ElementEncoding.allCases)
    func manyRandomCommitmentsAgreeWithTheReferenceKernel(name: String, encoding: ElementEncoding) throws {
        let kernel = try kernel(name)
        let tables = NDDFEBases.tables(elements: 1)
        var random = SplitMix(23)
        let count = differentialCases
        let values = (0..<count).map { _ in Int64.random(in: -(1 << 23)...(1 << 23), using: &random) }
        let masks = (0..<count).flatMap { _ in random.scalar().bytes }
        let body = kernel.commit(values: values[...], masks: masks[...], tables: tables, encoding: encoding)
        // The Edwards path, one element at a time.
        var wrong = 0
        let halfG = tables.value
        for index in 0..<count {
            let mask = Scalar(canonical: Array(masks[index * 32..<index * 32 + 32]))!
            let half = tables.mask.multiply(mask) + halfG.multiply(Scalar(values[index]))
            let bytes =
                encoding == .ristretto
                ? BatchArithmetic.doubledRistrettoBytes([half]) : BatchArithmetic.affineBytes([half.doubled])
            if bytes != Array(body[index * encoding.width..<(index + 1) * encoding.width]) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test(arguments: kernels)
    func sumsAndUnmaskingUndoCommitments(name: String) throws {
        let kernel = try kernel(name)
        let tables = NDDFEBases.tables(elements: 1)
        var random = SplitMix(24)
        for count in [1, 3, 4, 5, 16, 17, 300, 1025] {
            for encoding in ElementEncoding.allCases {
                var masks = (0..<count).map { index in
                    index < edgeScalars.count && count > 16 ? edgeScalars[index] : random.scalar()
                }
                let values = (0..<count).map { _ in Int64.random(in: 1...1000, using: &random) }
                let body = kernel.commit(
                    values: values[...], masks: scalars(masks)[...], tables: tables, encoding: encoding)
                var sums = [EdwardsPoint](repeating: .identity, count: count)
                for _ in 0..<3 {
                    #expect(kernel.accumulate(body[...], encoding: encoding, into: &sums) == nil)
                }
                masks = masks.map { $0 + $0 + $0 }
                kernel.unmask(&sums, keys: scalars(masks)[...], tables: tables)
                for index in 0..<count {
                    let expected = EdwardsPoint.base.vartimeMultiplied(by: Scalar(values[index] * 3))
                    #expect(sums[index].isSameElement(as: expected))
                    #expect(sums[index].isOnCurve)
                }
                let eightfold = kernel.affineOfEightfold(sums[...])
                #expect(eightfold == BatchArithmetic.affineBytes(sums.map { $0.doubled(times: 3) }))
            }
        }
    }

    @Test(arguments: kernels)
    func theIdentityIsAPointLikeAnyOtherInLookUps(name: String) throws {
        let kernel = try kernel(name)
        var points = [EdwardsPoint](repeating: .base, count: 37)
        for index in [0, 18, 36] { points[index] = torsionPoints()[index % 8] }
        #expect(
            kernel.affineOfEightfold(points[...]) == BatchArithmetic.affineBytes(points.map { $0.doubled(times: 3) }))
        // A slice that does not start at zero.
        #expect(
            kernel.affineOfEightfold(points[3..<9])
                == BatchArithmetic.affineBytes(points[3..<9].map { $0.doubled(times: 3) }))
    }

    @Test(arguments: kernels, ElementEncoding.allCases)
    func theFirstBadElementIsReported(name: String, encoding: ElementEncoding) throws {
        let kernel = try kernel(name)
        var random = SplitMix(25)
        let count = 41
        let masks = (0..<count).flatMap { _ in random.scalar().bytes }
        let good = kernel.commit(
            values: [Int64](repeating: 5, count: count)[...], masks: masks[...], tables: NDDFEBases.tables(elements: 1),
            encoding: encoding)
        for position in 0..<count {
            var body = good
            for bad in [position, min(count - 1, position + 1)] {
                body.replaceSubrange(
                    bad * encoding.width..<(bad + 1) * encoding.width,
                    with: [UInt8](repeating: 0xff, count: encoding.width))
            }
            var sums = [EdwardsPoint](repeating: .identity, count: count)
            let refusal = kernel.accumulate(body[...], encoding: encoding, into: &sums)
            #expect(refusal == ElementRefusal(index: position, fault: .nonCanonical))
        }
    }
}
