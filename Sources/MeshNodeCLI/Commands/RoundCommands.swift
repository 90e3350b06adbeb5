internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

struct RoundCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "round", abstract: "Rounds of a task.", subcommands: [List.self, Show.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One line a round.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Option(help: "Only rounds after this one.") var after: UInt32 = 0

        func run() async throws {
            let rounds = try await global.read(
                "/v1/tasks/\(NodeClient.part(task))/rounds?after=\(after)", as: [RoundView].self
            ) { try $0.rounds(of: task, after: after) }
            global.output.show(rounds, empty: "no rounds yet") { rounds in
                Table.text(
                    [
                        "ROUND", "ACCURACY", "LOSS", "SENT", "AGGREGATOR", "VIEWS", "TRAIN", "ENCRYPT", "COLLECT",
                        "KEYS",
                        "RECOVER", "OPINIONS", "VOTE", "BYTES", "OUTCOME",
                    ], rounds.map(Self.row))
            }
        }

        static func row(_ round: RoundView) -> [String] {
            let traffic = round.bytesIn.flatMap { bytes in round.bytesOut.map { bytes &+ $0 } }
            return [
                "\(round.round)" + (round.attempt > 0 ? ".\(round.attempt)" : ""), Text.share(round.accuracy),
                Text.share(round.loss), "\(Text.number(round.submitted))/\(round.enrolled)",
                Text.node(round.aggregator),
                Text.number(round.views),
            ] + round.seconds.phases.map { Text.seconds($0.seconds) } + [
                Text.bytes(traffic), round.outcome.rawValue + (round.reason.map { ": \($0)" } ?? ""),
            ]
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One round in full.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Argument(help: "Number of the round, from 1.", transform: NumberArgument.round) var round: UInt32

        func run() async throws {
            let view = try await global.read(
                "/v1/tasks/\(NodeClient.part(task))/rounds/\(round)", as: RoundView.self
            ) { try $0.round(round, of: task) }
            global.output.show(view) { view in
                Table.fields(
                    [
                        ("round", "\(view.round), attempt \(view.attempt)"),
                        ("outcome", view.outcome.rawValue + (view.reason.map { ": \($0)" } ?? "")),
                        ("submissions", "\(Text.number(view.submitted)) of \(view.enrolled)"),
                        ("aggregator", view.aggregator), ("views", Text.number(view.views)),
                        ("accuracy", Text.share(view.accuracy)), ("loss", Text.share(view.loss)),
                        ("own accuracy", Text.share(view.ownAccuracy)), ("own loss", Text.share(view.ownLoss)),
                        ("saturations", Text.number(view.saturations)),
                        ("sent", view.coordinates.map { "\($0) coordinates, ratio \(Text.fixed(view.ratio ?? 1, 4))" }),
                        ("own training loss", Text.share(view.trainingLoss)),
                        (
                            "own norm",
                            view.norm.map { Text.fixed($0, 4) + (view.wasClipped == true ? ", clipped" : "") }
                        ),
                        (
                            "epsilon",
                            view.epsilon.map {
                                "\(Text.fixed($0, 2)) against who sees the sums, "
                                    + "\(Text.fixed(view.epsilonAgainstMembers ?? .infinity, 2)) against all other members together"
                            }
                        ),
                    ] + view.seconds.phases.map { ("seconds \($0.name)", Text.seconds($0.seconds)) } + [
                        ("seconds total", Text.seconds(view.seconds.total)),
                        ("traffic", "\(Text.bytes(view.bytesIn)) in, \(Text.bytes(view.bytesOut)) out"),
                        ("height", Text.number(view.height)), ("head", view.head), ("aggregate", view.aggregate),
                        ("model", view.model), ("scored along", view.direction),
                    ] + (view.opinions ?? []).map { ("opinion of \(Text.node($0.node))", Self.text($0)) })
            }
        }

        static func text(_ opinion: OpinionView) -> String {
            var text = "\(opinion.verdict): \(opinion.reason)"
            if let remark = opinion.remark { text += ": \"\(remark)\"" }
            if let accuracy = opinion.accuracy {
                text +=
                    "; accuracy \(Text.share(accuracy)), loss \(Text.share(opinion.loss)) on \(Counted.text(opinion.rows, "row"))"
            }
            return text
        }
    }
}

struct SubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Hands in an update that was trained elsewhere.",
        discussion: """
            The file holds the difference old minus new of every tensor of the task, as safetensors. It belongs to one base
            model: its metadata name it (content, as in what model export writes), or --round or --base does. A second update of
            a round, one of another round, the base model itself and wrong numbers of rows are refused; nothing is written then.
            Example: meshnode submit leaves --update update.safetensors --round 3
            """)
    @OptionGroup var global: GlobalArguments
    @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
    @Option(help: "The update, safetensors.") var update: String
    @Option(help: "Rows that it was trained on, at most the enrolled number; that number without it.") var rows: UInt32?
    @Option(help: "The round that it was trained for.", transform: NumberArgument.round) var round: UInt32?
    @Option(help: ArgumentHelp("The base model that it was trained on, as model export prints.", valueName: "ID"))
    var base: String?

    func run() async throws {
        let bytes = try Files.read(update)
        let query = [
            rows.map { "rows=\($0)" }, round.map { "round=\($0)" }, base.map { "base=\(NodeClient.part($0))" },
        ].compactMap { $0 }.joined(separator: "&")
        let receipt = try await global.client.post(
            "/v1/tasks/\(NodeClient.part(task))/submissions" + (query.isEmpty ? "" : "?" + query), bytes,
            contentType: "application/octet-stream", as: Receipt.self)
        global.output.show(receipt, text: \.text)
    }
}

