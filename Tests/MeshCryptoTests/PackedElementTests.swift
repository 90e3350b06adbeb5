import Testing

@testable import MeshCrypto

@Suite("Field elements in four full words")
struct PackedElementTests {
    /// Values at which a carry or a borrow has to go round once or twice: about 0, p, 2p = 2^256 − 38, 2^255 and 2^256.
    private static let edges: [PackedElement] = {
        var all: [PackedElement] = []
        for low: UInt64 in [
            0, 1, 18, 19, 36, 37, 38, 39, 74, 75, 76, 77, 486_662, .max - 76, .max - 38, .max - 18, .max,
        ] {
            for rest: (UInt64, UInt64) in [(0, 0), (.max, .max >> 1), (.max, .max), (0, 1 << 63), (.max, 0)] {
                all.append(PackedElement(low, rest.0, rest.0, rest.1))
            }
        }
        return all
    }()

    private func expectSame(_ packed: PackedElement, _ element: FieldElement, _ what: String) throws {
        try #require(packed.element.equals(element.carried), "\(what): \(packed)")
    }

    private func compare(_ a: PackedElement, _ b: PackedElement, _ c: PackedElement) throws {
        let (x, y, z) = (a.element, b.element, c.element)
        let context = "\(a), \(b), \(c)"
        try expectSame(a * b, x * y, "product \(context)")
        try expectSame(a.squared, x.squared, "square \(context)")
        try expectSame(a - b, x - y, "difference \(context)")
        let small = FieldElement(small: 486_662)
        try expectSame(
            .difference(a, b, c, 486_662), ((x - y).carried - z).carried - small, "two differences \(context)")
        try expectSame(.difference(a, negatedBy: 0, b), x - y, "sign plus \(context)")
        try expectSame(.difference(a, negatedBy: .max, b), (-x.carried) - y, "sign minus \(context)")
        try expectSame(PackedElement(x), x, "there and back \(context)")
    }

    @Test func allPairsOfEdgesAgreeWithFiveLimbs() throws {
        for (index, a) in Self.edges.enumerated() {
            for (other, b) in Self.edges.enumerated() {
                try compare(a, b, Self.edges[(index * 7 + other) % Self.edges.count])
            }
        }
    }

    @Test func randomValuesAgreeWithFiveLimbs() throws {
        var random = SplitMix(31)
        func next() -> PackedElement { PackedElement(random.next(), random.next(), random.next(), random.next()) }
        for _ in 0..<differentialCases { try compare(next(), next(), next()) }
    }
}
