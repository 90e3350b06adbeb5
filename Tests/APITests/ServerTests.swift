import Foundation
import Logging
import MeshNode
import Synchronization
import Testing
import Wire

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func socketIsForItsOwnerAlone() async throws {
        try await withServer(SampleService()) { (client) async throws in
            var info = stat()
            #expect(stat(client.socket, &info) == 0)
            #expect(info.st_mode & S_IFMT == S_IFSOCK)
            #expect(info.st_mode & 0o777 == 0o600)
        }
    }

    @Test func openDirectoryIsRefused() async throws {
        let scratch = try ScratchDirectory()
        chmod(scratch.path, 0o755)
        let server = APIServer(service: SampleService(), socket: scratch.path + "/s", logger: Logger(label: "test"))
        await #expect(throws: APIError.openDirectory(path: scratch.path, mode: "0755")) { try await server.run() }
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/s"))
    }

    @Test func onlyStaleSocketsAreReplaced() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/s"
        try "keep me".write(toFile: path, atomically: false, encoding: .utf8)
        let server = APIServer(service: SampleService(), socket: path, logger: Logger(label: "test"))
        let reason = "a file that is no socket is in the way; move it away, or set api.socket to another path"
        await #expect(throws: APIError.cannotListen(path: path, reason: reason)) {
            try await server.run()
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "keep me")

        // What a killed process leaves: a bound socket that nobody listens on.
        try FileManager.default.removeItem(atPath: path)
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in place.copyBytes(from: Array(path.utf8) + [0]) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(file)
        let (ready, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let task = Task {
            defer { signal.finish() }
            try await server.run { signal.yield() }
        }
        for await _ in ready { break }
        let status = try await APIClient(socket: path).get("/v1/node", as: NodeStatus.self)
        #expect(status.name == "sample")
        task.cancel()
        try await task.value
    }

    /// A connection that is accepted at the very end must not take the process with it.
    @Test func endsWhileConnectionsCome() async throws {
        for _ in 0..<30 {
            let scratch = try ScratchDirectory()
            let server = APIServer(service: SampleService(), socket: scratch.path + "/s", logger: Logger(label: "test"))
            let (ready, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let task = Task {
                defer { signal.finish() }
                try await server.run { signal.yield() }
            }
            for await _ in ready { break }
            let client = APIClient(socket: scratch.path + "/s")
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { while await client.isAnswering {} } }
                group.addTask { task.cancel() }
            }
            try await task.value
        }
    }

    @Test func viewsComeBackAsTheyWereSent() async throws {
        let service = SampleService()
        try await withServer(service) { (client) async throws in
            #expect(try await client.get("/v1/node", as: NodeStatus.self) == (await service.status()))
            #expect(try await client.get("/v1/peers", as: [PeerView].self) == (await service.peers()))
            #expect(try await client.get("/v1/tasks", as: [TaskView].self) == (await service.tasks()))
            #expect(try await client.get("/v1/chain", as: [ChainView].self) == (await service.chains()))
            let rounds = try await client.get("/v1/tasks/one/rounds?after=1", as: [RoundView].self)
            #expect(rounds.map(\.round) == [2, 3])
            let round = try await client.get("/v1/tasks/one/rounds/2", as: RoundView.self)
            #expect(round == (try await service.round(2, of: SampleService.first)))
            #expect(round.loss == .infinity)
            let block = try await client.get("/v1/chain/registry/head", as: BlockView.self)
            #expect(block.height == 4 && block.chain == SampleService.registry.hex)
            let model = try await client.bytes("GET", "/v1/tasks/one/model?round=7")
            #expect(model == [UInt8](repeating: 7, count: 100_000))
        }
    }

    @Test func everyErrorIsAProblem() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let raw = try await exchange(
                "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", socket: client.socket)
            #expect(raw.hasPrefix("HTTP/1.1 404"))
            #expect(raw.lowercased().contains("content-type: application/problem+json"))
            let body = try #require(raw.components(separatedBy: "\r\n\r\n").dropFirst().first)
            let sent = try APICoding.decode(Problem.self, from: Array(body.utf8))
            #expect(sent.type == "urn:meshnode:no-route" && sent.status == 404 && sent.detail.contains("/v1/nothing"))

            #expect(await problem { _ = try await client.get("/v1/ticket", as: TicketView.self) }?.status == 503)
            #expect(await problem { _ = try await client.bytes("GET", "/v1/chain/registry/blocks/9") }?.status == 404)
            let number = await problem {
                _ = try await client.bytes("GET", "/v1/chain/registry/blocks/-1")
            }
            #expect(number?.status == 422 && number?.errors?.map(\.path) == ["height"])
            #expect(await problem { _ = try await client.bytes("POST", "/v1/node") }?.status == 404)
        }
        try await withServer(SampleService(notReady: ["peers"])) { (client) async throws in
            let waiting = await problem { _ = try await client.bytes("GET", "/readyz") }
            #expect(waiting?.status == 503 && waiting?.detail == "not ready: peers")
            #expect(try await client.bytes("GET", "/healthz") == Array(#"{"status":"ok"}"#.utf8))
        }
    }

    @Test(arguments: [
        (ServiceError.notFound(what: "a", next: "b"), 404), (.conflict(reason: "a", next: "b"), 409),
        (.invalid([Fault("x.y", "a"), Fault("z", "b")]), 422), (.unavailable(reason: "a", next: "b"), 503),
        (.denied(reason: "a", next: "b"), 403), (.failed(reason: "a", next: "b"), 500),
    ])
    func serviceErrorsKeepTheirMeaning(_ error: ServiceError, _ status: Int) async throws {
        let service = SampleService()
        service.refusal.withLock { $0 = error }
        let spec = try TaskSpec.example()
        try await withServer(service) { (client) async throws in
            let got = await problem {
                _ = try await client.bytes(
                    "POST", "/v1/tasks", body: spec.wireBytes, contentType: "application/octet-stream")
            }
            #expect(got == Problem(error))
            #expect(got?.status == status)
        }
    }

    @Test func tasksArriveWhole() async throws {
        let service = SampleService()
        let text = try Repository.text("examples/digits.toml")
        let spec = try TaskSpec.example()
        try await withServer(service) { (client) async throws in
            _ = try await client.post(
                "/v1/tasks", Array(text.utf8), contentType: "application/toml; charset=utf-8", as: PublishedView.self)
            _ = try await client.post(
                "/v1/tasks", spec.wireBytes, contentType: "application/octet-stream", as: PublishedView.self)
        }
        let published = service.published.withLock { $0 }
        #expect(published.map(\.spec) == [spec, spec])
        #expect(published.allSatisfy { $0.initialWeights.count == Int(spec.model.initial.length) })
    }

    @Test func wrongTasksAreRefusedWithAllFields() async throws {
        let service = SampleService()
        var spec = try TaskSpec.example()
        spec.rounds = 0
        spec.update.bits = 3
        spec.training.trainer = "pickle/1"
        let bytes = spec.wireBytes
        try await withServer(service) { (client) async throws in
            let got = await problem {
                _ = try await client.bytes("POST", "/v1/tasks", body: bytes, contentType: "application/octet-stream")
            }
            #expect(got?.status == 422)
            #expect(got?.errors?.map(\.path) == ["rounds", "training.trainer", "update.bits"])
            let garbage = await problem {
                _ = try await client.bytes(
                    "POST", "/v1/tasks", body: [6, 0, 1, 255, 255, 255, 255], contentType: "application/octet-stream")
            }
            #expect(garbage?.status == 422)
            let large = await problem {
                _ = try await client.bytes(
                    "POST", "/v1/tasks", body: [UInt8](repeating: 0x20, count: 2 << 20), contentType: "application/toml"
                )
            }
            #expect(large?.status == 413)
            let media = await problem {
                _ = try await client.bytes("POST", "/v1/tasks", body: bytes, contentType: "text/html")
            }
            #expect(media?.status == 415)
        }
        #expect(service.published.withLock { $0.isEmpty })
    }

    @Test func namesAreResolved() async throws {
        try await withServer(SampleService()) { (client) async throws in
            func found(_ name: String) async throws -> String {
                try await client.get("/v1/tasks/\(name)", as: TaskView.self).task
            }
            #expect(try await found("one") == SampleService.first.hex)
            #expect(try await found("two%20words") == SampleService.second.hex)
            #expect(try await found(SampleService.second.hex) == SampleService.second.hex)
            #expect(try await found(SampleService.second.hex.uppercased()) == SampleService.second.hex)
            #expect(try await found(String(SampleService.first.hex.prefix(63))) == SampleService.first.hex)
            for (name, status) in [("abab", 409), ("aba", 404), ("three", 404), ("0000", 404)] {
                let got = await problem { _ = try await client.bytes("GET", "/v1/tasks/\(name)") }
                #expect(got?.status == status, "\(name)")
            }
        }
    }

    @Test func verbsReachTheService() async throws {
        let service = SampleService()
        try await withServer(service) { (client) async throws in
            _ = try await client.post("/v1/tasks/one/join?bond=5", as: Receipt.self)
            _ = try await client.post("/v1/tasks/one/join", as: Receipt.self)
            let update = try await client.post(
                "/v1/tasks/one/submissions?rows=9", [UInt8](repeating: 1, count: 3 << 20),
                contentType: "application/octet-stream", as: Receipt.self)
            #expect(update.text == "9 rows")
            _ = try await client.post(
                "/v1/tasks/one/rounds/2/vote", APICoding.encode(ManualVote(isValid: false, reason: "worse")),
                as: Receipt.self)
            let silent = await problem {
                _ = try await client.bytes(
                    "POST", "/v1/tasks/one/rounds/2/vote", body: Array(#"{"is_valid":false}"#.utf8))
            }
            #expect(silent?.status == 422 && silent?.errors?.map(\.path) == ["reason"])
            let unreadable = await problem {
                _ = try await client.bytes("POST", "/v1/tasks/one/rounds/2/vote", body: Array(#"{"is_valid":1}"#.utf8))
            }
            #expect(unreadable?.status == 400 && unreadable?.errors?.map(\.path) == ["isValid"])
            let bond = await problem { _ = try await client.bytes("POST", "/v1/tasks/one/join?bond=-3") }
            #expect(bond?.errors?.map(\.path) == ["bond"])
            _ = try await client.post("/v1/shutdown", as: Receipt.self)
        }
        #expect(service.bonds.withLock { $0 } == [5, nil])
        #expect(service.updates.withLock { $0 } == [3 << 20])
        #expect(service.votes.withLock { $0 } == [ManualVote(isValid: false, reason: "worse")])
        #expect(service.isStopped.withLock { $0 })
    }

    @Test func everyRouteIsDocumented() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let text = String(decoding: try await client.bytes("GET", "/openapi.json"), as: UTF8.self)
            for path in [
                "/v1/node", "/v1/tasks/{task}/rounds/{round}/vote", "/v1/chain/{chain}/blocks/{height}", "/v1/events",
            ] {
                #expect(text.contains("\"\(path)\""), "\(path)")
            }
            #expect(text.contains(#""openapi":"3.1.0""#))
        }
    }

    @Test func absentNodeIsNamed() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/none.sock"
        await #expect(throws: APIError.unreachable(path: path, reason: "there is no such socket")) {
            _ = try await APIClient(socket: path).bytes("GET", "/v1/node")
        }
        let long = "/tmp/" + String(repeating: "x", count: 120)
        await #expect(throws: APIError.self) { _ = try await APIClient(socket: long).bytes("GET", "/v1/node") }
    }
}
