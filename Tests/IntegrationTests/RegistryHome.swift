import Foundation
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// A registry of many validators whose blocks are decided here, with real certificates, and put into homes: what a long
/// life of the network would have left there.
struct RegistryHistory {
    let keys: [SigningKey]
    let genesis: Genesis
    private(set) var state: RegistryState
    private(set) var blocks: [DecidedBlock] = []

    /// - Parameter voters: 4 to 32.
    init(voters: Int, heights: Int) throws {
        keys = try (0..<voters).map { index in
            try SigningKey(seed: SecretBytes(Transcript.hash("registry history", [UInt8(index)])))
        }.sorted { $0.nodeID < $1.nodeID }
        genesis = Genesis(
            name: "history", timeMs: 1_000,
            accounts: keys.map {
                KeyRules.member(key: $0, electionKey: nil).account(balance: 5_000, bond: 100)
            },
            parameters: .init(
                electionProofBytes: 0, proposeMs: 1_000, voteMs: 300, settleMs: 5_000, evidenceMs: 20_000,
                epochMs: 5_000))
        state = RegistryState(genesis: genesis)
        for number in 0..<heights { try decide(number) }
    }

    private mutating func decide(_ number: Int) throws {
        let transfer = Transaction.transfer(to: keys[(number + 1) % keys.count].nodeID, credits: 1)
        try decide([(transfer, number % keys.count)])
    }

