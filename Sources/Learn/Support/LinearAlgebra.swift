internal import OpenBLAS

/// The few OpenBLAS calls that training needs. Row-major binary32.
///
/// Results depend on the machine's kernels and are therefore never hashed; see `ServerStep` for what is.
public enum LinearAlgebra {
    /// Threads that OpenBLAS may use in this process. One where several nodes share a machine, and wherever a
    /// training run must repeat exactly.
    public static func setThreadCount(_ count: Int) {
        openblas_set_num_threads(Int32(clamping: max(1, count)))
    }

    /// c[m x n] = alpha * op(a) * op(b) + beta * c, with op(a) m x k and op(b) k x n. A stride is the distance between
    /// rows in memory; nil means rows without gaps.
    static func multiply(
        _ a: UnsafePointer<Float>, transposeA: Bool = false, _ b: UnsafePointer<Float>, transposeB: Bool = false,
        into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int,
        alpha: Float = 1, beta: Float = 0, strideA: Int? = nil, strideB: Int? = nil, strideC: Int? = nil
    ) {
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, blasint(m),
            blasint(n), blasint(k), alpha, a, blasint(strideA ?? (transposeA ? m : k)), b,
            blasint(strideB ?? (transposeB ? k : n)), beta, c, blasint(strideC ?? n))
    }

    /// y += alpha * x over `count` elements.
    static func add(
        _ x: UnsafePointer<Float>, scaledBy alpha: Float, to y: UnsafeMutablePointer<Float>, count: Int
    ) {
        cblas_saxpy(blasint(count), alpha, x, 1, y, 1)
    }
}
