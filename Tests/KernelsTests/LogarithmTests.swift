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

    private func table(bound: Int64, range: Int64) throws -> VectorLogarithms {
        let table = try #require(VectorLogarithms(bound: bound, tableRange: range))
        #expect(table.fill { _ in true } == .complete)
        return table
    }

    /// All eight points whose order divides 8.
    private var torsion: [EdwardsPoint] {
        let eight = smallOrderPoints[3]
        return (0..<8).map { count in (0..<count).reduce(EdwardsPoint.identity) { sum, _ in sum + eight } }
    }

    @Test("values within the range are found, others are not", arguments: [1, 2, 5, 1000, 65_536])
    func range(range: Int) throws {
        let bound = Int64(range)
        let logarithms = try table(bound: bound, range: bound)
        var generator = Generator(UInt64(range))
        var values: [Int64] = [0, bound, -bound, bound + 1, -bound - 1, 1, -1, 0, 1 << 40]
        values += (0..<1500).map { _ in Int64.random(in: -2 * bound...2 * bound, using: &generator) }
        let found = logarithms.find(try points(values)[...], bound: bound)
        #expect(found == values.map { $0.magnitude <= UInt64(range) ? $0 : .min })
    }

    @Test("every entry of a table is found, with either sign and any torsion")
    func everyEntry() throws {
        let logarithms = try table(bound: 5000, range: 5000)
        let values = Array(-5000...5000 as ClosedRange<Int64>)
        let plain = try points(values)
        #expect(logarithms.find(plain[...], bound: 5000) == values)
        for shift in 0..<8 {
            let disguised = plain.indices.map { plain[$0] + torsion[($0 + shift) % 8] }
            #expect(logarithms.find(disguised[...], bound: 5000) == values, "shift \(shift)")
        }
    }

    @Test("torsion in single lanes, in tails and beside points without a value")
    func torsionInSingleLanes() throws {
        for bound: Int64 in [300, 3000] {
            // With 300 the whole range is tabulated, with 3000 it is searched.
            let logarithms = try table(bound: bound, range: 300)
            for count in [1, 2, 3, 4, 5, 6, 7, 255, 256, 257, 511, 512, 513, 515] {
                var generator = Generator(UInt64(count))
                var values = (0..<count).map { _ in Int64.random(in: -bound...bound, using: &generator) }
                for index in stride(from: 0, to: count, by: 7) { values[index] = 1 << 33 }
                var sums = try points(values)
                for index in stride(from: 2, to: count, by: 3) { sums[index] = sums[index] + torsion[index % 8] }
                let found = logarithms.find(sums[...], bound: bound)
                #expect(found == values.map { $0 == 1 << 33 ? .min : $0 }, "\(count) of \(bound)")
            }
        }
    }

    @Test("giant steps reach every value around the edges", arguments: [1, 2, 100, 1 << 12] as [Int64])
    func giantSteps(range: Int64) throws {
        let bound = 600 * range + 7
        let logarithms = try table(bound: bound, range: range)
        var values: [Int64] = [0, 1, -1, bound, -bound]
        for step: Int64 in [0, 1, 2, 63, 64, 65, 127, 128, 299] {
            for offset: Int64 in -1...1 {
                let value = step * (2 * range + 1) + range + offset
                if value <= bound { values += [value, -value] }
            }
        }
        #expect(logarithms.find(try points(values)[...], bound: bound) == values)
    }

    @Test(
        "gives what the portable table gives", arguments: [(1 << 16, 1 << 16), (1 << 20, 1 << 14), (1 << 22, 1 << 16)])
    func agrees(bound: Int64, range: Int64) throws {
        let vector = try #require(
            BoundedLogarithm.build(bound: bound, maximumTable: range, vectorised: true) { _, _ in true })
        let reference = try #require(
            BoundedLogarithm.build(bound: bound, maximumTable: range, vectorised: false) { _, _ in true })
        #expect(vector.table.kernel == "avx2" && reference.table.kernel == "swift")
        #expect(vector.tableRange == reference.tableRange)
        var generator = Generator(UInt64(bound))
        // Some beyond the bound: the searches may find them, the answer is the same refusal.
        var values = (0..<600).map { _ in Int64.random(in: -bound - 20...bound + 20, using: &generator) }
        values += [0, bound, -bound, bound + 1, -bound - 1]
        let sums = try points(values)
        for index in values.indices {
            #expect(vector.value(of: sums[index], bound: bound) == reference.value(of: sums[index], bound: bound))
        }
        let inside = values.indices.filter { values[$0].magnitude <= UInt64(bound) }
        let kept = PointVector(points: inside.map { sums[$0] })
        #expect(try vector.recover(kept, bound: bound) == inside.map { values[$0] })
        #expect(try reference.recover(kept, bound: bound) == inside.map { values[$0] })
    }

    @Test("altered slots hide values, never change one", arguments: [200, 900] as [Int64])
    func alteredSlots(bound: Int64) throws {
        let good = try table(bound: bound, range: 200).slotBytes
        let values = Array(-bound...bound)
        let sums = try points(values)
        var generator = Generator(11)
        var hidden = 0
        for _ in 0..<60 {
            var bytes = good
            for _ in 0..<4 {
                // Key bits, parity and the lower bits of j: what still names entries of the table.
                let slot = Int.random(in: 0..<bytes.count / 4, using: &generator)
                bytes[4 * slot + Int.random(in: 0...1, using: &generator)] ^=
                    1 << UInt8.random(in: 0...6, using: &generator)
            }
            // Slots that name entries beyond the range are refused whole.
            guard let altered = VectorLogarithms(bound: bound, tableRange: 200, slotBytes: bytes[...]) else { continue }
            let pairs = zip(values, altered.find(sums[...], bound: bound))
            #expect(pairs.allSatisfy { $0 == $1 || $1 == .min })
            hidden += pairs.count { $1 == .min }
        }
        #expect(hidden > 0)
    }

    @Test("slots that would let a look-up run for ever or leave the table are refused")
    func unsoundSlots() {
        let full = [UInt8](repeating: 1, count: 512 * 4)
        #expect(VectorLogarithms(bound: 200, tableRange: 200, slotBytes: full[...]) == nil)
        var beyond = [UInt8](repeating: 0, count: 512 * 4)
        beyond[3] = 0xff
        #expect(VectorLogarithms(bound: 200, tableRange: 200, slotBytes: beyond[...]) == nil)
        #expect(VectorLogarithms(bound: 200, tableRange: 200, slotBytes: full.dropLast(4)) == nil)
        #expect(VectorLogarithms(bound: 200, tableRange: 200, slotBytes: full.dropLast(1)) == nil)
    }

    @Test("filling can be cancelled")
    func cancelled() throws {
        let table = try #require(VectorLogarithms(bound: 200_000, tableRange: 200_000))
        var calls: [Int] = []
        let filling = table.fill { done in
            calls.append(done)
            return done < 100_000
        }
        #expect(filling == .cancelled)
        #expect(calls.first == 0 && calls.count > 2 && calls == calls.sorted())
        #expect(throws: NDDFEError.cancelled) { try BoundedLogarithm(bound: 1 << 20) { _, _ in false } }
    }

    @Test("a range outside the documented one gives no table")
    func refusedRanges() {
        #expect(VectorLogarithms(bound: 1 << 23, tableRange: 1 << 23) == nil)
        #expect(VectorLogarithms(bound: 1 << 40, tableRange: 1) == nil)
    }
}
