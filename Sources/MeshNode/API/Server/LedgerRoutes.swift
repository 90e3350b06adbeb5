internal import Foundation
internal import Hummingbird
internal import Wire

/// What the ledger routes read.
struct LedgerRequest: Codable, Sendable {
    var to: String?
    var credits: UInt64?
    /// A share, 0 to 1.
    var target: Double?
    var nonce: String?
    var node: String?
    /// 1 to 5.
    var stars: Int?

    static func read(_ request: Request, limit: Int) async throws -> LedgerRequest {
        try APICoding.decode(LedgerRequest.self, from: try await request.body(upTo: limit))
    }

    func amount() throws -> UInt64 {
        guard let credits, credits > 0 else {
            throw ServiceError.invalid([Fault("credits", "is needed, a whole number of at least 1")])
        }
        return credits
    }
}

extension RouteTable {
    static var ledgerRoutes: [Route<Service>] {
        [
            Route(.get, "/v1/ledger", "Every account and escrow; their total never changes.") { service, _, _ in
                .json(await service.ledger())
            },
            Route(.get, "/v1/ledger/history", "Changes of an account in order; ?node=ID, this node's without it.") {
                service, request, _ in
                var node: NodeID?
                if let text = request.uri.queryParameters["node"] {
                    node = try await NameResolution.node(text.removingPercentEncoding ?? String(text), service)
                }
                return .json(try await service.ledgerHistory(of: node))
            },
            Route(.get, "/v1/transactions/{transaction}", "What became of a transaction; ?after=HEIGHT of its receipt.")
            {
                service, request, context in
                guard let text = context.parameters.get("transaction"), let id = TransactionID(hex: text) else {
                    throw ServiceError.invalid([Fault("transaction", "is not 64 hexadecimal digits")])
                }
                let after = try request.number("after", UInt64.self) ?? 0
                return .json(try await service.transaction(id, after: after))
            },
            Route(.get, "/v1/contributors", "What each node did for all paid tasks.") { service, _, _ in
                .json(await service.contributors())
            },
            Route(.post, "/v1/ledger/transfer", "Moves credits: {\"to\": NODE, \"credits\": N}.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                guard let to = body.to else {
                    throw ServiceError.invalid([Fault("to", "is needed: the id of a node")])
                }
                let amount = try body.amount()
                let node = try await NameResolution.node(to, service)
                return .json(try await service.transfer(amount, to: node), status: .accepted)
            },
            Route(.post, "/v1/ledger/bond", "Puts credits up as a validator: {\"credits\": N}.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                return .json(try await service.bond(try body.amount()), status: .accepted)
            },
            Route(.post, "/v1/ledger/unbond", "Takes a validator's credits back: {\"credits\": N}.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                return .json(try await service.unbond(try body.amount()), status: .accepted)
            },
            Route(.post, "/v1/tasks/{task}/leave", "Takes this node's enrolment back before the task is closed.") {
                service, _, context in
                .json(try await service.leave(try await context.task(service)), status: .accepted)
            },
            Route(.post, "/v1/tasks/{task}/pause", "Pauses a task of this node.") { service, _, context in
                .json(try await service.control(.pause, task: try await context.task(service)), status: .accepted)
            },
            Route(.post, "/v1/tasks/{task}/resume", "Resumes a paused task of this node.") { service, _, context in
                .json(try await service.control(.resume, task: try await context.task(service)), status: .accepted)
            },
            Route(.post, "/v1/tasks/{task}/stop", "Ends a task of this node; before it starts, takes it back.") {
                service, _, context in
                .json(try await service.control(.stop, task: try await context.task(service)), status: .accepted)
            },
            Route(.post, "/v1/tasks/{task}/reveal", "Opens a committed target: {\"target\": SHARE, \"nonce\": HEX}.") {
                service, request, context in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                guard let target = body.target.flatMap(Ppm.exactly), target <= Ppm.one else {
                    throw ServiceError.invalid([Fault("target", "is not a share from 0 to 1 with up to six places")])
                }
                guard let nonce = body.nonce.flatMap({ Digest(hex: $0) }) else {
                    throw ServiceError.invalid([Fault("nonce", "is not 64 hexadecimal digits")])
                }
                let task = try await context.task(service)
                return .json(try await service.reveal(UInt32(target), nonce: nonce, task: task), status: .accepted)
            },
            Route(
                .post, "/v1/tasks/{task}/ratings", "Rates a member of a paid task: {\"node\": NODE, \"stars\": 1 to 5}."
            ) {
                service, request, context in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                var faults: [Fault] = []
                if body.node == nil { faults.append(Fault("node", "is needed: the id of a member")) }
                let stars = body.stars.flatMap { (1...5).contains($0) ? UInt8($0) : nil }
                if stars == nil { faults.append(Fault("stars", "is needed, a whole number from 1 to 5")) }
                guard let text = body.node, let stars else { throw ServiceError.invalid(faults) }
                let node = try await NameResolution.node(text, service)
                let task = try await context.task(service)
                return .json(try await service.rate(node, stars: stars, task: task), status: .accepted)
            },
        ]
    }
}
