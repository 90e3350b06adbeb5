internal import ArgumentParser

/// `meshnode`: parses, runs, and turns every error into one message and one exit code.
@main
enum EntryPoint {
    static func main() async {
        let arguments = GlobalArguments.moved(behindCommand: Array(CommandLine.arguments.dropFirst()))
        do {
            var command = try MeshNodeCommand.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = CommandFailure(any: error) else {
                // Help, version and usage errors: ArgumentParser's own, with 0 or 64.
                if let hint = CommandNames.unknown(in: arguments) {
                    Terminal.error("meshnode: \(hint)")
                    Terminal.exit(ExitStatus.usage)
                }
                MeshNodeCommand.exit(withError: error)
            }
            if !failure.message.isEmpty {
                let text = Advice.addressed(failure.shown, home: GlobalArguments.home(in: arguments))
                Terminal.error("meshnode: \(text)")
            }
            Terminal.exit(failure.code)
        }
    }
}

struct MeshNodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshnode",
        abstract: "Training without a server: nodes that hold their own data, encrypted sums, voted blocks.",
        discussion: """
            Results go to stdout, progress and logs to stderr.
            Exit codes: 0 done, 1 failed, 2 verification or gate failed, 3 verification incomplete, \
            64 usage, 65 bad data or specification, 69 node unreachable, 75 temporary, 77 denied, 78 node configuration.
            """,
        version: "meshnode \(programVersion)",
        subcommands: [
            GenesisCommand.self, InitCommand.self, RunCommand.self, StopCommand.self, StatusCommand.self,
            WatchCommand.self, PeersCommand.self, TicketCommand.self, StoreCommand.self, DoctorCommand.self,
            TaskCommand.self,
            SubmitCommand.self, VoteCommand.self, RevealCommand.self, RateCommand.self, RoundCommand.self,
            ChainCommand.self, LedgerCommand.self, VerifyCommand.self, ContributorsCommand.self, ScoresCommand.self,
            ModelCommand.self, PredictCommand.self,
            BaselineCommand.self, ProfileCommand.self,
            DataCommand.self, ConfigCommand.self, BenchCommand.self, DemoCommand.self, TestnetCommand.self,
            VersionCommand.self,
        ])
}
