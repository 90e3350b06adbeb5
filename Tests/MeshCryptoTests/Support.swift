import Foundation
import Sodium
import Testing

@testable import MeshCrypto

/// Reads a file of Tests/Vectors, without comments and empty lines.
func vectorLines(_ name: String) throws -> [[String]] {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors").appending(path: name)
    return try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        .filter { !$0.hasPrefix("#") }
        .map { $0.split(separator: " ").map(String.init) }
}

func hex(_ text: String) -> [UInt8] {
    let digits = Array(text.utf8)
    return stride(from: 0, to: digits.count, by: 2).map { index in
        UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)!
    }
}

/// A small deterministic generator (SplitMix64): a failing case is repeated by its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
    mutating func scalar() -> Scalar { Scalar(reducing: bytes(64)) }
}

/// How many random cases the differential tests run: MESHNODE_TEST_CASES, a million with MESHNODE_TEST_LARGE=1, or 20 000.
let differentialCases: Int = {
    let environment = ProcessInfo.processInfo.environment
    if let cases = environment["MESHNODE_TEST_CASES"].flatMap(Int.init) { return cases }
    return environment["MESHNODE_TEST_LARGE"] == "1" ? 1_000_000 : 20_000
}()

/// libsodium's ristretto255, the oracle.
enum Oracle {
    static func baseMultiple(_ scalar: [UInt8]) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult_ristretto255_base(&out, scalar) == 0 ? out : nil
    }
    static func multiple(_ scalar: [UInt8], _ point: [UInt8]) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult_ristretto255(&out, scalar, point) == 0 ? out : nil
    }
    static func add(_ a: [UInt8], _ b: [UInt8]) -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: 32)
        return crypto_core_ristretto255_add(&out, a, b) == 0 ? out : nil
    }
    static func fromHash(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        crypto_core_ristretto255_from_hash(&out, bytes)
        return out
    }
    static func isValid(_ point: [UInt8]) -> Bool { crypto_core_ristretto255_is_valid_point(point) == 1 }
    static func reduce(_ wide: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        crypto_core_ristretto255_scalar_reduce(&out, wide)
        return out
    }
    static func multiplyScalars(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        crypto_core_ristretto255_scalar_mul(&out, a, b)
        return out
    }
    static func addScalars(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        crypto_core_ristretto255_scalar_add(&out, a, b)
        return out
    }
    static func invert(_ a: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        _ = crypto_core_ristretto255_scalar_invert(&out, a)
        return out
    }
}

/// A file that the system writes while it is read: it names no length, and gives a page at a time.
func wholeText(_ path: String) throws -> String {
    let file = try #require(FileHandle(forReadingAtPath: path))
    var bytes = Data()
    while let more = try file.read(upToCount: 1 << 16), !more.isEmpty { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
}
