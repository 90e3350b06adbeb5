/// The two bases of every commitment and their tables.
///
/// H = from_hash(BLAKE2b-512("meshnode/nddfe/v1/H")) in its prime-order representative: nothing up anybody's sleeve, so
/// nobody knows log_G H. It is recomputed at start, never loaded.
enum NDDFEBases {
    static let maskBase: EdwardsPoint = {
        EdwardsPoint(uniform: blake2b(Array("meshnode/nddfe/v1/H".utf8), length: 64)).primeOrderRepresentative
    }()

    private static let narrow = CommitmentTables(valueBase: .base, maskBase: maskBase, window: 10)
    private static let wide = CommitmentTables(valueBase: .base, maskBase: maskBase, window: 12)

    /// Windows of ten bits (1.6 MB) for short vectors, of twelve (5.2 MB) where building them pays.
    static func tables(elements: Int) -> CommitmentTables {
        elements < 50_000 ? narrow : wide
    }

    /// The kernels this machine can run, the fastest last.
    static let kernels: [any GroupKernel] = {
        var kernels: [any GroupKernel] = [PortableKernel()]
        #if canImport(Kernels)
            if let vector = AVX2Kernel() { kernels.append(vector) }
        #endif
        return kernels
    }()

    /// The kernel in use.
    static let kernel: any GroupKernel = kernels[kernels.count - 1]
}
