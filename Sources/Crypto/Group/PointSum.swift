/// Σ ρ_j·P_j for public 128-bit ρ_j, taken in piece by piece. Time depends on the scalars. One thread at a time.
protocol VartimePointSum: AnyObject {
    /// - Parameter scalars: (low, high) words, as many as points.
    func add(_ points: [EdwardsPoint], scalars: [(low: UInt64, high: UInt64)])
    var total: EdwardsPoint { get }
}

/// The reference: a Pippenger sum of each piece.
final class PortablePointSum: VartimePointSum {
    private(set) var total = EdwardsPoint.identity

    func add(_ points: [EdwardsPoint], scalars: [(low: UInt64, high: UInt64)]) {
        total = total + MultiScalar.vartimeSum(scalars, points)
    }
}

#if canImport(Kernels)
    internal import Kernels

    /// Buckets of the vector code, kept over all pieces.
    @safe
    final class VectorPointSum: VartimePointSum {
        private let pointer: OpaquePointer

        /// `nil` where the processor lacks AVX2 or FMA or there is no memory.
        init?() {
            var status = KERNEL_OK
            guard let pointer = unsafe kernel_sum_create(&status) else { return nil }
            unsafe self.pointer = pointer
        }

        deinit { unsafe kernel_sum_destroy(pointer) }

        func add(_ points: [EdwardsPoint], scalars: [(low: UInt64, high: UInt64)]) {
            precondition(points.count == scalars.count)
            var bytes = [UInt64](repeating: 0, count: 2 * scalars.count)
            for (index, scalar) in scalars.enumerated() {
                bytes[2 * index] = scalar.low
                bytes[2 * index + 1] = scalar.high
            }
            let status = unsafe bytes.withUnsafeBytes { bytes in
                unsafe points[...].withVectorPoints { points, count in
                    unsafe kernel_sum_add(
                        pointer, points, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
                }
            }
            // A quarter of a megabyte of working memory is all that can be lacking.
            precondition(status == KERNEL_OK, "no memory for a sum of multiples")
        }

        var total: EdwardsPoint {
            var windows = [EdwardsPoint](repeating: .identity, count: Int(KERNEL_SUM_WINDOWS))
            unsafe windows.withVectorPoints { windows, _ in unsafe kernel_sum_windows(pointer, windows) }
            return windows.reversed().reduce(.identity) { $0.doubled(times: 11) + $1 }
        }
    }
#endif
