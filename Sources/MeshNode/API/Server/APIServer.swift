internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Serves a node's API over a Unix socket of mode 0600, in a directory that only its owner can enter.
public struct APIServer<Service: NodeService>: Sendable {
    /// Bytes of a body, unless a route allows more.
    static var bodyLimit: Int { 1 << 20 }

    private let service: Service
    private let socket: String
    private let logger: Logger
    private let connections: Int
    /// A connection that asks for nothing is closed, so that idle ones do not keep others waiting.
    private static var idleTimeout: TimeAmount { .seconds(30) }

    /// - Parameters:
    ///   - socket: absolute path, at most 107 bytes.
    ///   - connections: that are open at the same time; more wait until one of these ends.
    public init(service: Service, socket: String, logger: Logger, connections: Int = 64) {
        self.connections = connections
        self.service = service
        self.socket = socket
        self.logger = logger
    }

    /// Serves until the calling task is cancelled; the socket is gone when this returns.
    ///
    /// - Parameter onReady: called once the socket accepts connections and has its mode.
    public func run(onReady: @escaping @Sendable () async -> Void = {}) async throws(APIError) {
        if try APISocket.require(socket) { unlink(socket) }
        defer { unlink(socket) }
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware())
        for route in RouteTable<Service>.routes {
            router.on(RouterPath(route.path), method: route.method) { [service] request, context in
                try await route.respond(service, request, context)
            }
        }
        var quiet = logger
        // Requests of the operator are no news.
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            router: router,
            server: .http1(
                configuration: .init(additionalChannelHandlers: [UnreadableHead()], idleTimeout: Self.idleTimeout)),
            configuration: .init(
                address: .unixDomainSocket(path: socket), serverName: "meshnode",
                availableConnectionsDelegate: MaximumAvailableConnections(connections, logger: quiet)),
            onServerRunning: { [socket] _ in
                // The directory keeps others out until this is done.
                chmod(socket, 0o600)
                await onReady()
            },
            logger: quiet)
        var configuration = ServiceGroupConfiguration(services: [application], logger: quiet)
        // Who follows events would be waited for without an end.
        configuration.maximumGracefulShutdownDuration = .seconds(1)
        let group = ServiceGroup(configuration: configuration)
        do {
            // The server itself is never cancelled: NIO traps where a connection that was accepted just now is dropped
            // before anybody has looked at it. It closes its door first and then ends.
            try await withTaskCancellationHandler {
                try await Task { try await group.run() }.value
            } onCancel: {
                Task { await group.triggerGracefulShutdown() }
            }
        } catch is CancellationError {
            return
        } catch let error as IOError {
            throw .cannotListen(
                path: socket, reason: String(cString: strerror(error.errnoCode)) + APISocket.directoryAdvice)
        } catch {
            throw .cannotListen(path: socket, reason: "\(error)" + APISocket.directoryAdvice)
        }
    }
}

/// What a handler knows about its request.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    init(source: Source) { coreContext = .init(source: source) }
}

/// Turns every error, also an unknown route, into `application/problem+json`.
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let problem: Problem
        do {
            return try await next(request, context)
        } catch let error as ServiceError {
            problem = Problem(error)
        } catch let error as Problem {
            problem = error
        } catch let error as TaskError {
            problem = Problem(.invalid(error.faults))
        } catch let error as HTTPError where error.status == .notFound {
            problem = Problem(
                type: "no-route", title: "No such route", status: 404,
                detail: "\(request.method.rawValue) \(request.uri.path.prefix(200)) is no route of this API",
                next: "see /openapi.json")
        } catch let error as any HTTPResponseError {
            problem = Problem(
                type: "http", title: error.status.reasonPhrase, status: Int(error.status.code),
                detail: error.status == .contentTooLarge ? "the body is longer than this route allows" : "\(error)")
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            problem = Problem(
                type: "failed", title: "Failed", status: 500, detail: "the node could not answer: \(error)",
                next: "look at the node's log")
        }
        return problem.response
    }
}

extension Problem {
    var response: Response {
        Response(
            status: .init(code: status), headers: [.contentType: "application/problem+json"],
            body: .init(byteBuffer: ByteBuffer(bytes: APICoding.encode(self))))
    }
}
