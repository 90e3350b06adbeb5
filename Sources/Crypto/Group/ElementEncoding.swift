/// How a group element travels. The raw value is the version byte of the task's policy.
public enum ElementEncoding: UInt8, Sendable, CaseIterable {
    /// ristretto255, 32 bytes: fewest bytes, about 4 µs to decode.
    case ristretto = 1
    /// Affine edwards25519 (x, y), 64 bytes, both below p: cheap to decode; every equation over it is multiplied by 8.
    case affine = 2

    /// Bytes an element.
    public var width: Int {
        switch self {
        case .ristretto: 32
        case .affine: 64
        }
    }
}

/// Why an encoded element was refused.
public enum ElementFault: String, Error, Sendable, Equatable {
    /// A coordinate is not below p, bit 255 is set, or a ristretto255 encoding is negative.
    case nonCanonical
    /// The bytes are no point of the curve (or no ristretto255 element).
    case notOnCurve
    /// The identity or another point of order dividing 8.
    case smallOrder
}
