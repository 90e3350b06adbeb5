internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Training tasks.",
        subcommands: [
            Create.self, Publish.self, Join.self, Leave.self, Pause.self, Resume.self, Stop.self, Commit.self,
            List.self,
            Show.self, Report.self, Export.self,
        ])

    /// A task from a TOML file, or from what `task create` wrote.
    /// - Parameter weights: path of safetensors to begin from.
    static func read(_ path: String, assignments: [String], weights: String? = nil) throws -> PreparedTask {
        let bytes = try Files.read(path, limit: 1 << 20)
        let overrides = try Assignments.parse(assignments)
        // Encoded tasks begin with their domain tag, 6 and 0, which no text file does.
        if bytes.starts(with: [6, 0]) {
            guard overrides.isEmpty else {
                throw CommandFailure(
                    ExitStatus.usage, "--set works on task files in TOML; change the file and create it again")
            }
            do {
                return try TaskDocument.read(bytes)
            } catch {
                throw TaskError(file: path, faults: error.faults)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FileError(path: path, reason: "is neither UTF-8 text nor an encoded task")
        }
        let given = try weights.map { path throws(FileError) in try Files.read(path) }
        return try TaskFile.read(text, file: path, overrides: overrides, weights: given)
    }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks a task file, makes its initial weights and writes both.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task file (TOML).") var file: String
        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: ArgumentHelp("Another value, again for each, for example rounds=3.", valueName: "PATH=TOML_VALUE"))
        var assignments: [String] = []
        @Option(help: "File to write; the weights go beside it as FILE.safetensors. Nothing is written without it.")
        var out: String?
        @OptionGroup var overwrite: OverwriteArguments

        struct Result: Encodable {
            let name: String
            let rounds: UInt32
            let parameters: UInt64
            let model: String
            let modelBytes: UInt64
            let readers: String
            let warnings: [String]
            let file: String?
            let weights: String?
        }

        func run() throws {
            let files = out.map { [$0, $0 + ".safetensors"] } ?? []
            try Files.refuseOverwriting(files, of: [file])
            try Files.refuseExisting(files, force: overwrite.force)
            let task = try TaskCommand.read(file, assignments: assignments)
            if let out {
                try Files.write(
                    [(out, task.spec.wireBytes), (out + ".safetensors", task.initialWeights)],
                    replaces: overwrite.force)
            }
            let result = Result(
                name: task.spec.name, rounds: task.spec.rounds,
                parameters: TaskSpecValidator.parameterCount(task.spec) ?? 0, model: task.spec.model.initial.id.hex,
                modelBytes: task.spec.model.initial.length, readers: TaskSpecValidator.readers(task.spec),
                warnings: task.warnings, file: out, weights: out.map { $0 + ".safetensors" })
            for warning in result.warnings { global.output.note("warning: \(warning)") }
            global.output.show(result) { result in
                Table.fields([
                    ("task", "\(result.name), \(result.rounds) rounds, \(result.parameters) parameters"),
                    ("initial model", "\(result.model) (\(result.modelBytes) bytes)"), ("privacy", result.readers),
                    ("file", result.file ?? "not written, give --out FILE"),
                ])
            }
        }
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Publishes a task and puts its reward into escrow.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @OptionGroup var second: SecondOrderArguments
        @Argument(help: "Task file (TOML), or what `task create` wrote.") var file: String
        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: ArgumentHelp("Another value, again for each, for example rounds=3.", valueName: "PATH=TOML_VALUE"))
        var assignments: [String] = []
        @Option(help: "Warm start: safetensors of the same model, for example of an earlier task.") var weights: String?
        @Flag(help: "Also where this node's own rows do not fit the task: it is meant for others.") var anyway = false

        func run() async throws {
            let task = try TaskCommand.read(file, assignments: assignments, weights: weights)
            let isGiven = task.spec.model.start == .given
            let published = try await global.client.post(
                "/v1/tasks" + second.query + (anyway ? (second.again ? "&" : "?") + "anyway=1" : ""),
                isGiven ? TaskDocument.withWeights(task) : task.spec.wireBytes,
                contentType: isGiven ? "application/x-meshnode-task" : "application/octet-stream",
                as: PublishedView.self)
            for warning in published.warnings { global.output.note("warning: \(warning)") }
            if let columns = published.columns {
                global.output.note(
                    "columns: data.columns was empty, so the \(columns.count) of this node's own rows were written into the task: "
                        + "\(TitleText.list(columns)). "
                        + (published.columnsInOrder == false
                            ? "They are found by their titles in every member's table"
                            : "Every member's table must have them in this order; with columns = [...] in the task file they "
                                + "are found by their titles, in any order"))
            }
            global.output.note("privacy: \(published.readers)")
            global.output.show(published, text: \.task)
            // The task is there for other commands once its block is.
            let block = try await order.decided(published.transaction, after: published.height, global.client)
            let name = published.task.prefix(8)
            global.output.note(
                block.map { "published in registry block \($0)" } ?? "on its way")
            global.output.note(
                block == nil
                    ? "next: `meshnode watch --home \(global.homePath.shellWord) --task \(name) --wait 60`"
                    : "next: `meshnode watch --home \(global.homePath.shellWord) --task \(name)`")
        }
    }

    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enrols this node with its own rows.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Option(help: "Credits to put up; miner.bond without it.", transform: NumberArgument.credits)
        var bond: UInt64?

        func run() async throws {
            let query = bond.map { "?bond=\($0)" } ?? ""
            let receipt = try await global.client.post(
                "/v1/tasks/\(NodeClient.part(task))/join\(query)", as: Receipt.self)
            try await order.follow(receipt, global.client, global.output)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every task of the registry.")
        @OptionGroup var global: GlobalArguments

        func run() async throws {
            let tasks = try await global.read("/v1/tasks", as: [TaskView].self) { try $0.tasks() }
            global.output.show(
                tasks, empty: "no tasks yet; publish one with: `meshnode task publish FILE`"
            ) {
                Table.text(
                    ["TASK", "NAME", "STATE", "ROUND", "NODES", "ACCURACY", "MEMBER"],
                    $0.map { task in
                        [
                            Text.short(task.task), task.name, task.state.rawValue, "\(task.round)/\(task.rounds)",
                            "\(task.participants.count) of \(task.minimumParticipants)-\(task.maximumParticipants)",
                            Text.share(task.accuracy), task.isMember ? "yes" : "no",
                        ]
                    })
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One task, its participants and who could read what.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Flag(help: "Print only the specification, as a task file.") var specification = false

        func run() async throws {
            let view = try await global.read("/v1/tasks/\(NodeClient.part(task))", as: TaskView.self) {
                try $0.task(task)
            }
            if specification, global.output.format == .text { return Terminal.result(view.specification) }
            global.output.show(view, text: Self.text)
        }

        static func text(_ task: TaskView) -> String {
            var fields: [(String, String?)] = [
                ("task", task.task), ("name", task.name),
                ("state", task.state.rawValue + (task.reason.map { ": \($0)" } ?? "")),
                ("publisher", task.publisher), ("round", "\(task.round)/\(task.rounds)"),
                ("accuracy", Text.share(task.accuracy)), ("loss", Text.share(task.loss)), ("model", task.model),
                ("head", task.head), ("reward", "\(task.reward) credits"), ("privacy", task.readers),
                ("power", task.power),
            ]
            if let spec = try? TaskFile.specification(task.specification, file: task.name) {
                fields += Self.recipe(spec)
            }
            fields +=
                (task.dates?.lines(
                    least: task.minimumParticipants, most: task.maximumParticipants) ?? [])
                .map { ($0, $1) }
            var text = Table.fields(fields)
            if !task.participants.isEmpty {
                text +=
                    "\n\n"
                    + Table.text(
                        ["PARTICIPANT", "ROWS", "BOND", "VOTES", "HOLDS KEYS"],
                        task.participants.map { one in
                            [
                                Text.node(one.node), "\(one.rows)", "\(one.bond)", one.votes ? "yes" : "no",
                                one.holdsKeys ? "yes" : "no",
                            ]
                        })
            }
            if let cost = task.cost { text += "\n\n" + Self.text(cost) }
            return text
        }

        /// What is trained on what, in a few lines; --specification prints all of it.
        static func recipe(_ spec: TaskSpec) -> [(String, String?)] {
            func few(_ texts: [String]) -> String {
                TitleText.list(texts) + (texts.count > 8 ? " (\(texts.count))" : "")
            }
            func length(_ ms: UInt32) -> String { CalendarText.length(UInt64(ms)) }
            let (data, training, deadlines) = (spec.data, spec.training, spec.deadlines)
            let shape = data.shape.map(String.init).joined(separator: " x ")
            let answer = data.labels.isEmpty ? "\(data.targets) numbers" : "classes \(few(data.labels))"
            return [
                ("data", "\(data.type): samples of \(shape), \(answer)"),
                ("columns", data.columns.isEmpty ? nil : few(data.columns)),
                (
                    "preprocessing",
                    "divided by \(Ppm.text(data.scalePpm))"
                        + (data.meanPpm.isEmpty ? "" : ", then mean and deviation of the task")
                ),
                (
                    "training",
                    "\(spec.model.architecture.word), \(training.localEpochs) epochs of \(training.local.optimiser.word) at "
                        + "\(Ppm.text(UInt64(training.learningRatePpm))), batches of \(training.batchSize); server "
                        + training.server.word
                ),
                (
                    "latest times",
                    "submit \(length(deadlines.submitMs)), aggregate \(length(deadlines.aggregateMs)), opinion "
                        + "\(length(deadlines.opinionMs)); opinions and votes count until "
                        + CalendarText.length(UInt64(deadlines.aggregateMs) + UInt64(deadlines.opinionMs))
                        + " after the set is decided"
                ),
            ]
        }

        static func text(_ cost: CostView) -> String {
            var text = Table.text(
                ["LEAVES THIS MACHINE", "BYTES", "WHEN", "READABLE BY"],
                cost.leaves.map { [$0.what, "\($0.bytes)", $0.when, $0.readable] })
            text += "\nstays here: " + cost.stays.joined(separator: "; ") + "\n\n"
            let rounds = Double(cost.rounds)
            func megabytes(_ value: Double, _ places: Int = 2) -> String { Text.fixed(value, places) + " MB" }
            var round =
                "training \(Text.seconds(cost.trainSeconds)) s, encryption \(Text.seconds(cost.encryptSeconds)) s (measured "
            round += "here); with \(cost.members) members about \(megabytes(cost.megabytesOut)) out, "
            round +=
                "\(megabytes(cost.megabytesIn)) in; a key holder \(megabytes(cost.holderMegabytesOut)) more out, whoever sums "
            round += "\(megabytes(cost.summerMegabytesIn)) more in"
            let allOut = megabytes(cost.megabytesOut * rounds + cost.onceMegabytes, 1)
            let allIn = megabytes(cost.megabytesIn * rounds + cost.onceMegabytes, 1)
            let memory =
                "up to \(Text.bytes(cost.memoryBytes)) to train and check, \(Text.bytes(cost.summingMemoryBytes)) to sum, beside "
                + "the node itself"
            let epsilon = cost.epsilon.map { epsilon -> String in
                let against = Text.fixed(cost.epsilonAgainstMembers ?? .infinity, 2)
                return
                    "\(Text.fixed(epsilon, 2)) after the last round against who sees the sums, \(against) against all other "
                    + "members together"
            }
            let fields: [(String, String?)] = [
                ("a round costs", round),
                ("all \(cost.rounds)", "about \(allOut) out, \(allIn) in, if each succeeds at once"),
                ("memory", memory), ("bond", "\(cost.bond) credits without --bond"),
                (
                    "sent",
                    "\(cost.coordinates) of \(cost.parameters) coordinates a round, ratio \(Text.fixed(cost.ratio, 4)) over all"
                ),
                ("epsilon", epsilon ?? "no noise: a sum of few members can tell much about each"),
                ("owner's policy", cost.refusal.map { "refuses: \($0)" } ?? "allows it"),
            ]
            text += Table.fields(fields)
            return text
        }
    }
}
