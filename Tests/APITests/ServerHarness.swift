import Foundation
import Glibc
import Logging
import MeshNode
import Testing

/// Runs `body` against a server on a real Unix socket, then ends it.
func withServer<Service: NodeService, Value: Sendable>(
    _ service: Service, connections: Int = 64, _ body: @Sendable @escaping (APIClient) async throws -> Value
) async throws -> Value {
    let scratch = try ScratchDirectory()
    let socket = scratch.path + "/api.sock"
    let server = APIServer(
        service: service, socket: socket, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        connections: connections)
    let (ready, signal) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            defer { signal.finish() }
            try await server.run { signal.yield(true) }
            return nil
        }
        var began = false
        for await _ in ready {
            began = true
            break
        }
        // Without it the server threw, and the group gives its error.
        guard began else {
            for try await _ in group {}
            throw ServerNeverBegan()
        }
        let value = try await body(APIClient(socket: socket))
        group.cancelAll()
        while try await group.next() != nil {}
        #expect(!FileManager.default.fileExists(atPath: socket), "the socket outlives its server")
        withExtendedLifetime(scratch) {}
        return value
    }
}

struct ServerNeverBegan: Error {}

/// Sends bytes as they are and reads until the other side closes.
///
/// Waits on a thread of its own: the tasks' threads are as few as the cores, and the server needs them.
func exchange(_ request: String, socket path: String) async throws -> String {
    try await blocking { try blockingExchange(request, socket: path) }
}

private func blockingExchange(_ request: String, socket path: String) throws -> String {
    let connection = try RawConnection(path)
    try connection.send(Array(request.utf8))
    return String(decoding: connection.receive(untilEnd: true), as: UTF8.self)
}

/// A connection by system calls alone.
final class RawConnection: Sendable {
    private let file: Int32

    init(_ path: String) throws {
        file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(file >= 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in place.copyBytes(from: Array(path.utf8) + [0]) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(connected == 0)
    }

    deinit { close(file) }

    /// As closing it, at once: nothing more is read or sent here, and the other side is told.
    func leave() { shutdown(file, Int32(SHUT_RDWR)) }

    func send(_ bytes: [UInt8]) throws {
        try #require(Glibc.send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// - Parameter untilEnd: until the other side closes; otherwise what has come, 1 byte or more.
    func receive(untilEnd: Bool) -> [UInt8] {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = recv(file, &buffer, buffer.count, 0)
            guard got > 0 else { break }
            answer += buffer[..<got]
            if !untilEnd { break }
        }
        return answer
    }
}

/// Runs `body` on a thread that may block.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
}

/// The problem that `body` fails with.
func problem(_ body: () async throws -> Void) async -> Problem? {
    do {
        try await body()
        return nil
    } catch APIError.problem(let problem) {
        return problem
    } catch {
        Issue.record("\(error) is no problem of the node")
        return nil
    }
}
