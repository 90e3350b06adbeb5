internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

/// `meshnode predict`: a model file and rows, nothing else.
struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "What an exported model says of rows.",
        discussion: """
            The model says itself what its columns, labels and preprocessing are; columns of a table are found by their
            titles, in any order. Where the label column is there, the accuracy is told. Needs no node and no home.
            Example: meshnode predict leaves.safetensors --data rows.csv --out answers.csv
            """)
    @OptionGroup var global: GlobalArguments
    @Argument(help: ArgumentHelp("Model, as model export writes it.", valueName: "MODEL")) var model: String
    @Option(help: ArgumentHelp("Rows: CSV, TSV, NPZ or another source.", valueName: "SOURCE")) var data: String
    @Option(help: "Column of the class; the one of the node that wrote the model, if it is there.") var label: String?
    @Flag(help: "Leave the label column of a table alone: rows without a label, or with others than the model's.")
    var noLabels = false
    @Option(help: "How pictures in arrays lie: auto, channels_first or channels_last.") var layout = "auto"
    @Option(
        help:
            "CSV file to write: the columns that the model does not ask for, the class of each row, the probability of every class. A column called like an answer gets an underscore behind its title."
    ) var out: String?
    @OptionGroup var overwrite: OverwriteArguments

    struct Row: Encodable {
        let row: Int
        /// Nil for a regression.
        let `class`: String?
        let probability: Double?
        let value: Double?
        let label: String?
    }

    struct Summary: Encodable {
        let task: String
        let round: UInt32
        let rows: Int
        let accuracy: Double?
        /// Of a regression whose rows have values.
        let rootMeanSquareError: Double?
        let meanAbsoluteError: Double?
        let file: String?
    }

    func run() throws {
        guard let layout = PictureLayout(rawValue: layout) else {
            throw CommandFailure(ExitStatus.usage, "--layout: auto, channels_first or channels_last")
        }
        if let out {
            try Files.refuseOverwriting([out], of: [data, model])
            try Files.refuseExisting([out], force: overwrite.force)
        }
        LinearAlgebra.setThreadCount(1)
        let answer = try Prediction(
            model: try Files.read(model), name: model, rows: data, label: label, layout: layout,
            ignoresLabels: noLabels)
        let labels = answer.card.spec.data.labels
        let rows = answer.outputs.indices.map { index -> Row in
            let known = answer.known?[index]
            guard !labels.isEmpty else {
                return Row(
                    row: index + 1, class: nil, probability: nil, value: answer.outputs[index].first,
                    label: known.map(Self.target))
            }
            let place = answer.classes[index]
            return Row(
                row: index + 1, class: labels[place], probability: answer.outputs[index][place], value: nil,
                label: known.map { labels[Int($0)] })
        }
        let summary = Summary(
            task: answer.card.spec.name, round: answer.card.round, rows: rows.count, accuracy: answer.accuracy,
            rootMeanSquareError: answer.errors?.rootMeanSquare, meanAbsoluteError: answer.errors?.meanAbsolute,
            file: out)
        var told =
            "\(Counted.text(rows.count, "row")), model of round \(summary.round) of task \(summary.task.printable)"
        if let accuracy = summary.accuracy { told += "; accuracy \(Text.share(accuracy)) on these rows" }
        if let errors = answer.errors {
            told +=
                ", RMSE \(Text.fixed(errors.rootMeanSquare, 4)), MAE \(Text.fixed(errors.meanAbsolute, 4)) on these rows"
        }
        if let (title, count) = answer.farthest {
            global.output.note(
                "note: \(count) of \(rows.count) rows lie further than \(Int(Prediction.far)) deviations from the mean in "
                    + "\(title.tomlWord): are they scaled as at training?")
        }
        if let out {
            try Files.writeNew(Array(Self.table(rows, answer).utf8), to: out, force: overwrite.force)
            global.output.show(summary) { [told] _ in "\(out)  \(told)" }
        } else {
            global.output.show(rows, empty: "") { rows in
                Table.text(
                    ["ROW", labels.isEmpty ? "VALUE" : "CLASS", "PROBABILITY", "LABEL"],
                    rows.map { row in
                        [
                            "\(row.row)", row.class ?? Text.share(row.value), Text.share(row.probability),
                            row.label ?? Text.unknown,
                        ]
                    })
            }
            global.output.note(told)
        }
    }

    /// A target as a table writes it: it was read as binary32, whose shortest form is the one in the file.
    private static func target(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : "\(Float(value))"
    }

    /// RFC 4180, with the probability of every class behind its name.
    private static func table(_ rows: [Row], _ answer: Prediction) -> String {
        func quoted(_ text: String) -> String {
            guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
            return "\"" + text.replacing("\"", with: "\"\"") + "\""
        }
        let labels = answer.card.spec.data.labels
        let answers = labels.isEmpty ? ["value"] : ["class", "probability"] + labels.map { "p(\($0))" }
        // The answers keep their titles; a column of the rows that is called like one, or like another of them, gets a sign.
        var taken = Set(answers)
        func own(_ title: String) -> String {
            var title = title
            while !taken.insert(title).inserted { title += "_" }
            return title
        }
        var header = answer.others.titles.map(own) + answers
        if answer.known != nil { header.append(own(answer.labelName)) }
        var text = header.map(quoted).joined(separator: ",") + "\n"
        for (index, row) in rows.enumerated() {
            var line = index < answer.others.rows.count ? answer.others.rows[index] : []
            line +=
                labels.isEmpty
                ? answer.outputs[index].prefix(1).map { "\($0)" }
                : [row.class ?? "", "\(row.probability ?? 0)"] + answer.outputs[index].map { "\($0)" }
            if let label = row.label { line.append(label) }
            text += line.map(quoted).joined(separator: ",") + "\n"
        }
        return text
    }
}
