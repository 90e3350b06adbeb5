internal import Sodium

/// The measurements behind `meshnode bench crypto`.
///
/// Single operations run on the calling thread; rounds on all cores. Inputs are fixed, outputs are checked, and a run that
/// computes a wrong sum stops.
public struct CryptoBench: Sendable {
    /// Elements of the single operations.
    public var elements = 16_384
    /// (n, d) of the rounds.
    public var rounds: [(submitters: Int, elements: Int)] = [(4, 10_000), (10, 10_000), (32, 10_000), (10, 100_000)]
    /// Largest tables of the logarithm: 2^16, 2^22, 2^26 and 2^32 are ranges, this is memory.
    public var maximumTable = BoundedLogarithm.defaultMaximumTable
    public var ranges = [16, 22, 26, 32]

    public init() {}

    /// Also d = 1 000 000 and n = 4, 10, 32 at every size: minutes, not seconds.
    public static var full: CryptoBench {
        var bench = CryptoBench()
        bench.rounds = [10_000, 100_000, 1_000_000].flatMap { d in [4, 10, 32].map { ($0, d) } }
        return bench
    }

    /// Runs everything and hands out each row as it is measured.
    public func run(_ emit: @escaping (BenchRow) -> Void) throws(NDDFEError) {
        SodiumRuntime.ensure()
        let y = baseMultiplication()
        var context = BenchContext(y: y, emit: emit)
        context.row("scalarmult_base", kernel: "libsodium", d: 1, us: y)
        for kernel in NDDFEBases.kernels { try singleOperations(kernel, &context) }
        try recovery(&context)
        try whole(&context)
        try baselines(&context)
        try roundRows(&context)
    }

    /// Y.
    private func baseMultiplication() -> Double {
        var output = [UInt8](repeating: 0, count: 32)
        let scalar = Scalar(reducing: (0..<64).map { UInt8($0 * 3 + 1) }).bytes
        return BenchMachine.best(of: 5, units: 200) {
            for _ in 0..<200 { _ = unsafe crypto_scalarmult_ristretto255_base(&output, scalar) }
        }
    }

    static func keys(_ count: Int) -> [SecretBytes] {
        (0..<count).map { index in SecretBytes((0..<32).map { UInt8(truncatingIfNeeded: index &* 31 &+ $0) }) }
    }

    /// 8-bit values in [−127, 127].
    static func values(_ count: Int) -> [Int64] { (0..<count).map { Int64($0 % 255) - 127 } }

