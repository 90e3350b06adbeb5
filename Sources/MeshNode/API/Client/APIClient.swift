internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Speaks to a node over its Unix socket: one connection a request.
public struct APIClient: Sendable {
    public let socket: String
    /// Seconds that an answer may take; event streams are not bounded.
    public var timeoutSeconds = 60
    /// Bytes of an answer.
    public var answerLimit = 1 << 30

    public init(socket: String) { self.socket = socket }

    public func get<Value: Decodable & Sendable>(_ path: String, as type: Value.Type = Value.self)
        async throws(APIError) -> Value
    {
        try decode(try await bytes("GET", path))
    }

    public func post<Value: Decodable & Sendable>(
        _ path: String, _ body: [UInt8] = [], contentType: String = "application/json", as type: Value.Type = Value.self
    ) async throws(APIError) -> Value {
        try decode(try await bytes("POST", path, body: body, contentType: contentType))
    }

    /// The body of a successful answer.
    public func bytes(
        _ method: String, _ path: String, body: [UInt8] = [], contentType: String? = nil
    ) async throws(APIError) -> [UInt8] {
        let limit = answerLimit
        var answer: [UInt8] = []
        let timeout = timeoutSeconds
        try await exchange(method, path, headers: [], body: body, contentType: contentType, timeoutSeconds: timeout) {
            part throws(APIError) in
            guard answer.count + part.count <= limit else {
                throw .malformed(path: socket, reason: "an answer of more than \(limit) bytes")
            }
            answer += part
            return true
        }
        return answer
    }

    /// Follows the node's events until the node ends, `each` returns false, or the task is cancelled.
    ///
    /// - Parameter after: number of the last event that is known; nil begins with the next one.
    public func events(
        after: UInt64?, each: (NodeEvent) async -> Bool
    ) async throws(APIError) {
        var parser = EventStreamParser()
        let headers = after.map { [("Last-Event-ID", "\($0)")] } ?? []
        try await exchange("GET", "/v1/events", headers: headers, body: [], contentType: nil, timeoutSeconds: nil) {
            part throws(APIError) in
            for data in parser.feed(part) {
                let event: NodeEvent
                do throws(Problem) {
                    event = try APICoding.decode(NodeEvent.self, from: data)
                } catch {
                    throw .malformed(path: socket, reason: "an event that cannot be read: \(error.message)")
                }
                guard await each(event) else { return false }
            }
            return !parser.isOverfull
        }
    }

    /// Whether somebody takes connections at the socket.
    public var isAnswering: Bool {
        get async {
            guard let channel = try? await connect() else { return false }
            try? await channel.executeThenClose { _, _ in }
            return true
        }
    }

    private func decode<Value: Decodable>(_ bytes: [UInt8]) throws(APIError) -> Value {
        do throws(Problem) {
            return try APICoding.decode(Value.self, from: bytes)
        } catch {
            throw .malformed(path: socket, reason: error.message)
        }
    }

    /// One request; `take` gets the body of a 2xx answer piece by piece and says whether to go on.
    private func exchange(
        _ method: String, _ path: String, headers: [(String, String)], body: [UInt8], contentType: String?,
        timeoutSeconds: Int?, take: ([UInt8]) async throws(APIError) -> Bool
    ) async throws(APIError) {
        let channel = try await connect()
        let asked = ContinuousClock.now
        let expiry = timeoutSeconds.map { seconds in
            channel.channel.eventLoop.scheduleTask(in: .seconds(Int64(seconds))) {
                channel.channel.close(promise: nil)
                return ()
            }
        }
        defer { expiry?.cancel() }
        var head = HTTPRequestHead(version: .http1_1, method: .RAW(value: method), uri: path)
        head.headers.add(name: "Host", value: "localhost")
        // No "Connection: close": a server that refuses a long body would then hang up before the refusal is read.
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if method == "POST" { head.headers.add(name: "Content-Length", value: "\(body.count)") }
        if let contentType { head.headers.add(name: "Content-Type", value: contentType) }
        var failure: APIError?
        var isComplete = false
        do {
            let head = head
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(.head(head))
                if !body.isEmpty { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
                try await outbound.write(.end(nil))
                var status = 0
                var refusal: [UInt8] = []
                for try await part in inbound {
                    switch part {
                    case .head(let head): status = Int(head.status.code)
                    case .body(let buffer) where (200..<300).contains(status):
                        do {
                            if try await !take(Array(buffer: buffer)) {
                                isComplete = true
                                return
                            }
                        } catch let error as APIError {
                            failure = error
                            return
                        }
                    case .body(let buffer):
                        if refusal.count < 1 << 20 { refusal += Array(buffer: buffer) }
                    case .end:
                        isComplete = true
                        if !(200..<300).contains(status) { failure = problem(status: status, refusal) }
                        return
                    }
                }
            }
        } catch {
            // A reset by the peer after the whole answer was read says nothing.
            if failure == nil, !isComplete, !Task.isCancelled {
                failure = .malformed(path: socket, reason: "the connection broke: \(error)")
            }
        }
        if let failure { throw failure }
        if Task.isCancelled { return }
        // A stream ends with its node.
        guard !isComplete, let timeoutSeconds else { return }
        guard ContinuousClock.now - asked < .seconds(timeoutSeconds) else {
            throw .timedOut(path: socket, seconds: timeoutSeconds)
        }
        throw .malformed(path: socket, reason: "the connection ended before the answer")
    }

    private func problem(status: Int, _ body: [UInt8]) -> APIError {
        if let problem = try? APICoding.decode(Problem.self, from: body) { return .problem(problem) }
        return .malformed(path: socket, reason: "status \(status) without a reason")
    }

    private func connect() async throws(APIError) -> NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart> {
        // The system's limit on the path of a socket; NIO would report it as an address error.
        guard socket.utf8.count <= HomeDirectory.longestSocket else {
            throw .unreachable(
                path: socket,
                reason: "the path has more than \(HomeDirectory.longestSocket) bytes; set api.socket to a shorter one")
        }
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: socket) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch let error as IOError {
            throw Self.refusal(error.errnoCode, of: socket)
        } catch {
            throw .unreachable(path: socket, reason: "\(error)")
        }
    }

    /// What it means that the system did not connect: a socket of another user is no node that is absent.
    static func refusal(_ code: Int32, of socket: String) -> APIError {
        switch code {
        case EACCES, EPERM: .notAllowed(path: socket)
        case ENOENT: .unreachable(path: socket, reason: "there is no such socket")
        case ECONNREFUSED: .unreachable(path: socket, reason: "nobody listens there any more")
        default: .unreachable(path: socket, reason: "system error \(code)")
        }
    }
}
