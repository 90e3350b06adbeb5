/// The measurements behind `meshnode bench crypto`.
///
/// Everything but the rows `*_cores` runs on the calling thread and counts its CPU time. Inputs are fixed, outputs are
/// checked, and a run that computes a wrong sum stops.
public struct CryptoBench: Sendable {
    /// Elements of the single operations.
    var elements = 16_384
    /// (n, d) of the rounds, d in coordinates, and whether ristretto elements are measured too.
    var rounds: [BenchRound.Shape] = CryptoBench.allRounds.filter {
        $0.coordinates < 1_000_000 || $0.encoding == .affine
    }
    var maximumTable = BoundedLogarithm.defaultMaximumTable
    /// log2 of the ranges of recovery.
    var ranges = [16, 22, 26, 32]
    /// Names to measure; empty is all.
    var only: Set<String> = []

    /// What `only` may hold.
    public static let names = [
        "encrypt", "decode_add", "unmask", "recover", "holder_key", "voter_check", "score_opening", "vrf",
        "plain_masks",
        "round", "round_cores", "large",
    ]

    private static let allRounds: [BenchRound.Shape] = [10_000, 100_000, 1_000_000].flatMap { d in
        [4, 10, 32].flatMap { n in
            ElementEncoding.allCases.reversed().map {
                BenchRound.Shape(submitters: n, coordinates: d, encoding: $0)
            }
        }
    }

    public enum Size: Sendable {
        /// Seconds: small vectors, one round.
        case quick
        /// Minutes: every row but a million ristretto elements.
        case usual
        case full
    }

    /// - Parameter only: names to measure, of `names`; empty is all but "large", a round of 3.87 million coordinates.
    public init(_ size: Size = .usual, only: Set<String> = []) {
        self.only = only
        switch size {
        case .quick:
            elements = 8192
            ranges = [16, 22]
            rounds = [BenchRound.Shape(submitters: 10, coordinates: 10_000, encoding: .affine)]
        case .usual: break
        case .full: rounds = CryptoBench.allRounds
        }
    }

    /// Runs everything and hands out each row as it is measured.
    ///
    /// - Parameter note: remarks on long work, with its remaining time.
    /// - Returns: all rows.
    public func run(
        note: @escaping @Sendable (String) -> Void = { _ in }, _ emit: @escaping (BenchRow) -> Void
    ) throws(NDDFEError) -> [BenchRow] {
        SodiumRuntime.ensure()
        var context = BenchContext(note: note, emit: emit)
        // Clocks come up to speed first.
        for _ in 0..<10 { _ = BenchContext.baseMultiplication() }
        let y = (0..<10).map { _ in BenchContext.baseMultiplication() }.min() ?? 0
        context.row("scalarmult_base", kernel: "libsodium", d: 1, time: BenchContext.Time(microseconds: y, y: y))
        for kernel in NDDFEBases.kernels { try singleOperations(kernel, &context) }
        try recovery(&context)
        try holderAndVoter(&context)
        try vrf(&context)
        baselines(&context)
        try roundRows(&context)
        return context.rows
    }

    private func wants(_ names: String...) -> Bool { only.isEmpty || names.contains(where: only.contains) }

    static func keys(_ count: Int) -> [SecretBytes] {
        (0..<count).map { index in SecretBytes((0..<32).map { UInt8(truncatingIfNeeded: index &* 31 &+ $0) }) }
    }

    /// 8-bit values in [−127, 127].
    static func values(_ count: Int) -> [Int64] { (0..<count).map { Int64($0 % 255) - 127 } }

