internal import Foundation
internal import MeshCrypto
internal import Learn
internal import Chain
internal import MeshNode
internal import Wire

struct Baselines: Sendable {
    let central: Double
    let bestAlone: Double
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
        if Files.exists(options.out + "/nodes") { Files.removeTree(options.out + "/nodes") }
        try Files.makeDirectory(options.out + "/nodes")
        let data = try ShippedData.digits.load()
        let split = try TrainTestSplit(data)
        let settings = try PartitionSettings(
            parsing: options.partition, parts: options.nodes, seed: Seed.number(options.seed))
        let plan = try Partitioner.plan(split.train, settings: settings)
        let parts = try plan.parts.indices.map { try plan.rows(of: $0, in: split.train) }
        let taskFile = taskText(options, minimumRows: parts.map(\.count).min() ?? 1)
        let spec = try TaskFile.read(taskFile, file: "task.toml").spec

        var members: [MeshMember] = []
        var trainingFiles: [String] = []
        let evaluationFile = options.out + "/nodes/holdout.csv"
        try DatasetWriter.write(split.test, to: evaluationFile)
        var accounts: [Genesis.Account] = []
        for index in 0..<options.nodes {
            let path = options.out + "/nodes/node\(index + 1)"
            let home = try HomeDirectory.create(at: path)
            let identity = try home.createIdentity()
            try Files.makeDirectory(path + "/data")
            try DatasetWriter.write(parts[index], to: path + "/data/train.csv")
            trainingFiles.append(path + "/data/train.csv")
            let node = identity.signingKey().nodeID
            try Files.write(Array(configuration(index, evaluationFile).utf8), to: home.configuration)
            members.append(
                MeshMember(
                    index: index, home: home, log: options.out + "/nodes/node\(index + 1).log",
                    inProcess: options.inProcess, node: node))
            // Equal bonds: five votes, quorum four.
            accounts.append(
                Genesis.Account(
                    node: node, balance: 10_000, validatorBond: 1_000,
                    electionKey: Digest(try identity.electionKey().publicKey)))
        }
        let genesis = Genesis(
            name: "testnet", timeMs: Files.nowMs, accounts: accounts.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: UInt8(Election.proofBytes), proposeMs: 1_000, voteMs: 300, settleMs: 300,
                evidenceMs: 300))
        for member in members {
            _ = try DurableStore(path: member.home.durableDatabase, owner: member.node, opening: .createIfMissing)
            let store = try ChainStore(path: member.home.chainDatabase, opening: .createIfMissing)
            try store.storeGenesis(genesis.wireBytes)
        }
        try Files.write(genesis.wireBytes, to: options.out + "/genesis")
        try Files.write(Array(taskFile.utf8), to: options.out + "/task.toml")
        return TestnetPlan(
            options: options, members: members, taskFile: taskFile, spec: spec, parts: parts, split: split,
            evaluationFile: evaluationFile, trainingFiles: trainingFiles)
    }

    private static func configuration(_ index: Int, _ evaluation: String) -> String {
        """
        # Written by the testnet launcher; every key is explained in examples/config.toml.
        [node]
        name = "node\(index + 1)"
        [listen]
        host = "127.0.0.1"
        port = 0
        [mesh]
        profile = "loopback"
        [data]
        train = "data/train.csv"
        evaluation = "\(evaluation)"
        label = "label"
        type = "digits"
        [miner]
        auto_join = true
        bond = 1000

        """
    }

    private static func taskText(_ options: TestnetOptions, minimumRows: Int) -> String {
        let parts = options.holders.split(separator: ",")
        return """
            # The task of this testnet run; every value is explained in examples/digits.toml.
            name = "digits"
            seed = \(options.seed)
            rounds = \(options.rounds)
            body_retention = 1000
            voting = "automatic"
            [model]
            architecture = "softmax"
            hidden = []
            [data]
            type = "digits"
            features = 64
            labels = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
            scale = 16
            minimum_rows = \(min(20, minimumRows))
            [participants]
            minimum = \(options.nodes)
            maximum = \(options.nodes)
            smallest_set = 4
            [deadlines]
            enrol = "2m"
            submit = "4s"
            aggregate = "2s"
            opinion = "1s"
            expiry = "2h"
            [training]
            trainer = "builtin/1"
            local_epochs = 2
            batch_size = 10
            learning_rate = 0.1
            server = "fedavg"
            server_rate = 1
            weighting = "uniform"
            row_cap = 0
            [update]
            clip_norm = 100
            bits = 10
            range = 1
            compression = "none"
            packing = 1
            encoding = "affine"
            [holders]
            count = \(parts[0])
            threshold = \(parts[1])
            [evaluation]
            tolerance = 1
            target = 0
            [reward]
            credits = 1000
            rule = "equal"
            minimum_bond = 100

            """
    }

    /// Everything together, and everyone alone, with the same epochs, batch, rate and rounds.
    func baselines() throws -> Baselines {
        let factor = spec.featureFactor
        let model = try spec.learnModel()
        let settings = FederatedSettings(rounds: Int(spec.rounds), training: spec.learnSettings, quantiser: nil)
        let seed = Seed.number(spec.seed)
        let scaled = TrainTestSplit(train: split.train.scaled(by: factor), test: split.test.scaled(by: factor))
        let central = try Baseline.centralised(model: model, split: scaled, settings: settings, seed: seed)
        let alone = try Baseline.alone(
            model: model, parts: parts.map { $0.scaled(by: factor) }, test: scaled.test, settings: settings, seed: seed)
        return Baselines(
            central: central.last?.test.accuracy ?? 0, bestAlone: alone.compactMap(\.accuracy).max() ?? 0)
    }
}
