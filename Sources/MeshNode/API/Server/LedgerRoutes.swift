internal import Hummingbird
internal import Wire

extension LedgerRequest {
    static func read(_ request: Request, limit: Int) async throws -> LedgerRequest {
        try LedgerRequest(body: try await request.body(upTo: limit))
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
            Route(.post, "/v1/ledger/transfer", "Moves credits: {\"to\": NODE, \"credits\": N}; ?again=1.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                let (credits, text) = (try body.amount(), try body.recipient())
                let node = try await NameResolution.node(text, service)
                return .json(
                    try await service.transfer(credits, to: node, again: try request.isSet("again")), status: .accepted)
            },
            Route(.post, "/v1/ledger/bond", "Puts credits up as a validator: {\"credits\": N}.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                return .json(
                    try await service.bond(try body.amount(), again: try request.isSet("again")), status: .accepted)
            },
            Route(.post, "/v1/ledger/unbond", "Takes a validator's credits back: {\"credits\": N}.") {
                service, request, _ in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                return .json(
                    try await service.unbond(try body.amount(), again: try request.isSet("again")), status: .accepted)
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
                let (target, nonce) = try body.opening()
                let task = try await context.task(service)
                return .json(try await service.reveal(target, nonce: nonce, task: task), status: .accepted)
            },
            Route(
                .post, "/v1/tasks/{task}/ratings", "Rates a member of a paid task: {\"node\": NODE, \"stars\": 1 to 5}."
            ) {
                service, request, context in
                let body = try await LedgerRequest.read(request, limit: APIServer<Service>.bodyLimit)
                let (text, stars) = try body.rating()
                let node = try await NameResolution.node(text, service)
                let task = try await context.task(service)
                return .json(try await service.rate(node, stars: stars, task: task), status: .accepted)
            },
        ]
    }
}