    private func singleOperations(_ kernel: any GroupKernel, _ context: inout BenchContext) throws(NDDFEError) {
        guard wants("encrypt", "decode_add", "unmask") else { return }
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
                let time = context.best(units: elements) {
                    body.removeAll(keepingCapacity: true)
                    for range in Workers.ranges(elements) {
                        let masks = MaskDerivation.masks(keys: keys, elements: range)
                        body += kernel.commit(
                            values: input[range], masks: masks[...], tables: tables, encoding: encoding)
                    }
                }
                context.row(
                    "encrypt", kernel: kernel.name, d: elements * digits, packing: digits, encoding: name, time: time,
                    bytes: Double(encoding.width) / Double(digits))
            }
            // As the aggregator does: the sums of a range stay where they are, body after body.
            let ranges = Workers.ranges(elements)
            var pieces = ranges.map { [EdwardsPoint](repeating: .identity, count: $0.count) }
            var refused: ElementRefusal?
            let time = context.best(units: elements) {
                for (index, range) in ranges.enumerated() {
                    refused =
                        kernel.accumulate(
                            body[range.lowerBound * encoding.width..<range.upperBound * encoding.width],
                            encoding: encoding, into: &pieces[index]) ?? refused
                }
            }
            precondition(refused == nil)
            context.row("decode_add", kernel: kernel.name, d: elements, encoding: name, time: time)
            var sums = pieces.flatMap { $0 }
            let unmask = context.best(units: elements) { kernel.unmask(&sums, keys: masks[...], tables: tables) }
            context.row("unmask", kernel: kernel.name, d: elements, encoding: name, time: unmask)
        }
    }

    private func recovery(_ context: inout BenchContext) throws(NDDFEError) {
        guard wants("recover") else { return }
        for (bits, vectorised) in ranges.flatMap({ bits in [(bits, false), (bits, true)] }) {
            let bound: Int64 = 1 << Int64(bits)
            // The portable search of 2^32 takes a millisecond a value: a few say enough.
            let count = bits <= 23 ? elements : bits <= 26 ? 2048 : vectorised ? 128 : 16
            if vectorised && NDDFEBases.kernel.name == "swift" { continue }
            context.note("recover: table for 2^\(bits)")
            guard
                let logarithm = BoundedLogarithm.build(
                    bound: bound, maximumTable: maximumTable, vectorised: vectorised, progress: { _, _ in true })
            else { continue }
            // Uniform over the range: the expensive case beyond the table.
            let values = (0..<count).map { index -> Int64 in
                Int64(bitPattern: UInt64(index + 1) &* 0x9e37_79b9_7f4a_7c15) % (bound + 1)
            }
            let table = FixedBaseTable(base: .base, window: 8)
            let points = PointVector(points: values.map { table.multiply(Scalar($0)) })
            var found: [Int64] = []
            let time = context.best(of: bits <= 26 ? 4 : 2, units: count) {
                if case .success(let result) = logarithm.recover(points.points[...], firstElement: 0, bound: bound) {
                    found = result
                }
            }
            guard found == values else { throw .noLogarithm(element: 0, bound: bound) }
            context.row("recover", kernel: logarithm.table.kernel, d: count, range: bits, time: time)
        }
    }

    private func holderAndVoter(_ context: inout BenchContext) throws(NDDFEError) {
        Workers.isSingle = true
        defer { Workers.isSingle = false }
        let inUse = NDDFEBases.kernel.name
        if wants("holder_key") {
            let keys = Self.keys(10)
            let time = context.best(units: elements) {
                for range in Workers.ranges(elements) { _ = MaskDerivation.masks(keys: keys, elements: range) }
            }
            // Scalars only: the same code with every kernel.
            context.row("holder_key", kernel: "swift", n: 10, d: elements, time: time, bytes: 32)
        }
        guard wants("voter_check", "score_opening") else { return }
        let values = Self.values(elements)
        let packing = try Packing(digits: 1, bound: 127, maximumSubmitters: 16)
        let masks = Self.keys(3)
        let direction = try ScoreDirection(signs: (0..<elements).map { Int8($0 % 3) - 1 })
        let seed = [UInt8](repeating: 1, count: 32)
        let kHat = try BlockProof.kHat(
            seed: seed, keyVectors: masks.map { KeyVector.sum(maskKeys: [$0], count: elements) }, count: elements)
        for encoding in ElementEncoding.allCases {
            let body = try Encryptor.encrypt(values: values, maskKeys: masks, encoding: encoding)
            for kernel in NDDFEBases.kernels where wants("voter_check") {
                var holds = false
                let time = context.best(units: elements) {
                    holds =
                        (try? BlockProof.verify(values: values, kHat: kHat, seed: seed, kernel: kernel) { range in
                            var sums = [EdwardsPoint](repeating: .identity, count: range.count)
                            _ = kernel.accumulate(
                                body[range.lowerBound * encoding.width..<range.upperBound * encoding.width],
                                encoding: encoding, into: &sums)
                            return .success(sums)
                        }) ?? false
                }
                guard holds else { throw .proofRejected(what: "bench voter check") }
                context.row("voter_check", kernel: kernel.name, d: elements, encoding: "\(encoding)", time: time)
            }
            guard wants("score_opening") else { continue }
            let opening = try ScoreOpening.make(values: values, maskKeys: masks, direction: direction, bound: 127)
            var holds = false
            let time = context.best(units: elements) {
                holds =
                    (try? opening.verify(body: body, encoding: encoding, direction: direction, packing: packing))
                    ?? false
            }
            guard holds else { throw .proofRejected(what: "bench score opening") }
            context.row("score_opening", kernel: inUse, d: elements, encoding: "\(encoding)", time: time)
        }
    }

    private func vrf(_ context: inout BenchContext) throws(NDDFEError) {
        guard wants("vrf") else { return }
        let key = try RistrettoKey(uniform: SecretBytes([UInt8](repeating: 9, count: 64)))
        let input = [UInt8](repeating: 1, count: 64)
        var proof: [UInt8] = []
        let prove = context.best(units: 20) { for _ in 0..<20 { proof = ECVRF.prove(input, key: key) } }
        context.row("vrf_prove", kernel: "swift", d: 1, time: prove, bytes: 80)
        _ = try ECVRF.verify(proof, input: input, publicKey: key.publicKey)
        let verify = context.best(units: 20) {
            for _ in 0..<20 { _ = try? ECVRF.verify(proof, input: input, publicKey: key.publicKey) }
        }
        context.row("vrf", kernel: "swift", d: 1, time: verify, bytes: 80)
    }

    private func roundRows(_ context: inout BenchContext) throws(NDDFEError) {
        for shape in rounds {
            if wants("round") { try BenchRound(shape: shape, onAllCores: false).run(&context) }
            if wants("round_cores"), shape.encoding == .affine {
                try BenchRound(shape: shape, onAllCores: true).run(&context)
            }
        }
        if only.contains("large") {
            // The size of round for which the design this one replaces was reported to take 6134 s of checking.
            let shape = BenchRound.Shape(submitters: 5, coordinates: 3_870_000, encoding: .affine)
            try BenchRound(shape: shape, onAllCores: false).run(&context)
        }
    }

    private func baselines(_ context: inout BenchContext) {
        if wants("encrypt", "decode_add", "unmask") { NaiveBaseline.run(&context) }
        if wants("plain_masks") { PlainMaskBaseline.run(elements: elements, &context) }
    }
}
