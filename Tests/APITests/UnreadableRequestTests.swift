import Foundation
import MeshNode
import Testing

/// What is wrong with a request is its client's fault, and is told in a sentence: never 500, and nothing is guessed.
@Suite(.timeLimit(.minutes(1))) struct UnreadableRequestTests {
    private func answer(_ request: String, _ socket: String) async throws -> (status: Int, problem: Problem) {
        let raw = try await exchange(request, socket: socket)
        let parts = raw.components(separatedBy: "\r\n\r\n")
        let status = try #require(raw.split(separator: " ").dropFirst().first.flatMap { Int($0) }, "\(raw)")
        let body = try #require(parts.dropFirst().first, "\(raw)")
        return (status, try APICoding.decode(Problem.self, from: Array(body.utf8)))
    }

    private func post(_ head: String, _ body: String, to route: String = "/v1/ledger/transfer") -> String {
        "POST \(route) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(head)\r\n\r\n\(body)"
    }

    /// Chunks that are none, in a request whose head is good: the route answers.
    @Test(arguments: [
        "12345678901234567890\r\nx", "fffffffffffffffff\r\nx", "-1\r\nx", "+1\r\nx", "x\r\n", "1\r\nab\r\n0\r\n\r\n",
    ])
    func aChunkThatIsNoneIsToldOf(_ chunks: String) async throws {
        try await withServer(SampleService()) { client in
            let (status, problem) = try await answer(post("Transfer-Encoding: chunked", chunks), client.socket)
            #expect(status == 400 && problem.status == 400, "\(chunks): \(problem)")
            #expect(problem.detail.contains("not what the request announces"), "\(chunks): \(problem.detail)")
            // Nothing of it is left for the next request.
            #expect(try await client.get("/v1/node", as: NodeStatus.self).name == "sample")
        }
    }

    /// No request comes of these.
    @Test(arguments: [
        "Content-Length: 99999999999999999999999", "Content-Length: -1", "Content-Length: +1", "Content-Length: 0x1",
        "Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Content-Length : 2", "no colon",
    ])
    func aHeadThatIsNoneIsToldOf(_ head: String) async throws {
        try await withServer(SampleService()) { client in
            let (status, problem) = try await answer(post(head, "{}"), client.socket)
            #expect(status == 400 && problem.status == 400, "\(head): \(problem)")
            #expect(problem.detail.contains("no HTTP request that can be read"), "\(head): \(problem.detail)")
        }
    }

    @Test func whatIsNoHTTPIsToldOf() async throws {
        try await withServer(SampleService()) { client in
            for words in ["hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
                let (status, problem) = try await answer(words, client.socket)
                #expect(status == 400 && problem.status == 400, "\(words)")
            }
        }
    }

    /// What HTTP allows is read: extensions of a chunk, fields behind the last one, more than one of a header.
    @Test func whatIsAllowedIsRead() async throws {
        let service = SampleService()
        let vote = "{\"is_valid\":true}"
        let size = String(vote.utf8.count, radix: 16)
        try await withServer(service) { client in
            for chunks in [
                "\(size);name=value\r\n\(vote)\r\n0\r\n\r\n", "\(size)\r\n\(vote)\r\n0\r\nX-Trailer: 1\r\n\r\n",
                "000\(size)\r\n\(vote)\r\n0\r\n\r\n",
            ] {
                let raw = try await exchange(
                    post("X-A: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked", chunks, to: "/v1/tasks/one/rounds/2/vote"),
                    socket: client.socket)
                #expect(raw.hasPrefix("HTTP/1.1 202"), "\(chunks): \(raw)")
            }
        }
        #expect(service.votes.withLock { $0.count } == 3)
    }

    /// Before a byte of it has come.
    @Test func aLengthBeyondTheLimitIsRefusedAtOnce() async throws {
        try await withServer(SampleService()) { client in
            let connection = try RawConnection(client.socket)
            try connection.send(Array(post("Content-Length: 9000000000000000000", "").utf8))
            let raw = try await blocking { String(decoding: connection.receive(untilEnd: false), as: UTF8.self) }
            #expect(raw.hasPrefix("HTTP/1.1 413"), "\(raw)")
        }
    }

    /// Text is UTF-8: no byte is replaced by another, and UTF-16 is not taken for it.
    @Test func textThatIsNotUTF8IsRefused() async throws {
        let service = SampleService()
        let vote = "{\"is_valid\":false,\"reason\":\"worse\"}"
        let wide = try #require(vote.data(using: .utf16)).map { $0 }
        let broken = Array(vote.utf8.dropLast(2)) + [0xC3] + Array("\"}".utf8)
        let task = Array("name = \"".utf8) + [0xFF] + Array("\"\n".utf8)
        try await withServer(service) { client in
            for body in [wide, broken] {
                let got = await problem {
                    _ = try await client.bytes("POST", "/v1/tasks/one/rounds/2/vote", body: body)
                }
                #expect(got?.status == 400 && got?.detail == "the body is not UTF-8", "\(String(describing: got))")
            }
            let transfer = await problem { _ = try await client.bytes("POST", "/v1/ledger/transfer", body: broken) }
            #expect(transfer?.status == 400 && transfer?.detail == "the body is not UTF-8")
            let file = await problem {
                _ = try await client.bytes("POST", "/v1/tasks", body: task, contentType: "application/toml")
            }
            #expect(file?.status == 400 && file?.detail == "the body is not UTF-8")
        }
        #expect(service.votes.withLock { $0.isEmpty })
    }

    /// Without a mark at its start, UTF-16 of plain letters is UTF-8 with zero bytes.
    @Test func wideTextWithoutAMarkIsRefused() async throws {
        let service = SampleService()
        try await withServer(service) { client in
            for encoding: String.Encoding in [.utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian] {
                let body = try #require("{\"is_valid\":true}".data(using: encoding)).map { $0 }
                let got = await problem {
                    _ = try await client.bytes("POST", "/v1/tasks/one/rounds/2/vote", body: body)
                }
                #expect(got?.status == 400 && got?.detail.hasPrefix("the body is not UTF-8") == true)
            }
        }
        #expect(service.votes.withLock { $0.isEmpty })
    }

    @Test func numbersAreDigits() async throws {
        let service = SampleService()
        try await withServer(service) { client in
            for bond in ["+5", "-0", "-5", "", "5%20", "0x5", "18446744073709551616", "5&bond=6", "\u{0665}"] {
                let text = bond.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed) ?? bond
                let got = await problem { _ = try await client.bytes("POST", "/v1/tasks/one/join?bond=\(text)") }
                #expect(got?.status == 422 && got?.errors?.map(\.path) == ["bond"], "\(bond)")
            }
            for height in ["+1", "-0", "1e3"] {
                let got = await problem { _ = try await client.bytes("GET", "/v1/chain/registry/blocks/\(height)") }
                #expect(got?.status == 422 && got?.errors?.map(\.path) == ["height"], "\(height)")
            }
            let raw = try await exchange(
                "GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID: +1\r\n\r\n",
                socket: client.socket)
            #expect(raw.hasPrefix("HTTP/1.1 422"), "\(raw)")
        }
        #expect(service.bonds.withLock { $0.isEmpty })
    }
}
