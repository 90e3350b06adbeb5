internal import Wire

/// What a round will need of the aggregator, decided from the policy before anybody encrypts.
///
/// The numbers are `RecoveryDemand`'s, which the validator of tasks holds against what a node may spend; tables and key
/// vectors of every kernel take no more than it says.
public struct AggregationPlan: Sendable, Hashable {
    private let demand: RecoveryDemand

    /// Entries of the table of logarithms.
    public var tableRange: Int64 { demand.tableRange }
    /// Pairs of giant steps that an element takes at worst; 0 where the table covers the range.
    public var steps: Int64 { demand.steps }
    /// Bytes of the table.
    public var tableBytes: Int { demand.tableBytes }
    /// Bytes of key vectors, sums and what is in flight on `cores` cores; bodies are read a range at a time.
    public var workingBytes: Int { demand.workingBytes }

    public var totalBytes: Int { demand.totalBytes }

    /// Memory that a round may take unless somebody says otherwise.
    public static let defaultMemoryLimit = 512 << 20

    /// - Parameters:
    ///   - elements: d / k_p, of all sums.
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
        do {
            demand = try RecoveryDemand(
                range: packing.range, elements: elements, elementBytes: encoding.width, components: components,
                cores: cores, memoryLimit: memoryLimit)
        } catch {
            throw .doesNotFit(what: error.what, needed: error.needed, available: error.available)
        }
    }
}
