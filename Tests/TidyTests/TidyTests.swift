import Foundation
import Testing

/// Rules about the repository itself, and for each a violation that it has to see.
@Suite struct TidyTests {
    private static let violating: [String: Repository.File] = [
        "length": .init(path: "Sources/Wire/Long.swift", text: String(repeating: "// line\n", count: 501)),
        "importers": .init(path: "Sources/MeshNode/Node/Node.swift", text: "internal import NIOCore\n"),
        "direction": .init(path: "Sources/Gossip/Links/Link.swift", text: "@testable internal import struct Chain.X\n"),
        "replay": .init(path: "Sources/Chain/Foundation/Clock.swift", text: "let now = Date()\n"),
        "unfinished": .init(path: "docs/page.md", text: "TO" + "DO: write this\n"),
        "characters": .init(path: "examples/a.toml", text: "a\t= 1\n"),
        "names": .init(path: "Sources/MeshNodeCLI/A.swift", text: "let a = all.filter { $0.task.hex.hasPrefix(b) }\n"),
        "titles": .init(
            path: "Sources/MeshNode/Node/A.swift", text: "let a = data.columns.prefix(8).joined(separator: \", \")\n"),
        "damage": .init(path: "Sources/MeshNode/Node/A.swift", text: "let a = try? contentStore.get(b)\n"),
        "disk": .init(path: "Sources/MeshNode/Node/A.swift", text: "try contentStore.finish(id)\n"),
        "queue": .init(
            path: "Sources/MeshNode/Node/A.swift", text: "guard let a = node.bytes(of: id) else { return }\n"),
        "output": .init(
            path: "Sources/MeshNodeCLI/A.swift", text: "try Data(bytes).write(to: URL(fileURLWithPath: path))\n"),
        "paths": .init(
            path: "Sources/MeshNodeCLI/A.swift",
            text: "let a = URL(fileURLWithPath: b).resolvingSymlinksInPath().path\n"),
        "readers": .init(
            path: "Sources/MeshNode/Node/A.swift",
            text: "let a = FileManager.default.contents(atPath: path) ?? Data()\n"),
        "warnings": .init(path: "Sources/MeshNode/Node/A.swift", text: "logger.warning(\"rejected\")\n"),
        "language": .init(path: "docs/page.md", text: "as the last ses" + "sion left it\n"),
    ]

    @Test(arguments: Rules.all.map(\.name))
    func everyRuleSeesItsViolation(name: String) throws {
        let rule = try #require(Rules.all.first { $0.name == name })
        let file = try #require(Self.violating[name], "plant a violation for the new rule")
        #expect(rule.violations(in: [file]).count == 1)
    }

    @Test func wallsAreWhereTheyShouldBe() {
        func imports(_ module: String, from path: String) -> Int {
            let file = Repository.File(path: path, text: "public import \(module)\n")
            return Rules.importers.check(file).count + Rules.direction.check(file).count
        }
        #expect(imports("GRDB", from: "Sources/MeshNode/Storage/A.swift") == 0)
        #expect(imports("GRDB", from: "Sources/MeshNode/API/A.swift") == 1)
        #expect(imports("NIOPosix", from: "Sources/MeshNode/Transport/A.swift") == 0)
        #expect(imports("NIOPosix", from: "Sources/MeshNode/StorageX/A.swift") == 1)
        #expect(imports("Sodium", from: "Sources/Crypto/Group/A.swift") == 0)
        #expect(imports("Sodium", from: "Sources/Wire/A.swift") == 1)
        #expect(imports("MeshCrypto", from: "Sources/Wire/A.swift") == 1)
        #expect(imports("Learn", from: "Sources/Chain/A.swift") == 1)
        #expect(imports("Wire", from: "Sources/Learn/A.swift") == 1)
        #expect(imports("Wire", from: "Sources/New/A.swift") == 1)
    }

    @Test func commentsAndTermsAreNoViolations() {
        let clock = Repository.File(path: "Sources/Chain/A.swift", text: "let a = 1  // never Date()\n")
        #expect(Rules.replay.check(clock).isEmpty)
        let term = Repository.File(path: "Sources/Gossip/A.swift", text: "/// no TCP ses" + "sion is needed\n")
        #expect(Rules.language.check(term).isEmpty)
        for text in ["a\0\n", "a\r\n", "a"] {
            #expect(Rules.characters.check(.init(path: "docs/a.md", text: text)).count == 1)
        }
    }

