/// Memory and search that recovering a round's sums takes, from the numbers of the task alone: the same on every machine,
/// whatever its processor. It counts the slot width of the portable table, which is the widest.
public struct RecoveryDemand: Hashable, Sendable {
    /// Entries of the table of logarithms.
    public let tableRange: Int64
    /// Pairs of giant steps that an element takes at worst; 0 where the table covers the range.
    public let steps: Int64
    /// Bytes of the table.
    public let tableBytes: Int
    /// Bytes of key vectors, sums and what is in flight on `cores` cores; bodies are read a range at a time.
    public let workingBytes: Int

    public var totalBytes: Int { tableBytes + workingBytes }

    /// More pairs of steps than this make a round last for hours: 2^15 pairs take about a millisecond an element.
    public static let largestSteps: Int64 = 1 << 15
    /// 2^22 entries, 34 MB with AVX2 and 67 MB without: the largest table that is built unasked.
    public static let defaultTable: Int64 = 1 << 22
    /// More entries than a slot can name do not exist.
    public static let largestTable: Int64 = (1 << 23) - 1
    /// Elements that one core works on at a time.
    public static let chunk = 4_096
    /// Cores whose work in flight a task's demand counts; machines with more hold back the rest of what they could do.
    public static let cores = 64

    /// What does not fit, with the numbers.
    public struct Excess: Error, Hashable, Sendable {
        public let what: String
        public let needed: Int
        public let available: Int
    }

    /// Chooses the largest table that fits, at most `defaultTable` entries unless the range is so large that the search
    /// outweighs building a table twice as large.
    ///
    /// - Parameters:
    ///   - range: the largest |sum| that an element can hold, 1 to 2^32.
    ///   - elements: of all sums of the round.
    ///   - elementBytes: of one encoded element.
    ///   - components: C(k, t), the key vectors.
    ///   - memoryLimit: bytes.
    /// - Throws: what does not fit. Nothing traps, whatever the numbers are.
    public init(
        range: Int64, elements: Int, elementBytes: Int, components: Int, cores: Int = RecoveryDemand.cores,
        memoryLimit: Int
    ) throws(Excess) {
        guard (1...1 << 32).contains(range), elements >= 1, components >= 1, elementBytes >= 1, cores >= 1 else {
            throw Excess(what: "elements of a range up to 2^32", needed: elements, available: 0)
        }
        // Key vectors and their sum, in pieces and joined; the sums; a chunk of points, masks and one body for each core.
        let vectors = (Checked(components) + 2) * 32 * Checked(elements) + 24 * Checked(elements)
        let inFlight = Checked(cores) * Self.chunk * (Checked(elementBytes) + 384)
        let working = (vectors + inFlight).value ?? .max
        guard working < memoryLimit else {
            throw Excess(what: "bytes of memory for key vectors and sums", needed: working, available: memoryLimit)
        }
        let wanted = range > 1 << 28 ? Self.largestTable : Self.defaultTable
        var table = min(range, wanted)
        func total(_ table: Int64) -> Int {
            let (sum, overflow) = working.addingReportingOverflow(Self.bytes(range: range, table: table))
            return overflow ? .max : sum
        }
        while table > 1 << 12, total(table) > memoryLimit { table /= 2 }
        let steps = Self.steps(range: range, table: table)
        guard total(table) <= memoryLimit else {
            throw Excess(
                what: "bytes of memory for the table of logarithms", needed: total(table), available: memoryLimit)
        }
        guard steps <= Self.largestSteps else {
            throw Excess(
                what: "giant steps an element for the range \(range) with a table of \(table)", needed: Int(steps),
                available: Int(Self.largestSteps))
        }
        tableRange = table
        self.steps = steps
        tableBytes = Self.bytes(range: range, table: table)
        workingBytes = working
    }

    /// Slots of a table of `entries`: a power of two, at least twice as many.
    public static func capacity(entries: Int64) -> Int {
        var capacity = 1 << 4
        while capacity < 2 * Int(entries) { capacity *= 2 }
        return capacity
    }

    /// Eight bytes a slot; two points a pair of steps; a table that verifies hits.
    private static func bytes(range: Int64, table: Int64) -> Int {
        capacity(entries: table) * 8 + 128 * Int(steps(range: range, table: table)) + 800_000
    }

    private static func steps(range: Int64, table: Int64) -> Int64 {
        (max(0, range - table) + 2 * table) / (2 * table + 1)
    }
}
