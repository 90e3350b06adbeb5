/// What binary32 makes of the numbers of a column: it keeps seven digits, and a source may have more.
///
/// A number is kept where its shortest decimal in binary32 is the number that the source has, or where binary32 holds it
/// exactly. Whole numbers must be held exactly: the next one is another person, or another day.
public struct RoundedColumn: Sendable, Equatable {
    /// Among the features, from 0.
    public let place: Int
    /// Numbers that become other ones.
    public internal(set) var changed = 0
    /// Numbers that were looked at.
    public internal(set) var count = 0
    /// Every number of the column is a whole one.
    public internal(set) var isWhole = true
    /// The number that changes most: its row (samples from 1), as the source has it, and what it becomes.
    public internal(set) var row = 0
    public internal(set) var from = ""
    public internal(set) var into: Float = 0
    var distance = 0.0

    /// Whole numbers beyond 2^24 that become other ones are no rounding: nobody means that.
    public var isMerged: Bool { isWhole && changed > 0 }
}

/// The columns of a source with a number that binary32 changes.
public struct Rounding: Sendable, Equatable {
    /// In their order.
    public internal(set) var columns: [RoundedColumn] = []
    /// Columns that were only counted, because there are too many: of whole numbers, and of others.
    public internal(set) var moreMerged = 0
    public internal(set) var moreRounded = 0
}

/// Counts while a source is read: two bytes a column, and more only for columns that a message may name.
struct RoundingTally {
    private static let mostDetails = 1_024

    private var isWhole: [Bool]
    private var isChanged: [Bool]
    private var details: [Int: RoundedColumn] = [:]
    private var rows = 0
    /// Samples before those that are read now.
    var firstRow = 0

    /// - Parameter width: numbers of one sample; nothing is counted of more than a data set may have.
    init?(width: Int) {
        guard (1...DataLimits.features).contains(width) else { return nil }
        isWhole = [Bool](repeating: true, count: width)
        isChanged = [Bool](repeating: false, count: width)
    }

    var width: Int { isWhole.count }

    var result: Rounding {
        var result = Rounding()
        for place in isChanged.indices where isChanged[place] {
            guard var column = details[place] else {
                if isWhole[place] { result.moreMerged += 1 } else { result.moreRounded += 1 }
                continue
            }
            column.isWhole = isWhole[place]
            column.count = rows
            result.columns.append(column)
        }
        return result
    }

    /// Of a text, which has no more than these digits.
    mutating func add(text: String, _ value: Float, row: Int, place: Int) {
        if let whole = Int64(text) {
            let isKept = Int64(exactly: value) == whole
            return add(isKept, true, isKept ? 0 : abs(Double(value) - Double(whole)), value, row, place) { text }
        }
        add(Double(text) ?? Double(value), value, row: row, place: place, from: text)
    }

    mutating func add(_ source: Double, _ value: Float, row: Int, place: Int, from text: String? = nil) {
        let isWhole = source == source.rounded(.towardZero)
        var isKept = Double(value) == source
        // The same digits written in binary32 come back as they were.
        if !isKept, !isWhole { isKept = Double("\(value)") == source }
        add(isKept, isWhole, isKept ? 0 : abs(Double(value) - source), value, row, place) { text ?? "\(source)" }
    }

    private mutating func add(
        _ isKept: Bool, _ isWhole: Bool, _ distance: Double, _ value: Float, _ row: Int, _ place: Int,
        from text: () -> String
    ) {
        rows = max(rows, firstRow + row + 1)
        if !isWhole { self.isWhole[place] = false }
        guard !isKept else { return }
        isChanged[place] = true
        guard details[place] != nil || details.count < Self.mostDetails else { return }
        var column = details[place] ?? RoundedColumn(place: place)
        column.changed += 1
        if column.changed == 1 || distance > column.distance {
            column.distance = distance
            column.row = firstRow + row + 1
            column.from = String(text().prefix(40))
            column.into = value
        }
        details[place] = column
    }
}
