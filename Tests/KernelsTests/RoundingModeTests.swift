#if arch(x86_64)
    import Foundation
    import Kernels
    import Testing

    @testable import MeshCrypto

    /// MXCSR, which rules the vector code; `fegetround` reads the control word of the x87 unit, which does not.
    private func vectorControl() -> UInt32 {
        var environment = fenv_t()
        fegetenv(&environment)
        return environment.__mxcsr
    }

    private func setVectorControl(_ control: UInt32) {
        var environment = fenv_t()
        fegetenv(&environment)
        environment.__mxcsr = control
        fesetenv(&environment)
    }

    @Suite("Vector kernel: rounding mode", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
    struct RoundingModeTests {
        /// Exceptions masked and round to nearest.
        private static let usual: UInt32 = 0x1f80
        /// Rounding down, up and toward zero, denormals flushed and read as zero, both.
        private static let controls: [UInt32] = [0x3f80, 0x5f80, 0x7f80, 0x9fc0, 0xffc0]

        /// Every function of the kernel that computes, with a result that wrong rounding would change.
        private static let operations: [(name: String, run: @Sendable () throws -> [UInt8])] = {
            let plain = Plaintext(count: 70, bound: 1000, seed: 8)
            let body = portable.commit(
                values: plain.values[8...], masks: plain.masks[(8 * 32)...], tables: windows[10]!, encoding: .affine)
            let compact = portable.commit(
                values: plain.values[8...], masks: plain.masks[(8 * 32)...], tables: windows[10]!, encoding: .ristretto)
            let points: @Sendable () -> [EdwardsPoint] = {
                var sums = [EdwardsPoint](repeating: .identity, count: 62)
                _ = portable.accumulate(body[...], encoding: .affine, into: &sums)
                return sums
            }
            @Sendable func kernel() throws -> AVX2Kernel { try #require(AVX2Kernel()) }
            @Sendable func committed(_ encoding: ElementEncoding) throws -> [UInt8] {
                try kernel().commit(
                    values: plain.values[...], masks: plain.masks[...], tables: windows[10]!, encoding: encoding)
            }
            @Sendable func accumulated(_ bytes: [UInt8], _ encoding: ElementEncoding) throws -> [UInt8] {
                var sums = points()
                let refusal = try kernel().accumulate(bytes[...], encoding: encoding, into: &sums)
                #expect(refusal == nil)
                return affineBytes(sums)
            }
            return [
                ("encrypt, affine", { try committed(.affine) }),
                ("encrypt, ristretto", { try committed(.ristretto) }),
                ("accumulate, affine", { try accumulated(body, .affine) }),
                ("accumulate, ristretto", { try accumulated(compact, .ristretto) }),
                (
                    "unmask",
                    {
                        var sums = points()
                        try kernel().unmask(&sums, keys: plain.masks[(8 * 32)...], tables: windows[10]!)
                        return affineBytes(sums)
                    }
                ),
                ("eightfold", { try kernel().affineOfEightfold(points()[...]) }),
                (
                    "table",
                    {
                        // A window of its own: tables that exist already are not built again.
                        let base = affineBytes([NDDFEBases.maskBase.vartimeMultiplied(by: .half)])
                        var status = KERNEL_OK
                        let table = try #require(kernel_table_create(base, 6, 251, &status))
                        defer { kernel_table_destroy(table) }
                        var sums = points()
                        let keys = Array(plain.masks[(8 * 32)...])
                        _ = sums.withUnsafeMutableBufferPointer { sums in
                            sums.baseAddress!.withMemoryRebound(to: KernelPoint.self, capacity: 62) {
                                kernel_unmask($0, table, keys, 62)
                            }
                        }
                        return affineBytes(sums)
                    }
                ),
                (
                    "logarithms",
                    {
                        let table = BoundedLogarithm(bound: 3000, maximumTable: 500)
                        let values = (0..<70).map { Int64($0) * 85 - 3000 }
                        let wanted = PointVector(
                            points: values.map { EdwardsPoint.base.vartimeMultiplied(by: Scalar($0)) })
                        let found = try table.recover(wanted, bound: 3000)
                        #expect(found == values)
                        return table.table.slotBytes
                    }
                ),
                (
                    "sum of multiples",
                    {
                        var sum = try #require(VectorPointSum())
                        let some = points()
                        sum.add(some, scalars: some.indices.map { (UInt64($0) &* 0x9e37_79b9_7f4a_7c15, ~UInt64($0)) })
                        return affineBytes([sum.total])
                    }
                ),
            ]
        }()

        @Test(
            "results do not depend on the caller's control word, which is left as it was",
            arguments: operations.indices, controls)
        func leavesTheControlWord(operation: Int, mode: UInt32) throws {
            let (name, run) = Self.operations[operation]
            setVectorControl(Self.usual)
            let expected = try run()
            setVectorControl(mode)
            // The lower six bits are flags that accumulate.
            #expect(vectorControl() & ~0x3f == mode, "the mode is set")
            let found = Result { try run() }
            let after = vectorControl()
            setVectorControl(Self.usual)
            #expect(after & ~0x3f == mode, "\(name) restores the mode")
            let result = try found.get()
            #expect(result == expected, "\(name) under \(mode)")
        }
    }
#endif
