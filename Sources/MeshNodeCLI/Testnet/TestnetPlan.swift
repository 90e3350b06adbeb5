internal import Foundation
internal import MeshCrypto
internal import Learn
internal import Chain
internal import MeshNode
internal import Wire

struct Baselines: Sendable {
    let central: Double
    let bestAlone: Double
    let centralRounds: [RoundMetrics]
    /// One a node.
    let alone: [Metrics]
}

/// Homes, rows and task of a testnet, made before anything runs.
struct TestnetPlan: Sendable {
    let options: TestnetOptions
    let members: [MeshMember]
    /// Task file as published.
    let taskFile: String
    let spec: TaskSpec
    let parts: [Dataset]
    let split: TrainTestSplit
    let evaluationFile: String
    let trainingFiles: [String]

    var testRows: Int { split.test.count }
    var rowsText: String { parts.map { "\($0.count)" }.joined(separator: "+") + " rows" }

    static func prepare(_ options: TestnetOptions) throws -> TestnetPlan {
        try TestnetFolder(path: options.out).prepare()
        try Files.makeDirectory(options.out + "/nodes")
        let isRegression = try ModelArchitecture(parsing: options.model) == .linear
        let (split, hasOwnTest) = try rows(options)
        let settings = try PartitionSettings(
            parsing: options.partition, parts: options.nodes, seed: Seed.number(options.seed))
        let plan = try Partitioner.plan(split.train, settings: settings)
        let parts = try plan.parts.indices.map { try plan.rows(of: $0, in: split.train) }
        let normalisation = options.normalises(split.train) ? try Standardisation(fitting: split.train) : nil
        let task = TestnetTask(
            options: options, train: split.train, smallestPart: parts.map(\.count).min() ?? 1,
            largestPart: parts.map(\.count).max() ?? 1,
            normalisation: normalisation)
        let text =
            try options.task.map { String(decoding: try Files.read($0), as: UTF8.self) } ?? TaskFile.text(task.spec())
        var overrides = try Assignments.parse(options.assignments)
        if options.task != nil {
            for (path, value) in [
                ("rounds", options.rounds), ("participants.minimum", options.nodes),
                ("participants.maximum", options.nodes),
            ] where overrides[path] == nil { overrides[path] = "\(value)" }
        }
        let spec = try TaskFile.read(text, file: options.task ?? "task.toml", overrides: overrides).spec
        let taskFile = TaskFile.text(spec)
        // The same form that people bring: a table, or an archive with pictures.
        let ending = split.train.sampleShape.count > 1 && options.data != "digits" ? "npz" : "csv"
        let evaluationFile = hasOwnTest ? options.data : options.out + "/nodes/holdout." + ending
        if !hasOwnTest { try write(split.test, to: evaluationFile, isRegression: isRegression) }

        var members: [MeshMember] = []
        var trainingFiles: [String] = []
        var accounts: [Genesis.Account] = []
        for index in 0..<options.nodes {
            let path = options.out + "/nodes/node\(index + 1)"
            let home = try HomeDirectory.create(at: path)
            let identity = try home.createIdentity()
            try Files.makeDirectory(path + "/data")
            let file = path + "/data/train." + ending
            try write(parts[index], to: file, isRegression: isRegression)
            trainingFiles.append(file)
            let node = identity.signingKey().nodeID
            try Files.write(
                Array(
                    configuration(index, spec.data.type, split.train.labelName, "data/train." + ending, evaluationFile)
                        .utf8),
                to: home.configuration)
            if let policy = options.ownerPolicy, index == options.nodes - 1 {
                try Files.write(try Files.read(policy, limit: 1 << 16), to: path + "/" + OwnerPolicy.fileName)
            }
            // One process has one log.
            let log = options.out + "/nodes/" + (options.inProcess ? "nodes" : "node\(index + 1)") + ".log"
            members.append(
                MeshMember(
                    index: index, home: home, log: log,
                    inProcess: options.inProcess, outlivesLauncher: options.keep, program: options.program,
                    node: node))
            // Equal bonds: five votes, quorum four.
            accounts.append(
                KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())
                    .account(balance: 10_000, bond: 1_000))
        }
        // A RESULT waits two of these for the proof of a lie, and goes without it then: half a second is none to five processes
        // on a busy machine. The wait ends with the proof, and nothing else of this attack waits for anybody.
        let voteMs: UInt32 = options.attack == .lyingHolder ? 5_000 : 300
        let genesis = Genesis(
            name: "testnet", timeMs: Files.nowMs, accounts: accounts.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: UInt8(Election.proofBytes), proposeMs: 1_000, voteMs: voteMs, settleMs: 300,
                evidenceMs: 300, epochMs: 300))
        for member in members {
            try member.home.createDatabases(owner: member.node).storeGenesis(genesis.wireBytes)
        }
        try Files.write(genesis.wireBytes, to: options.out + "/genesis")
        try Files.write(Array(taskFile.utf8), to: options.out + "/task.toml")
        return TestnetPlan(
            options: options, members: members, taskFile: taskFile, spec: spec, parts: parts, split: split,
            evaluationFile: evaluationFile, trainingFiles: trainingFiles)
    }

    /// The files keep the title that the label has in the source.
    var labelColumn: String { split.train.labelName }

    private static func configuration(
        _ index: Int, _ type: String, _ label: String, _ train: String, _ evaluation: String
    ) -> String {
        let label = label.tomlWord
        return """
            # Written by the testnet launcher; every key is explained in examples/config.toml.
            [node]
            name = "node\(index + 1)"
            [listen]
            host = "127.0.0.1"
            port = 0
            [mesh]
            profile = "loopback"
            [data]
            train = "\(train)"
            evaluation = "\(evaluation)"
            label = \(label)
            type = "\(type)"
            [miner]
            auto_join = true
            bond = 1000
            trust_publisher = true

            """
    }

    /// Training and held-out rows, raw, and whether the held-out ones are the source's own.
    private static func rows(_ options: TestnetOptions) throws -> (TrainTestSplit, Bool) {
        if let shipped = ShippedData(rawValue: options.data) { return (try TrainTestSplit(try shipped.load()), false) }
        var source = DataSource(labelColumn: options.label)
        source.countsRounding = true
        if !options.columns.isEmpty { source.featureColumns = options.columns }
        let splits = try TextColumns.named(options.data, source) { source throws(LearnError) in
            try source.load(options.data)
        }
        try RoundedNumbers.tell(splits, of: options.data, Terminal.error)
        if let test = splits.test ?? splits.validation {
            return (TrainTestSplit(train: splits.train, test: test), true)
        }
        return (try TrainTestSplit(splits.train), false)
    }

    /// A regression learns the class number: the label column then holds it as a number.
    private static func write(_ rows: Dataset, to path: String, isRegression: Bool) throws {
        let numbered =
            isRegression
            ? try Dataset(
                name: rows.name, features: rows.features, labels: rows.labels, featureCount: rows.featureCount,
                classCount: rows.classCount, sampleShape: rows.sampleShape, columnNames: rows.columnNames,
                labelName: rows.labelName) : rows
        try DatasetWriter.write(numbered, to: path)
    }

    /// Everything together, and everyone alone, with the same epochs, batch, rate and rounds.
    func baselines() throws -> Baselines {
        let model = try spec.learnModel()
        let settings = FederatedSettings(rounds: Int(spec.rounds), training: spec.learnSettings, quantiser: nil)
        let seed = Seed.number(spec.seed)
        let fitted = try trainingFiles.map { try DataFiles.fitted($0, label: labelColumn, to: spec) }
        let test = try DataFiles.fitted(evaluationFile, label: labelColumn, to: spec, part: .evaluation)
        let all = TrainTestSplit(train: try LabelledData.joined(fitted, name: "all rows"), test: test)
        let central = try Baseline.centralised(model: model, split: all, settings: settings, seed: seed)
        let alone = try Baseline.alone(model: model, parts: fitted, test: test, settings: settings, seed: seed)
        return Baselines(
            central: central.last?.test.score(on: test) ?? 0, bestAlone: alone.map { $0.score(on: test) }.max() ?? 0,
            centralRounds: central, alone: alone)
    }
}
