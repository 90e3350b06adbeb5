/// What a run of the network showed; figures in the terms of the published gossip measurements.
public struct NetworkReport: Sendable, Equatable {
    public var seed: UInt64
    public var nodes: Int
    public var published = 0
    public var deliveries = 0
    /// Deliveries that never happened.
    public var missed = 0
    public var late = 0
    /// Messages that arrived, for each that was new to its receiver; the redundancy is one less.
    public var copiesPerDelivery = 0.0
    /// Hops of the last delivery, mean over messages.
    public var lastDeliveryHop = 0.0
    public var p50Ms = 0.0
    public var p99Ms = 0.0
    public var longestMs = 0.0
    /// Control frames for each delivery.
    public var controlPerDelivery = 0.0
    public var bytesPerDelivery = 0.0
    public var detectMs: Double?
    public var healMs: Double?
    public var falseDead = 0
    /// Nodes that do not exist and that somebody holds for alive at the end, counted once for each that does; and existing
    /// ones that somebody does not.
    public var inventedAlive = 0
    public var unknown = 0
    /// Times that a node cut off another: nobody here sends anything wrong, packets are lost or never sent.
    public var cutOff = 0
    public var contentMs: Double?
    public var events = 0
    public var traceHash: UInt64 = 0
    public var violations: [String] = []

    public init(seed: UInt64, nodes: Int) {
        self.seed = seed
        self.nodes = nodes
    }

    public var redundancy: Double { max(0, copiesPerDelivery - 1) }

    mutating func judge(_ expectation: NetworkExpectation, heartbeatMs: Double) {
        func over(_ name: String, _ found: Double?, _ most: Int?, _ unit: String) {
            guard let most else { return }
            if let found, found <= Double(most) { return }
            violations.append(
                "\(name): \(found.map { "\(Self.rounded($0)) \(unit)" } ?? "never"), at most \(most) \(unit) are allowed"
            )
        }
        if published == 0 { violations.append("published: nothing") }
        if inventedAlive > 0 { violations.append("invented nodes: \(inventedAlive) are held for alive") }
        if unknown > 0 { violations.append("real nodes: \(unknown) are not known or not alive to somebody") }
        if cutOff > 0 { violations.append("cut off: \(cutOff) times, though nobody sends anything wrong") }
        if missed > 0 { violations.append("missed: \(missed) deliveries never happened") }
        over("p99", p99Ms, expectation.p99Ms, "ms")
        over("copies per delivery", copiesPerDelivery * 1_000, expectation.copiesMilli, "thousandths")
        over("late deliveries", Double(late), expectation.lateMax, "deliveries")
        over("heal", healMs.map { $0 / heartbeatMs }, expectation.healHeartbeats, "heartbeats")
        over("failure detection", detectMs, expectation.detectMs, "ms")
        over("content", contentMs, expectation.contentMs, "ms")
        over("live nodes held for dead", Double(falseDead), expectation.falseDeadMax, "nodes")
    }

    static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }

    public var line: String {
        "seed \(seed)  \(nodes) nodes  \(published) messages  p50 \(Self.rounded(p50Ms)) ms  p99 \(Self.rounded(p99Ms)) ms  "
            + "copies \(Self.rounded(copiesPerDelivery))  last hop \(Self.rounded(lastDeliveryHop))  missed \(missed)  "
            + "late \(late)" + (detectMs.map { "  detected \(Self.rounded($0)) ms" } ?? "")
            + (healMs.map { "  healed \(Self.rounded($0)) ms" } ?? "")
            + (contentMs.map { "  content \(Self.rounded($0)) ms" } ?? "")
            + "  trace \(String(traceHash, radix: 16))" + (violations.isEmpty ? "" : "  \(violations.count) violations")
    }

    public var json: String {
        func number(_ value: Double?) -> String { value.map { "\(Self.rounded($0))" } ?? "null" }
        let texts = violations.map { "\"\($0.filter { $0 != "\"" && $0 != "\\" })\"" }.joined(separator: ",")
        return "{\"seed\":\(seed),\"nodes\":\(nodes),\"published\":\(published),\"deliveries\":\(deliveries),"
            + "\"missed\":\(missed),\"late\":\(late),\"copies_per_delivery\":\(number(copiesPerDelivery)),"
            + "\"redundancy\":\(number(redundancy)),\"last_delivery_hop\":\(number(lastDeliveryHop)),"
            + "\"p50_ms\":\(number(p50Ms)),\"p99_ms\":\(number(p99Ms)),\"longest_ms\":\(number(longestMs)),"
            + "\"control_per_delivery\":\(number(controlPerDelivery)),\"bytes_per_delivery\":\(number(bytesPerDelivery)),"
            + "\"detect_ms\":\(number(detectMs)),\"heal_ms\":\(number(healMs)),\"false_dead\":\(falseDead),"
            + "\"content_ms\":\(number(contentMs)),\"events\":\(events),\"violations\":[\(texts)],"
            + "\"trace\":\"\(String(traceHash, radix: 16))\"}"
    }
}