    private func singleOperations(_ kernel: any GroupKernel, _ context: inout BenchContext) throws(NDDFEError) {
        let keys = Self.keys(3)
        let packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 16)
        let values = Self.values(elements)
        let packed = try packing.pack(Self.values(elements * 2))
        let tables = NDDFEBases.tables(elements: 100_000)
        let masks = MaskDerivation.masks(keys: keys, elements: 0..<elements)
        for encoding in ElementEncoding.allCases {
            let name = "\(encoding)"
            var body: [UInt8] = []
            for (digits, input) in [(1, values), (2, packed)] {
                let us = BenchMachine.best(units: elements) {
                    var start = 0
                    while start < elements {
                        let range = start..<min(elements, start + Workers.chunk)
                        let masks = MaskDerivation.masks(keys: keys, elements: range)
                        let piece = kernel.commit(
                            values: input[range], masks: masks[...], tables: tables, encoding: encoding)
                        if start == 0 { body = piece } else { body.append(contentsOf: piece) }
                        start = range.upperBound
                    }
                }
                context.row(
                    "encrypt", kernel: kernel.name, d: elements, packing: digits, encoding: name, us: us,
                    bytes: Double(encoding.width) / Double(digits))
            }
            var sums = [EdwardsPoint](repeating: .identity, count: elements)
            var refused: ElementRefusal?
            let us = BenchMachine.best(units: elements) {
                refused = kernel.accumulate(body[...], encoding: encoding, into: &sums)
            }
            precondition(refused == nil)
            context.row("decode_add", kernel: kernel.name, d: elements, packing: 2, encoding: name, us: us)
            let unmask = BenchMachine.best(units: elements) { kernel.unmask(&sums, keys: masks[...], tables: tables) }
            context.row("unmask", kernel: kernel.name, d: elements, encoding: name, us: unmask)
        }
    }

    private func recovery(_ context: inout BenchContext) throws(NDDFEError) {
        for bits in ranges {
            let bound: Int64 = 1 << Int64(bits)
            let logarithm = BoundedLogarithm(bound: bound, maximumTable: maximumTable)
            // Uniform over the range: the expensive case beyond the table.
            let count = bits <= 23 ? elements : bits <= 26 ? 2048 : 64
            let values = (0..<count).map { index -> Int64 in
                Int64(bitPattern: UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15) % (bound + 1)
            }
            let table = FixedBaseTable(base: .base, window: 8)
            let points = PointVector(points: values.map { table.multiply(Scalar($0)) })
            var found: [Int64] = []
            let us = BenchMachine.best(of: bits <= 26 ? 3 : 1, units: count) {
                if case .success(let result) = logarithm.recover(points.points[...], firstElement: 0, bound: bound) {
                    found = result
                }
            }
            guard found == values else { throw .noLogarithm(element: 0, bound: bound) }
            context.row("recover", kernel: NDDFEBases.kernel.name, d: count, range: bits, us: us)
        }
    }

    /// What is not split by kernel.
    private func whole(_ context: inout BenchContext) throws(NDDFEError) {
        let name = NDDFEBases.kernel.name
        let keys = Self.keys(10)
        let holder = BenchMachine.best(units: elements) { _ = MaskDerivation.masks(keys: keys, elements: 0..<elements) }
        context.row("holder_key", kernel: name, n: 10, d: elements, us: holder, bytes: 32)
        let values = Self.values(elements)
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 16)
        let masks = Self.keys(3)
        let direction = try ScoreDirection(signs: (0..<elements).map { Int8($0 % 3) - 1 })
        for encoding in ElementEncoding.allCases {
            let body = try Encryptor.encrypt(values: values, maskKeys: masks, encoding: encoding)
            let seed = [UInt8](repeating: 1, count: 32)
            let kHat = try BlockProof.kHat(
                seed: seed, keyVectors: masks.map { KeyVector.sum(maskKeys: [$0], count: elements) }, count: elements)
            var holds = false
            let voter = BenchMachine.best(units: elements, clock: BenchMachine.wallTime) {
                holds = (try? BlockProof.verify(
                    bodies: [body], encoding: encoding, values: values, kHat: kHat, seed: seed)) ?? false
            }
            guard holds else { throw .proofRejected(what: "bench voter check") }
            context.row("voter_check", kernel: name, d: elements, encoding: "\(encoding)", us: voter)
            let opening = try ScoreOpening.make(values: values, maskKeys: masks, direction: direction, bound: 127)
            let score = BenchMachine.best(units: elements, clock: BenchMachine.wallTime) {
                holds = (try? opening.verify(
                    body: body, encoding: encoding, direction: direction, packing: packing)) ?? false
            }
            guard holds else { throw .proofRejected(what: "bench score opening") }
            context.row("score_opening", kernel: name, d: elements, encoding: "\(encoding)", us: score)
        }
        let key = try RistrettoKey(uniform: SecretBytes([UInt8](repeating: 9, count: 64)))
        let input = [UInt8](repeating: 1, count: 64)
        var proof: [UInt8] = []
        let prove = BenchMachine.best(units: 20) { for _ in 0..<20 { proof = ECVRF.prove(input, key: key) } }
        context.row("vrf_prove", kernel: "swift", d: 1, us: prove, bytes: 80)
        _ = try ECVRF.verify(proof, input: input, publicKey: key.publicKey)
        let verify = BenchMachine.best(units: 20) {
            for _ in 0..<20 { _ = try? ECVRF.verify(proof, input: input, publicKey: key.publicKey) }
        }
        context.row("vrf", kernel: "swift", d: 1, us: verify, bytes: 80)
    }

    /// The same work through libsodium's public calls, and plain masks with one vector commitment.
    private func baselines(_ context: inout BenchContext) throws(NDDFEError) {
        let count = 200
        let scalars = (0..<count).map { Scalar(reducing: blake2b([UInt8($0)], length: 64)).bytes }
        let h = NDDFEBases.maskBase.ristrettoBytes
        var bodies: [[UInt8]] = Array(repeating: [UInt8](repeating: 0, count: 32), count: count)
        let encrypt = BenchMachine.best(units: count) {
            for index in 0..<count {
                var masked = [UInt8](repeating: 0, count: 32)
                var value = masked
                _ = unsafe crypto_scalarmult_ristretto255(&masked, scalars[index], h)
                _ = unsafe crypto_scalarmult_ristretto255_base(&value, Scalar(Int64(index) + 1).bytes)
                _ = unsafe crypto_core_ristretto255_add(&bodies[index], masked, value)
            }
        }
        context.row("encrypt", kernel: "libsodium", d: count, encoding: "ristretto", us: encrypt, bytes: 32)
        let aggregate = BenchMachine.best(units: count) {
            for index in 0..<count {
                var sum = bodies[index]
                var mask = sum
                for _ in 1..<10 { _ = unsafe crypto_core_ristretto255_add(&sum, sum, bodies[index]) }
                _ = unsafe crypto_scalarmult_ristretto255(&mask, scalars[index], h)
                _ = unsafe crypto_core_ristretto255_sub(&sum, sum, mask)
            }
        }
        context.row("sum_unmask", kernel: "libsodium", n: 10, d: count, encoding: "ristretto", us: aggregate)

        let baseline = PlainMaskBaseline(count: elements)
        let values = Self.values(elements)
        let keys = Self.keys(3)
        let client = BenchMachine.best(units: elements) {
            _ = baseline.pad(values, keys: keys)
            _ = baseline.commit(values, mask: .half, bits: 8)
        }
        context.row("plain_masks_client", kernel: "swift", d: elements, us: client, bytes: 4)
        let sums = values.map { $0 * 10 }
        let check = BenchMachine.best(units: elements) { _ = baseline.commit(sums, mask: .half, bits: 12) }
        context.row("plain_masks_voter", kernel: "swift", n: 10, d: elements, us: check)
    }

    private func roundRows(_ context: inout BenchContext) throws(NDDFEError) {
        for (submitters, count) in rounds {
            for encoding in ElementEncoding.allCases {
                try BenchRound(submitters: submitters, elements: count, encoding: encoding).run(&context)
            }
        }
    }
}

/// Collects rows with what is common to all of them.
struct BenchContext {
    let y: Double
    let emit: (BenchRow) -> Void

    mutating func row(
        _ name: String, kernel: String, n: Int = 1, d: Int, packing: Int = 1, encoding: String = "none",
        range: Int = 0, us: Double, bytes: Double = 0
    ) {
        emit(
            BenchRow(
                name: name, kernel: kernel, n: n, d: d, bits: 8, packing: packing, encoding: encoding,
                rangeBits: range, microseconds: us, ratioToY: us / y, bytesPerCoordinate: bytes,
                peakMiB: BenchMachine.peakMiB, cpu: BenchMachine.cpu))
    }
}
