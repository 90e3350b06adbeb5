internal import ArgumentParser
internal import Foundation
internal import Learn
internal import MeshNode
internal import Wire

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Data files: what is in them, what is wrong with them, other forms of them.",
        discussion: "Sources: \(DataSource.allowed), FILE.jsonl (Alpaca records; inspect and audit).",
        subcommands: [Inspect.self, Audit.self, Convert.self, Partition.self])

    /// Where a source comes from and how its label is found.
    struct Source: ParsableArguments {
        @Argument(help: ArgumentHelp("Shipped set, file or folder.", valueName: "SOURCE")) var source: String
        @Option(help: ArgumentHelp("Column of the class in CSV and TSV.", valueName: "COLUMN")) var label = "label"
        @Option(
            parsing: .singleValue,
            help: "A class of the task in its order, again for each; without it the file decides.")
        var `class`: [String] = []
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp(
                "A feature column of a table, again for each; every column but the label without it.",
                valueName: "TITLE"))
        var column: [String] = []
        @Option(help: "How pictures in arrays lie: auto, channels_first or channels_last.") var layout = "auto"

        func form() throws(CommandFailure) -> PictureForm {
            guard let layout = PictureLayout(rawValue: layout) else {
                throw CommandFailure(
                    ExitStatus.usage, "--layout \(layout.printable): auto, channels_first or channels_last")
            }
            return PictureForm(layout: layout)
        }

        var isInstructions: Bool {
            let lower = source.lowercased()
            return lower.hasSuffix(".jsonl") || lower.hasSuffix(".jsonl.gz")
        }

        func load() throws -> DataSplits {
            guard !isInstructions else {
                throw CommandFailure(
                    ExitStatus.data,
                    "\(source): instruction records are text; inspect and audit read them, the built-in models do not")
            }
            if let shipped = ShippedData(rawValue: source) { return DataSplits(train: try shipped.load()) }
            return try TextColumns.named(source, try reader()) { reader throws(LearnError) in try reader.load(source) }
        }

        func reader() throws -> DataSource {
            var reader = DataSource(
                labelColumn: label, classNames: `class`.isEmpty ? nil : `class`,
                classCount: `class`.isEmpty ? nil : `class`.count)
            reader.form = try form()
            if !column.isEmpty { reader.featureColumns = column }
            return reader
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rows, shape, range and class balance of every part of a source.",
            discussion: "Example: meshnode data inspect pathmnist.npz --normalise")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Flag(help: "Print the [data] lines of a task that fit the training rows, mean and deviation included.")
        var normalise = false
        @Option(help: "With --normalise: features are divided by this first.") var scale = 1.0
        @Option(
            help: ArgumentHelp(
                "With --normalise: print this whole task file, with its [data] lines replaced.", valueName: "FILE"))
        var task: String?

        func run() throws {
            if source.isInstructions {
                let found = InstructionSummary(try InstructionReader.read(path: source.source))
                return global.output.show(found, text: \.text)
            }
            let splits = try source.load()
            let found = splits.all.map { DataInspection($0.data) }
            for advice in ColumnAudit.advice(splits.train) { global.output.note("warning: \(advice)") }
            if let task, normalise {
                // The task file alone goes to stdout, so that it can go into a file.
                global.output.note(found.map(\.text).joined(separator: "\n"))
                return Terminal.result(try replaced(in: task, by: try lines(splits.train)))
            }
            global.output.show(found, empty: "") { $0.map(\.text).joined(separator: "\n") }
            if normalise { Terminal.result(try lines(splits.train)) }
        }

        private func replaced(in task: String, by lines: String) throws -> String {
            guard let text = String(validating: try Files.read(task, limit: 1 << 20), as: UTF8.self) else {
                throw FileError(path: task, reason: "is no UTF-8 text")
            }
            let new = lines.split(separator: "\n").map(String.init)
            func key(_ line: String) -> String? {
                let parts = line.split(separator: "=", maxSplits: 1)
                return parts.count == 2 ? parts[0].trimmingCharacters(in: .whitespaces) : nil
            }
            var section = ""
            var left = Set(new.compactMap(key))
            var result: [String] = []
            for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
                if line.hasPrefix("[") { section = line }
                guard section.hasPrefix("[data]"), let name = key(line), !line.hasPrefix("#") else {
                    result.append(line)
                    continue
                }
                // Titles in the order of one publisher's file belong to that file.
                guard name != "columns_in_order" else { continue }
                guard left.remove(name) != nil, let own = new.first(where: { key($0) == name }) else {
                    result.append(line)
                    continue
                }
                result.append(own)
            }
            guard left.isEmpty else {
                throw CommandFailure(
                    ExitStatus.data, "\(task.printable): its [data] has no \(left.sorted().joined(separator: ", "))"
                )
            }
            while result.last == "" { result.removeLast() }
            return result.joined(separator: "\n")
        }

        private func lines(_ rows: Dataset) throws -> String {
            guard scale > 0, scale.isFinite else {
                throw CommandFailure(ExitStatus.usage, "--scale \(scale): a positive number")
            }
            let lines = try TaskDataLines(rows, scale: scale)
            // Lines that no task takes are no help.
            guard lines.advice.isEmpty else {
                throw CommandFailure(
                    ExitStatus.data,
                    "no [data] lines, for a task cannot take these rows as they are:\n"
                        + lines.advice.joined(separator: "\n"))
            }
            return lines.text
        }
    }

    struct Audit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Everything that is wrong with a source, all of it at once.",
            discussion: """
                Cells that are no numbers, repeated rows, contradictions, rows of the test set in the training set, absent
                classes, and columns that are no measurement: index, identifiers, constants, the class in another form.
                Exits with 65 when it finds an error; warnings and notes do not.
                """)
        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Option(help: "Held-out rows in a file of their own.") var evaluation: String?

        func run() throws {
            if source.isInstructions {
                let found = InstructionSummary(try InstructionReader.read(path: source.source))
                return global.output.show(found, text: \.text)
            }
            var faults: [(part: String, list: FaultList)] = []
            var text: [(part: String, column: TableReader.Cells)] = []
            let reader = try source.reader()
            var splits = try rows(source.source, reader, part: "train", &faults, &text)
            if let evaluation {
                var other = reader
                other.classNames = reader.classNames ?? splits?.train.classNames
                let rows = try rows(evaluation, other, part: "test", &faults, &text)
                if let train = splits, let rows {
                    splits = DataSplits(
                        train: train.train, validation: train.validation, test: rows.test ?? rows.train)
                    let (own, held) = (train.train.columnNames, (rows.test ?? rows.train).columnNames)
                    if !own.isEmpty, !held.isEmpty {
                        try ColumnOrder.requireEqual(held, own, file: evaluation)
                    }
                } else {
                    splits = splits ?? rows
                }
            }
            let audit = DataAudit(splits, faults: faults, text: text)
            global.output.show(audit.findings, empty: "nothing is wrong with \(source.source)") { findings in
                findings.map { "\($0.severity.rawValue)  \($0.kind): \($0.message)" }.joined(separator: "\n")
            }
            if !audit.isClean {
                throw CommandFailure(ExitStatus.data, "\(source.source) has errors, see above; correct the file")
            }
        }

        /// Tables are read on behind a fault; other forms end at the first.
        private func rows(
            _ path: String, _ reader: DataSource, part: String, _ faults: inout [(part: String, list: FaultList)],
            _ text: inout [(part: String, column: TableReader.Cells)]
        ) throws -> DataSplits? {
            guard ShippedData(rawValue: path) == nil, Files.exists(path), let table = reader.table(path) else {
                return path == source.source ? try source.load() : try reader.load(path)
            }
            var rest = table
            if table.featureColumns == nil, let cells = try? table.cells(path: path), cells.contains(where: \.isText) {
                text += cells.filter(\.isText).map { (part, $0) }
                rest.featureColumns = cells.filter { !$0.isText }.map(\.title)
            }
            let found = try rest.examine(path: path)
            if found.faults.count > 0 { faults.append((part, found.faults)) }
            return found.rows.map { DataSplits(train: $0) }
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a source in another form, values as they are.",
            discussion:
                """
                Forms: \(DatasetWriter.allowed). A source with several parts gives one file each: OUT-test.npz. Titles and class
                names are kept. A file that is there already is refused unless --force is given.
                """)
        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Option(help: "File to write; its ending says the form.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        struct Written: Encodable {
            let file: String
            let rows: Int
        }

        func run() throws {
            var written: [Written] = []
            let parts = try source.load().all.map { name, data in
                (path: name == "train" ? out : Self.inserted("-\(name)", into: out), data: data)
            }
            try Files.refuseExisting(parts.map(\.path), force: overwrite.force)
            for (path, data) in parts {
                try DatasetWriter.write(data, to: path)
                written.append(Written(file: path, rows: data.count))
            }
            global.output.show(written, empty: "") { $0.map { "\($0.file)  \($0.rows) rows" }.joined(separator: "\n") }
        }

        static func inserted(_ text: String, into path: String) -> String {
            guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return path + text }
            return String(path[..<dot]) + text + path[dot...]
        }
    }

    struct Partition: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cuts a data set into a holdout and one file a node.",
            discussion: """
                Writes part-0, part-1, ... and holdout as CSV or NPZ; values, titles and class names stay as they are. Held-out
                rows of the source itself (MedMNIST's test part, MNIST's t10k files) are kept apart instead of a share of the
                training rows. Files that are there already are refused unless --force is given.
                Example: meshnode data partition digits --parts 5 --partition shards:2 --out parts
                """)

        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Option(help: "Nodes.") var parts: Int
        @Option(help: "How the rows are dealt: \(PartitionStrategy.allowed).") var partition = "iid"
        @Option(help: "Seed of the dealing.") var seed: UInt64 = 0
        @Option(help: "Share of the rows that is held out, where the source holds out none itself.") var holdout = 0.2
        @Option(name: .customLong("as"), help: "csv or npz.") var form = "csv"
        @Option(help: "Directory to write into.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        struct Part: Encodable {
            let file: String
            let rows: Int
            let classes: [Int]
        }

        func run() throws {
            guard ["csv", "npz"].contains(form) else {
                throw CommandFailure(ExitStatus.usage, "--as \(form): csv or npz")
            }
            let splits = try source.load()
            let own = splits.test ?? splits.validation
            let split =
                try own.map { TrainTestSplit(train: splits.train, test: $0) }
                ?? TrainTestSplit(splits.train, testShare: holdout)
            let settings = try PartitionSettings(parsing: partition, parts: parts, seed: Seed.number(seed))
            let plan = try Partitioner.plan(split.train, settings: settings)
            try Files.refuseExisting(
                plan.parts.indices.map { "\(out)/part-\($0).\(form)" } + ["\(out)/holdout.\(form)"],
                force: overwrite.force)
            try Files.makeDirectory(out)
            var written: [Part] = []
            func write(_ rows: Dataset, _ name: String) throws {
                let path = "\(out)/\(name).\(form)"
                try DatasetWriter.write(rows, to: path)
                written.append(Part(file: path, rows: rows.count, classes: rows.classCounts))
            }
            for index in plan.parts.indices { try write(try plan.rows(of: index, in: split.train), "part-\(index)") }
            try write(split.test, "holdout")
            global.output.show(written, empty: "") { written in
                Table.text(
                    ["FILE", "ROWS", "ROWS OF EACH CLASS"],
                    written.map { [$0.file, "\($0.rows)", $0.classes.map(String.init).joined(separator: " ")] })
            }
        }
    }
}

/// What a file of instruction records holds.
struct InstructionSummary: Encodable {
    let records: Int
    let withInput: Int
    let repeated: Int
    let longestCharacters: Int
    let meanOutputCharacters: Double

    init(_ records: [InstructionRecord]) {
        self.records = records.count
        withInput = records.count { !$0.input.isEmpty }
        var seen: Set<String> = []
        repeated = records.count { !seen.insert($0.instruction + "\u{0}" + $0.input).inserted }
        longestCharacters = records.map { $0.instruction.count + $0.input.count + $0.output.count }.max() ?? 0
        meanOutputCharacters = Double(records.reduce(0) { $0 + $1.output.count }) / Double(max(1, records.count))
    }

    var text: String {
        "\(records) records, \(withInput) with input, \(repeated) repeat an earlier instruction; longest "
            + "\(longestCharacters) characters, outputs \(Text.fixed(meanOutputCharacters, 1)) on average"
    }
}
