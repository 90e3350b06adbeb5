internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

/// Server-sent events (WHATWG HTML, 9.2): `id` is the event's number, `event` its kind, `data` its JSON.
enum EventStream {
    /// A dead reader is noticed when a comment cannot be written.
    static let heartbeat = Duration.seconds(10)
    static let batch = 256

    static func response(_ log: EventLog, _ request: Request) throws(ServiceError) -> Response {
        var after = log.last
        if let text = request.headers[.lastEventID] {
            guard let number = Request.whole(text, as: UInt64.self) else {
                throw .invalid([Fault("Last-Event-ID", "\"\(text.prefix(40))\" is not the number of an event")])
            }
            after = number
        } else if let number = try request.number("after", UInt64.self) {
            after = number
        }
        // Numbers beyond ours are those of an earlier life of this node: begin anew.
        let start = after > log.last ? 0 : after
        let body = ResponseBody { writer in
            var after = start
            try await writer.write(ByteBuffer(string: ": meshnode\n\n"))
            while !Task.isCancelled {
                let events = await next(log, after: after)
                var text = events.isEmpty ? ":\n\n" : ""
                for event in events {
                    text += "id: \(event.number)\nevent: \(event.kind.filter { !$0.isNewline })\n"
                    text += "data: \(APICoding.text(event))\n\n"
                }
                try await writer.write(ByteBuffer(string: text))
                after = events.last?.number ?? after
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }

    /// The next events, or none when the heartbeat is due.
    private static func next(_ log: EventLog, after: UInt64) async -> [NodeEvent] {
        await withTaskGroup(of: [NodeEvent].self) { group in
            group.addTask { await log.next(after: after, limit: batch) }
            group.addTask {
                try? await Task.sleep(for: heartbeat)
                return []
            }
            let first = await group.next() ?? []
            group.cancelAll()
            return first
        }
    }
}

extension HTTPField.Name {
    /// The name is a token by construction.
    static var lastEventID: Self { Self("Last-Event-ID")! }
}
