internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

/// A whole answer. A handler returns it after its work, so that no effect of a request can depend on whether the client
/// stays to read: nothing is written before the handler is done, and nothing happens afterwards.
struct Answer: Sendable {
    let bytes: [UInt8]
    let type: String
    var status = HTTPResponse.Status.ok

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Answer {
        Answer(bytes: APICoding.encode(value), type: "application/json", status: status)
    }

    static func bytes(_ bytes: [UInt8], _ type: String) -> Answer { Answer(bytes: bytes, type: type) }

    var response: Response {
        Response(status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

/// A route with what the OpenAPI document says about it.
struct Route<Service: NodeService>: Sendable {
    let method: HTTPRequest.Method
    /// With parameters as `{name}`.
    let path: String
    let summary: String
    let respond: @Sendable (Service, Request, APIContext) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String,
        _ handle: @escaping @Sendable (Service, Request, APIContext) async throws -> Answer
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        respond = { service, request, context in try await handle(service, request, context).response }
    }

    /// What is written piece by piece while it happens. It sees the events and nothing that it could change.
    init(
        following path: String, _ summary: String,
        _ follow: @escaping @Sendable (EventLog, Request) throws -> Response
    ) {
        method = .get
        self.path = path
        self.summary = summary
        respond = { service, request, _ in try follow(service.events, request) }
    }
}

/// Every route of the API.
enum RouteTable<Service: NodeService> {
    static var routes: [Route<Service>] {
        nodeRoutes + networkRoutes + taskRoutes + roundRoutes + chainRoutes + ledgerRoutes
    }

    private static var nodeRoutes: [Route<Service>] {
        [
            Route(.get, "/healthz", "Whether the process serves.") { _, _, _ in .json(["status": "ok"]) },
            Route(.get, "/readyz", "Whether the node takes part; 503 with reasons otherwise.") { service, _, _ in
                let waiting = await service.status().notReady
                guard waiting.isEmpty else {
                    throw ServiceError.unavailable(
                        reason: "not ready: \(waiting.joined(separator: ", "))", next: "wait and ask again")
                }
                return .json(["status": "ready"])
            },
            Route(.get, "/openapi.json", "This document.") { _, _, _ in
                .bytes(OpenAPI.document(routes.map { ($0.method.rawValue, $0.path, $0.summary) }), "application/json")
            },
            Route(.get, "/v1/node", "The node as it sees itself.") { service, _, _ in .json(await service.status()) },
            Route(.get, "/v1/peers", "Known nodes.") { service, _, _ in .json(await service.peers()) },
            Route(.get, "/v1/ticket", "What another node needs to join through this one.") { service, _, _ in
                .json(try await service.ticket())
            },
            Route(
                following: "/v1/events",
                "Server-sent events; Last-Event-ID or ?after=N resumes, ?after=0 gives all kept."
            ) { events, request in try EventStream.response(events, request) },
            Route(.post, "/v1/shutdown", "Ends the node in order.") { service, _, _ in
                // The server finishes the requests that it has before it closes.
                await service.shutdown()
                return .json(Receipt(reference: "shutdown", text: "the node is ending"), status: .accepted)
            },
        ]
    }

    private static var taskRoutes: [Route<Service>] {
        [
            Route(.get, "/v1/tasks", "Every task of the registry.") { service, _, _ in .json(await service.tasks()) },
            Route(
                .post, "/v1/tasks",
                "Publishes a task: a task file (application/toml) or an encoded specification; ?again=1, ?anyway=1."
            ) {
                service, request, context in
                let again = try request.isSet("again")
                let anyway = try request.isSet("anyway")
                let kind = request.headers[.contentType]?.prefix(while: { $0 != ";" })
                let bytes = try await request.body(
                    upTo: kind == "application/x-meshnode-task" ? 1 << 30 : APIServer<Service>.bodyLimit)
                let task: PreparedTask
                switch kind {
                case "application/toml"?:
                    task = try TaskFile.read(try APICoding.text(bytes), file: "request body")
                case "application/octet-stream"?: task = try TaskDocument.read(bytes)
                case "application/x-meshnode-task"?: task = try TaskDocument.readWithWeights(bytes)
                default:
                    throw Problem(
                        type: "media-type", title: "Unsupported media type", status: 415,
                        detail: "a task is application/toml, application/octet-stream or application/x-meshnode-task")
                }
                return .json(try await service.publish(task, again: again, anyway: anyway), status: .accepted)
            },
            Route(.get, "/v1/tasks/{task}", "One task, by id, unique prefix of it, or name.") {
                service, request, context in
                .json(try await service.task(try await context.task(service)))
            },
            Route(.post, "/v1/tasks/{task}/join", "Enrols this node; ?bond=N.") { service, request, context in
                let bond = try request.number("bond", UInt64.self)
                return .json(try await service.join(try await context.task(service), bond: bond), status: .accepted)
            },
            Route(
                .post, "/v1/tasks/{task}/submissions",
                "Hands in an update made elsewhere, safetensors; ?rows=N, ?round=N, ?base=ID."
            ) {
                service, request, context in
                let rows = try request.number("rows", UInt32.self)
                let round = try request.number("round", UInt32.self)
                let base = request.uri.queryParameters["base"].map(String.init)
                let task = try await context.task(service)
                let update = try await request.body(upTo: 4 * Limits.elements + (1 << 20))
                return .json(
                    try await service.submit(update, rows: rows, round: round, base: base, to: task), status: .accepted)
            },
            Route(.get, "/v1/tasks/{task}/models", "Models stored here.") { service, _, context in
                .json(try await service.models(of: try await context.task(service)))
            },
            Route(
                .get, "/v1/tasks/{task}/model", "A model as safetensors; ?round=N, the latest without it; ?candidate=1."
            ) {
                service, request, context in
                let round = try request.number("round", UInt32.self)
                let candidate = try request.number("candidate", UInt32.self)
                let bytes = try await service.model(
                    of: try await context.task(service), round: round, isCandidate: candidate == 1)
                return .bytes(bytes, "application/octet-stream")
            },
        ]
    }

    private static var roundRoutes: [Route<Service>] {
        [
            Route(.get, "/v1/tasks/{task}/rounds", "Rounds in ascending order; ?after=N.") {
                service, request, context in
                let after = try request.number("after", UInt32.self) ?? 0
                return .json(try await service.rounds(of: try await context.task(service), after: after))
            },
            Route(.get, "/v1/tasks/{task}/scores", "Scored rounds: who was scored with what, and the shares.") {
                service, _, context in
                .json(try await service.scores(of: try await context.task(service)))
            },
            Route(.get, "/v1/tasks/{task}/rounds/{round}", "One round.") { service, _, context in
                let round = try context.number("round", UInt32.self)
                return .json(try await service.round(round, of: try await context.task(service)))
            },
            Route(.get, "/v1/tasks/{task}/rounds/{round}/candidate", "What there is to vote on, measured here.") {
                service, _, context in
                let round = try context.number("round", UInt32.self)
                return .json(try await service.candidate(of: round, task: try await context.task(service)))
            },
            Route(
                .post, "/v1/tasks/{task}/rounds/{round}/vote", "A vote by hand: {\"is_valid\": BOOL, \"reason\": TEXT}."
            ) {
                service, request, context in
                let round = try context.number("round", UInt32.self)
                let vote = try ManualVote(body: try await request.body(upTo: APIServer<Service>.bodyLimit))
                let task = try await context.task(service)
                return .json(try await service.vote(vote, round: round, task: task), status: .accepted)
            },
        ]
    }

    private static var chainRoutes: [Route<Service>] {
        [
            Route(.get, "/v1/chain", "Heads of all chains.") { service, _, _ in .json(await service.chains()) },
            Route(.get, "/v1/chain/{chain}/head", "Head block; the chain by id, prefix, name, or `registry`.") {
                service, _, context in
                let view = try await context.chain(service)
                guard let id = ChainID(hex: view.chain), let height = view.height else {
                    throw ServiceError.notFound(
                        what: "chain \(view.chain.prefix(8)) has no block yet", next: "wait for one")
                }
                return .json(try await service.block(height, of: id))
            },
            Route(.get, "/v1/chain/{chain}/blocks/{height}", "One block.") { service, _, context in
                let view = try await context.chain(service)
                let height = try context.number("height", UInt64.self)
                return .json(try await service.block(height, of: ChainID(hex: view.chain) ?? .zero))
            },
        ]
    }
}
