/// Everything this module can refuse. Each case tells the field, the reason and the next step.
public enum LearnError: Error, Equatable, Sendable {
    /// A setting, specification or argument is out of range or unknown.
    case invalid(field: String, reason: String, next: String)
    /// A data file holds something other than what its format or the task demands.
    case badData(DataFault)
    /// A file could not be read or written.
    case unreadable(path: String, reason: String)
    /// A tensor file (safetensors, NPY) is malformed or does not match the manifest.
    case badTensors(file: String, reason: String)
    /// Two lengths that must agree do not.
    case mismatch(field: String, expected: Int, found: Int)
    /// A number that must be finite is NaN or infinite; `index` counts in manifest order.
    case notFinite(field: String, index: Int)
    /// The caller asked to stop.
    case cancelled
}

/// Where a data file is wrong. `row` counts from 1 and includes a header line where the format has one.
public struct DataFault: Equatable, Sendable {
    public let file: String
    public let row: Int?
    public let field: String?
    public let expected: String
    public let found: String

    /// What a cell of a feature column holds.
    static let number = "a finite number"
    /// A cell of a table that is to be a number and is none.
    public var isNoNumber: Bool { expected == Self.number && row != nil }

    public init(file: String, row: Int? = nil, field: String? = nil, expected: String, found: String) {
        self.file = file
        self.row = row
        self.field = field
        self.expected = expected
        self.found = found
    }
}

extension LearnError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalid(let field, let reason, let next):
            "\(field): \(reason); \(next)"
        case .badData(let fault):
            fault.description
        case .unreadable(let path, let reason):
            "\(path): \(reason); check that the path exists and that this user may use it"
        case .badTensors(let file, let reason):
            "\(file): \(reason); write the file again as safetensors"
        case .mismatch(let field, let expected, let found):
            "\(field): expected \(expected) values, found \(found); check what they were made for"
        case .notFinite(let field, let index):
            "\(field): value \(index) is not finite; lower the learning rate or clean the data"
        case .cancelled:
            "cancelled on request"
        }
    }
}

extension DataFault: CustomStringConvertible {
    public var description: String {
        var place = file
        if let row { place += ", row \(row)" }
        if let field { place += ", field \(TitleText.word(field))" }
        return "\(place): expected \(expected), found \(found); correct the file and read it again"
    }
}
