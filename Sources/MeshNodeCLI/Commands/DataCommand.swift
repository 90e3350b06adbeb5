internal import ArgumentParser
internal import Learn
internal import MeshNode

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Data files.", subcommands: [Partition.self])

    struct Partition: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cuts a data set into a holdout and one file a node.",
            discussion: """
                Writes part-0.csv, part-1.csv, ... and holdout.csv; values stay as they are.
                Example: meshnode data partition digits --parts 5 --partition shards:2 --out parts
                """)

        @OptionGroup var global: GlobalArguments
        @Argument(help: ArgumentHelp("What to cut: \(DataSource.allowed).", valueName: "SOURCE")) var source: String
        @Option(help: "Nodes.") var parts: Int
        @Option(help: "How the rows are dealt: \(PartitionStrategy.allowed).") var partition = "iid"
        @Option(help: "Seed of the dealing.") var seed: UInt64 = 0
        @Option(help: "Column of the class in CSV and TSV.") var label = "label"
        @Option(help: "Share of the rows that is held out.") var holdout = 0.2
        @Option(help: "Directory to write into.") var out: String

        struct Part: Encodable {
            let file: String
            let rows: Int
            let classes: [Int]
        }

        func run() throws {
            let data = try LabelledData.raw(source, label: label)
            let split = try TrainTestSplit(data, testShare: holdout)
            let settings = try PartitionSettings(parsing: partition, parts: parts, seed: Seed.number(seed))
            let plan = try Partitioner.plan(split.train, settings: settings)
            try Files.makeDirectory(out)
            var written: [Part] = []
            func write(_ rows: Dataset, _ name: String) throws {
                let path = "\(out)/\(name).csv"
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

/// Rows as their file has them.
enum LabelledData {
    /// - Parameter classes: the task's labels in order; nil lets the file decide.
    static func raw(_ source: String, label: String, classes: [String]? = nil) throws(LearnError) -> Dataset {
        if let shipped = ShippedData(rawValue: source) { return try shipped.load() }
        let splits = try DataSource(labelColumn: label, classNames: classes, classCount: classes?.count).load(source)
        return splits.train
    }

    /// Rows under each other; they must have the same features and classes.
    static func joined(_ parts: [Dataset], name: String) throws(LearnError) -> Dataset {
        guard let first = parts.first else {
            throw .invalid(field: "parts", reason: "there are none", next: "give --part FILE once a node")
        }
        for part in parts {
            guard part.featureCount == first.featureCount else {
                throw .mismatch(
                    field: "features of \(part.name)", expected: first.featureCount, found: part.featureCount)
            }
            guard part.classCount == first.classCount else {
                throw .mismatch(field: "classes of \(part.name)", expected: first.classCount, found: part.classCount)
            }
        }
        return try Dataset(
            name: name, features: parts.flatMap(\.features), labels: parts.flatMap(\.labels),
            featureCount: first.featureCount, classCount: first.classCount, classNames: first.classNames,
            sampleShape: first.sampleShape)
    }
}