    /// One block with these transactions and their signers.
    private mutating func decide(_ transactions: [(Transaction, Int)]) throws {
        let envelopes = transactions.map { transaction, signer in
            let slot = Slot(
                kind: .transaction, chain: state.chain, major: state.accounts[keys[signer].nodeID]?.nonce ?? 0,
                minor: 0)
            return Envelope.signed(transaction.wireBytes, slot: slot, network: state.network, by: keys[signer])
        }
        let built = try #require(
            RegistryRules.build(
                pending: envelopes, state: state, author: state.nextProposers[0], view: 0,
                timeMs: state.headTimeMs + 1_000))
        try #require(RegistryBody(wireBytes: built.body).transactions.count == transactions.count)
        let certificate = certificate(built.header, by: state.validators.members.map(\.node))
        state = try RegistryRules.check(header: built.header, body: built.body, state: state)
        blocks.append(DecidedBlock(header: built.header, body: built.body, certificate: certificate))
    }

    /// Everybody votes, in view 0.
    private func certificate(_ header: BlockHeader, by voters: [NodeID]) -> Certificate {
        let vote = Slot(kind: .precommit, chain: header.chain, major: header.height, minor: 0)
        let precommits = voters.enumerated().map { index, voter in
            let key = keys.first { $0.nodeID == voter }!
            return Certificate.Precommit(
                voter: UInt8(index),
                signature: Envelope.signed(
                    Vote(block: header.id).wireBytes, slot: vote, network: state.network, by: key
                ).signature)
        }
        return Certificate(
            chain: header.chain, height: header.height, view: 0, block: header.id, precommits: precommits)
    }

    /// The chain of an open task.
    struct TaskChain {
        fileprivate(set) var state: Chain.TaskState
        fileprivate(set) var blocks: [DecidedBlock] = []
    }

    func chain(of task: TaskID) throws -> TaskChain {
        TaskChain(state: .init(genesis: try #require(state.openedTasks().first { $0.task == task })))
    }

    /// Decides the next order of a task's publisher, and the block of the task's chain that carries it.
    mutating func order(_ action: ControlAction, on chain: inout TaskChain) throws {
        let control = TaskControl(
            task: chain.state.chain, sequence: chain.state.orderSequence + 1, action: action)
        try decide([(.control(control), 0)])
        let decided = blocks
        let order = try #require(state.order(for: chain.state) { decided[Int($0) - 1] })
        let content = TaskBlockContent.control(.ordered(order))
        let header = TaskRules.header(
            for: content, state: chain.state, author: chain.state.nextProposers[0], view: 0, timeMs: state.headTimeMs)
        let certificate = certificate(header, by: chain.state.electorate.members.map(\.node))
        chain.state.apply(
            try TaskRules.check(header: header, body: content.bytes, state: chain.state), header: header,
            block: header.id)
        chain.blocks.append(DecidedBlock(header: header, body: content.bytes, certificate: certificate))
    }

    /// What `meshnode chain export` writes of these chains without contents, the registry's first.
    static func export(_ genesis: Genesis, _ chains: [[DecidedBlock]] = []) -> String {
        let head =
            "{\"format\":\"meshnode-export/1\",\"rules\":\(RulesNumber.current),\"network\":\"\(genesis.networkID.hex)\","
            + "\"genesis\":\"\(genesis.wireBytes.hex)\"}"
        let lines = chains.joined().map { block in
            "{\"chain\":\"\(block.header.chain.hex)\",\"height\":\(block.header.height),"
                + "\"header\":\"\(block.header.wireBytes.hex)\",\"body\":\"\(block.body.hex)\","
                + "\"certificate\":\"\(block.certificate.wireBytes.hex)\"}"
        }
        let end = "{\"end\":true,\"blocks\":\(lines.count),\"contents\":0,\"missing\":0}"
        return ([head] + lines + [end]).joined(separator: "\n") + "\n"
    }

    /// Decides the Publish of a task by the first voter, the Enrols of the next ones and its Close; its chain is open
    /// afterwards.
    mutating func open(_ spec: TaskSpec) throws -> TaskID {
        func key(_ index: Int) throws -> RistrettoKey {
            let seed = Transcript.hash("history key", [UInt8(index)]) + Transcript.hash("history key/2", [UInt8(index)])
            return try RistrettoKey(uniform: SecretBytes(seed))
        }
        let publish = KeyRules.publish(
            spec, sealingKey: try key(0), network: state.network, account: keys[0].nodeID)
        try decide([(publish, 0)])
        let task = try #require(state.tasks.last?.task)
        try decide(
            (1...Int(spec.participants.maximum)).map { index in
                let enrolment = KeyRules.enrolment(
                    task: task, sealingKey: try key(index), electionKey: try key(index), rows: 5,
                    dataForm: spec.data.form, bond: 10, network: state.network, account: keys[index].nodeID)
                return (.enrol(enrolment), index)
            })
        try decide([(.close(task: task), 1)])
        for _ in 0..<2 { try decide([]) }
        try #require(state.openedTasks().last?.task == task)
        return task
    }

    /// Makes a home with `meshnode init` and stores the first blocks in it.
    func makeHome(_ path: String, heights: Int, settings: [String] = []) throws {
        let file = path + ".genesis"
        try Data(genesis.wireBytes).write(to: URL(fileURLWithPath: file))
        let made = try Program.run(
            [
                "init", "--home", path, "--listen", "127.0.0.1:0", "--genesis", file, "--set",
                "mesh.profile=loopback",
            ] + settings.flatMap { ["--set", $0] })
        try #require(made.code == 0, "\(made.errors)")
        let store = try ChainStore(path: HomeDirectory(path: path).chainDatabase)
        try store.store([.chain(ChainRecord(id: state.chain, kind: 0, info: Array(genesis.name.utf8)))])
        for block in blocks.prefix(heights) {
            try store.append(
                block: StoredBlock(
                    chain: state.chain, height: block.header.height, id: block.header.id,
                    header: block.header.wireBytes, body: .inline(block.body),
                    certificate: block.certificate.wireBytes, timeStored: block.header.timeMs))
        }
    }
}

/// A `meshnode run` of this test.
final class RunningNode {
    let home: String
    let process = Process()
    private let log: String

    /// - Parameters:
    ///   - descriptors: limit of open files of the process.
    ///   - lockedMemory: limit of locked memory of the process in KiB, without the right to go beyond it.
    ///   - limit: another one, as a shell sets it.
    init(
        home: String, settings: [String] = [], descriptors: Int? = nil, lockedMemory: Int? = nil, limit: String? = nil
    ) throws {
        self.home = home
        log = home + ".log"
        let arguments = ["run", "--home", home] + settings.flatMap { ["--set", $0] }
        if descriptors != nil || lockedMemory != nil || limit != nil {
            // Root is above the limit on locked memory, unless it may not lock.
            let drop = lockedMemory != nil && geteuid() == 0 ? "setpriv --bounding-set=-ipc_lock " : ""
            let limits =
                (descriptors.map { "ulimit -n \($0); " } ?? "") + (lockedMemory.map { "ulimit -l \($0); " } ?? "")
                + (limit.map { $0 + "; " } ?? "")
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", "\(limits)exec \(drop)\"$0\" \"$@\"", Program.path] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = arguments
        }
        process.environment = ProcessInfo.processInfo.environment.merging([
            "OPENBLAS_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no",
        ]) { $1 }
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit { end() }

    func end() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    func client() -> APIClient { APIClient(socket: HomeDirectory(path: home).apiSocket) }

    /// Asks until the answer satisfies; the last one, or nil when nobody answered in time.
    func status(
        within limit: Duration = .seconds(60), until done: (NodeStatus) -> Bool = { _ in true }
    ) async throws -> NodeStatus? {
        let client = client()
        let end = ContinuousClock.now + limit
        var last: NodeStatus?
        while ContinuousClock.now < end, process.isRunning {
            last = try? await client.get("/v1/node", as: NodeStatus.self)
            if let last, done(last) { return last }
            try await Task.sleep(for: .milliseconds(20))
        }
        return last
    }

    func ticket() async throws -> String {
        _ = try await status()
        return try await client().get("/v1/ticket", as: TicketView.self).ticket
    }
}

extension NodeStatus {
    var registryHeight: UInt64 { chains.first { $0.kind == "registry" }?.height ?? 0 }
    func dropped(_ name: String) -> UInt64 { drops.first { $0.name == name }?.count ?? 0 }
}
