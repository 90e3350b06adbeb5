internal import Chain
internal import Foundation
internal import Glibc
internal import Gossip
internal import Learn
internal import Wire

/// Looks at a home and its surroundings, whether its node runs or not.
///
/// What `run` refuses is a failure here, by the function that `run` itself calls (permissions, key, owner of the record, alarm,
/// socket, chains): a check of its own would say something else one day. The next step of a failure is that of its error.
public struct Doctor: Sendable {
    private let home: HomeDirectory
    private let configuration: NodeConfiguration
    private let isRunning: Bool

    /// - isRunning: the node's API answers.
    public init(home: HomeDirectory, configuration: NodeConfiguration, isRunning: Bool) {
        self.home = home
        self.configuration = configuration
        self.isRunning = isRunning
    }

    public func checks() -> [HealthCheck] {
        // Nothing that a node needs is missing in a home of no node.
        guard isRunning || !home.holdsChainAlone else {
            return [HealthCheck("home", .ok, home.chainAlone), disk()] + databases() + chains()
        }
        let start: [HealthCheck] =
            [clock(), disk(), ports()] + permissions() + socket() + memory() + settings() + key()
        return start + databases() + contents() + identity() + chains() + data() + bootstrap()
    }

    private func clock() -> HealthCheck { Self.clock(Date().formatted(.iso8601), kernel: Self.kernelClock()) }

    /// - Parameter kernel: what adjtimex(2) returned; nil where it returned nothing. Only what says that it is synchronised is.
    static func clock(_ text: String, kernel: Int32?) -> HealthCheck {
        // Blocks more than ten seconds ahead of a voter's clock are not admitted by it.
        let advice =
            "run an NTP client (chrony, systemd-timesyncd): voters refuse blocks that are 10 s ahead of their clock"
        switch kernel {
        case nil:
            return HealthCheck(
                "clock", .unknown, "\(text); the system does not say whether it is synchronised", next: advice)
        case unsynchronised?:
            return HealthCheck(
                "clock", .unknown, "\(text); nothing on this machine says that it is synchronised", next: advice)
        default: return HealthCheck("clock", .ok, "\(text), synchronised")
        }
    }

    /// TIME_ERROR of adjtimex(2).
    private static let unsynchronised: Int32 = 5

    /// What adjtimex(2) returns; its header is in no module, so it is looked up by name. Nothing is set: modes is 0.
    private static func kernelClock() -> Int32? {
        typealias Adjust = @convention(c) (UnsafeMutableRawPointer) -> Int32
        guard let symbol = dlsym(nil, "adjtimex") else { return nil }
        // `struct timex` has 208 bytes on 64-bit Linux.
        let answer = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { buffer -> Int32 in
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            return unsafeBitCast(symbol, to: Adjust.self)(buffer.baseAddress!)
        }
        return answer < 0 ? nil : answer
    }

    private func permissions() -> [HealthCheck] {
        do {
            try home.checkPermissions()
            return []
        } catch { return [HealthCheck("home", .fail, "\(error)", next: error.next)] }
    }

    /// A running node has it.
    private func socket() -> [HealthCheck] {
        guard !isRunning else { return [] }
        do {
            try APISocket.require(configuration.socket)
            return []
        } catch { return [HealthCheck("socket", .fail, "\(error)")] }
    }

    /// What a running node says itself.
    private func contents() -> [HealthCheck] {
        guard !isRunning else { return [] }
        do throws(StorageError) {
            let store = try ContentStore(reading: home)
            let quota = configuration.storageQuota
            return [
                Node.storeCheck(
                    Node.storeProblem(pinned: store.pinnedBytes, quota: quota), used: store.usedBytes, quota: quota)
            ]
        } catch { return [HealthCheck("store", .fail, "\(error)")] }
    }

    /// What a running node says itself.
    private func key() -> [HealthCheck] {
        guard !isRunning else { return [] }
        let alarm: String?
        do { alarm = try home.alarm() } catch { alarm = "\(error)" }
        guard let alarm else { return [] }
        return [
            HealthCheck(
                "key", .fail, alarm,
                next: "stop every copy, keep the home whose durable.sqlite is the newest, move the others away, then: "
                    + "`meshnode doctor --clear-alarm --home \(home.path.shellWord)`")
        ]
    }

    /// ST_RDONLY of statvfs(3).
    private static let readOnlyFlag: UInt = 1

