/// Constants of edwards25519 (a = −1) and of the ristretto255 maps, RFC 9496 §4.1.
///
/// Computed properties over literals: the optimiser folds them, so no lazy initialisation stands in a hot loop.
enum CurveConstants {
    @inline(__always) static var d: FieldElement {
        FieldElement(0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff)
    }
    @inline(__always) static var twiceD: FieldElement {
        FieldElement(0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff)
    }
    @inline(__always) static var sqrtM1: FieldElement {
        FieldElement(0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d)
    }
    @inline(__always) static var oneMinusDSquared: FieldElement {
        FieldElement(0x409c1945fc176, 0x719abc6a1fc4f, 0x1c37f90b20684, 0x6bccca55eedf, 0x29072a8b2b3e)
    }
    @inline(__always) static var dMinusOneSquared: FieldElement {
        FieldElement(0x55aaa44ed4d20, 0x59603c3332635, 0x26d3baf4a7928, 0x120a66e6997a9, 0x5968b37af66c2)
    }
    /// √(a·d − 1) in the sign RFC 9496 fixes.
    @inline(__always) static var sqrtADMinusOne: FieldElement {
        FieldElement(0x7f6a0497b2e1b, 0x1836f0a97afd2, 0x7d747f6be7638, 0x456079e7e6498, 0x376931bf2b834)
    }
    /// 1/√(a − d) in the sign RFC 9496 fixes.
    @inline(__always) static var inverseSqrtAMinusD: FieldElement {
        FieldElement(0xfdaa805d40ea, 0x2eb482e57d339, 0x7610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff)
    }
    /// One of the two y coordinates (±) shared by the four points of order 8.
    @inline(__always) static var orderEightY: FieldElement {
        FieldElement(0x7b2c28f95e826, 0x6513e9868b604, 0x6b37f57c263bf, 0x4589c99e36982, 0x5fc536d88023)
    }
    @inline(__always) static var baseX: FieldElement {
        FieldElement(0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5)
    }
    @inline(__always) static var baseY: FieldElement {
        FieldElement(0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666)
    }
}
