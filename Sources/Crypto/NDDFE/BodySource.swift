/// Encrypted bodies that are read a range at a time, so that a round of a million coordinates from 32 clients (2 GB) is
/// handled in a fraction of that.
public struct BodySource: Sendable {
    /// The number of bodies, |S|.
    public let count: Int
    private let read: @Sendable (_ body: Int, _ bytes: Range<Int>) -> [UInt8]
    /// The sums that are made, as bodies; nil for one of all.
    private let sums: [[Int]]?
    /// Elements of a body, where there are several sums.
    private let elements: Int

    /// - Parameter read: the bytes of a body in a range, called from several threads at once. Whatever it returns is
    ///   checked; fewer bytes than asked for count as a truncated body.
    public init(count: Int, read: @escaping @Sendable (_ body: Int, _ bytes: Range<Int>) -> [UInt8]) {
        self.count = count
        self.read = read
        sums = nil
        elements = 0
    }

    /// The same bodies for several sums at once: element s·d + j is element j of sum s.
    ///
    /// What takes a count of elements, key vectors or values then takes those of all sums, one after the other.
    ///
    /// - Parameters:
    ///   - sums: places of bodies in `source`.
    ///   - elements: d, the elements of one body.
    public init(_ source: BodySource, sums: [[Int]], elements: Int) {
        precondition(elements > 0 && sums.allSatisfy { $0.allSatisfy { (0..<source.count).contains($0) } })
        count = source.count
        read = source.read
        self.sums = sums
        self.elements = elements
    }

    /// Bodies in memory.
    public init(_ bodies: [[UInt8]]) {
        self.init(count: bodies.count) { body, bytes in
            bytes.upperBound <= bodies[body].count ? Array(bodies[body][bytes]) : []
        }
    }

    /// Decodes, checks and adds the elements of `range` over all bodies, or over those of the sums that it lies in.
    func sum(_ range: Range<Int>, encoding: ElementEncoding) -> Result<[EdwardsPoint], NDDFEError> {
        guard let sums else { return sum(range, of: 0..<count, encoding: encoding) }
        var points: [EdwardsPoint] = []
        points.reserveCapacity(range.count)
        var start = range.lowerBound
        while start < range.upperBound {
            let index = start / elements
            guard index < sums.count else {
                return .failure(
                    .wrongCount(field: "elements", expected: sums.count * elements, found: range.upperBound))
            }
            let (first, end) = (index * elements, min(range.upperBound, (index + 1) * elements))
            switch sum(start - first..<end - first, of: sums[index], encoding: encoding) {
            case .success(let piece): points += piece
            case .failure(let error): return .failure(error)
            }
            start = end
        }
        return .success(points)
    }

    private func sum(
        _ range: Range<Int>, of bodies: some Sequence<Int>, encoding: ElementEncoding
    ) -> Result<[EdwardsPoint], NDDFEError> {
        let kernel = NDDFEBases.kernel
        var sums = [EdwardsPoint](repeating: .identity, count: range.count)
        let bytes = range.lowerBound * encoding.width..<range.upperBound * encoding.width
        for body in bodies {
            let piece = read(body, bytes)
            guard piece.count == bytes.count else {
                return .failure(
                    .wrongLength(
                        field: "body \(body)", expected: bytes.upperBound, found: bytes.lowerBound + piece.count))
            }
            if let refusal = kernel.accumulate(piece[...], encoding: encoding, into: &sums) {
                return .failure(
                    .elementRejected(body: body, element: range.lowerBound + refusal.index, fault: refusal.fault))
            }
        }
        return .success(sums)
    }
}

extension Aggregate {
    /// Sums, unmasks and recovers a round in one pass over the bodies.
    ///
    /// Memory: about 1 MB a core plus what `read` returns (256 KiB a body and core), the key vectors and the result.
    ///
    /// - Parameters:
    ///   - count: d, the number of elements.
    ///   - keyVectors: K^(a) of every component, 32·count bytes each.
    ///   - bound: `Packing.range`; at most the bound `logarithm` was built for.
    ///   - progress: called with the index of an element about to be done, from any thread; `false` cancels.
    /// - Throws: what `sum`, `KeyVector.combine` and `recover` throw; malformed elements before missing logarithms, in both
    ///   cases the lowest.
    public static func decrypt(
        bodies: BodySource, encoding: ElementEncoding, count: Int, keyVectors: [[UInt8]],
        logarithm: BoundedLogarithm, bound: Int64, progress: (@Sendable (Int) -> Bool)? = nil
    ) throws(NDDFEError) -> [Int64] {
        let keys = try KeyVector.combine(keyVectors, count: count)
        let tables = NDDFEBases.tables(elements: count)
        let kernel = NDDFEBases.kernel
        let ranges = Workers.ranges(count)
        let pieces: [Result<[Int64], NDDFEError>] = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            if let progress, !progress(range.lowerBound) { return .failure(.cancelled) }
            var points: [EdwardsPoint]
            switch bodies.sum(range, encoding: encoding) {
            case .success(let sums): points = sums
            case .failure(let error): return .failure(error)
            }
            kernel.unmask(&points, keys: keys[range.lowerBound * 32..<range.upperBound * 32], tables: tables)
            return logarithm.recover(points[...], firstElement: range.lowerBound, bound: bound)
        }
        if let error = pieces.lowestRefusal() { throw error }
        var values: [Int64] = []
        values.reserveCapacity(count)
        for case .success(let piece) in pieces { values.append(contentsOf: piece) }
        return values
    }
}

extension BlockProof {
    /// The equation over bodies that are read a range at a time: 4096 elements of every body and core in memory, four times as many without AVX2.
    public static func verify(
        bodies: BodySource, encoding: ElementEncoding, values: [Int64], kHat: [UInt8], seed: [UInt8]
    ) throws(NDDFEError) -> Bool {
        try verify(values: values, kHat: kHat, seed: seed) { range in bodies.sum(range, encoding: encoding) }
    }
}

extension Array {
    /// Cancellation first, then a truncated body, then the malformed element with the lowest body and element, then the
    /// lowest element without logarithm: the same whatever order the cores work in.
    func lowestRefusal<Success>() -> NDDFEError? where Element == Result<Success, NDDFEError> {
        var best: (rank: (Int, Int, Int), error: NDDFEError)?
        for case .failure(let error) in self {
            let rank =
                switch error {
                case .cancelled: (0, 0, 0)
                case .elementRejected(let body, let element, _): (2, body, element)
                case .noLogarithm(let element, _): (3, element, 0)
                default: (1, 0, 0)
                }
            if best == nil || rank < best!.rank { best = (rank, error) }
        }
        return best?.error
    }
}
