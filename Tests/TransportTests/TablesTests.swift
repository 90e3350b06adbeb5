import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

@Suite("Tables that peers fill")
struct TablesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The page is what the tables say. To print it anew: MESHNODE_PRINT_TABLES=1 and this test.
    @Test func thePageIsPrintedFromTheTables() throws {
        var page = """
            # Tables that peers fill

            Printed from the tables themselves (`TablesTests`). Every entry belongs to the sender that brought it. At its quota a
            sender loses its own oldest entry or is refused the new one; when all places are taken the sender with most entries
            loses its oldest, never one at or below its fair share, and protected entries never go for one that is not
            (`Bounded` in `Sources/Wire`).

            """
        for (module, rules) in NodeTables.everywhere {
            page += "\n## \(module)\n\n"
            page += rules.isEmpty ? "None.\n" : heading + rules.map { $0.row + "\n" }.joined()
        }
        let file = Self.root.appendingPathComponent("docs/protocol/tables.md")
        if ProcessInfo.processInfo.environment["MESHNODE_PRINT_TABLES"] != nil {
            try page.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == page)
    }

    private let heading = """
        | entries | sender | in all | of one | at its quota | protected | why |
        |---|---|---|---|---|---|---|

        """

    /// One of three key holders that names what nobody decided, over and over, before the others' releases come.
    @Test func aHolderThatInventsManifestsTakesItsOwnPlaces() {
        let holders = (0..<3).map { _ in SigningKey.generate().nodeID }
        var releases = Bounded<NodeID, TaskRuntime.ReleaseName, Bool>(NodeTables.keyReleases)
        func release(_ holder: NodeID, _ manifest: UInt8, _ component: UInt8) -> TaskRuntime.ReleaseName {
            .init(
                holder: holder, manifest: BlockID([UInt8](repeating: manifest, count: 32)), component: component)
        }
        for manifest in UInt8(0)..<200 {
            for component in UInt8(0)..<3 {
                _ = releases.insert(true, for: release(holders[0], manifest, component), by: holders[0])
            }
        }
        for holder in holders.dropFirst() {
            for component in UInt8(0)..<2 {
                #expect(releases.insert(true, for: release(holder, 255, component), by: holder).isIn)
            }
        }
        for manifest in UInt8(0)..<200 {
            _ = releases.insert(true, for: release(holders[0], manifest, 9), by: holders[0])
        }
        for holder in holders.dropFirst() { #expect(releases.count(of: holder) == 2) }
        #expect(releases.count(of: holders[0]) == NodeTables.keyReleases.quota)
    }

    /// A rule that no list names would be missing on the page.
    @Test func everyRuleIsListed() throws {
        var declared = 0
        let sources = Self.root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        for case let url as URL in files where url.pathExtension == "swift" && url.lastPathComponent != "Bounded.swift"
        {
            declared += try String(contentsOf: url, encoding: .utf8).components(separatedBy: "TableRule(\n").count - 1
        }
        #expect(declared > 10)
        #expect(declared == NodeTables.everywhere.reduce(0) { $0 + $1.rules.count })
        #expect(NodeTables.everywhere.allSatisfy { $0.rules.allSatisfy { !$0.reason.isEmpty && $0.quota <= $0.total } })
    }
}
