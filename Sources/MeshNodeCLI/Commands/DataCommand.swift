internal import ArgumentParser
internal import Learn
internal import MeshNode

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Data files: what is in them, what is wrong with them, other forms of them.",
        discussion: "Sources: \(DataSource.allowed), FILE.jsonl (Alpaca records; inspect and audit).",
        subcommands: [Inspect.self, Audit.self, Convert.self, Partition.self])

    /// Where a source comes from and how its label is found.
    struct Source: ParsableArguments {
        @Argument(help: ArgumentHelp("Shipped set, file or folder.", valueName: "SOURCE")) var source: String
        @Option(help: "Column of the class in CSV and TSV.") var label = "label"
        @Option(
            parsing: .singleValue,
            help: "A class of the task in its order, again for each; without it the file decides.")
        var `class`: [String] = []

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
            return try DataSource(
                labelColumn: label, classNames: `class`.isEmpty ? nil : `class`,
                classCount: `class`.isEmpty ? nil : `class`.count
            ).load(source)
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

        func run() throws {
            if source.isInstructions {
                let found = InstructionSummary(try InstructionReader.read(path: source.source))
                return global.output.show(found, text: \.text)
            }
            let splits = try source.load()
            let found = splits.all.map { DataInspection($0.data) }
            global.output.show(found, empty: "") { $0.map(\.text).joined(separator: "\n") }
            if normalise { Terminal.result(try lines(splits.train)) }
        }

        /// One figure for all where samples are pictures, one a feature in tables.
        private func lines(_ rows: Dataset) throws -> String {
            guard scale > 0, scale.isFinite else {
                throw CommandFailure(ExitStatus.usage, "--scale \(scale): a positive number")
            }
            let scaled = rows.scaled(by: Float(1 / scale))
            var figures = try Standardisation(fitting: scaled)
            if rows.sampleShape.count > 1 {
                let count = Double(scaled.features.count)
                let mean = scaled.features.reduce(0.0) { $0 + Double($1) } / count
                let squares = scaled.features.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
                figures = try Standardisation(mean: [Float(mean)], deviation: [Float(max(squares.squareRoot(), 1e-6))])
            }
            func list(_ values: [Float], least: Double) -> String {
                values.map { value in
                    let parts = (Double(value) * 1e6).rounded() / 1e6
                    return "\(least > 0 ? max(least, parts) : parts)"
                }.joined(separator: ", ")
            }
            return """
                shape = [\(rows.sampleShape.map(String.init).joined(separator: ", "))]
                labels = [\(rows.classNames.map { "\"\($0)\"" }.joined(separator: ", "))]
                scale = \(scale)
                mean = [\(list(figures.mean, least: 0))]
                deviation = [\(list(figures.deviation, least: 1e-6))]
                """
        }
    }

    struct Audit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Repeated rows, contradictions, rows of the test set in the training set, absent classes.",
            discussion: "Exits with 65 when it finds an error; warnings and notes do not.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Option(help: "Held-out rows in a file of their own.") var evaluation: String?

        func run() throws {
            if source.isInstructions {
                let found = InstructionSummary(try InstructionReader.read(path: source.source))
                return global.output.show(found, text: \.text)
            }
            var splits = try source.load()
            if let evaluation {
                let other = try DataSource(labelColumn: source.label, classNames: splits.train.classNames).load(
                    evaluation)
                splits = DataSplits(train: splits.train, validation: splits.validation, test: other.test ?? other.train)
            }
            let audit = DataAudit(splits)
            global.output.show(audit.findings, empty: "nothing is wrong with \(source.source)") { findings in
                findings.map { "\($0.severity.rawValue)  \($0.kind): \($0.message)" }.joined(separator: "\n")
            }
            if !audit.isClean {
                throw CommandFailure(ExitStatus.data, "\(source.source) has errors, see above; correct the file")
            }
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a source in another form, values as they are.",
            discussion:
                "Forms: \(DatasetWriter.allowed). A source with several parts gives one file each: OUT-test.npz.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var source: Source
        @Option(help: "File to write; its ending says the form.") var out: String

        struct Written: Encodable {
            let file: String
            let rows: Int
        }

        func run() throws {
            var written: [Written] = []
            for (name, data) in try source.load().all {
                let path = name == "train" ? out : Self.inserted("-\(name)", into: out)
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
                Writes part-0, part-1, ... and holdout as CSV or NPZ; values stay as they are. Held-out rows of the source
                itself (MedMNIST's test part, MNIST's t10k files) are kept apart instead of a share of the training rows.
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
