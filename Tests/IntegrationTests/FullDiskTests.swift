import Foundation
import Testing

@testable import MeshNode

/// A node on a small disk of its own, which fills up in the middle of a task. Mounting one needs root: without it this is
/// skipped with that word, and fails in CI, where it has to run.
@Suite(.serialized) struct FullDiskTests {
    private static let isCI = ProcessInfo.processInfo.environment["CI"] != nil
    private static let canRun = getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/bin/mount")

    private static func run(_ program: String, _ arguments: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// A small disk of a test's own.
    private struct Disk {
        let path: String

        /// - Parameter size: of a tmpfs, as mount(8) takes it.
        init(_ path: String, _ size: String) throws {
            self.path = path
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try #require(
                try FullDiskTests.run("/bin/mount", "-t", "tmpfs", "-o", "\(size),mode=0700", "tmpfs", path) == 0,
                "no tmpfs could be mounted: run the test as root, in a container with CAP_SYS_ADMIN")
        }

        /// A home on it, of a network with one decided block.
        func home() throws -> String {
            try RegistryHistory(voters: 4, heights: 1).makeHome(path + "/home", heights: 1)
            return path + "/home"
        }

        func end() { _ = try? FullDiskTests.run("/bin/umount", "-l", path) }
    }

    /// A start on a full disk is refused as what passes, and nobody is told to move a database away that is whole.
    @Test(.enabled(if: canRun || isCI, "a disk of its own needs root and mount"))
    func aStartOnAFullDiskIsRefused() throws {
        let folder = try Folder()
        let disk = try Disk(folder.path + "/disk", "size=16m")
        defer { disk.end() }
        let home = try disk.home()
        #expect(try Self.run("/bin/dd", "if=/dev/zero", "of=\(disk.path)/filler", "bs=64k", "status=none") != 0)
        let started = try Program.run("run", "--home", home)
        #expect(started.code == 75 && started.errors.contains("free space"), "\(started.errors)")
        let health = try Program.run("doctor", "--home", home)
        #expect(health.code == 1 && health.output.contains("fail     disk: 0 MiB"), "\(health.output)")
        #expect(!health.output.contains("move chain.sqlite away"), "\(health.output)")
    }

    /// A disk that was mounted for reading only, as the system does after errors of it, is named with the next step.
    @Test(.enabled(if: canRun || isCI, "a disk of its own needs root and mount"))
    func aDiskForReadingOnlyIsNamed() throws {
        let folder = try Folder()
        let disk = try Disk(folder.path + "/disk", "size=16m")
        defer { disk.end() }
        let home = try disk.home()
        try #require(try Self.run("/bin/mount", "-o", "remount,ro", disk.path) == 0)
        let started = try Program.run("run", "--home", home)
        #expect(started.code == 78 && started.errors.contains("for writing"), "\(started.code) \(started.errors)")
        let health = try Program.run("doctor", "--home", home)
        #expect(health.code == 1 && health.output.contains("mounted for reading only"), "\(health.output)")
    }

    /// A disk with bytes and no inodes left is full as well.
    @Test(.enabled(if: canRun || isCI, "a disk of its own needs root and mount"))
    func aDiskWithoutInodesIsFull() async throws {
        let folder = try Folder()
        let disk = try Disk(folder.path + "/disk", "size=64m,nr_inodes=200")
        defer { disk.end() }
        let home = try disk.home()
        let node = try RunningNode(home: home)
        #expect(try await node.status()?.notReady.joined().contains("degraded") == false)
        var fillers: [String] = []
        while FileManager.default.createFile(atPath: disk.path + "/f\(fillers.count)", contents: nil) {
            fillers.append(disk.path + "/f\(fillers.count)")
        }
        let full = try await node.status { $0.notReady.joined().contains("0 inodes are left") }
        #expect(full?.notReady.joined().contains("degraded") == true, "\(String(describing: full?.notReady))")
        let health = try Program.run("doctor", "--home", home)
        #expect(health.output.contains("0 inodes"), "\(health.output)")
        for path in fillers { try FileManager.default.removeItem(atPath: path) }
        let again = try await node.status { !$0.notReady.joined().contains("degraded") }
        #expect(again?.notReady.joined().contains("degraded") == false, "\(String(describing: again?.notReady))")
        node.end()
    }

    @Test(.enabled(if: canRun || isCI, "a disk of its own needs root and mount"))
    func aFullDiskIsSaidAndLeftBehind() async throws {
        let small = "n5"
        var disk: Disk?
        let lab = try LabNodes(5, settings: ["miner.auto_join=true"], genesis: ["--settle-seconds", "0.3"]) { home in
            guard home.hasSuffix("/" + small) else { return }
            disk = try Disk(home, "size=48m")
        }
        defer {
            lab.stopAll()
            disk?.end()
        }
        try await lab.startAll()
        let task = try lab.publish("n1", as: "full", ["rounds=1000", "body_retention=10", "deadlines.submit=\"5s\""])
        try await lab.until("round 2 is decided") {
            try await lab.task(task, on: small).round >= 2 ? nil : "not yet"
        }

        let filler = lab.home(small) + "/filler"
        #expect(try Self.run("/bin/dd", "if=/dev/zero", "of=" + filler, "bs=64k", "status=none") != 0)
        try await lab.until("the node says that its disk is full") {
            let waits = try await lab.status(small).notReady.joined()
            return waits.contains("degraded") && waits.contains("full") ? nil : "ready: \(waits)"
        }
        let refusal = try lab.refused(small, "ledger", "transfer", String(repeating: "ab", count: 32), "1")
        #expect(refusal.contains("degraded") && refusal.contains("free space"), "\(refusal)")
        let health = try Program.run("doctor", "--home", lab.home(small))
        #expect(health.output.contains("degraded"), "\(health.output)\(health.errors)")
        #expect(lab.isRunning(small))
        // Four of five are a quorum and a set: the others go on.
        let reached = try await lab.task(task, on: "n1").round
        try await lab.until("the others go on") {
            try await lab.task(task, on: "n1").round >= reached + 2 ? nil : "round \(reached)"
        }

        try FileManager.default.removeItem(atPath: filler)
        try await lab.until("the node is ready again, in the same process") {
            let waits = try await lab.status(small).notReady
            return waits.isEmpty ? nil : waits.joined()
        }
        #expect(lab.isRunning(small))
        let recovered = try await lab.task(task, on: "n1").round
        try await lab.until("it follows the task again") {
            let round = try await lab.task(task, on: small).round
            return round >= recovered + 2 ? nil : "round \(round) of \(recovered)"
        }
        try lab.run("n1", "task", "stop", task)
        try await lab.until("all have the same head and contents") {
            var heads: Set<String?> = []
            for name in lab.names {
                let view = try await lab.task(task, on: name)
                guard view.state == .cancelled else { return "\(name): \(view.state)" }
                guard try await lab.status(name).contentsWanted == 0 else { return "\(name) fetches contents" }
                heads.insert(view.head)
            }
            return heads.count == 1 ? nil : "heads differ"
        }
        let ledger: LedgerView = try await lab.client(small).get("/v1/ledger")
        #expect(ledger.burned == 0, "a bond was lost by evidence")
        lab.stopAll()
        let verified = try Program.run("chain", "verify", "--full", "--home", lab.home(small))
        #expect(verified.code == 0, "\(verified.output)\(verified.errors)")
    }
}
