import Foundation
import Testing

@testable import MeshCrypto

@Suite("Vector kernel: rounding mode", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
struct RoundingModeTests {
    @Test(
        "results do not depend on the caller's mode, which is left as it was",
        arguments: [FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO] as [Int32])
    func modes(mode: Int32) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[10])
        let plain = Plaintext(count: 70, bound: 1000, seed: 8)
        func run() -> ([UInt8], [UInt8], Int32) {
            let body = kernel.commit(
                values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: .affine)
            var sums = [EdwardsPoint](repeating: .identity, count: 70)
            _ = kernel.accumulate(body[...], encoding: .affine, into: &sums)
            kernel.unmask(&sums, keys: plain.masks[...], tables: tables)
            let coordinates = kernel.affineOfEightfold(sums[...])
            return (body, coordinates, fegetround())
        }
        let expected = run()
        #expect(fesetround(mode) == 0)
        let other = run()
        #expect(fesetround(FE_TONEAREST) == 0)
        #expect(other.2 == mode)
        #expect(other.0 == expected.0)
        #expect(other.1 == expected.1)
    }
}
