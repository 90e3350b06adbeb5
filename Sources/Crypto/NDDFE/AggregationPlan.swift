/// What a round will need of the aggregator, decided from the policy before anybody encrypts.
public struct AggregationPlan: Sendable, Hashable {
    /// Entries of the table of logarithms.
    public let tableRange: Int64
    /// Pairs of giant steps that an element takes at worst; 0 where the table covers the range.
    public let steps: Int64
    /// Bytes of the table.
    public let tableBytes: Int
    /// Bytes of key vectors, sums and what is in flight on `cores` cores; bodies are read a range at a time.
    public let workingBytes: Int

    public var totalBytes: Int { tableBytes + workingBytes }

    /// Memory that a round may take unless somebody says otherwise.
    public static let defaultMemoryLimit = 512 << 20
    /// More pairs of steps than this make a round last for hours: 2^15 pairs take about a millisecond an element.
    public static let largestSteps: Int64 = 1 << 15

    /// Chooses the largest table that fits, at most `BoundedLogarithm.defaultMaximumTable` entries unless the range is so large
    /// that the search outweighs building a table twice as large.
    ///
    /// - Parameters:
    ///   - elements: d / k_p.
    ///   - components: C(k, t), the key vectors.
    ///   - memoryLimit: bytes.
    /// - Throws: `doesNotFit` with the numbers.
    public init(
        packing: Packing, elements: Int, submitters: Int, encoding: ElementEncoding, components: Int, cores: Int = 1,
        memoryLimit: Int = defaultMemoryLimit
    ) throws(NDDFEError) {
        guard submitters <= packing.maximumSubmitters else {
            throw .doesNotFit(what: "submitters", needed: submitters, available: packing.maximumSubmitters)
        }
        // Key vectors and their sum, in pieces and joined; the sums; a chunk of points, masks and one body for each core.
        let vectors = (components + 2) * 32 * elements
        let inFlight = cores * Workers.chunk * (2 * 160 + 64 + encoding.width)
        let working = vectors + 3 * 8 * elements + inFlight
        guard working < memoryLimit else {
            throw .doesNotFit(what: "bytes of memory for key vectors and sums", needed: working, available: memoryLimit)
        }
        let wanted = packing.range > 1 << 28 ? BoundedLogarithm.largestTable : BoundedLogarithm.defaultMaximumTable
        var range = BoundedLogarithm.tableRange(bound: packing.range, maximumTable: wanted)
        func bytes(_ range: Int64) -> Int {
            PortableLogarithms.capacity(range: range) * (NDDFEBases.kernel.name == "swift" ? 8 : 4)
                + 128 * Int(Self.steps(bound: packing.range, range: range)) + 800_000
        }
        while range > 1 << 12, working + bytes(range) > memoryLimit { range /= 2 }
        let steps = Self.steps(bound: packing.range, range: range)
        guard working + bytes(range) <= memoryLimit else {
            throw .doesNotFit(
                what: "bytes of memory for the table of logarithms", needed: working + bytes(range),
                available: memoryLimit)
        }
        guard steps <= Self.largestSteps else {
            throw .doesNotFit(
                what: "giant steps an element for the range \(packing.range) with a table of \(range)",
                needed: Int(steps),
                available: Int(Self.largestSteps))
        }
        tableRange = range
        self.steps = steps
        tableBytes = bytes(range)
        workingBytes = working
    }

    private static func steps(bound: Int64, range: Int64) -> Int64 {
        (max(0, bound - range) + 2 * range) / (2 * range + 1)
    }
}
