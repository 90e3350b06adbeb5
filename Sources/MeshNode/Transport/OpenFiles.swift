internal import Foundation
internal import Gossip
internal import NIOPosix

/// The process's limit of open files, shared out among everything that opens some. A process that runs into that limit
/// cannot write a block, and libdispatch ends it where it cannot read its own threads' state: so nothing here opens a file
/// that this budget does not count, and where it does not suffice the node does not start.
public struct OpenFiles: Sendable, Equatable {
    /// Whatever peers and operators do, these are open now and then.
    static let fixed = [
        // The databases' readers, each with its log; their write-ahead logs are merged with one more.
        Use("readers of the databases", 8),
        Use("listening sockets", 3),
        // libdispatch reads the state of the process's threads, and its own queues of events.
        Use("the runtime", 6),
        // A file and its directory are open while it is written: by the node and by its worker.
        Use("files that are being written", 4),
    ]
    /// What a node cannot do without.
    static let leastContents = 4
    static let leastConnections = 4
    static let leastLinks = LinkSettings.leastConnections
    /// Above this more are of no use.
    static let mostContents = 24
    static let mostConnections = 64
    /// Above this nobody needs to count.
    private static let plenty = 1 << 14

    struct Use: Sendable, Equatable {
        let name: String
        let count: Int

        init(_ name: String, _ count: Int) { (self.name, self.count) = (name, count) }
    }

    /// Content files that are kept open: half of them unfinished ones, half whole ones that are served.
    let contents: Int
    /// Connections of the API.
    let connections: Int
    /// Links and attempts at them; nil where the limit is far away or cannot be read.
    let links: Int?

    /// - Parameters:
    ///   - limit: of the process.
    ///   - open: files that are open by now.
    /// - Throws: `NodeError.tooFewFiles` with the sum.
    init(limit: Int, open: Int) throws(NodeError) {
        guard limit < Self.plenty else {
            self = .plentiful
            return
        }
        let uses =
            [Use("open already", open)] + Self.fixed + [
                Use("contents", Self.leastContents), Use("connections of the API", Self.leastConnections),
                Use("links", Self.leastLinks),
            ]
        let needed = uses.reduce(0) { $0 + $1.count }
        guard limit >= needed else {
            throw .tooFewFiles(
                limit: limit, needed: needed, uses: uses.map { "\($0.count) \($0.name)" }.joined(separator: ", "))
        }
        // What is beyond the least goes to contents and the API up to what they use, and then to links.
        let spare = limit - needed
        contents = min(Self.mostContents, Self.leastContents + spare / 4)
        connections = min(Self.mostConnections, Self.leastConnections + spare / 4)
        links = Self.leastLinks + spare - (contents - Self.leastContents) - (connections - Self.leastConnections)
    }

    /// Where nobody needs to count.
    static let plentiful = OpenFiles(contents: mostContents, connections: mostConnections, links: nil)

    private init(contents: Int, connections: Int, links: Int?) {
        (self.contents, self.connections, self.links) = (contents, connections, links)
    }

    /// Before anything of a node is opened: the network threads end the process where a limit of files stops them, and a
    /// database that cannot be opened does not say why.
    /// - Throws: `NodeError.tooFewFiles`.
    public static func requireLeast() throws(NodeError) { _ = try count() }

    /// Of this process, now, with the queues of its network threads.
    static func ofProcess() throws(NodeError) -> OpenFiles {
        _ = try count()
        _ = MultiThreadedEventLoopGroup.singleton.any()
        return try count()
    }

    private static func count() throws(NodeError) -> OpenFiles {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 32
        return try OpenFiles(limit: ProcessLimit.openFiles.current.map { Int(clamping: $0) } ?? plenty, open: open)
    }
}
