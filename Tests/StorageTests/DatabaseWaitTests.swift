import Foundation
import Synchronization
import Testing

@testable import MeshNode

/// A database that another process holds.
@Suite struct DatabaseWaitTests {
    private final class Log: Sendable {
        let said = Mutex<[String]>([])
        let slept = Mutex<[Int]>([])
    }

    /// Thirty seconds in all, and one sentence after the first of them.
    @Test func whoeverWaitsSaysForWhatAfterASecond() {
        let log = Log()
        let handler = DatabaseWait.handler(
            of: "/h/durable.sqlite", seconds: 30, say: { text in log.said.withLock { $0.append(text) } },
            sleep: { time in log.slept.withLock { $0.append(time) } })
        var number = 0
        while handler(number) {
            number += 1
            if log.slept.withLock({ $0.reduce(0, +) }) <= 1_000 { #expect(log.said.withLock { $0.isEmpty }) }
        }
        #expect(log.slept.withLock { $0.reduce(0, +) } == 30_000)
        #expect(
            log.said.withLock { $0 } == ["waiting up to 30 s for /h/durable.sqlite, which another process holds"])
        // Another wait of the same connection.
        _ = handler(0)
        #expect(log.said.withLock { $0.count } == 1)
    }

    @Test func theHolderIsTheOneThatWrites() {
        let locks = """
            1: POSIX  ADVISORY  READ 7 fe:00:16236580 124 124
            2: -> POSIX  ADVISORY  WRITE 8 fe:00:16236580 120 120
            3: POSIX  ADVISORY  WRITE 9 fe:01:16236580 120 120
            4: FLOCK  ADVISORY  WRITE 11 fe:00:16236580 0 EOF
            5: POSIX  ADVISORY  WRITE 10 fe:00:16236580 120 120
            """
        #expect(FileHolder.process(in: locks, files: ["fe:00:16236580"], except: 11) == 10)
        #expect(FileHolder.process(in: locks, files: ["fe:01:16236580"], except: 11) == 9)
        #expect(FileHolder.process(in: locks, files: ["fe:00:16236580", "x"], except: 1) == 11)
        #expect(FileHolder.process(in: locks, files: [], except: 1) == nil)
        #expect(FileHolder(process: 9, name: "sqlite3").words == "process 9 (sqlite3)")
    }

    /// A link that leads nowhere is no lost file: nothing is made in its place, and the advice names where it leads.
    @Test(arguments: ["durable.sqlite", "chain.sqlite"], [StoreOpening.existing, .createIfMissing])
    func aLinkThatLeadsNowhereIsNamed(name: String, opening: StoreOpening) throws {
        let scratch = Scratch()
        let path = scratch.file(name)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/mnt/away/\(name)")
        let error = #expect(throws: StorageError.self) {
            if name == "durable.sqlite" {
                _ = try DurableStore(path: path, owner: testNode, opening: opening)
            } else {
                _ = try ChainStore(path: path, opening: opening)
            }
        }
        let text = error?.description ?? ""
        #expect(text.contains("it is a link to /mnt/away/\(name), where nothing is"), "\(text)")
        for wrong in ["create it", "init --home", "move it away"] { #expect(!text.contains(wrong), "\(text)") }
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "/mnt/away/\(name)")
    }
}
