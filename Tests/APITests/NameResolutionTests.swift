import MeshNode
import Testing
import Wire

/// What a text means that people type for an id or a name.
@Suite("Ids before names", .timeLimit(.minutes(1))) struct NameResolutionTests {
    private static let entries: [NameResolution.Entry] = [
        (id: "8c41b044" + String(repeating: "0", count: 56), name: "digits"),
        (id: "8c41ffff" + String(repeating: "1", count: 56), name: "cells"),
        (id: "77777777" + String(repeating: "2", count: 56), name: "8c41b044"),
        (id: "66666666" + String(repeating: "3", count: 56), name: "twice"),
        (id: "55555555" + String(repeating: "4", count: 56), name: "twice"),
        (id: "44444444" + String(repeating: "5", count: 56), name: "8C41"),
        (id: "33333333" + String(repeating: "6", count: 56), name: "abc"),
        (id: "abc00000" + String(repeating: "7", count: 56), name: "cafe"),
    ]

    private func meant(_ text: String) throws(ServiceError) -> String {
        String(try NameResolution.one(text, among: Self.entries, kind: "task", next: "list them").prefix(8))
    }

    /// Node 77777777 named its task with the digits of another one, 44444444 with digits that two others begin with.
    @Test func digitsAreAnIdBeforeTheyAreAName() throws {
        #expect(try meant("8c41b044") == "8c41b044")
        #expect(try meant("8C41B") == "8c41b044")
        #expect(try meant(Self.entries[2].id) == "77777777")
        #expect(try meant("digits") == "8c41b044")
        // Three digits are too few for an id, and these begin none.
        #expect(try meant("abc") == "33333333")
        #expect(try meant("cafe") == "abc00000")
    }

    @Test func whatFitsSeveralNamesTheCandidates() {
        #expect {
            _ = try meant("8C41")
        } throws: { error in
            let text = "\(error)"
            return text.contains("8c41b0440000 \"digits\"") && text.contains("8c41ffff1111 \"cells\"")
                && !text.contains("4444444") && text.contains("give more digits of the id")
        }
        #expect {
            _ = try meant("twice")
        } throws: { error in
            "\(error)".contains("666666663333 \"twice\", 555555554444 \"twice\"")
        }
        #expect(throws: ServiceError.notFound(what: "no task here is called \"\"", next: "list them")) {
            _ = try meant("")
        }
        #expect(throws: ServiceError.notFound(what: "no task here is called \"8c41b0445\"", next: "list them")) {
            _ = try meant("8c41b0445")
        }
    }

    @Test func idsThatAreUnknownHereAreGivenWhole() throws {
        let key = String(repeating: "9", count: 64)
        func node(_ text: String) throws(ServiceError) -> String {
            try NameResolution.identifier(
                text, among: Self.entries, kind: "node", next: "list them", as: NodeID.self
            ).hex
        }
        #expect(try node(key) == key)
        #expect(try node("8c41f") == Self.entries[1].id)
        #expect(throws: ServiceError.self) { _ = try node("9999") }
    }

    @Test(arguments: ["8c41", "8C41B044", "cafe", "0000000", String(repeating: "f", count: 64)])
    func textsThatCouldBeDigitsAreNoNames(_ text: String) {
        #expect(text.readsAsIdentifier)
        #expect(ConfigurationTests.faults(of: ["node.name": text]) == ["node.name"])
    }

    @Test(arguments: ["abc", "8c4g", "digits", "läsion", "b1 x", String(repeating: "f", count: 65)])
    func otherTextsAre(_ text: String) {
        #expect(!text.readsAsIdentifier)
        #expect(text.utf8.count > 64 || ConfigurationTests.faults(of: ["node.name": text]).isEmpty)
    }

    /// The same rule over the socket, for each kind that a path or a body names.
    @Test func everyRouteAsksTheSameRule() async throws {
        let mine = TaskID([0x8c, 0x41, 0xb0, 0x44] + [UInt8](repeating: 0, count: 28))
        let theirs = TaskID([UInt8](repeating: 0x77, count: 32))
        let member = NodeID([0x13, 0xbe, 0xb1, 0x04] + [UInt8](repeating: 1, count: 28))
        let service = SampleService(
            named: [(task: mine, name: "digits"), (task: theirs, name: "8c41b044")], accounts: [member])
        try await withServer(service) { (client) async throws in
            #expect(try await client.get("/v1/tasks/8c41b044", as: TaskView.self).task == mine.hex)
            #expect(try await client.get("/v1/tasks/7777", as: TaskView.self).task == theirs.hex)
            let sent = try await client.post(
                "/v1/ledger/transfer", Array(#"{"to": "13beb104", "credits": 5}"#.utf8), as: Receipt.self)
            #expect(sent.text == "transfer 5 13beb104")
            let rated = try await client.post(
                "/v1/tasks/digits/ratings", Array(#"{"node": "13BEB", "stars": 4}"#.utf8), as: Receipt.self)
            #expect(rated.text == "rate 13beb104 4")
            let lines = try await client.get("/v1/ledger/history?node=13beb104", as: [LedgerLine].self)
            #expect(lines.first?.other == member.hex)
            let banned = try await client.post("/v1/peers/13be/ban", as: Receipt.self)
            #expect(banned.reference == member.hex)
            let nobody = await problem {
                _ = try await client.post(
                    "/v1/ledger/transfer", Array(#"{"to": "n2", "credits": 5}"#.utf8), as: Receipt.self)
            }
            #expect(nobody?.status == 404 && nobody?.next?.contains("ledger balance") == true)
        }
    }
}
