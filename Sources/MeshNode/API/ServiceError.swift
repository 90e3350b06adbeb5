public import Wire

/// Why a node does not do what its operator asks. Each case carries the next step.
public enum ServiceError: Error, Equatable, Sendable {
    /// There is no such task, round, block or model here.
    case notFound(what: String, next: String)
    /// The request does not fit the present state.
    case conflict(reason: String, next: String)
    /// The request itself is wrong: every fault at once.
    case invalid([Fault])
    /// Not now; the same request may succeed later.
    case unavailable(reason: String, next: String)
    /// Never for this caller or node.
    case denied(reason: String, next: String)
    /// The node could not do it.
    case failed(reason: String, next: String)
}

extension ServiceError: CustomStringConvertible {
    public var description: String { Problem(self).message }
}

/// An error as it travels: `application/problem+json` (RFC 9457) with the members `next` and `errors` of ours.
public struct Problem: Codable, Equatable, Sendable, Error {
    public struct Field: Codable, Equatable, Sendable {
        public let path: String
        public let reason: String

        public init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
    }

    /// `urn:meshnode:` and a word that stays the same through releases.
    public let type: String
    public let title: String
    /// HTTP status.
    public let status: Int
    public let detail: String
    /// What to do about it.
    public let next: String?
    /// Every field that is wrong.
    public let errors: [Field]?

    public init(type: String, title: String, status: Int, detail: String, next: String? = nil, errors: [Field]? = nil) {
        self.type = "urn:meshnode:" + type
        self.title = title
        self.status = status
        self.detail = detail
        self.next = next
        self.errors = errors
    }

    public init(_ error: ServiceError) {
        switch error {
        case .notFound(let what, let next):
            self.init(type: "not-found", title: "Not found", status: 404, detail: what, next: next)
        case .conflict(let reason, let next):
            self.init(type: "conflict", title: "Wrong state", status: 409, detail: reason, next: next)
        case .invalid(let faults):
            self.init(
                type: "invalid", title: "Invalid", status: 422,
                detail: faults.count == 1 ? "one field is wrong" : "\(faults.count) fields are wrong",
                next: faults.count == 1 ? "correct it and send it again" : "correct them and send it again",
                errors: faults.map { Field(path: $0.path, reason: $0.reason) })
        case .unavailable(let reason, let next):
            self.init(type: "unavailable", title: "Not now", status: 503, detail: reason, next: next)
        case .denied(let reason, let next):
            self.init(type: "denied", title: "Denied", status: 403, detail: reason, next: next)
        case .failed(let reason, let next):
            self.init(type: "failed", title: "Failed", status: 500, detail: reason, next: next)
        }
    }

    /// One line and, below it, one line a field.
    public var message: String {
        let head = detail + (next.map { "; \($0)" } ?? "")
        return ([head] + (errors ?? []).map { $0.path.isEmpty ? "  \($0.reason)" : "  \($0.path): \($0.reason)" })
            .joined(separator: "\n")
    }
}
