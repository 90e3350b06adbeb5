import Foundation
import Gossip
import Logging
import Synchronization
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What peers send costs a node's log a few lines, however much it is.
@Suite("Lines about peers", .timeLimit(.minutes(2)))
struct PeerNewsTests {
    private func node(_ number: Int) -> NodeID {
        NodeID([UInt8(number & 255), UInt8(number >> 8)] + [UInt8](repeating: 7, count: 30))
    }

    @Test func oneLineOfAKindInAMinute() {
        var news = PeerNews()
        func tell(_ kind: PeerNews.Kind, _ peer: Int, _ now: Duration, isKnown: Bool = false) -> String? {
            news.tell(kind, of: node(peer), isKnown: isKnown, now: now)
        }
        #expect(tell(.flooding, 1, .zero) == "")
        for millisecond in 1..<1_000 { #expect(tell(.flooding, 1, .milliseconds(millisecond)) == nil) }
        // Another kind, and another peer.
        #expect(tell(.rejected, 1, .seconds(1)) == "")
        #expect(tell(.flooding, 2, .seconds(1)) == "")
        #expect(tell(.flooding, 1, PeerNews.pause) == "; 999 like it were left out")
        #expect(tell(.flooding, 1, PeerNews.pause + .seconds(1)) == nil)
    }

    /// Keys cost nothing: a thousand of them have no thousand lines, and keep no line about a known node out.
    @Test func newKeysBringNoMoreLines() {
        var news = PeerNews()
        let told = (0..<1_000).count { news.tell(.badContent, of: node($0), isKnown: false, now: .zero) != nil }
        #expect(told == NodeTables.peerNews.total)
        #expect(news.tell(.badContent, of: node(2_000), isKnown: true, now: .zero) != nil)
        #expect(news.tell(.badContent, of: node(2_001), isKnown: false, now: PeerNews.pause) != nil)
    }

    /// A link that asks for more chunks than its queue holds, a thousand times.
    @Test func floodsOfOnePeerAreOneLine() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 2)
        let home = HomeDirectory(path: folder.path + "/home")
        try history.makeHome(home.path, heights: 2)
        let flags = ["mesh.profile": "loopback", "listen.host": "127.0.0.1", "listen.port": "0"]
        let configuration = try ConfigurationLoader(home: home, environment: [:], flags: flags).load().configuration
        let lines = Lines()
        let node = try Node(
            configuration: configuration, home: home,
            logger: Logger(label: "test", factory: { _ in LinesHandler(lines: lines) }), environment: .process)
        _ = try await node.start()
        await node.flood(self.node(1), frames: 1_000)
        #expect(await node.drops["bad content"] == 1_000)
        await node.stop()
        let told = lines.all.withLock { $0.filter { $0.contains(self.node(1).short) } }
        #expect((1...2).contains(told.count), "\(told.prefix(5))")
    }
}

extension Node {
    fileprivate func flood(_ peer: NodeID, frames: Int) {
        let content = ContentID([UInt8](repeating: 9, count: 32))
        let all = [UInt8](repeating: 255, count: ContentLimits.requestBitmapBytes)
        for _ in 0..<frames {
            self.content(.frame(from: peer, .getChunks(content, .content, first: 0, bitmap: all)))
        }
    }
}

private final class Lines: Sendable {
    let all = Mutex<[String]>([])
}

private struct LinesHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.all.withLock { $0.append("\(event.message)") } }
}