    private func disk() -> HealthCheck {
        var state = statvfs()
        guard statvfs(home.path, &state) == 0 else {
            return HealthCheck(
                "disk", .fail, "\(home.path): \(String(cString: strerror(errno)))", next: "check that the home exists")
        }
        guard state.f_flag & Self.readOnlyFlag == 0 else {
            return HealthCheck(
                "disk", .fail, "\(home.path) is on a file system that is mounted for reading only",
                next: "mount it for writing; after errors of the disk the system does that by itself: see dmesg")
        }
        let free = UInt64(state.f_bavail) * UInt64(state.f_frsize)
        let text = "\(free >> 20) MiB free under \(home.path)"
        // What a degraded node waits for, and what a few tasks take.
        if free < Node.roomToStart {
            return HealthCheck(
                "disk", .fail, text,
                next: "free at least \(Node.roomToStart >> 20) MiB: a node that cannot write stops signing")
        }
        if let files = FileSystem.freeFiles(home.path), files < Node.filesToStart {
            return HealthCheck(
                "disk", .fail, "\(text), and \(files) inodes",
                next: "remove files on that disk: each takes an inode (df -i)")
        }
        return free < 1 << 30
            ? HealthCheck("disk", .warning, text, next: "free some: a round of five nodes writes about 200 KiB")
            : HealthCheck("disk", .ok, text)
    }

    /// A running node says itself what it could not lock; its limit may be another one than that of this command.
    private func memory() -> [HealthCheck] { isRunning ? [] : [MemoryAdvice.probe()] }

    private func ports() -> HealthCheck {
        let host = configuration.listen.host
        let port = configuration.listen.port
        if isRunning { return HealthCheck("ports", .ok, "the node holds them") }
        guard port != 0 else {
            return HealthCheck(
                "ports", .ok, "any free port is taken at the start; others need a fixed one to be told of")
        }
        let problems = Reachability.problems(binding: host, port: port)
        let faults = [problems.tcp.map { "TCP: \($0)" }, problems.udp.map { "UDP: \($0)" }].compactMap { $0 }
        return faults.isEmpty
            ? HealthCheck("ports", .ok, "TCP and UDP \(port) on \(host) are free")
            : HealthCheck(
                "ports", .fail, "\(host):\(port): " + faults.joined(separator: ", "),
                next: "stop what holds it, or set listen.port and listen.host")
    }

    /// Of the genesis in this home; nil while there is none.
    private var network: NetworkID? {
        guard let store = try? ChainStore.openReadOnly(path: home.chainDatabase), let bytes = try? store.genesis()
        else {
            return nil
        }
        return try? Genesis.read(bytes).networkID
    }

    /// The rows are read as a task would read them: what `data audit` finds stands in its own output.
    private func data() -> [HealthCheck] {
        guard configuration.miner.isEnabled else { return [] }
        let data = configuration.data
        let parts = [
            ("training rows", data.train, DataFiles.Part.training), ("held-out rows", data.evaluation, .evaluation),
        ]
        return parts.map { name, path, part in
            do {
                let found = try DataFiles.read(path, label: data.label, layout: data.layout, part: part)
                let text = "\(Counted.text(found.rows.count, "row")) in \(path)"
                guard let note = found.note else { return HealthCheck(name, .ok, text) }
                return HealthCheck(
                    name, .warning, "\(text); \(note)",
                    next: "nothing, where these are names or notes; else correct the cells: "
                        + "`meshnode data audit \(path.shellWord) --label \(data.label.shellWord)`")
            } catch {
                // A validator may have none; rows that are there and cannot be read are a mistake.
                let isThere = (try? FileSystem.exists(path)) ?? true
                let setting = part == .training ? "train" : "evaluation"
                guard isThere else {
                    // The one that nobody has named may be missing; what was named and is not there is a mistake.
                    let isNamed =
                        SettingValue.text(String(path.dropFirst(home.path.count + 1)))
                        != SettingTable.setting("data.\(setting)")?.builtIn
                    return HealthCheck(
                        name, part == .training && isNamed ? .fail : .unknown, "\(path) does not exist",
                        next:
                            "name the file with: `meshnode config set data.\(setting)=FILE --home \(home.path.shellWord)`"
                    )
                }
                return HealthCheck(
                    name, part == .training ? .fail : .unknown, "\(error)",
                    next:
                        "see all that is wrong with: `meshnode data audit \(path.shellWord) --label \(data.label.shellWord)`; the paths are "
                        + "[data] in \(home.configuration)")
            }
        }
    }

    /// A file that is gone is no fault of configuration, and silently another node.
    private func settings() -> [HealthCheck] {
        do {
            guard try !FileSystem.exists(home.configuration) else { return [] }
            return [HealthCheck("configuration", .warning, home.lostConfiguration)]
        } catch { return [HealthCheck("configuration", .fail, "\(error)")] }
    }

    /// What the node has signed: without it, it must not go on.
    private func signed(by identity: NodeID) -> [HealthCheck] {
        do {
            let durable = try DurableStore(readOnly: home.durableDatabase)
            try durable.requireOwner(identity)
            guard let fork = try SignedFork.read(durable) else { return [] }
            let refusal = NodeError.hasSignedFork(home: home.path, network: fork.network.hex, height: fork.height)
            return [HealthCheck("fork", .fail, "\(refusal)")]
        } catch {
            return [HealthCheck("signed messages", .fail, "\(error)", next: next((error as? StorageError)?.next))]
        }
    }

