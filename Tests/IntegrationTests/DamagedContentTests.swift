import Foundation
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Files of contents that change under a running node, which has listed them as whole: whoever reads or serves one finds
/// out, the node says so, and fetches it from the others.
@Suite("Damaged contents", .serialized, .timeLimit(.minutes(8))) struct DamagedContentTests {
    private func path(_ content: String, in home: String) -> String { home + "/content/\(content).data" }

    /// Changes bytes of every chunk and leaves the head as it is.
    private func damage(_ view: ContentView, in home: String) throws {
        let url = URL(fileURLWithPath: path(view.content, in: home))
        var bytes = [UInt8](try Data(contentsOf: url))
        for index in stride(from: bytes.count - Int(view.bytes), to: bytes.count, by: 1_000) { bytes[index] ^= 0x55 }
        try Data(bytes).write(to: url)
    }

    private func isSaid(_ name: String, _ lab: LabNodes) throws -> Bool {
        try String(contentsOfFile: lab.folder.path + "/\(name).log", encoding: .utf8).contains("is damaged on disk")
    }

    @Test func whatIsReadOrServedDamagedIsFetchedAgain() async throws {
        let lab = try LabNodes(3)
        defer { lab.stopAll() }
        try await lab.startAll()
        let value = randomBytes(300_000)
        let stored: ContentView = try await lab.client("n1").post(
            "/v1/store?compress=0&label=kept", value, contentType: "application/octet-stream")
        func fetch(_ name: String) async throws {
            _ = try await lab.client(name).post(
                "/v1/store/\(stored.content)/fetch?length=\(value.count)", as: Receipt.self)
            try await isWhole(name)
        }
        func isWhole(_ name: String) async throws {
            try await lab.until("\(name) has the content", seconds: 60) {
                let view: ContentView = try await lab.client(name).get("/v1/store/\(stored.content)")
                guard view.isComplete else { return "it is not complete" }
                return try await lab.client(name).bytes("GET", "/v1/store/\(stored.content)/bytes") == value
                    ? nil : "other bytes"
            }
        }
        try await fetch("n2")

        // Its operator reads it.
        try damage(stored, in: lab.home("n1"))
        await #expect(throws: APIError.self) {
            try await lab.client("n1").bytes("GET", "/v1/store/\(stored.content)/bytes")
        }
        #expect(try isSaid("n1", lab))
        try await isWhole("n1")

        // A peer asks for it.
        try damage(stored, in: lab.home("n1"))
        try await fetch("n3")
        try await isWhole("n1")

        // Somebody removes the file.
        try FileManager.default.removeItem(atPath: path(stored.content, in: lab.home("n1")))
        try await lab.until("n1 finds out") {
            do { _ = try await lab.client("n1").bytes("GET", "/v1/store/\(stored.content)/bytes") } catch { return nil }
            return FileManager.default.fileExists(atPath: path(stored.content, in: lab.home("n1"))) ? nil : "not yet"
        }
        try await isWhole("n1")
        let kept: ContentView = try await lab.client("n1").get("/v1/store/\(stored.content)")
        #expect(kept.pins == ["kept"])
    }

    /// The base model of a round that goes on: the member trains on the model that it fetched again.
    @Test func aMemberWhoseModelsAreDamagedStaysInItsRounds() async throws {
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true"], genesis: ["--settle-seconds", "0.3", "--evidence-seconds", "3600"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish("n1", as: "damaged", ["rounds=1000", "deadlines.submit=\"5s\""])
        try await lab.until("the first round is decided") {
            try await lab.task(task, on: "n1").round >= 1 ? nil : "round 0"
        }
        let store: StoreView = try await lab.client("n5").get("/v1/store")
        let models = store.contents.filter { $0.kind == "model" && $0.isComplete }
        try #require(!models.isEmpty)
        for model in models { try damage(model, in: lab.home("n5")) }
        let before = try await lab.task(task, on: "n1").round
        try await lab.until("four more rounds") {
            let round = try await lab.task(task, on: "n1").round
            return round >= before + 4 ? nil : "round \(round) after \(before)"
        }
        #expect(try isSaid("n5", lab))
        let rounds: [RoundView] = try await lab.client("n5").get("/v1/tasks/\(task)/rounds")
        let last = try #require(rounds.last { $0.outcome == .accepted })
        #expect(last.round > before && last.containsOwnUpdate == true, "\(lab.log("n5"))")
    }
}
