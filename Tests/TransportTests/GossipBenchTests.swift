import Testing

@testable import MeshNode

@Suite("Aims of the gossip bench")
struct GossipBenchTests {
    private func misses(_ name: String, _ figures: [(name: String, value: Double)]) -> [String] {
        GossipBench.misses(of: GossipBench.Row(name: name, figures: figures))
    }

    @Test("a figure within its slack passes, one beyond it or without a value is told")
    func aims() {
        #expect(misses("join_100", [("seconds", 15), ("rss_mib_per_node", 2)]).isEmpty)
        #expect(
            misses("join_100", [("seconds", 15.1)]) == [
                "join_100: seconds is 15.1, at most 10.0, 15.0 with its slack"
            ])
        #expect(misses("bulk", [("mb_per_s", 100)]).isEmpty)
        #expect(misses("bulk", [("mb_per_s", 99)]).count == 1)
        #expect(misses("broadcast_40", [("p99_ms", .nan), ("copies_per_delivery", 6.81), ("missed", 1)]).count == 3)
        #expect(misses("ingest_20", []).count == 1)
        #expect(misses("another", [("seconds", 99)]).isEmpty)
    }

    @Test("every row has an aim")
    func complete() {
        for name in GossipBench.names {
            #expect(GossipBench.aims.contains { $0.row == name || $0.row == name + "_" }, "\(name)")
        }
    }
}
