/// Everything that is wrong with a file: the first faults in full, and how many there are.
public struct FaultList: Equatable, Sendable {
    /// Faults that are kept; a file of garbage has as many as it has fields.
    public static let most = 200
    /// Of one column, so that a column of text hides nothing else.
    public static let mostOfColumn = 5

    public private(set) var faults: [DataFault] = []
    public private(set) var count = 0
    private var ofColumn: [String: Int] = [:]

    public init() {}

    public mutating func add(_ fault: DataFault) {
        count += 1
        if let field = fault.field, fault.row != nil {
            ofColumn[field, default: 0] += 1
            guard count(of: field) <= Self.mostOfColumn else { return }
        }
        if faults.count < Self.most { faults.append(fault) }
    }

    /// How many cells of a column are faulty.
    public func count(of field: String) -> Int { ofColumn[field] ?? 0 }
}
