#if canImport(Kernels)
    internal import Kernels

    /// The table of the vector code (C target `Kernels`): slots of 32 bits, points told apart by x, every hit recomputed.
    ///
    /// Where no value lies beyond the table it holds multiples of G and looks up the points as they are; the few with
    /// torsion are tried with each of the eight torsion points. Otherwise it holds multiples of 8·G, and 8·P is searched.
    @safe
    final class VectorLogarithms: LogarithmTable, @unchecked Sendable {
        // Changed by `fill` only, before anybody else has it.
        private let pointer: OpaquePointer
        let tableRange: Int64
        private let steps: Int

        enum Filling { case complete, cancelled, failed }

        /// An empty table; `nil` where the processor lacks AVX2 or FMA, there is no memory, or the range or the steps that
        /// the bound takes are more than the vector code serves.
        convenience init?(bound: Int64, tableRange: Int64) {
            self.init(bound: bound, tableRange: tableRange, slots: nil)
        }

        /// A complete table from `slotBytes` of one with the same range and kind; `nil` also where they cannot be used.
        convenience init?(bound: Int64, tableRange: Int64, slotBytes: ArraySlice<UInt8>) {
            guard slotBytes.count % 4 == 0 else { return nil }
            var slots = [UInt32](repeating: 0, count: slotBytes.count / 4)
            unsafe slots.withUnsafeMutableBytes { unsafe $0.copyBytes(from: slotBytes) }
            self.init(bound: bound, tableRange: tableRange, slots: slots)
        }

        private init?(bound: Int64, tableRange: Int64, slots: [UInt32]?) {
            let steps = VectorLogarithms.steps(bound: bound, tableRange: tableRange)
            guard (1..<1 << 23).contains(tableRange), steps <= 1 << 24 else { return nil }
            let generator = BatchArithmetic.affineBytes([.base])
            var status = KERNEL_OK
            let pointer =
                if let slots {
                    unsafe kernel_logarithms_create(
                        generator, UInt32(tableRange), UInt32(steps), slots, slots.count, &status)
                } else {
                    unsafe kernel_logarithms_create(generator, UInt32(tableRange), UInt32(steps), nil, 0, &status)
                }
            guard let pointer = unsafe pointer else { return nil }
            unsafe self.pointer = pointer
            self.tableRange = tableRange
            self.steps = steps
        }

        deinit { unsafe kernel_logarithms_destroy(pointer) }

        /// Giant steps to either side that reach the bound.
        static func steps(bound: Int64, tableRange: Int64) -> Int {
            Int((max(0, bound - tableRange) + 2 * tableRange) / (2 * tableRange + 1))
        }

        /// Computes the entries.
        ///
        /// - Parameter progress: called with the number of entries done; `false` cancels.
        func fill(progress: (Int) -> Bool) -> Filling {
            let piece = max(1 << 15, tableRange / 100)
            var done: Int64 = 0
            while done < tableRange {
                guard progress(Int(done)) else { return .cancelled }
                done = min(tableRange, done + piece)
                guard unsafe kernel_logarithms_extend(pointer, UInt32(done)) == KERNEL_OK else { return .failed }
            }
            return .complete
        }

        var kernel: String { "avx2" }
        var kind: LogarithmTableKind { steps == 0 ? .vector : .vectorWithSteps }
        var tableBytes: Int { unsafe kernel_logarithms_bytes(pointer) }

        var slotBytes: [UInt8] {
            var count = 0
            let slots = unsafe UnsafeRawBufferPointer(
                start: kernel_logarithms_slots(pointer, &count), count: 4 * count)
            return unsafe Array(slots)
        }

        func find(_ points: ArraySlice<EdwardsPoint>, bound: Int64) -> [Int64] {
            var missing = 0
            var status = KERNEL_OK
            let values = unsafe [Int64](unsafeUninitializedCapacity: points.count) { values, count in
                status = unsafe points.withVectorPoints { points, number in
                    unsafe kernel_logarithms_find(pointer, points, number, values.baseAddress, &missing)
                }
                count = status == KERNEL_OK ? points.count : 0
            }
            // A few hundred kilobytes of working memory are all that can be lacking.
            precondition(status == KERNEL_OK, "no memory for the look-up of logarithms")
            return values
        }
    }
#endif
