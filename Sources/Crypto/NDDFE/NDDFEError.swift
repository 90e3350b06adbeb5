/// Why an operation of the encrypted aggregation was refused. Each case names the field and what was found.
public enum NDDFEError: Error, Equatable, Sendable {
    case wrongLength(field: String, expected: Int, found: Int)
    case wrongCount(field: String, expected: Int, found: Int)
    case unsupportedProfile(holders: Int, threshold: Int)
    /// A ristretto255 point that is not canonical, or the identity where a key is expected.
    case invalidPoint(field: String)
    /// A scalar that is not below ℓ, or zero where a key is expected.
    case invalidScalar(field: String)
    case proofRejected(what: String)
    case elementRejected(body: Int, element: Int, fault: ElementFault)
    case valueOutOfRange(index: Int, value: Int64, bound: Int64)
    /// The policy cannot be carried by a bounded logarithm: nothing may be encrypted under it.
    case packingRefused(digits: Int, radix: Int64, reason: String)
    /// A packed value is not exactly the balanced digits it must be.
    case digitOutOfRange(element: Int, digit: Int, value: Int64, bound: Int64)
    /// No value within the bound: the lowest such element.
    case noLogarithm(element: Int, bound: Int64)
    case notAHolder(component: Int, holder: Int)
    /// The machine or the method cannot carry a round: nothing may be encrypted for it here.
    case doesNotFit(what: String, needed: Int, available: Int)
    case cancelled
}

extension NDDFEError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .wrongLength(let field, let expected, let found):
            "\(field): \(expected) bytes expected, found \(found); ask the sender for the whole object"
        case .wrongCount(let field, let expected, let found):
            "\(field): \(expected) entries expected, found \(found)"
        case .unsupportedProfile(let holders, let threshold):
            "holder profile (\(holders), \(threshold)) is not supported; choose (1, 0), (3, 1), (5, 2) or (7, 3)"
        case .invalidPoint(let field): "\(field): not a canonical ristretto255 element other than the identity"
        case .invalidScalar(let field): "\(field): not a canonical non-zero scalar"
        case .proofRejected(let what): "\(what): the proof does not verify; the object counts as not sent"
        case .elementRejected(let body, let element, let fault):
            "body \(body), element \(element): \(fault.rawValue); leave the submission out and name it"
        case .valueOutOfRange(let index, let value, let bound):
            "value \(index) is \(value), allowed is ±\(bound); clip before quantising"
        case .packingRefused(let digits, let radix, let reason):
            "packing \(digits) digits of radix \(radix) refused: \(reason)"
        case .digitOutOfRange(let element, let digit, let value, let bound):
            "element \(element), digit \(digit) is \(value), allowed is ±\(bound); start the blame procedure"
        case .noLogarithm(let element, let bound):
            "element \(element) holds no value within ±\(bound); start the blame procedure"
        case .notAHolder(let component, let holder): "holder \(holder) does not hold component \(component)"
        case .doesNotFit(let what, let needed, let available):
            "\(what): \(needed) needed, \(available) allowed; use fewer coordinates, bits or submitters, or allow more"
        case .cancelled: "cancelled"
        }
    }
}

/// Length check at the boundary.
func requireLength(_ bytes: [UInt8], _ expected: Int, _ field: String) throws(NDDFEError) {
    guard bytes.count == expected else {
        throw .wrongLength(field: field, expected: expected, found: bytes.count)
    }
}

/// A canonical ristretto255 element other than the identity.
func requirePoint(_ bytes: [UInt8], _ field: String) throws(NDDFEError) -> EdwardsPoint {
    try requireLength(bytes, 32, field)
    guard bytes.contains(where: { $0 != 0 }), let point = EdwardsPoint(ristretto: bytes) else {
        throw .invalidPoint(field: field)
    }
    return point
}

/// A canonical scalar, zero allowed.
func requireScalar(_ bytes: [UInt8], _ field: String) throws(NDDFEError) -> Scalar {
    try requireLength(bytes, 32, field)
    guard let scalar = Scalar(canonical: bytes) else { throw .invalidScalar(field: field) }
    return scalar
}