struct VoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vote", abstract: "Answers for this node by hand; without an answer: what there is to vote on.",
        discussion: """
            A person answers where the task says voting = "manual", or this node's configuration says voting.mode = "manual":
            either is enough. A node answers once a round. Its own check of the sum comes first; whoever has not answered
            by deadlines.aggregate and deadlines.opinion together abstains, and a round on which nobody votes is accepted where its sum is right.
            The candidate itself: `meshnode model export TASK --candidate --out FILE`
            """)
    @OptionGroup var global: GlobalArguments
    @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
    @Argument(help: "Number of the round, from 1.", transform: NumberArgument.round) var round: UInt32
    @Flag(help: "Accept the candidate.") var valid = false
    @Option(help: ArgumentHelp("Reject the candidate.", valueName: "REASON")) var invalid: String?

    func validate() throws {
        guard !valid || invalid == nil else { throw ValidationError("give either --valid or --invalid REASON") }
    }

    func run() async throws {
        let path = "/v1/tasks/\(NodeClient.part(task))/rounds/\(round)"
        let candidate = try await global.client.get(path + "/candidate", as: CandidateView.self)
        guard valid || invalid != nil else {
            global.output.show(candidate, text: Self.text)
            if candidate.ownAnswer == nil, candidate.asksPerson {
                global.output.note(
                    "answer with: `meshnode vote \(task.shellWord) \(round) --valid`, or --invalid REASON in its place")
            }
            return
        }
        if candidate.ownAnswer == nil { global.output.note(Self.text(candidate)) }
        let vote = ManualVote(isValid: valid, reason: invalid)
        let receipt = try await global.client.post(path + "/vote", APICoding.encode(vote), as: Receipt.self)
        global.output.show(receipt, text: \.text)
    }

    static func text(_ candidate: CandidateView) -> String {
        let measured =
            candidate.accuracy.map {
                "accuracy \(Text.share($0)), loss \(Text.share(candidate.loss)) on \(candidate.rows) held-out rows"
            } ?? (candidate.isChecked ? "no held-out rows of its own" : "not done yet")
        return Table.fields([
            ("candidate", "\(candidate.model), round \(candidate.round), attempt \(candidate.attempt)"),
            ("from", candidate.base),
            (
                "own check",
                candidate.isValid.map { $0 ? "the sum is right" : "refused: \(candidate.reason ?? "no reason")" }
                    ?? "running"
            ), ("own measurement", measured), ("round before", Text.share(candidate.accuracyBefore)),
            ("own answer", candidate.ownAnswer ?? "none yet"),
        ])
    }
}

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Models of decided rounds.", subcommands: [List.self, Export.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Models that this node stores.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

        func run() async throws {
            let models = try await global.read(
                "/v1/tasks/\(NodeClient.part(task))/models", as: [ModelView].self
            ) { try $0.models(of: task) }
            global.output.show(models, empty: "no models are stored here") { models in
                Table.text(
                    ["ROUND", "MODEL", "BYTES", "ACCURACY", "LOSS"],
                    models.map { model in
                        [
                            "\(model.round)", model.model, "\(model.bytes)", Text.share(model.accuracy),
                            Text.share(model.loss),
                        ]
                    })
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a model as safetensors, with everything that is needed to use it.",
            discussion: """
                Labels, columns, preprocessing, architecture, task, round, network and accuracy are in the file's metadata:
                `meshnode predict MODEL --data rows.csv` and examples/predict.py read them. The tensors are those that the chain
                decided.
                """)
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Option(help: "Round, 0 for the initial weights; the latest without it.") var round: UInt32?
        @Flag(help: "The candidate of the present round instead, before anybody has decided it.") var candidate = false
        @Option(help: "File to write.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        struct Result: Encodable {
            let file: String
            let bytes: Int
            let round: UInt32
            /// Content id, as `submit --base` takes it.
            let model: String
            let accuracy: Double?
        }

        func validate() throws {
            guard !candidate || round == nil else { throw ValidationError("give either --round or --candidate") }
        }

        func run() async throws {
            try Files.refuseExisting([out], force: overwrite.force)
            let query = candidate ? "?candidate=1" : round.map { "?round=\($0)" } ?? ""
            let path = "/v1/tasks/\(NodeClient.part(task))/model\(query)"
            // Nobody but a node has a candidate.
            let bytes =
                candidate
                ? try await global.client.bytes(path)
                : try await global.readBytes(path) {
                    // A card with another label column would be believed: a configuration that does not hold ends this.
                    try $0.model(
                        of: task, round: round, label: global.configuration().configuration.data.label)
                }
            let card = try ModelCard(try Safetensors(bytes: bytes, file: out), name: out)
            try Files.writeNew(bytes, to: out, force: overwrite.force)
            global.output.show(
                Result(
                    file: out, bytes: bytes.count, round: card.round, model: card.content, accuracy: card.accuracy)
            ) { result in
                "\(result.file)  \(result.bytes) bytes, \(candidate ? "candidate of round" : "round") \(result.round), model "
                    + "\(Text.short(result.model)), accuracy \(Text.share(result.accuracy))"
            }
        }
    }
}
