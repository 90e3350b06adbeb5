/// The extents of an array, as a file or a peer states them.
enum Extents {
    /// The number of elements; nil when an extent is negative, or when the extents that are not zero have a product
    /// above `limit`. So a zero hides no other extent, and the product of any of them can be formed without a check:
    /// shape (0, 2^32 - 1, 2^32 - 1) holds nothing, but one of its rows would not fit an integer.
    static func elements(of shape: [Int], atMost limit: Int) -> Int? {
        var product = 1
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: max(1, extent))
            guard extent >= 0, !overflow, next <= limit else { return nil }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }
}
