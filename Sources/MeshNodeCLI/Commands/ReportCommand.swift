internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

extension TaskCommand {
    /// Finds a task of a home by id, unique prefix or name, offline.
    static func find(_ text: String, in home: HomeDirectory) throws -> TaskID {
        let known = try DecidedRounds.tasks(home: home)
        return try NameResolution.identifier(
            text, among: known.map { (id: $0.task.hex, name: $0.name) }, kind: "started task",
            next: "known in \(home.path): "
                + (known.isEmpty ? "none" : known.map { "\($0.name) \($0.task.short)" }.joined(separator: ", ")),
            as: TaskID.self)
    }

    struct Report: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every decided round on held-out rows: JSON, curves, and one HTML page.",
            discussion: """
                Works on a home alone, whether its node runs or not. Writes \(ReportFiles.roundMetrics), \
                \(ReportFiles.summary), \(ReportFiles.curvesTable), \(ReportFiles.curvesPicture), \(ReportFiles.report).
                """)
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Option(help: "Held-out rows; those of the node's configuration without it.") var evaluation: String?
        @Option(help: ArgumentHelp("Column of the class in CSV and TSV.", valueName: "COLUMN")) var label: String?
        @Option(help: "Directory to write into.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        struct Result: Encodable {
            let task: String
            let rounds: Int
            let accuracy: Double?
            let loss: Double?
            let files: [String]
        }

        func run() throws {
            let files = ReportFiles.all.map { "\(out)/\($0)" }
            try Files.refuseOverwriting(files, of: [evaluation].compactMap { $0 })
            try Files.refuseExisting(files, force: overwrite.force)
            let home = try HomeDirectory.open(at: global.homePath)
            let data = try global.configuration(flags: [:]).configuration.data
            let id = try TaskCommand.find(task, in: home)
            LinearAlgebra.setThreadCount(1)
            // Rows that somebody names must be there; those of the configuration need not, at a home that has none.
            let hasRows = ShippedData(rawValue: data.evaluation) != nil || Files.exists(data.evaluation)
            let named = evaluation.map { ShippedData(rawValue: $0) == nil ? Files.absolute($0) : $0 }
            let rows = named ?? (hasRows ? data.evaluation : nil)
            let report = try TaskReport.make(home: home, task: id, evaluation: rows, label: label ?? data.label)
            try ReportFiles.write(report, to: out, replaces: overwrite.force)
            let last = report.final?.metrics
            global.output.show(
                Result(
                    task: id.hex, rounds: last?.round ?? 0, accuracy: last?.test.accuracy, loss: last?.test.loss.finite,
                    files: files)
            ) { result in
                (rows == nil
                    ? "\(result.rounds) rounds, no model measured: there are no held-out rows, give --evaluation FILE; "
                    : "\(result.rounds) rounds, accuracy \(Text.share(result.accuracy)), loss \(Text.share(result.loss)); ")
                    + "open \(out)/\(ReportFiles.report)"
            }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Models of decided rounds as safetensors, without server state.",
            discussion: "Works on a home alone. Writes round-N.safetensors for each round that --keep names.")
        @OptionGroup var global: GlobalArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String
        @Option(help: "all, last or every:N (and the last).") var keep = "last"
        @Option(help: "Directory to write into.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        struct Written: Encodable {
            let round: UInt32
            let file: String
            let bytes: Int
            /// Content id that the chain decided; the file with state has it.
            let model: String
        }

        func run() throws {
            let home = try HomeDirectory.open(at: global.homePath)
            let label = try global.configuration().configuration.data.label
            let models = try TaskReport.models(
                home: home, task: try TaskCommand.find(task, in: home), keep: keep, label: label)
            try Files.refuseExisting(
                models.map { "\(out)/round-\($0.round).safetensors" }, force: overwrite.force)
            try Files.makeDirectory(out)
            let written = models.map { model in
                Written(
                    round: model.round, file: "\(out)/round-\(model.round).safetensors", bytes: model.weights.count,
                    model: model.content.hex)
            }
            try Files.write(
                zip(written, models).map { (path: $0.file, bytes: $1.weights) }, replaces: overwrite.force)
            global.output.show(written, empty: "no round is decided yet") { written in
                written.map { "\($0.file)  \($0.bytes) bytes" }.joined(separator: "\n")
            }
        }
    }
}

extension Double {
    /// nil for what no JSON can say.
    fileprivate var finite: Double? { isFinite ? self : nil }
}
