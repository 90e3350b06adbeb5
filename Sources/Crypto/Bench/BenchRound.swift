/// A whole round on all cores: one client, one holder, the aggregator, one voter.
///
/// All submitters send the same body here: the work is that of n different ones, and making the input does not take n times
/// as long. The recovered sums and the block proof are checked.
struct BenchRound {
    let submitters: Int
    let elements: Int
    let encoding: ElementEncoding

    func run(_ context: inout BenchContext) throws(NDDFEError) {
        // Two 8-bit coordinates an element where the range allows it (n ≤ 16), one above.
        let digits = submitters <= 16 ? 2 : 1
        let packing = try Packing(digits: digits, bound: 127, maximumSubmitters: submitters)
        let keys = CryptoBench.keys(3)
        let values = try packing.pack(CryptoBench.values(elements * digits))
        let logarithm = BoundedLogarithm(bound: packing.range)
        let name = NDDFEBases.kernel.name
        func row(_ role: String, _ seconds: Double, _ bytes: Double, _ context: inout BenchContext) {
            context.row(
                role, kernel: name, n: submitters, d: elements, packing: digits, encoding: "\(encoding)",
                range: 64 - packing.range.leadingZeroBitCount, us: seconds / Double(elements) * 1e6, bytes: bytes)
        }
        func timed<Result>(_ body: () throws(NDDFEError) -> Result) throws(NDDFEError) -> (Result, Double) {
            let start = BenchMachine.wallTime()
            let result = try body()
            return (result, BenchMachine.wallTime() - start)
        }
        let wire = Double(encoding.width) / Double(digits)
        let (body, client) = try timed { () throws(NDDFEError) in
            try Encryptor.encrypt(values: values, maskKeys: keys, encoding: encoding)
        }
        row("round_client", client, wire, &context)
        let (vectors, holder) = try timed { () throws(NDDFEError) in
            keys.map { key in KeyVector.sum(maskKeys: Array(repeating: key, count: submitters), count: elements) }
        }
        row("round_holder", holder, 32 / Double(digits), &context)
        let source = BodySource(count: submitters) { _, range in Array(body[range]) }
        let (sums, aggregator) = try timed { () throws(NDDFEError) in
            try Aggregate.decrypt(
                bodies: source, encoding: encoding, count: elements, keyVectors: vectors, logarithm: logarithm,
                bound: packing.range)
        }
        guard sums == values.map({ $0 * Int64(submitters) }) else { throw .proofRejected(what: "bench sum") }
        row("round_aggregator", aggregator, 0, &context)
        let seed = BlockProof.seed(context: [], manifest: [], values: sums)
        let kHat = try BlockProof.kHat(seed: seed, keyVectors: vectors, count: elements)
        let (holds, voter) = try timed { () throws(NDDFEError) in
            try BlockProof.verify(bodies: source, encoding: encoding, values: sums, kHat: kHat, seed: seed)
        }
        guard holds else { throw .proofRejected(what: "bench block proof") }
        row("round_voter", voter, 0, &context)
        row("round", client + holder + aggregator + voter, wire, &context)
    }
}
