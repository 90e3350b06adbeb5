import Testing

@testable import MeshCrypto

@Suite("Vector kernel: sums", .enabled(if: vectorKernelRuns, "this processor lacks AVX2 or FMA"))
struct SumTests {
    /// Three bodies with no identity among them.
    private func bodies(count: Int, encoding: ElementEncoding, seed: UInt64) throws -> [[UInt8]] {
        let tables = try #require(windows[10])
        return (0..<3).map { body in
            var generator = Generator(seed &+ UInt64(body))
            let values = (0..<count).map { _ in Int64.random(in: -1000...1000, using: &generator) }
            let masks = (0..<count).flatMap { _ in generator.scalar().bytes }
            return portable.commit(values: values[...], masks: masks[...], tables: tables, encoding: encoding)
        }
    }

    @Test("sum, unmask and eightfold equal the portable kernel", arguments: ElementEncoding.allCases)
    func equalPortable(encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[12])
        for count in [0, 1, 2, 3, 4, 5, 511, 512, 513, min(differentialCases, 200_000)] {
            var vector = [EdwardsPoint](repeating: .identity, count: count)
            var reference = vector
            for body in try bodies(count: count, encoding: encoding, seed: UInt64(count)) {
                #expect(kernel.accumulate(body[...], encoding: encoding, into: &vector) == nil)
                #expect(portable.accumulate(body[...], encoding: encoding, into: &reference) == nil)
            }
            #expect(affineBytes(vector) == affineBytes(reference), "sum of \(count)")
            let keys = Plaintext(count: count, bound: 1, seed: 77).masks
            kernel.unmask(&vector, keys: keys[...], tables: tables)
            portable.unmask(&reference, keys: keys[...], tables: tables)
            #expect(affineBytes(vector) == affineBytes(reference), "unmasked sum of \(count)")
            #expect(kernel.affineOfEightfold(vector[...]) == portable.affineOfEightfold(reference[...]))
        }
    }

    @Test("a sum that is the identity, and doubling by addition, are complete", arguments: ElementEncoding.allCases)
    func completeAddition(encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let tables = try #require(windows[10])
        let masks = Plaintext(count: 9, bound: 1, seed: 3).masks
        let zeros = [Int64](repeating: 0, count: 9)
        // Masks of the edge cases include zero; those elements would be refused, so give them a value.
        let values = zeros.indices.map { index -> Int64 in
            masks[index * 32..<index * 32 + 32].allSatisfy { $0 == 0 } ? 5 : 0
        }
        let body = kernel.commit(values: values[...], masks: masks[...], tables: tables, encoding: encoding)
        var sums = [EdwardsPoint](repeating: .identity, count: 9)
        #expect(kernel.accumulate(body[...], encoding: encoding, into: &sums) == nil)
        var twice = sums
        #expect(kernel.accumulate(body[...], encoding: encoding, into: &twice) == nil)
        #expect(affineBytes(twice.map { $0.doubled(times: 3) }) == affineBytes(sums.map { $0.doubled(times: 4) }))
        kernel.unmask(&sums, keys: masks[...], tables: tables)
        let expected = values.map { EdwardsPoint.base.vartimeMultiplied(by: Scalar($0)).doubled(times: 3) }
        #expect(kernel.affineOfEightfold(sums[...]) == affineBytes(expected))
    }

    /// Every way an element can be wrong, as bytes of each encoding.
    private func malformed(_ encoding: ElementEncoding, good: [UInt8]) -> [(String, [UInt8])] {
        let p: [UInt8] = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
        let zero = [UInt8](repeating: 0, count: 32)
        func changed(_ index: Int, _ bit: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] ^= bit
            return bytes
        }
        switch encoding {
        case .affine:
            let small = smallOrderPoints.enumerated().map { ("small order \($0)", affineBytes([$1])) }
            return small + [
                ("off the curve", changed(0, 1)), ("bit 255 of x", changed(31, 0x80)),
                ("bit 255 of y", changed(63, 0x80)), ("x = p", p + [1] + zero.dropLast()),
                ("y = p", [1] + zero.dropLast() + p), ("zeros", zero + zero),
                ("all ones", [UInt8](repeating: 0xff, count: 64)),
            ]
        case .ristretto:
            return [
                ("identity", zero), ("negative", changed(0, 1)), ("bit 255", changed(31, 0x80)), ("p", p),
                ("p + 1", [0xee] + p.dropFirst()), ("p - 1", [0xec] + p.dropFirst()),
                ("all ones", [UInt8](repeating: 0xff, count: 32)),
                // RFC 9496 appendix A.3: no square root, negative x y, y = 0.
                ("no root", bytes("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")),
                ("negative product", bytes("3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e")),
                ("y = 0", bytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
            ]
        }
    }

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
        }
    }

    @Test(
        "a bad element is refused in every lane, for the portable reason, and changes nothing",
        arguments: ElementEncoding.allCases)
    func refusals(encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        let count = 519
        let width = encoding.width
        let body = try #require(try bodies(count: count, encoding: encoding, seed: 40).first)
        var sums = [EdwardsPoint](repeating: .identity, count: count)
        #expect(kernel.accumulate(body[...], encoding: encoding, into: &sums) == nil)
        let before = affineBytes(sums)
        for (name, bad) in malformed(encoding, good: Array(body[..<width])) {
            for index in [0, 1, 2, 3, 4, 300, 515, 516, 517, 518] {
                var spoiled = body
                spoiled.replaceSubrange(index * width..<index * width + width, with: bad)
                var reference = sums
                let refusal = kernel.accumulate(spoiled[...], encoding: encoding, into: &sums)
                #expect(refusal?.index == index, "\(name) at \(index)")
                #expect(refusal == portable.accumulate(spoiled[...], encoding: encoding, into: &reference), "\(name)")
            }
            #expect(affineBytes(sums) == before, "\(name)")
        }
    }

    @Test("random strings are elements exactly when libsodium says so")
    func randomStrings() throws {
        let kernel = try #require(AVX2Kernel())
        var generator = Generator(17)
        var accepted = 0
        for _ in 0..<differentialCases / 4 {
            var string = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Three quarters would fail for bit 0 or bit 255 alone; libsodium 1.0.18 does not see the latter.
            string[0] &= 0xfe
            string[31] &= 0x7f
            var sum = [EdwardsPoint.identity]
            let refusal = kernel.accumulate(string[...], encoding: .ristretto, into: &sum)
            try #require((refusal == nil) == Oracle.isElement(string), "\(string)")
            guard refusal == nil else { continue }
            accepted += 1
            try #require(sum[0].ristrettoBytes == string)
        }
        #expect(accepted > differentialCases / 16)
    }

    @Test("the lowest of several bad elements is named", arguments: ElementEncoding.allCases)
    func lowestRefusal(encoding: ElementEncoding) throws {
        let kernel = try #require(AVX2Kernel())
        var body = try #require(try bodies(count: 20, encoding: encoding, seed: 41).first)
        for index in [9, 10, 11, 17] { body[index * encoding.width + encoding.width - 1] = 0xff }
        var sums = [EdwardsPoint](repeating: .identity, count: 20)
        #expect(kernel.accumulate(body[...], encoding: encoding, into: &sums)?.index == 9)
    }
}
