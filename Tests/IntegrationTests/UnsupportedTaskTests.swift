import Foundation
import Logging
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// A task of the registry that this node cannot carry out, or whose chain is damaged here, is the only thing that stops.
@Suite("One task cannot keep a node from starting", .timeLimit(.minutes(3)))
struct UnsupportedTaskTests {
    static func start(_ home: HomeDirectory, _ environment: NodeEnvironment) async throws -> Node {
        let flags = ["mesh.profile": "loopback", "listen.host": "127.0.0.1", "listen.port": "0"]
        let configuration = try ConfigurationLoader(home: home, environment: [:], flags: flags).load().configuration
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let node = try Node(configuration: configuration, home: home, logger: logger, environment: environment)
        _ = try await node.start()
        return node
    }

    /// The rule that a node of another version would have.
    static func refusing(_ name: String) -> NodeEnvironment {
        let process = NodeEnvironment.process
        return NodeEnvironment(
            executor: process.executor, worker: process.worker, links: process.links,
            refusal: { $0.name == name ? "it takes 3000000000 bytes of memory, 2147483648 are allowed" : nil })
    }

    static func history() throws -> (RegistryHistory, large: TaskID, small: TaskID) {
        var history = try RegistryHistory(voters: 6, heights: 2)
        var spec = try ResultCheckTests.spec(encoding: .affine, holders: (3, 1))
        spec.name = "large"
        let large = try history.open(spec)
        spec.name = "small"
        let small = try history.open(spec)
        return (history, large, small)
    }

    @Test func aNodeGoesOnWithoutATaskThatItCannotCarryOut() async throws {
        let folder = try Folder()
        let (history, large, small) = try Self.history()
        try history.makeHome(folder.path + "/home", heights: history.blocks.count)
        let home = HomeDirectory(path: folder.path + "/home")
        let node = try await Self.start(home, Self.refusing("large"))
        let view = try await node.task(large)
        #expect(view.state == .unsupported && view.reason?.contains("3000000000 bytes") == true, "\(view)")
        #expect(try await node.task(small).state == .running)
        let status = await node.status()
        #expect(status.unsupported.map(\.task) == [large.hex] && status.current.map(\.task) == [small.hex])
        #expect(status.registryHeight == UInt64(history.blocks.count))
        await node.stop()
    }

    @Test func aDamagedTaskChainIsSetAside() async throws {
        let folder = try Folder()
        let (history, large, small) = try Self.history()
        try history.makeHome(folder.path + "/home", heights: history.blocks.count)
        let home = HomeDirectory(path: folder.path + "/home")
        do {
            let store = try ChainStore(path: home.chainDatabase)
            try store.store([.chain(ChainRecord(id: large, kind: 1, parent: history.state.chain, info: []))])
            _ = try store.append(
                block: StoredBlock(
                    chain: large, height: 1, id: BlockID(large.bytes), header: [1, 2, 3], body: .inline([]),
                    certificate: [4], timeStored: 1))
            // Verifiers want the error, a node the rest.
            #expect(throws: NodeError.self) { try ChainReplay(store: store, genesis: history.genesis) }
        }
        let checks = try Doctor(
            home: home,
            configuration: ConfigurationLoader(home: home, environment: [:], flags: [:]).load().configuration,
            isRunning: true
        ).checks()
        #expect(checks.contains { $0.name == "task \(large.short)" && $0.outcome == .fail && $0.next != nil })
        #expect(checks.contains { $0.name == "chains" && $0.outcome == .ok })
        let node = try await Self.start(home, .process)
        #expect(try await node.task(large).state == .unsupported)
        #expect(try await node.task(large).reason?.contains("height 1") == true)
        #expect(try await node.task(small).state == .running)
        await node.stop()
    }

    /// `Publish` of what no node can carry out is refused by every registry, with the numbers.
    @Test func publishingWhatNobodyCanCarryOutIsRefused() throws {
        var history = try RegistryHistory(voters: 6, heights: 1)
        var spec = try ResultCheckTests.spec(encoding: .affine, holders: (3, 1))
        spec.model.architecture = .mlp
        spec.model.hidden = [4_000, 3_000]
        spec.model.initial = .init(id: .zero, length: 4 * (spec.modelSize ?? 0) + 512)
        let envelope = Envelope.signed(
            KeyRules.publish(
                spec, sealingKey: RistrettoKey.generate(), network: history.state.network,
                account: history.keys[5].nodeID
            ).wireBytes,
            slot: Slot(kind: .transaction, chain: history.state.chain, major: 0, minor: 0),
            network: history.state.network, by: history.keys[5])
        var state = history.state
        let error = #expect(throws: ChainError.self) { try state.apply(envelope, height: 2, timeMs: 9_000) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("\(Limits.roundMemory) are allowed"), "\(error as Any)")
        _ = try history.open(ResultCheckTests.spec(encoding: .affine, holders: (3, 1)))
    }
}
