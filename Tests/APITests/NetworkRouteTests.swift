import MeshNode
import Testing
import Wire

/// Contents and peers over the socket.
@Suite(.timeLimit(.minutes(1))) struct NetworkRouteTests {
    @Test func contentsAreStoredGivenAndKept() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let id = SampleService.content.hex
            let store = try await client.get("/v1/store", as: StoreView.self)
            #expect(store.contents.map(\.reference) == ["\(id):10"])
            let put = try await client.post(
                "/v1/store?label=mine", [1, 2, 3], contentType: "application/octet-stream", as: ContentView.self)
            #expect(put.pins == ["mine"])
            #expect(try await client.bytes("GET", "/v1/store/\(id)/bytes") == [1, 2, 3])
            #expect(try await client.post("/v1/store/\(id)/pin?label=a", as: ContentView.self).pins == ["a"])
            #expect(try await client.post("/v1/store/\(id)/unpin", as: ContentView.self).pins.isEmpty)
            #expect(try await client.post("/v1/store-collection?bytes=7", as: CollectionView.self).usedBytes == 7)
            #expect(try await client.post("/v1/store/\(id)/fetch?length=99", as: Receipt.self).text == "99")
        }
    }

    @Test func wrongNamesSayWhatIsExpected() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let short = await problem { _ = try await client.get("/v1/store/abcd", as: ContentView.self) }
            #expect(short?.status == 404 && short?.next?.contains("64 digits") == true)
            #expect(try await client.get("/v1/store/cdcdcd", as: ContentView.self).bytes == 10)
            let unknown = String(repeating: "0", count: 64)
            #expect(
                await problem { _ = try await client.get("/v1/store/\(unknown)", as: ContentView.self) }?.status == 404)
            let length = await problem { _ = try await client.post("/v1/store/\(unknown)/fetch", as: Receipt.self) }
            #expect(length?.errors?.first?.path == "length")
            let nobody = await problem { _ = try await client.post("/v1/peers/nobody/ban", as: Receipt.self) }
            #expect(nobody?.status == 404)
        }
    }

    @Test func peersAreBannedAndAllowed() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let node = String(repeating: "a", count: 64)
            #expect(try await client.post("/v1/peers/\(node)/ban", as: Receipt.self).reference == node)
            #expect(try await client.post("/v1/peers/\(node)/allow", as: Receipt.self).text == "allowed")
            #expect(try await client.get("/v1/health", as: [HealthCheck].self).map(\.name) == ["udp"])
        }
    }

    /// A family of every kind, so that an alert can be written before anything is wrong, and each obstacle with its task.
    @Test func obstaclesAreMetrics() async throws {
        let service = SampleService(notReady: ["no quorum"])
        func metrics() async throws -> String {
            try await withServer(service) { (client) async throws in
                String(decoding: try await client.bytes("GET", "/metrics"), as: UTF8.self)
            }
        }
        var text = try await metrics()
        for what in Obstacle.What.allCases {
            #expect(text.contains("meshnode_obstacles{kind=\"\(what.rawValue)\"} 0\n"))
        }
        #expect(!text.contains("meshnode_obstacle_since_seconds"))
        #expect(text.contains("meshnode_not_ready_reasons 1\n"))
        service.obstacles.withLock {
            $0 = [
                Obstacle(what: .registry, task: nil, reason: "no quorum", sinceMs: 1_700_000_000_999, isFinal: false),
                Obstacle(what: .train, task: "ab", reason: "\"diverges\"", sinceMs: 5_000, isFinal: true),
                Obstacle(what: .train, task: "cd", reason: "x", sinceMs: 6_000, isFinal: false),
            ]
        }
        text = try await metrics()
        #expect(text.contains("meshnode_obstacles{kind=\"registry\"} 1\n"))
        #expect(text.contains("meshnode_obstacles{kind=\"train\"} 2\n"))
        #expect(text.contains("meshnode_obstacles{kind=\"vote\"} 0\n"))
        #expect(
            text.contains("meshnode_obstacle_since_seconds{kind=\"registry\",task=\"\",final=\"false\"} 1700000000\n"))
        #expect(text.contains("meshnode_obstacle_since_seconds{kind=\"train\",task=\"ab\",final=\"true\"} 5\n"))
    }

    /// Every line is a comment or `name{labels} value`, as Prometheus reads it.
    @Test func metricsAreReadable() async throws {
        try await withServer(SampleService()) { (client) async throws in
            let text = String(decoding: try await client.bytes("GET", "/metrics"), as: UTF8.self)
            let line = /meshnode_[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? -?[0-9.e+-]+/
            for sample in text.split(separator: "\n") where !sample.hasPrefix("#") {
                #expect(sample.wholeMatch(of: line) != nil, "\(sample)")
            }
            #expect(text.contains("meshnode_store_bytes 10\n"))
            #expect(text.contains("# TYPE meshnode_sent_bytes_total counter\n"))
            #expect(text.contains("meshnode_info{version="))
        }
    }
}
