import Foundation
import Sodium

@testable import MeshCrypto

/// How many random cases the differential tests run: MESHNODE_TEST_CASES, a million with MESHNODE_TEST_LARGE=1, or 20 000.
let differentialCases: Int = {
    let environment = ProcessInfo.processInfo.environment
    if let cases = environment["MESHNODE_TEST_CASES"].flatMap(Int.init) { return cases }
    return environment["MESHNODE_TEST_LARGE"] == "1" ? 1_000_000 : 20_000
}()

/// Whether the vector kernel runs on this machine; without it there is nothing to compare.
let vectorKernelRuns = AVX2Kernel() != nil

let portable = PortableKernel()

/// Both window widths in use.
let windows: [Int: CommitmentTables] = [
    10: CommitmentTables(valueBase: .base, maskBase: NDDFEBases.maskBase, window: 10),
    12: CommitmentTables(valueBase: .base, maskBase: NDDFEBases.maskBase, window: 12),
]

/// A small deterministic generator (SplitMix64): a failing case is repeated by its seed.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A scalar below the group order.
    mutating func scalar() -> Scalar {
        Scalar(reducing: (0..<64).map { _ in UInt8.random(in: 0...255, using: &self) })
    }
}

/// Values and masks of one vector, with the cases that break batches at its start: zero, r = 0, both, one, ℓ − 1, and
/// the two scalars on either side of ℓ/2.
struct Plaintext {
    var values: [Int64]
    var masks: [UInt8]

    init(count: Int, bound: Int64, seed: UInt64) {
        var generator = Generator(seed)
        values = (0..<count).map { _ in Int64.random(in: -bound...bound, using: &generator) }
        var scalars = (0..<count).map { _ in generator.scalar() }
        let minusOne = -Scalar.one
        let edges: [(Int64, Scalar)] = [
            (0, scalars.first ?? .zero), (bound, .zero), (-bound, .one), (0, minusOne), (1, .half),
            (-1, .half + minusOne), (bound, minusOne), (0, .one),
        ]
        for (index, edge) in edges.enumerated() where index < count { (values[index], scalars[index]) = edge }
        masks = scalars.flatMap(\.bytes)
    }

    /// Makes element `index` the identity.
    mutating func clear(_ index: Int) {
        values[index] = 0
        masks.replaceSubrange(index * 32..<index * 32 + 32, with: repeatElement(0, count: 32))
    }

    func mask(_ index: Int) -> [UInt8] { Array(masks[index * 32..<index * 32 + 32]) }
}

/// libsodium's ristretto255.
enum Oracle {
    static func isElement(_ bytes: [UInt8]) -> Bool { crypto_core_ristretto255_is_valid_point(bytes) == 1 }

    /// value·G + mask·H; a zero factor, which libsodium reports as an error, gives the identity's zeros.
    static func commitment(_ value: Int64, _ mask: [UInt8], base: [UInt8]) -> [UInt8] {
        var left = [UInt8](repeating: 0, count: 32)
        var right = left
        var sum = left
        if value != 0 { precondition(crypto_scalarmult_ristretto255_base(&left, Scalar(value).bytes) == 0) }
        if mask.contains(where: { $0 != 0 }) { precondition(crypto_scalarmult_ristretto255(&right, mask, base) == 0) }
        precondition(crypto_core_ristretto255_add(&sum, left, right) == 0)
        return sum
    }
}

/// The 64 bytes of points of order 1, 2, 4 and 8, all with canonical coordinates on the curve.
let smallOrderPoints: [EdwardsPoint] = {
    // −x² = y² gives order 8 directly, with either sign of both coordinates.
    let y = CurveConstants.orderEightY
    let x = CurveConstants.sqrtM1 * y
    let eights = [x, -x].flatMap { x in [y, -y].map { EdwardsPoint(affineX: x, y: $0) } }
    return [.identity, eights[0].doubled(times: 2), eights[0].doubled, -eights[0].doubled] + eights
}()

func affineBytes(_ points: [EdwardsPoint]) -> [UInt8] { BatchArithmetic.affineBytes(points) }