    @Test(arguments: Rules.all.map(\.name))
    func theRepositoryFollows(name: String) throws {
        let rule = try #require(Rules.all.first { $0.name == name })
        let repository = try Repository()
        #expect(repository.files.count > 100, "the files were not found below \(repository.root)")
        let found = rule.violations(in: repository.files)
        #expect(found.isEmpty, "\(found.prefix(40).joined(separator: "\n"))")
    }

    @Test func exceptionsNameFilesThatExist() throws {
        let repository = try Repository()
        for path in Rules.longFiles.keys.sorted() {
            #expect(repository.exists(path), "\(path) is excepted from the length rule and does not exist")
        }
    }

    // MARK: Pages

    private static func pages(_ repository: Repository) -> [String: Page] {
        Dictionary(uniqueKeysWithValues: repository.files.filter(\.isPage).map { ($0.path, Page(file: $0)) })
    }

    @Test func pagesLeadSomewhere() throws {
        let repository = try Repository()
        let pages = Self.pages(repository)
        #expect(pages.count > 20)
        var broken: [String] = []
        for path in pages.keys.sorted() {
            guard let page = pages[path] else { continue }
            broken += page.brokenLinks(exists: repository.exists) { pages[$0] }
            broken += page.brokenPaths(exists: repository.exists)
        }
        #expect(broken.isEmpty, "\(broken.joined(separator: "\n"))")
    }

    @Test func brokenPagesAreSeen() {
        let page = Page(
            file: .init(
                path: "docs/a.md",
                text: """
                    # One heading
                    [good](b.md) [bad](c.md) [good](#one-heading) [bad](#two) [out](https://example.org) `[no](link)`
                    `Sources/Gone` `Sources/Here` `testnet/out/x`
                    ```
                    [fenced](d.md)
                    ```

                    """))
        let exists: (String) -> Bool = { ["docs/a.md", "docs/b.md", "Sources/Here"].contains($0) }
        #expect(page.brokenLinks(exists: exists) { _ in page }.count == 2)
        #expect(page.brokenPaths(exists: exists) == ["docs/a.md:3: Sources/Gone does not exist"])
    }

    @Test func promisesNameTestsThatExist() throws {
        let repository = try Repository()
        for name in ["SECURITY.md", "docs/protocol/crypto.md", "docs/measurements.md"] {
            let named = try #require(Self.pages(repository)[name]).namedTests
            #expect(named.count > 20)
            for (line, path, function) in named {
                let file = repository.files.first { $0.path == path }
                #expect(
                    file?.text.contains("func \(function)(") == true, "\(name):\(line): \(path) has no test \(function)"
                )
            }
        }
    }

    @Test func theTwoCommandsAreShown() throws {
        let repository = try Repository()
        let readme = try #require(repository.files.first { $0.path == "README.md" })
        for command in ["./testnet/run.sh", "./testnet/test.sh"] {
            #expect(readme.text.contains(command))
            let path = repository.root + command.dropFirst()
            #expect(FileManager.default.isExecutableFile(atPath: path), "\(command) is not executable")
        }
    }

    /// Options of the scripts are read in one place, and their help is the comment at their head.
    @Test func scriptsOfTheTestnetReadOptionsInOnePlace() throws {
        let repository = try Repository()
        let scripts = repository.files.filter { $0.isUnder("testnet") && $0.path.hasSuffix(".sh") }
        #expect(scripts.count >= 5)
        for script in scripts where script.name != "setup.sh" {
            #expect(!script.text.contains("--no-install)"), "\(script.path) reads what setup.sh reads")
            let process = Process()
            process.executableURL = URL(fileURLWithPath: repository.root + "/" + script.path)
            process.arguments = ["--help"]
            process.currentDirectoryURL = FileManager.default.temporaryDirectory
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0 && text.contains("./\(script.path) ["), "\(script.path): \(text)")
        }
    }

    @Test func everyDecisionIsListed() throws {
        let repository = try Repository()
        let list = try #require(repository.files.first { $0.path == "docs/adr/README.md" })
        let parts = ["**Status.**", "**Context.**", "**Alternatives.**", "**Decision.**", "**Consequences.**"]
        for file in repository.files where file.isUnder("docs/adr") && file.name != "README.md" {
            #expect(list.text.contains("](\(file.name))"), "\(file.path) is not in the list")
            for part in parts { #expect(file.text.contains(part), "\(file.path) lacks \(part)") }
        }
    }
}
