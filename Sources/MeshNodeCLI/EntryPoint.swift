internal import ArgumentParser
internal import Dispatch
internal import MeshNode

/// `meshnode`: parses, runs, and turns every error into one message and one exit code.
@main
enum EntryPoint {
    /// Not asynchronous: a task needs threads, and where the system gives none it would wait for ever without a word.
    static func main() {
        ProcessRoom.spareAddressSpace()
        do { try ProcessRoom.command.require() } catch {
            Terminal.error("meshnode: \(error)")
            Terminal.exit(ExitStatus.temporary)
        }
        Task {
            await work()
            Terminal.exit(0)
        }
        dispatchMain()
    }

    private static func work() async {
        let arguments = GlobalArguments.moved(behindCommand: Array(CommandLine.arguments.dropFirst()))
        // The parser shows the whole help for what is no command.
        if arguments.first == "help", let hint = CommandNames.unknown(in: arguments) {
            Terminal.error("meshnode: \(hint)")
            Terminal.exit(ExitStatus.usage)
        }
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
                if let refusal = NegativeNumbers.refusal(of: arguments) {
                    Terminal.error(refusal)
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
            Start here: `meshnode demo` trains on a mesh inside this process; README.md then walks through a network of your own \
            rows: init, genesis create, run, task publish, watch, model export, predict.
            Results go to stdout, progress and logs to stderr; --json gives one value a line; COMMAND --help tells more.
            Words for a shell to complete: --generate-completion-script bash, zsh or fish.
            Exit codes: 0 done, 1 failed, 2 verification or gate failed, 3 verification incomplete, \
            64 usage, 65 bad data or specification, 69 node unreachable, 75 temporary, 77 denied, 78 node configuration.
            """,
        version: "meshnode \(programVersion)",
        groupedSubcommands: [
            CommandGroup(
                name: "A mesh on this machine", subcommands: [DemoCommand.self, TestnetCommand.self]),
            CommandGroup(
                name: "A node",
                subcommands: [
                    InitCommand.self, GenesisCommand.self, RunCommand.self, StopCommand.self, StatusCommand.self,
                    WatchCommand.self, PeersCommand.self, TicketCommand.self, DoctorCommand.self, ConfigCommand.self,
                    StoreCommand.self,
                ]),
            CommandGroup(
                name: "Tasks and rounds",
                subcommands: [
                    TaskCommand.self, RoundCommand.self, SubmitCommand.self, VoteCommand.self, RevealCommand.self,
                    RateCommand.self, ScoresCommand.self, ContributorsCommand.self, LedgerCommand.self,
                ]),
            CommandGroup(
                name: "Models, data and proofs; most need no node",
                subcommands: [
                    ModelCommand.self, PredictCommand.self, DataCommand.self, BaselineCommand.self,
                    ProfileCommand.self, VerifyCommand.self, ChainCommand.self, BenchCommand.self,
                ]),
            CommandGroup(name: "This program", subcommands: [VersionCommand.self, ManualCommand.self]),
        ])
}