    /// On a full disk databases cannot even be opened, and nothing is wrong with them.
    private func next(_ advice: String?) -> String? {
        guard let free = FileSystem.freeBytes(home.path), free < Node.roomToStart else { return advice }
        return "free space first, then look again: on a full disk a database that is whole cannot be opened"
    }

    private func databases() -> [HealthCheck] {
        var checks: [HealthCheck] = []
        do {
            let store = try ChainStore.openReadOnly(path: home.chainDatabase)
            let blocks = try store.chains().map { try store.head(chain: $0.id)?.height ?? 0 }.reduce(0, +)
            checks.append(
                try store.genesis() == nil
                    ? HealthCheck(
                        "database", .fail, "no genesis in \(home.chainDatabase)",
                        next: "run: `meshnode init --home \(home.path.shellWord) --genesis FILE`")
                    : HealthCheck("database", .ok, "\(blocks) blocks, pages sound"))
        } catch {
            checks.append(
                HealthCheck(
                    "database", .fail, "\(error)",
                    next: next("blocks can be fetched again, as the line above says; never move durable.sqlite")))
        }
        return checks
    }

    private func identity() -> [HealthCheck] {
        var checks: [HealthCheck] = []
        do {
            let identity = try home.loadIdentity()
            checks += signed(by: identity.signingKey().nodeID)
            checks.append(HealthCheck("identity", .ok, "the key file can be read and only by its owner"))
        } catch {
            checks.append(
                HealthCheck("identity", .fail, "\(error)", next: error.next ?? "restore the file from your backup"))
        }
        return checks
    }

    /// Folds the stored blocks as a start does, and says what a start would say.
    private func chains() -> [HealthCheck] {
        let moved = HomeDirectory.fetchAgain(home.path)
        do {
            let store = try ChainStore.openReadOnly(path: home.chainDatabase)
            guard let bytes = try store.genesis() else { return [] }
            let replay = try ChainReplay(
                store: store, genesis: try Genesis(wireBytes: bytes), setsAsideDamagedTasks: true)
            var checks = [
                HealthCheck(
                    "chains", .ok,
                    "the registry holds up to height \(replay.registry.height), "
                        + "\(replay.tasks.count) task chains hold")
            ]
            for record in replay.registry.tasks {
                guard let cause = replay.damaged[record.task] else { continue }
                checks.append(
                    HealthCheck(
                        "task \(record.task.short)", .fail,
                        "its stored chain does not hold: \(cause); the node starts "
                            + "without it", next: moved))
            }
            for entry in replay.tasks {
                do { _ = try RoundPolicy(entry.state.spec) } catch {
                    checks.append(
                        HealthCheck(
                            "task \(entry.state.chain.short)", .unknown, "\(error); the node starts without it",
                            next: "ask its publisher for a smaller task"))
                }
            }
            return checks
        } catch let error as NodeError {
            return [HealthCheck("chains", .fail, error.fault ?? "\(error)", next: next(moved))]
        } catch { return [HealthCheck("chains", .fail, "\(error)", next: next(moved))] }
    }

    /// Asks each bootstrap node over TCP and by one datagram.
    private func bootstrap() -> [HealthCheck] {
        guard !configuration.bootstrap.isEmpty else {
            // A running node says itself how many peers it has.
            if isRunning { return [] }
            if let known = try? ChainStore.openReadOnly(path: home.chainDatabase).peers().count, known > 0 {
                return [
                    HealthCheck("bootstrap", .ok, "no ticket is configured; \(known) peers of earlier runs are dialled")
                ]
            }
            return [HealthCheck("bootstrap", .unknown, "no ticket is configured: others have to dial this node")]
        }
        return configuration.bootstrap.prefix(8).map { ticket in
            let name = "bootstrap \(ticket.node.short)"
            if let own = network, ticket.network != own {
                return HealthCheck(
                    name, .fail, "the ticket is of network \(ticket.network.short), this home of \(own.short)",
                    next: "ask a node of this network for a ticket: `meshnode ticket --home MEMBER`")
            }
            guard let address = ticket.addresses.first else {
                return HealthCheck(name, .fail, "no address", next: "get a new ticket")
            }
            let tcp = Reachability.accepts(address)
            let udp = Reachability.answersDatagrams(address, network: ticket.network)
            switch (tcp, udp) {
            case (true, true): return HealthCheck(name, .ok, "\(address) answers by TCP and UDP")
            case (true, false):
                return HealthCheck(
                    name, .fail, "\(address) accepts TCP and answers no datagram",
                    next: "open UDP port \(address.port) on the way; without it failures are found late")
            case (false, true):
                return HealthCheck(
                    name, .fail, "\(address) answers datagrams and accepts no TCP connection",
                    next: "open TCP port \(address.port) on the way")
            case (false, false):
                return HealthCheck(
                    name, .fail, "\(address) does not answer", next: "start that node, or get a ticket of another one")
            }
        }
    }
}
