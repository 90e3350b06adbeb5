/// Everything that is wrong with a file: the first faults in full, and how many there are.
public struct FaultList: Equatable, Sendable {
    /// Faults that are kept; a file of garbage has as many as it has fields.
    public static let most = 200

    public private(set) var faults: [DataFault] = []
    public private(set) var count = 0

    public init() {}

    public mutating func add(_ fault: DataFault) {
        count += 1
        if faults.count < Self.most { faults.append(fault) }
    }
}
