import Testing

@testable import MeshCrypto

@Suite("Vector kernel: commitments", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
struct CommitmentTests {
    /// Short values, long ones, and such as only the Edwards form takes.
    static let bounds: [Int64] = [1000, 1 << 22, 1 << 26]

    @Test("equals libsodium", arguments: [10, 12], bounds)
    func equalsLibsodium(window: Int, bound: Int64) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[window])
        let count = differentialCases / 3
        let plain = Plaintext(count: count, bound: bound, seed: UInt64(window))
        let bytes = kernel.commit(
            values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: .ristretto)
        let base = NDDFEBases.maskBase.ristrettoBytes
        for index in 0..<count {
            let expected = Oracle.commitment(plain.values[index], plain.mask(index), base: base)
            try #require(Array(bytes[index * 32..<index * 32 + 32]) == expected, "element \(index)")
        }
    }

    @Test("equals the portable kernel", arguments: [10, 12], ElementEncoding.allCases)
    func equalsPortable(window: Int, encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[window])
        var done = 0
        while done < differentialCases {
            let count = min(20_000, differentialCases - done)
            let plain = Plaintext(count: count, bound: 1 << 22, seed: UInt64(1000 * window + done))
            let vector = kernel.commit(
                values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
            let reference = portable.commit(
                values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
            try #require(vector == reference, "seed \(1000 * window + done)")
            done += count
        }
    }

    @Test(
        "at every tail and block edge",
        arguments: Array(0...17) + [255, 256, 257] + Array(508...516) + [1023, 1025, 2047, 2048, 2049],
        ElementEncoding.allCases)
    func tails(count: Int, encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[10])
        for bound: Int64 in [1, 1023, 2047, 2048, (1 << 23) - 1, 1 << 23, 1 << 24, CommitmentTables.maximumValue] {
            let plain = Plaintext(count: count, bound: bound, seed: UInt64(count))
            let vector = kernel.commit(
                values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
            let reference = portable.commit(
                values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
            #expect(vector == reference)
        }
    }

    @Test("an identity in a batch spoils nothing", arguments: ElementEncoding.allCases)
    func identities(encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[12])
        var plain = Plaintext(count: 515, bound: 100, seed: 5)
        // Whole quads of them, single lanes, the block's last and the tail's last.
        for index in [0, 1, 2, 3, 17, 22, 40, 41, 511, 514] { plain.clear(index) }
        let vector = kernel.commit(
            values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
        let reference = portable.commit(
            values: plain.values[...], masks: plain.masks[...], tables: tables, encoding: encoding)
        #expect(vector == reference)
        let identity: [UInt8] = encoding == .ristretto ? [] : [0, 1]
        let expected = (0..<encoding.width).map { $0 == 32 && identity.count == 2 ? identity[1] : 0 }
        #expect(Array(vector[17 * encoding.width..<18 * encoding.width]) == expected)
    }
}
