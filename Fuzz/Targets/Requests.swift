import Wire

@testable import MeshNode

extension FuzzTarget {
    /// Bodies that the API reads, and answers that a client reads.
    static let requests = FuzzTarget("requests", of: "Sources/MeshNode/API/RequestBodies.swift") { input in
        let body = input.pick(4) == 0 ? input.rest() : json(&input)
        switch input.pick(8) {
        case 0...4:
            guard let request = try? LedgerRequest(body: body) else { return }
            if let credits = try? request.amount() { law(credits > 0, "a transfer of nothing") }
            _ = try? request.recipient()
            if let (target, _) = try? request.opening() { law(target <= Ppm.one, "a share of \(target)") }
            if let (_, stars) = try? request.rating() { law((1...5).contains(stars), "\(stars) stars") }
        case 5:
            guard let vote = try? ManualVote(body: body) else { return }
            law((try? ManualVote(body: APICoding.encode(vote))) == vote, "a vote changes when it is written again")
        case 6: _ = try? APICoding.decode(Problem.self, from: body)
        default:
            // A task with its weights, as the command line hands it in.
            var spec = input.pick(SpecMutation.bases)
            SpecMutation.mutate(&spec, &input)
            let size = spec.modelSize ?? .max
            guard size < 10_000 else { return }
            _ = try? TaskDocument.read(input.edited(spec.wireBytes))
            _ = try? TaskDocument.readWithWeights(input.rest())
        }
    }

    private static let names = [
        "to", "credits", "target", "nonce", "node", "stars", "is_valid", "reason", "type", "title", "status", "detail",
        "next", "errors",
    ]
    private static let values = [
        "18446744073709551615", "18446744073709551616", "-1", "0", "1", "5", "6", "1e400", "-0.0", "0.5", "1e-7",
        "0.123456", "true", "null", "\"nan\"", "\"-inf\"", "\"\"", "[]", "{}", "[[[[[[]]]]]]", "{\"a\":{\"a\":{}}}",
        "\"" + String(repeating: "0f", count: 32) + "\"", "\"" + String(repeating: "x", count: 2_000) + "\"",
        "\"\\ud800\"", "\"\\u0000\"", "9223372036854775808",
    ]

    private static func json(_ input: inout FuzzInput) -> [UInt8] {
        let fields = input.list(upTo: 5) { "\"\($0.pick(names))\":\($0.pick(values))" }
        return input.edited(Array(("{" + fields.joined(separator: ",") + "}").utf8))
    }
}
