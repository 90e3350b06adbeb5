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
            return try TextColumns.named(source, try reader()) { reader throws(LearnError) in try reader.load(source) }
        }

        /// The rows for a command that writes them in another form: numbers that become other ones are told, and refused
        /// where nobody can mean that.
        func loadToWrite(_ output: Output) throws -> DataSplits {
            let splits = try load()
            try RoundedNumbers.tell(splits, of: source, output.note)
            return splits
        }

        func reader() throws -> DataSource {
            var reader = DataSource(
                labelColumn: label, classNames: `class`.isEmpty ? nil : `class`,
                classCount: `class`.isEmpty ? nil : `class`.count)
            reader.form = try form()
            reader.countsRounding = true
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
            let result = try TaskFile.replacingData(lines, in: text, file: task)
            return String(result.reversed().drop { $0 == "\n" }.reversed())
        }

        private func lines(_ rows: Dataset) throws -> String {
            guard (1e-6...1e6).contains(scale) else {
                throw CommandFailure(ExitStatus.usage, "--scale \(scale): a number from 0.000001 to 1000000")
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
            var alone: String?
            if let evaluation {
                var other = reader
                other.classNames = reader.classNames ?? splits?.train.classNames
                let rows = try rows(evaluation, other, part: "test", &faults, &text)
                if let train = splits, let rows {
                    splits = DataSplits(
                        train: train.train, validation: train.validation, test: rows.test ?? rows.train)
                    let (own, held) = (train.train.columnNames, (rows.test ?? rows.train).columnNames)
                    if !own.isEmpty, !held.isEmpty {
                        try requireSameColumns(held, own, evaluation, reader)
                    }
                } else if splits == nil {
                    (splits, alone) = (rows.map { DataSplits(train: $0.test ?? $0.train) }, "test")
                }
            }
            let audit = DataAudit(splits, faults: faults, text: text, alone: alone)
            global.output.show(audit.findings, empty: "nothing is wrong with \(source.source)") { findings in
                findings.map { "\($0.severity.rawValue)  \($0.kind): \($0.message)" }.joined(separator: "\n")
            }
            if !audit.isClean {
                // Part by part, for the file to correct may be the other one.
                let errors = audit.findings.filter { $0.severity == .error }
                func isHeld(_ finding: DataAudit.Finding) -> Bool { finding.message.hasPrefix("test: ") }
                var files = evaluation == nil || !errors.allSatisfy(isHeld) ? [source.source] : []
                if let evaluation, errors.contains(where: isHeld) { files.append(evaluation) }
                throw CommandFailure(
                    ExitStatus.data,
                    files.joined(separator: " and ")
                        + (files.count == 1
                            ? " has errors, see above; correct the file" : " have errors, see above; correct them")
                )
            }
        }

        /// Both files in one order, or their columns named, which finds them by their titles.
        private func requireSameColumns(
            _ held: [String], _ own: [String], _ evaluation: String, _ reader: DataSource
        ) throws {
            do throws(LearnError) {
                try ColumnOrder.requireEqual(held, own, file: evaluation, other: source.source)
            } catch {
                let shared = own.filter(Set(held).contains)
                guard case .invalid(let field, let reason, _) = error, !shared.isEmpty,
                    reader.table(evaluation) != nil, reader.table(source.source) != nil
                else { throw error }
                throw CommandFailure(
                    ExitStatus.data,
                    "\(field): \(reason); name them, which finds them by their titles: \(TextColumns.words(shared))")
            }
        }

        /// Tables are read on behind a fault, and so are the arrays of an archive; other forms end at the first.
        private func rows(
            _ path: String, _ reader: DataSource, part: String, _ faults: inout [(part: String, list: FaultList)],
            _ text: inout [(part: String, column: TableReader.Cells)]
        ) throws -> DataSplits? {
            guard ShippedData(rawValue: path) == nil, Files.exists(path), let table = reader.table(path) else {
                do { return path == source.source ? try source.load() : try reader.load(path) } catch let error
                    as LearnError
                {
                    guard case .badData(let fault) = error else { throw error }
                    var list = path.lowercased().hasSuffix(".npz") ? NPZReader.faults(path: path) : FaultList()
                    if !list.faults.contains(fault) { list.add(fault) }
                    faults.append((part, list))
                    return nil
                }
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
            abstract: "Writes a source in another form, values as binary32 has them.",
            discussion:
                """
                Forms: \(DatasetWriter.allowed). A source with several parts gives one file each: OUT-test.npz. Titles and class
                names are kept. A table has no class numbers: read without a task or --class, whole numbers are the class itself,
                and other names count in their order. Numbers of more digits than binary32 keeps are told, whole ones that it cannot tell apart are
                refused. A file that is there already is refused unless --force is given.
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
            let parts = try source.loadToWrite(global.output).all.map { name, data in
                (path: name == "train" ? out : Self.inserted("-\(name)", into: out), data: data)
            }
            try Files.refuseOverwriting(parts.map(\.path), of: [source.source])
            try Files.refuseExisting(parts.map(\.path), force: overwrite.force)
            var files: [OutputFile] = []
            for (path, data) in parts {
                files.append(try DatasetWriter.draft(data, of: path, replaces: overwrite.force))
                written.append(Written(file: path, rows: data.count))
                guard path.lowercased().hasSuffix(".csv"), let (name, from, to) = DatasetWriter.renumbered(data) else {
                    continue
                }
                global.output.note(
                    "warning: \(path): a table has no class numbers: class \(TitleText.word(name)) is number \(from) here and \(to) "
                        + "where the file is read without a task; give --class in the order then, or write .npz or .safetensors"
                )
            }
            try OutputFile.publish(files)
            global.output.show(written, empty: "") {
                $0.map { "\($0.file)  \(Counted.text($0.rows, "row"))" }.joined(separator: "\n")
            }
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
                Writes part-0, part-1, ... and holdout as CSV or NPZ; titles and class names stay, values as in data convert. Held-out
                rows of the source itself (MedMNIST's test part, MNIST's t10k files) are kept apart instead of a share of the
                training rows. Files of an earlier dealing are refused unless --force is given, which removes them all.
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
            let splits = try source.loadToWrite(global.output)
            let own = splits.test ?? splits.validation
            let split =
                try own.map { TrainTestSplit(train: splits.train, test: $0) }
                ?? TrainTestSplit(splits.train, testShare: holdout)
            let settings = try PartitionSettings(parsing: partition, parts: parts, seed: Seed.number(seed))
            let plan = try Partitioner.plan(split.train, settings: settings)
            let earlier = Self.dealt(in: out)
            try Files.refuseOverwriting(earlier, of: [source.source])
            try Files.refuseExisting(earlier, force: overwrite.force)
            try Files.makeDirectory(out)
            var written: [Part] = []
            var files: [OutputFile] = []
            func write(_ rows: Dataset, _ name: String) throws {
                let path = "\(out)/\(name).\(form)"
                files.append(try DatasetWriter.draft(rows, of: path, replaces: overwrite.force))
                written.append(Part(file: path, rows: rows.count, classes: rows.classCounts))
            }
            for index in plan.parts.indices { try write(try plan.rows(of: index, in: split.train), "part-\(index)") }
            try write(split.test, "holdout")
            try OutputFile.publish(files)
            let left = Set(earlier).subtracting(written.map(\.file)).sorted()
            for path in left { try Files.remove(path) }
            if !left.isEmpty {
                let names = left.map { $0.dropFirst(out.count + 1) }.joined(separator: ", ")
                global.output.note("removed from \(out.printable), for an earlier dealing left them: \(names)")
            }
            global.output.show(written, empty: "") { written in
                Table.text(
                    ["FILE", "ROWS", "ROWS OF EACH CLASS"],
                    written.map { [$0.file, "\($0.rows)", $0.classes.map(String.init).joined(separator: " ")] })
            }
        }

        /// Every file of a dealing in the folder, however many parts it had and in which form: parts of two dealings hold the
        /// same rows twice, so that all of them are in the way of a new one and go with it.
        static func dealt(in folder: String) -> [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            func files(_ isStem: (Substring) -> Bool) -> [String] {
                names.filter { name in
                    guard let dot = name.lastIndex(of: ".") else { return false }
                    return ["csv", "npz"].contains(name[dot...].dropFirst()) && isStem(name[..<dot])
                }.sorted().map { "\(folder)/\($0)" }
            }
            func isPart(_ stem: Substring) -> Bool {
                stem.hasPrefix("part-") && stem.count > 5 && stem.dropFirst(5).allSatisfy { "0"..."9" ~= $0 }
            }
            return files(isPart) + files { $0 == "holdout" }
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
