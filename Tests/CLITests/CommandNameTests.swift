import Testing

@testable import MeshNodeCLI

/// Commands as people mistype them.
@Suite struct CommandNameTests {
    @Test(arguments: [
        (["inti"], "did you mean `meshnode init`?"), (["confg", "show"], "did you mean `meshnode config`?"),
        (["task", "pubish", "t.toml"], "did you mean `meshnode task publish`?"),
        (["config", "remove", "--home", "a"], "meshnode config has no command \"remove\"; it has: "),
        (["tas\u{1b}[1m"], "\\u{1B}"),
    ])
    func unknownOnesAreNamedWithWhatIsNear(_ arguments: [String], _ hint: String) throws {
        let said = try #require(CommandNames.unknown(in: arguments))
        #expect(said.contains(hint), "\(said)")
    }

    @Test(arguments: [
        ["init"], ["task", "show"], ["status", "--bogus"], ["peers", "8c41"], ["vote", "t", "1"], ["--help"], [],
    ])
    func knownOnesAreLeftToTheParser(_ arguments: [String]) {
        #expect(CommandNames.unknown(in: arguments) == nil)
    }

    @Test func theProgramSaysSo() async throws {
        let executable = try Executable()
        let mistyped = try await executable.run(["task", "pubish"])
        #expect(mistyped.status == 64 && mistyped.errors.contains("meshnode task publish"), "\(mistyped.errors)")
        #expect(try await executable.run(["version"]).output.hasPrefix("meshnode "))
        let setting = try await executable.run(["init", "--home", "/nowhere/h", "--set", "data.lable=x"])
        #expect(setting.status == 78 && setting.errors.contains("did you mean data.label?"), "\(setting.errors)")
        let task = repository + "/examples/digits.toml"
        let word = try await executable.run(["task", "create", task, "--set", "name=leaves"])
        #expect(word.status == 0 && word.output.contains("leaves"), "\(word.errors)")
        let table = try await executable.run(["task", "create", repository + "/Tests/Vectors/README.md"])
        #expect(table.status == 65, "\(table.errors)")
    }

    /// What was named just now is looked at just now; nothing is refused, the rows may come later.
    @Test func initSaysWhatIsWrongWithTheRowsThatItWasGiven() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let rows = try scratch.write("a,b,kind\n1,2,x\n3,5,y\n2,7,x\n4,1,y\n", "rows.csv")
        let made = try await executable.run(
            ["init", "--home", scratch.path + "/h", "--set", "data.train=\(rows)", "--set", "data.label=species"])
        #expect(made.status == 0 && made.errors.contains("note: data.train: "), "\(made.errors)")
        #expect(made.errors.contains("`meshnode data audit \(rows) --label species`"), "\(made.errors)")
        let right = try await executable.run(
            ["init", "--home", scratch.path + "/g", "--set", "data.train=\(rows)", "--set", "data.label=kind"])
        #expect(right.status == 0 && !right.errors.contains("data.train"), "\(right.errors)")
    }
}
