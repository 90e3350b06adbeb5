import Testing

@testable import MeshCrypto

@Suite("Vector kernel: logarithms", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
struct LogarithmTests {
    private func points(_ values: [Int64]) throws -> [EdwardsPoint] {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[10])
        let mask = [UInt8](repeating: 7, count: 31) + [0]
        let all = Array(repeatElement(mask, count: values.count).joined())
        let body = kernel.commit(values: values[...], masks: all[...], tables: tables, encoding: .affine)
        var sums = [EdwardsPoint](repeating: .identity, count: values.count)
        #expect(kernel.accumulate(body[...], encoding: .affine, into: &sums) == nil)
        kernel.unmask(&sums, keys: all[...], tables: tables)
        return sums
    }

    @Test("values within the range are found, others are not", arguments: [1, 2, 5, 1000, 65_536])
    func range(range: Int) throws {
        let logarithms = try #require(VectorLogarithms(range: range))
        let bound = Int64(range)
        var generator = Generator(UInt64(range))
        var values: [Int64] = [0, bound, -bound, bound + 1, -bound - 1, 1, -1, 0, 1 << 40]
        values += (0..<1500).map { _ in Int64.random(in: -2 * bound...2 * bound, using: &generator) }
        let found = try #require(logarithms.find(try points(values)[...]))
        #expect(found == values.map { $0.magnitude <= UInt64(range) ? $0 : nil })
    }

    @Test("every entry of a table is found, with either sign and any torsion")
    func everyEntry() throws {
        let logarithms = try #require(VectorLogarithms(range: 5000))
        let values = Array(-5000...5000 as ClosedRange<Int64>)
        let plain = try points(values)
        let torsion = smallOrderPoints
        let disguised = plain.indices.map { plain[$0] + torsion[$0 % torsion.count] }
        #expect(logarithms.find(plain[...]) == values)
        #expect(logarithms.find(disguised[...]) == values)
    }

    @Test("agrees with the bounded logarithm")
    func agrees() throws {
        let logarithms = try #require(VectorLogarithms(range: 1 << 16))
        let reference = BoundedLogarithm(bound: 1 << 16)
        var generator = Generator(99)
        let values = (0..<3000).map { _ in Int64.random(in: -65_536...65_536, using: &generator) }
        let sums = try points(values)
        #expect(logarithms.find(sums[...]) == values)
        #expect(try reference.recover(PointVector(points: sums), bound: 1 << 16) == values)
    }

    @Test("a range outside the documented one gives no table")
    func refusedRanges() {
        #expect(VectorLogarithms(range: 0) == nil)
        #expect(VectorLogarithms(range: 1 << 23) == nil)
    }
}
