import Testing

@testable import MeshCrypto

@Suite("Vector kernel: sums of public multiples", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
struct PointSumTests {
    typealias Words = (low: UInt64, high: UInt64)

    /// Σ scalars[j]·points[j], one multiplication after the other.
    private func reference(_ scalars: [Words], _ points: [EdwardsPoint]) -> EdwardsPoint {
        zip(scalars, points).reduce(.identity) { sum, next in
            sum + next.1.vartimeMultiplied(by: Scalar(unchecked: next.0.low, next.0.high, 0, 0))
        }
    }

    private func isEqual(_ left: EdwardsPoint, _ right: EdwardsPoint) -> Bool {
        affineBytes([left]) == affineBytes([right])
    }

    /// Zero, one, the digits on both sides of half a window and of a carry, and full words.
    private let edges: [Words] = [
        (0, 0), (1, 0), (1023, 0), (1024, 0), (1025, 0), (2047, 0), (2048, 0), (2049, 0), (.max, .max), (.max, 0),
        (0, .max), (0, 1), (1 << 63, 1 << 63), (0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa), (0, 1 << 57),
        (0, (1 << 57) - 1), (1 << 54, 0), (1 << 55, 0), (1024 << 11, 0), (1024 << 22 | 1024, 0),
    ]

    @Test("edge scalars times points of every kind")
    func edgeScalars() throws {
        var points = smallOrderPoints + [.base, NDDFEBases.maskBase, -.base, .base + smallOrderPoints[3]]
        points += points.map { $0.doubled + NDDFEBases.maskBase }
        for scalar in edges {
            let sum = try #require(VectorPointSum())
            let scalars = [Words](repeating: scalar, count: points.count)
            sum.add(points, scalars: scalars)
            #expect(isEqual(sum.total, reference(scalars, points)), "\(scalar)")
        }
    }

    @Test("every length of a tail, and pieces added one by one")
    func tails() throws {
        var generator = Generator(31)
        let points = (0..<24).map { _ in EdwardsPoint.base.vartimeMultiplied(by: generator.scalar()) }
        let scalars: [Words] = points.map { _ in (generator.next(), generator.next()) }
        for count in 0...points.count {
            let sum = try #require(VectorPointSum())
            sum.add(Array(points[..<count]), scalars: Array(scalars[..<count]))
            #expect(isEqual(sum.total, reference(Array(scalars[..<count]), Array(points[..<count]))), "\(count)")
            sum.add(Array(points[count...]), scalars: Array(scalars[count...]))
            #expect(isEqual(sum.total, reference(scalars, points)), "\(count) and the rest")
        }
    }

    @Test("many points agree with the portable sum, the same bucket again and again included")
    func many() throws {
        var generator = Generator(32)
        let some = (0..<64).map { _ in EdwardsPoint.base.vartimeMultiplied(by: generator.scalar()) }
        for count in [511, 512, 513, 6000] {
            let points = (0..<count).map { some[$0 % 64] }
            let scalars: [Words] = (0..<count).map { index in
                index % 3 == 0 ? edges[index % edges.count] : (generator.next(), generator.next())
            }
            let vector = try #require(VectorPointSum())
            vector.add(points, scalars: scalars)
            let reference = PortablePointSum()
            reference.add(points, scalars: scalars)
            #expect(isEqual(vector.total, reference.total), "\(count)")
        }
    }

    @Test("P and -P under one scalar cancel")
    func cancellation() throws {
        let sum = try #require(VectorPointSum())
        let points = [EdwardsPoint](repeating: .base, count: 300) + [EdwardsPoint](repeating: -.base, count: 300)
        sum.add(points, scalars: points.map { _ in (low: 0x1234_5678_9abc_def0, high: 77) })
        #expect(isEqual(sum.total, .identity))
    }
}
