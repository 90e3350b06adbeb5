/// A count made of numbers that came from outside. Once a result does not fit an `Int`, it and everything that is
/// computed from it has no value, so that no order of steps can trap or wrap around.
///
/// Sizes that follow from a peer's or a file's numbers are computed with it, never with plain `+`, `-` and `*`.
public struct Checked: Hashable, Sendable {
    /// Nil where some step did not fit.
    public let value: Int?

    public init(_ number: some BinaryInteger) { value = Int(exactly: number) }

    private init(value: Int?) { self.value = value }

    public static func + (lhs: Checked, rhs: Checked) -> Checked {
        combine(lhs, rhs) { $0.addingReportingOverflow($1) }
    }

    public static func - (lhs: Checked, rhs: Checked) -> Checked {
        combine(lhs, rhs) { $0.subtractingReportingOverflow($1) }
    }

    public static func * (lhs: Checked, rhs: Checked) -> Checked {
        combine(lhs, rhs) { $0.multipliedReportingOverflow(by: $1) }
    }

    public static func + (lhs: Checked, rhs: Int) -> Checked { lhs + Checked(rhs) }
    public static func * (lhs: Checked, rhs: Int) -> Checked { lhs * Checked(rhs) }
    public static func * (lhs: Int, rhs: Checked) -> Checked { Checked(lhs) * rhs }

    /// The quotient, rounded towards zero; no value for a divisor below 1.
    public static func / (lhs: Checked, rhs: Int) -> Checked {
        guard let dividend = lhs.value, rhs >= 1 else { return Checked(value: nil) }
        return Checked(dividend / rhs)
    }

    /// Pieces of `size` that hold this many; no value for a size below 1.
    public func pieces(of size: Int) -> Checked { (self + (size - 1)) / size }

    public static func max(_ lhs: Checked, _ rhs: Checked) -> Checked {
        combine(lhs, rhs) { (Swift.max($0, $1), false) }
    }

    public static func min(_ lhs: Checked, _ rhs: Checked) -> Checked {
        combine(lhs, rhs) { (Swift.min($0, $1), false) }
    }

    private static func combine(
        _ lhs: Checked, _ rhs: Checked, _ body: (Int, Int) -> (partialValue: Int, overflow: Bool)
    ) -> Checked {
        guard let first = lhs.value, let second = rhs.value else { return Checked(value: nil) }
        let (result, overflow) = body(first, second)
        return Checked(value: overflow ? nil : result)
    }
}

extension FixedWidthInteger {
    /// The sum, or the largest number. For counters that peers bring or drive on: views, heights, incarnations, attempts. One
    /// near its end must not trap, and must not begin anew either.
    public func clampedSum(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
