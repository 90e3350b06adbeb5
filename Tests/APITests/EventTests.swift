import MeshNode
import Testing

@Suite(.timeLimit(.minutes(1))) struct EventTests {
    @Test func streamResumesWhereTheReaderStopped() async throws {
        let service = SampleService()
        for number in 1...5 {
            service.events.append(timeMs: UInt64(number), kind: "round", text: "line \(number)\nmore")
        }
        try await withServer(service) { (client) async throws in
            var seen: [UInt64] = []
            try await client.events(after: 2) { event in
                seen.append(event.number)
                #expect(event.text == "line \(event.number)\nmore")
                if event.number == 5 { service.events.append(timeMs: 6, kind: "round", text: "line 6\nmore") }
                return event.number < 6
            }
            #expect(seen == [3, 4, 5, 6])
            // Without a number the stream begins with what happens next.
            seen = []
            let raw = try await exchange(
                "GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: six\r\nConnection: close\r\n\r\n",
                socket: client.socket)
            #expect(raw.hasPrefix("HTTP/1.1 422"))
            // Numbers of an earlier life of the node.
            try await client.events(after: 1_000) { event in
                seen.append(event.number)
                return event.number < 6
            }
            #expect(seen == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test func logKeepsTheLatestAndWaits() async throws {
        let log = EventLog(capacity: 4, restored: [NodeEvent(number: 9, timeMs: 0, kind: "a", text: "")])
        #expect(log.last == 9)
        for _ in 0..<20 { log.append(timeMs: 0, kind: "b", text: "") }
        let kept = log.stored(after: 0, limit: 100).map(\.number)
        #expect(kept.last == 29 && kept.count >= 4 && kept.count < 8)
        #expect(kept == Array((29 - UInt64(kept.count) + 1)...29))
        #expect(log.stored(after: 27, limit: 1).map(\.number) == [28])
        #expect(log.stored(after: 29, limit: 10).isEmpty)
        #expect(log.stored(after: .max, limit: 10).isEmpty)

        async let waited = log.next(after: 29, limit: 10)
        log.append(timeMs: 0, kind: "c", text: "")
        #expect(await waited.map(\.number) == [30])

        let task = Task { await log.next(after: 30, limit: 10) }
        task.cancel()
        #expect(await task.value.isEmpty)
    }

    @Test func manyWaitersAreAllWoken() async {
        let log = EventLog()
        let counts = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    var seen = 0
                    var after: UInt64 = 0
                    while seen < 100 {
                        let events = await log.next(after: after, limit: 7)
                        #expect(events.first?.number == after + 1)
                        seen += events.count
                        after = events.last?.number ?? after
                    }
                    return seen
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    log.append(timeMs: 0, kind: "x", text: "")
                    await Task.yield()
                }
                return 100
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == [Int](repeating: 100, count: 51))
    }
}
