internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

extension RouteTable {
    /// Bytes of one content that the API takes or gives.
    private static var contentLimit: Int { 1 << 30 }

    static var networkRoutes: [Route<Service>] {
        [
            Route(.get, "/v1/health", "What the running node says of its own health.") { service, _, _ in
                .json(await service.health())
            },
            Route(.get, "/metrics", "Figures for Prometheus, named meshnode_….") { service, _, _ in
                let text = PrometheusText.text(
                    status: await service.status(), peers: await service.peers(), store: await service.store())
                return .bytes(Array(text.utf8), PrometheusText.type)
            },
            Route(.post, "/v1/peers/{node}/ban", "Closes the link to a node and refuses new ones.") {
                service, _, context in
                .json(try await service.ban(try await context.node(service)))
            },
            Route(.post, "/v1/peers/{node}/allow", "Takes a ban back.") { service, _, context in
                .json(try await service.allow(try await context.node(service)))
            },
            Route(.get, "/v1/store", "Contents of this node's store.") { service, _, _ in .json(await service.store())
            },
            Route(.post, "/v1/store", "Stores a content, octets; ?label=L pins it, ?compress=0 keeps it as it is.") {
                service, request, _ in
                let label = request.uri.queryParameters["label"].map(String.init)
                let compresses = try request.number("compress", UInt8.self) ?? 1
                let bytes = try await request.body(upTo: contentLimit)
                return .json(try await service.put(bytes, compresses: compresses != 0, label: label), status: .created)
            },
            Route(.post, "/v1/store-collection", "Removes what nothing keeps; ?bytes=N may stay.") {
                service, request, _ in
                .json(try await service.collect(downTo: try request.number("bytes", UInt64.self) ?? 0))
            },
            Route(.get, "/v1/store/{content}", "One content, by its full id.") { service, _, context in
                .json(try await service.contentInfo(try await context.content(service)))
            },
            Route(.get, "/v1/store/{content}/bytes", "Its raw bytes.") { service, _, context in
                .bytes(try await service.content(try await context.content(service)), "application/octet-stream")
            },
            Route(.post, "/v1/store/{content}/fetch", "Fetches it from linked peers; ?length=N, exact.") {
                service, request, context in
                guard let length = try request.number("length", UInt64.self) else {
                    throw ServiceError.invalid([Fault("length", "the exact stored length is needed")])
                }
                let content = try await context.content(service)
                return .json(try await service.fetch(content, length: length), status: .accepted)
            },
            Route(.post, "/v1/store/{content}/pin", "Keeps it; ?label=L.") { service, request, context in
                let label = request.uri.queryParameters["label"].map(String.init) ?? "operator"
                return .json(try await service.pin(try await context.content(service), label: label))
            },
            Route(.post, "/v1/store/{content}/unpin", "Takes a pin back; ?label=L.") { service, request, context in
                let label = request.uri.queryParameters["label"].map(String.init) ?? "operator"
                return .json(try await service.unpin(try await context.content(service), label: label))
            },
        ]
    }
}
