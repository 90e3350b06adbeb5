/// A whole round: one client, one holder, the aggregator, one voter; or the last two and the client on all cores.
///
/// All submitters send the same body here: the work is that of n different ones, and making the input does not take n times
/// as long. The recovered sums and the block proof are checked.
struct BenchRound {
    struct Shape: Sendable {
        var submitters: Int
        var coordinates: Int
        var encoding: ElementEncoding
    }

    let shape: Shape
    /// Wall time over all cores, as `round_cores_*`, instead of this thread's CPU time.
    let onAllCores: Bool

    func run(_ context: inout BenchContext) throws(NDDFEError) {
        let (submitters, encoding) = (shape.submitters, shape.encoding)
        // Two 8-bit coordinates an element where the range allows it (n ≤ 16), one above.
        let digits = submitters <= 16 ? 2 : 1
        let packing = try Packing(digits: digits, bound: 127, maximumSubmitters: submitters)
        let keys = CryptoBench.keys(3)
        let values = try packing.pack(CryptoBench.values(shape.coordinates))
        let elements = values.count
        let prefix = onAllCores ? "round_cores" : "round"
        context.note("\(prefix): \(shape.coordinates) coordinates of \(submitters), \(encoding)")
        let logarithm = BoundedLogarithm(bound: packing.range)
        Workers.isSingle = !onAllCores
        defer { Workers.isSingle = false }
        let clock = onAllCores ? BenchMachine.wallTime : BenchMachine.threadTime
        var total = 0.0
        var y = BenchContext.baseMultiplication()

        func timed<Result>(
            _ role: String, bytes: Double = 0, _ context: inout BenchContext, _ body: () throws(NDDFEError) -> Result
        ) throws(NDDFEError) -> Result {
            // Short rounds are repeated; the first run also builds tables.
            var best = Double.infinity
            var result: Result
            var runs = 0
            repeat {
                let start = clock()
                result = try body()
                best = min(best, clock() - start)
                runs += 1
            } while runs < 2 || best * Double(runs) < 0.2
            y = min(y, BenchContext.baseMultiplication())
            total += best
            add(role, best, bytes, &context)
            return result
        }
        func add(_ role: String, _ seconds: Double, _ bytes: Double, _ context: inout BenchContext) {
            context.row(
                prefix + role, kernel: NDDFEBases.kernel.name, n: submitters, d: shape.coordinates, packing: digits,
                encoding: "\(encoding)", range: 64 - packing.range.leadingZeroBitCount,
                time: BenchContext.Time(microseconds: seconds / Double(elements) * 1e6, y: y), bytes: bytes)
        }
        let wire = Double(encoding.width) / Double(digits)
        let body = try timed("_client", bytes: wire, &context) { () throws(NDDFEError) in
            try Encryptor.encrypt(values: values, maskKeys: keys, encoding: encoding)
        }
        // A holder knows two of the three components; the third is needed here only to go on.
        let known = try timed("_holder", bytes: 2 * 32 / Double(digits), &context) { () throws(NDDFEError) in
            keys[..<2].map { KeyVector.sum(maskKeys: Array(repeating: $0, count: submitters), count: elements) }
        }
        let vectors = known + [KeyVector.sum(maskKeys: Array(repeating: keys[2], count: submitters), count: elements)]
        let source = BodySource(count: submitters) { _, range in Array(body[range]) }
        let note = context.note
        let meter = ProgressMeter(total: elements, clock: BenchMachine.wallTime) { note("  aggregator: \($0)") }
        let sums = try timed("_aggregator", &context) { () throws(NDDFEError) in
            try Aggregate.decrypt(
                bodies: source, encoding: encoding, count: elements, keyVectors: vectors, logarithm: logarithm,
                bound: packing.range,
                progress: { _ in
                    meter.advance(by: Workers.chunk)
                    return true
                })
        }
        guard sums == values.map({ $0 * Int64(submitters) }) else { throw .proofRejected(what: "bench sum") }
        let seed = BlockProof.seed(context: [], manifest: [], values: sums)
        let kHat = try BlockProof.kHat(seed: seed, keyVectors: vectors, count: elements)
        let holds = try timed("_voter", &context) { () throws(NDDFEError) in
            try BlockProof.verify(bodies: source, encoding: encoding, values: sums, kHat: kHat, seed: seed)
        }
        guard holds else { throw .proofRejected(what: "bench block proof") }
        add("", total, wire, &context)
    }
}
