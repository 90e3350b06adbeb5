internal import Wire

// Bodies of requests: their form and what they may say. Nothing here knows the server.

/// The answer of a person to a candidate.
public struct ManualVote: Codable, Equatable, Sendable {
    public let isValid: Bool
    /// Needed when it is not valid.
    public let reason: String?

    public init(isValid: Bool, reason: String?) {
        self.isValid = isValid
        self.reason = reason
    }
}

extension ManualVote {
    init(body: [UInt8]) throws {
        self = try APICoding.decode(ManualVote.self, from: body)
        guard isValid || reason?.isEmpty == false else {
            throw ServiceError.invalid([Fault("reason", "is needed when is_valid is false")])
        }
        let bytes = reason?.utf8.count ?? 0
        guard bytes <= Limits.reason else {
            throw ServiceError.invalid([Fault("reason", "has \(bytes) bytes; up to \(Limits.reason) are allowed")])
        }
    }
}

/// What the ledger routes read; each takes what it needs.
struct LedgerRequest: Codable, Sendable {
    var to: String?
    var credits: UInt64?
    /// A share, 0 to 1.
    var target: Double?
    var nonce: String?
    var node: String?
    /// 1 to 5.
    var stars: Int?

    init(body: [UInt8]) throws { self = try APICoding.decode(LedgerRequest.self, from: body) }

    func amount() throws(ServiceError) -> UInt64 {
        guard let credits, credits > 0 else {
            throw .invalid([Fault("credits", "is needed, a whole number of at least 1")])
        }
        return credits
    }

    /// How the receiver is named.
    func recipient() throws(ServiceError) -> String {
        guard let to else { throw .invalid([Fault("to", "is needed: the id of a node")]) }
        return to
    }

    /// A committed target in millionths, and the nonce that opens it.
    func opening() throws(ServiceError) -> (targetPpm: UInt32, nonce: Digest) {
        guard let target = target.flatMap(Ppm.exactly), target <= Ppm.one else {
            throw .invalid([Fault("target", "is not a share from 0 to 1 with up to six places")])
        }
        guard let nonce = nonce.flatMap({ Digest(hex: $0) }) else {
            throw .invalid([Fault("nonce", "is not 64 hexadecimal digits")])
        }
        return (UInt32(target), nonce)
    }

    /// How the member is named, and its stars.
    func rating() throws(ServiceError) -> (node: String, stars: UInt8) {
        var faults: [Fault] = []
        if node == nil { faults.append(Fault("node", "is needed: the id of a member")) }
        let stars = stars.flatMap { (1...5).contains($0) ? UInt8($0) : nil }
        if stars == nil { faults.append(Fault("stars", "is needed, a whole number from 1 to 5")) }
        guard let node, let stars else { throw .invalid(faults) }
        return (node, stars)
    }
}
