/// Several small coordinates in one element: e = Σ_κ x_κ·R^κ with the odd radix R = 2·n_max·B + 1 and balanced digits, so
/// that sums of up to n_max vectors never carry from one digit into the next.
public struct Packing: Sendable, Hashable {
    /// k_p, coordinates an element.
    public let digits: Int
    /// B, the largest |quantised coordinate|.
    public let bound: Int64
    /// n_max, the most submitters a round may sum.
    public let maximumSubmitters: Int
    /// R.
    public let radix: Int64
    /// The largest |sum| an element can hold: (R^k_p − 1)/2. The bounded logarithm must reach it.
    public let range: Int64

    /// Largest range of a packed element (k_p > 1): one table look-up or a few giant steps.
    public static let packedLimit: Int64 = 1 << 23
    /// Largest range of an unpacked element.
    public static let unpackedLimit: Int64 = 1 << 32

    /// - Throws: `packingRefused` with the numbers where the range is beyond what recovery serves. This is decided from
    ///   n_max·B before anything is encrypted, never from a plaintext.
    public init(digits: Int, bound: Int64, maximumSubmitters: Int) throws(NDDFEError) {
        guard (1...8).contains(digits), (1...Packing.unpackedLimit).contains(bound),
            (1...65_536).contains(maximumSubmitters)
        else {
            throw .packingRefused(
                digits: digits, radix: 0,
                reason: "digits 1...8, bound 1...2^32 and submitters 1...65536 are supported, found \(digits), \(bound)"
                    + " and \(maximumSubmitters)")
        }
        // At most 2^49 + 1.
        let radix = 2 * Int64(maximumSubmitters) * bound + 1
        let limit = digits == 1 ? Packing.unpackedLimit : Packing.packedLimit
        var power: Int64 = 1
        for _ in 0..<digits {
            let (product, overflow) = power.multipliedReportingOverflow(by: radix)
            guard !overflow, (product - 1) / 2 <= limit else {
                throw .packingRefused(
                    digits: digits, radix: radix,
                    reason:
                        "\(digits) digits need a range above \(limit); use fewer bits, fewer submitters or one digit")
            }
            power = product
        }
        self.digits = digits
        self.bound = bound
        self.maximumSubmitters = maximumSubmitters
        self.radix = radix
        range = (power - 1) / 2
    }

    /// Elements that `count` coordinates take.
    public func elementCount(coordinates count: Int) -> Int { (count + digits - 1) / digits }

    /// Packs coordinates; the last element is filled up with zeros.
    ///
    /// - Throws: `valueOutOfRange` where |value| > B.
    public func pack(_ values: [Int64]) throws(NDDFEError) -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(elementCount(coordinates: values.count))
        var start = 0
        while start < values.count {
            let end = min(values.count, start + digits)
            var element: Int64 = 0
            for index in stride(from: end - 1, through: start, by: -1) {
                guard values[index].magnitude <= UInt64(bound) else {
                    throw .valueOutOfRange(index: index, value: values[index], bound: bound)
                }
                element = element * radix + values[index]
            }
            result.append(element)
            start = end
        }
        return result
    }

    /// Unpacks sums over `submitters` vectors into exactly `count` coordinates.
    ///
    /// - Throws: `digitOutOfRange` unless every element is exactly k_p balanced digits with remainder 0, each at most
    ///   submitters·B, and the filling of the last element is zero; `wrongCount` for another number of elements.
    public func unpack(_ elements: [Int64], count: Int, submitters: Int) throws(NDDFEError) -> [Int64] {
        guard elements.count == elementCount(coordinates: count) else {
            throw .wrongCount(field: "elements", expected: elementCount(coordinates: count), found: elements.count)
        }
        guard (1...maximumSubmitters).contains(submitters) else {
            throw .wrongCount(field: "submitters", expected: maximumSubmitters, found: submitters)
        }
        let limit = Int64(submitters) * bound
        let half = (radix - 1) / 2
        var result: [Int64] = []
        result.reserveCapacity(elements.count * digits)
        for (index, element) in elements.enumerated() {
            var rest = element
            for digit in 0..<digits {
                var (quotient, value) = rest.quotientAndRemainder(dividingBy: radix)
                if value > half {
                    value -= radix
                    quotient += 1
                } else if value < -half {
                    value += radix
                    quotient -= 1
                }
                let allowed = index * digits + digit < count ? limit : 0
                guard value.magnitude <= UInt64(allowed) else {
                    throw .digitOutOfRange(element: index, digit: digit, value: value, bound: allowed)
                }
                rest = quotient
                if index * digits + digit < count { result.append(value) }
            }
            guard rest == 0 else {
                throw .digitOutOfRange(element: index, digit: digits, value: rest, bound: 0)
            }
        }
        return result
    }

    /// Unpacks several sums that stand one after the other, each into `count` coordinates.
    ///
    /// - Parameter sizes: submitters of each sum.
    /// - Throws: as for one sum; elements are counted over all sums.
    public func unpack(_ elements: [Int64], count: Int, sums sizes: [Int]) throws(NDDFEError) -> [[Int64]] {
        let each = elementCount(coordinates: count)
        guard elements.count == each * sizes.count else {
            throw .wrongCount(field: "elements", expected: each * sizes.count, found: elements.count)
        }
        var result: [[Int64]] = []
        for (index, size) in sizes.enumerated() {
            do {
                result.append(
                    try unpack(Array(elements[index * each..<(index + 1) * each]), count: count, submitters: size))
            } catch .digitOutOfRange(let element, let digit, let value, let bound) {
                throw .digitOutOfRange(element: index * each + element, digit: digit, value: value, bound: bound)
            }
        }
        return result
    }
}
