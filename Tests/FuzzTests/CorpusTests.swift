import Foundation
import Testing

/// Every input that the fuzzer kept, and every one that once ended it, runs through its target in each test run. A trap ends
/// the test run, and the last target that was named is the one.
@Suite("The fuzzer's corpus", .serialized)
struct CorpusTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder = root.appendingPathComponent("Fuzz/corpus")

    @Test(arguments: FuzzTarget.all.map(\.name)) func everyInputReturns(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try FileManager.default.contentsOfDirectory(
            at: Self.folder.appendingPathComponent(name), includingPropertiesForKeys: nil
        ).sorted { $0.lastPathComponent < $1.lastPathComponent }
        #expect(!inputs.isEmpty, "no input is kept for \(name)")
        for input in inputs { target.run([UInt8](try Data(contentsOf: input))) }
    }

    @Test func everyFolderHasATarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
    }

    /// A target whose file has another name would be measured by nothing.
    @Test func everySubjectIsAFile() {
        for target in FuzzTarget.all {
            #expect(
                FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(target.subject).path),
                "\(target.name) is about \(target.subject), which is no file")
        }
    }

    /// Messages that no target decodes: a new one joins the list of `decoders`.
    @Test func everyMessageIsFuzzed() throws {
        let list = try String(
            contentsOf: Self.root.appendingPathComponent("Fuzz/Targets/Decoders.swift"), encoding: .utf8)
        // Kept in this node's own database, which no peer writes.
        let own = ["EndedTask"]
        var missing: [String] = []
        for file in try Self.swiftFiles() {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(
                of: /(?m)^(?:public )?(?:struct|enum) (\w+)(?:<[^>]*>)?: [^{\n]*Wire(?:Codable|Message)\b/)
            {
                let name = String(match.output.1)
                // An identifier is generic; one of its kinds stands for all.
                let listed = name == "Identifier" ? "NodeID" : name
                if !own.contains(name), !list.contains("\(listed).self") { missing.append(name) }
            }
        }
        #expect(missing.isEmpty, "not in the list of Fuzz/Targets/Decoders.swift: \(missing.sorted())")
    }

    private static func swiftFiles() throws -> [URL] {
        let modules = ["Wire", "Gossip", "Chain", "MeshNode"]
        return try modules.flatMap { module in
            let folder = root.appendingPathComponent("Sources/\(module)")
            return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
                .map { folder.appendingPathComponent($0) }
        }
    }
}
