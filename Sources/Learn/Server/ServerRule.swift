/// How the decrypted sum moves the global model. D is the weighted mean of the clients' w_old - w_new, so every
/// rule subtracts.
public enum ServerRule: Equatable, Sendable {
    /// w -= rate * D (McMahan et al. 2017).
    case fedAvg(rate: Float)
    /// m = momentum * m + D; w -= rate * m (Hsu, Qi, Brown 2019).
    case fedAvgM(rate: Float, momentum: Float)
    /// m = beta1 m + (1 - beta1) D; v = beta2 v + (1 - beta2) D^2; w -= rate * m / (sqrt v + tau); v starts at
    /// tau^2 (Reddi et al. 2021).
    case fedAdam(rate: Float, beta1: Float, beta2: Float, tau: Float)
    /// As FedAdam with v -= (1 - beta2) D^2 sign(v - D^2) (Reddi et al. 2021).
    case fedYogi(rate: Float, beta1: Float, beta2: Float, tau: Float)
    /// Outer Nesterov of DiLoCo (Douillard et al. 2023): m = momentum * m + D; w -= rate * (D + momentum * m).
    case diLoCo(rate: Float, momentum: Float)

    public static let allowed = "fedavg, fedavgm, fedadam, fedyogi, diloco"

    /// Reads a rule by name with the published constants; "fedavg:0.5" sets another server rate.
    /// - Throws: `.invalid` for a name that is unknown: never a silent substitute.
    public init(parsing text: String) throws(LearnError) {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let given = pieces.count > 1 ? Float(pieces[1]) : nil
        guard pieces.count == 1 || given != nil else {
            throw .invalid(
                field: "aggregation", reason: "\"\(pieces[1].prefix(40))\" is not a rate",
                next: "write for example fedavg:0.5")
        }
        switch pieces.first {
        case "fedavg": self = .fedAvg(rate: given ?? 1)
        case "fedavgm": self = .fedAvgM(rate: given ?? 1, momentum: 0.9)
        case "fedadam": self = .fedAdam(rate: given ?? 0.01, beta1: 0.9, beta2: 0.99, tau: 0.001)
        case "fedyogi": self = .fedYogi(rate: given ?? 0.01, beta1: 0.9, beta2: 0.99, tau: 0.001)
        case "diloco": self = .diLoCo(rate: given ?? 0.7, momentum: 0.9)
        default:
            throw .invalid(
                field: "aggregation", reason: "\"\(text.prefix(40))\" is unknown", next: "use one of \(Self.allowed)")
        }
        try validate()
    }

    /// - Throws: the first constant that is out of range.
    public func validate() throws(LearnError) {
        func require(_ isMet: Bool, _ field: String, _ value: Float, _ allowed: String) throws(LearnError) {
            guard isMet else {
                throw .invalid(
                    field: "aggregation.\(field)", reason: "\(value) is out of range", next: "use \(allowed)")
            }
        }
        let (rate, factors, tau): (Float, [Float], Float) =
            switch self {
            case .fedAvg(let rate): (rate, [], 1)
            case .fedAvgM(let rate, let momentum), .diLoCo(let rate, let momentum): (rate, [momentum], 1)
            case .fedAdam(let rate, let beta1, let beta2, let tau), .fedYogi(let rate, let beta1, let beta2, let tau):
                (rate, [beta1, beta2], tau)
            }
        try require(rate > 0 && rate <= 100, "rate", rate, "a rate in (0, 100]")
        for factor in factors { try require(factor >= 0 && factor < 1, "momentum", factor, "[0, 1)") }
        try require(tau >= 0x1p-40 && tau <= 1, "tau", tau, "2^-40 to 1")
    }
}

/// The optimiser's memory between rounds; part of what every voter must reproduce bit for bit.
public struct ServerState: Equatable, Sendable {
    /// Momentum, or first moment; empty until a rule that keeps one has run.
    public var first: [Float]
    /// Second moment; empty for rules without one.
    public var second: [Float]

    public init(first: [Float] = [], second: [Float] = []) {
        self.first = first
        self.second = second
    }

    private static let domain = Array("meshnode/server-state/v1".utf8)

    /// Domain, u64 and u64 counts, then the moments as little-endian binary32.
    public var canonicalBytes: [UInt8] {
        var bytes = Self.domain
        bytes.reserveCapacity(bytes.count + 16 + 4 * (first.count + second.count))
        bytes.appendLittleEndian(UInt64(first.count))
        bytes.appendLittleEndian(UInt64(second.count))
        for value in first { bytes.appendLittleEndian(value.bitPattern) }
        for value in second { bytes.appendLittleEndian(value.bitPattern) }
        return bytes
    }

    /// Reads `canonicalBytes`.
    public init(canonicalBytes bytes: [UInt8]) throws(LearnError) {
        var reader = ByteReader(bytes)
        guard reader.take(Self.domain.count).map(Array.init) == Self.domain, let count1 = reader.u64(),
            let count2 = reader.u64(), count1 <= UInt64(reader.remaining), count2 <= UInt64(reader.remaining),
            (Int(count1) + Int(count2)) * 4 == reader.remaining
        else {
            throw .badTensors(file: "server state", reason: "is malformed")
        }
        var values: [Float] = []
        values.reserveCapacity(reader.remaining / 4)
        while let word = reader.u32() { values.append(Float(bitPattern: word)) }
        first = Array(values[..<Int(count1)])
        second = Array(values[Int(count1)...])
        if let bad = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "server state", index: bad) }
    }
}
