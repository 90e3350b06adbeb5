/// Why a cryptographic operation was refused.
public enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    case wrongLength(field: String, expected: Int, found: Int)
    case invalidPublicKey(field: String)
    case authenticationFailed(what: String)
    case streamEnded

    public var description: String {
        switch self {
        case .wrongLength(let field, let expected, let found): "\(field): \(expected) bytes expected, found \(found)"
        case .invalidPublicKey(let field): "\(field): not an acceptable public key"
        case .authenticationFailed(let what): "\(what): authentication failed (wrong key or altered bytes)"
        case .streamEnded: "the stream was ended by its final tag"
        }
    }
}
