import Foundation
import MeshNode
import Testing
import Wire

/// No effect of a request depends on whether its client stays to read the answer.
@Suite(.timeLimit(.minutes(1))) struct LostClientTests {
    private struct Order: Sendable {
        /// As the API's own document writes it.
        let route: String
        /// What the service notes.
        let effect: String
        let request: [UInt8]

        init(_ route: String, _ effect: String, _ type: String = "application/json", _ body: [UInt8] = []) {
            self.route = route
            self.effect = effect
            let path = route.replacingOccurrences(of: "{task}", with: "one")
                .replacingOccurrences(of: "{round}", with: "2")
                .replacingOccurrences(of: "{content}", with: SampleService.content.hex)
                .replacingOccurrences(of: "{node}", with: String(repeating: "5", count: 64))
            let query = effect == "fetch" ? "?length=10" : ""
            let head =
                "POST \(path)\(query) HTTP/1.1\r\nHost: localhost\r\nContent-Type: \(type)\r\n"
                + "Content-Length: \(body.count)\r\n\r\n"
            request = Array(head.utf8) + body
        }

        init(_ route: String, _ effect: String, json: String) {
            self.init(route, effect, "application/json", Array(json.utf8))
        }
    }

    private func orders() throws -> [Order] {
        let id = String(repeating: "5", count: 64)
        let octets = "application/octet-stream"
        return [
            Order("/v1/shutdown", "shutdown"),
            Order("/v1/tasks", "publish", octets, try TaskSpec.example().wireBytes),
            Order("/v1/tasks/{task}/join", "join"),
            Order("/v1/tasks/{task}/submissions", "submit", octets, [UInt8](repeating: 1, count: 3 << 20)),
            Order("/v1/tasks/{task}/rounds/{round}/vote", "vote", json: #"{"is_valid":true}"#),
            Order("/v1/tasks/{task}/leave", "leave"), Order("/v1/tasks/{task}/pause", "pause"),
            Order("/v1/tasks/{task}/resume", "resume"), Order("/v1/tasks/{task}/stop", "stop"),
            Order(
                "/v1/tasks/{task}/reveal", "reveal",
                json: #"{"target":0.5,"nonce":"\#(String(repeating: "0", count: 64))"}"#),
            Order("/v1/tasks/{task}/ratings", "rate", json: #"{"node":"\#(id)","stars":5}"#),
            Order("/v1/ledger/transfer", "transfer", json: #"{"to":"\#(id)","credits":5}"#),
            Order("/v1/ledger/bond", "bond", json: #"{"credits":5}"#),
            Order("/v1/ledger/unbond", "unbond", json: #"{"credits":5}"#),
            Order("/v1/peers/{node}/ban", "ban"), Order("/v1/peers/{node}/allow", "allow"),
            Order("/v1/store", "put", octets, [1, 2, 3]), Order("/v1/store-collection", "collect"),
            Order("/v1/store/{content}/fetch", "fetch"), Order("/v1/store/{content}/pin", "pin"),
            Order("/v1/store/{content}/unpin", "unpin"),
        ]
    }

    /// The server has one place, and it is taken while the order is sent and its client leaves: both lie before the server
    /// when it looks for the first time, so that not a byte of an answer can be written.
    @Test func everyOrderOfAClientThatHasLeftIsCarriedOut() async throws {
        let service = SampleService()
        let orders = try orders()
        try await withServer(service, connections: 1) { (client) async throws in
            var done = service.carriedOut.makeAsyncIterator()
            // Twice: the first time round a server that answers first may still be lucky.
            for order in orders + orders where order.request.count < 1 << 16 {
                let holder = try RawConnection(client.socket)
                try holder.send(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                let answer = try await blocking { holder.receive(untilEnd: false) }
                #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200"))
                let lost = try RawConnection(client.socket)
                try lost.send(order.request)
                lost.leave()
                holder.leave()
                let effect = await done.next()
                #expect(effect == order.effect, "POST \(order.route)")
            }
        }
    }

    /// What begins while the client is there goes on when it leaves.
    @Test func everyOrderOutlivesItsClient() async throws {
        let service = SampleService()
        let orders = try orders()
        try await withServer(service) { (client) async throws in
            var done = service.carriedOut.makeAsyncIterator()
            for order in orders {
                let (gate, opening) = AsyncStream.makeStream(of: Void.self)
                let (waiting, signal) = AsyncStream.makeStream(of: Void.self)
                service.gate.withLock { $0 = gate }
                service.isWaiting.withLock { $0 = signal }
                let connection = try RawConnection(client.socket)
                try await blocking { try connection.send(order.request) }
                for await _ in waiting { break }
                connection.leave()
                // The server has seen a whole exchange since the client left.
                _ = try await client.bytes("GET", "/healthz")
                opening.yield()
                let effect = await done.next()
                #expect(effect == order.effect, "POST \(order.route)")
            }
        }
    }

    /// A new order has to be named above.
    @Test func theOrdersAreAllThatTheAPIHas() async throws {
        let text = try await withServer(SampleService()) { (client) async throws in
            try await client.bytes("GET", "/openapi.json")
        }
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        let posts = paths.filter { path in path.value.keys.contains { method in method != "get" } }.keys
        #expect(Set(posts) == Set(try orders().map(\.route)))
    }
}
