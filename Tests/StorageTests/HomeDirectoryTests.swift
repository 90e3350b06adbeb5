import Foundation
import MeshCrypto
import MeshNode
import Testing
import Wire

@Suite struct HomeDirectoryTests {
    @Test func createdHomeIsPrivateAndOpensAgain() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("deep/node"))
        for path in [home.path, home.keys, home.content, home.secrets, home.logs] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o700, "\(path)")
        }
        #expect(try HomeDirectory.open(at: home.path + "/") == home)
    }

    /// A home that an earlier release made is refused by the number of its rules, never read by the rules of this one and
    /// never called damaged.
    @Test func aHomeOfOtherRulesIsRefusedByItsNumber() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        // Domain, version without a number, an empty name.
        try ChainStore(path: home.chainDatabase, opening: .createIfMissing).storeGenesis([5, 0, 1, 0, 0, 0, 0])
        func refused(_ open: () throws -> Void) {
            #expect(throws: WireError.otherRules(1)) { try open() }
        }
        refused { _ = try DecidedLedger(home: home) }
        refused { _ = try HomeVerifier().verify(home: home, isFull: false) { _ in } }
        refused { _ = try ChainExport.run(home: home, withContents: false) { _ in } }
    }

    /// Whoever moves a home away for the sake of its blocks loses the key and what it has signed.
    @Test func adviceAboutDamagedBlocksSparesTheHome() throws {
        let texts = [
            "\(NodeError.damagedChain(chain: "ab", height: 7, cause: "another body"))", HomeDirectory.fetchAgain("/h"),
        ]
        for text in texts {
            #expect(text.contains("move chain.sqlite away, never durable.sqlite, a key or the home"), "\(text)")
            #expect(!text.contains("move the home away") && !text.contains("join again"), "\(text)")
        }
        let scratch = Scratch()
        let path = scratch.file("chain.sqlite")
        overwrite(path, Array("not a database".utf8))
        let error = #expect(throws: StorageError.self) { try ChainStore(path: path) }
        #expect(error?.description.contains("move chain.sqlite away, never durable.sqlite") == true)
    }

    @Test func missingHomeNamesTheCommand() {
        let error = #expect(throws: StorageError.self) { try HomeDirectory.open(at: "/nonexistent/node") }
        #expect(error?.description.contains("meshnode init --home /nonexistent/node") == true)
    }

    @Test func identitySurvivesAndIsNeverOverwritten() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        #expect(!home.hasIdentity)
        let made = try home.createIdentity()
        let read = try home.loadIdentity()
        #expect(made.signingKey().nodeID == read.signingKey().nodeID)
        #expect(made.vrfSecret.withCopy { $0 } == read.vrfSecret.withCopy { $0 })
        #expect(made.vrfSecret.withCopy { $0[31] } < 16)
        #expect(throws: StorageError.self) { try home.createIdentity() }
        #expect(try home.loadIdentity().signingKey().nodeID == made.signingKey().nodeID)
        #expect(!FileManager.default.fileExists(atPath: home.identityKey + ".tmp"))
    }

    @Test(arguments: [0o604, 0o640, 0o644, 0o700, 0o660])
    func widerKeyFileIsRefusedWithTheCommand(mode: Int) throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        _ = try home.createIdentity()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: home.identityKey)
        #expect(
            throws: StorageError.permissions(
                path: home.identityKey, mode: "0" + String(mode, radix: 8), next: "run `chmod 600 \(home.identityKey)`")
        ) { try home.loadIdentity() }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: home.identityKey)
        _ = try home.loadIdentity()
    }

    @Test func everyFlippedBitAndEveryCutOfTheIdentityIsNoticed() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        _ = try home.createIdentity()
        let good = bytes(home.identityKey)
        for index in good.indices {
            var bad = good
            bad[index] ^= 1 << UInt8(index % 8)
            rewrite(bad)
            #expect(throws: StorageError.self) { try home.loadIdentity() }
        }
        for count in 0..<good.count {
            rewrite(Array(good[..<count]))
            #expect(throws: StorageError.self) { try home.loadIdentity() }
        }
        rewrite(good + [0])
        #expect(throws: StorageError.self) { try home.loadIdentity() }
        rewrite(good)
        _ = try home.loadIdentity()

        func rewrite(_ bytes: [UInt8]) {
            overwrite(home.identityKey, bytes)
            try! FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: home.identityKey)
        }
    }

    @Test func worldWritableHomeIsRefused() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        _ = try home.createIdentity()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: home.path)
        #expect(
            throws: StorageError.permissions(path: home.path, mode: "0777", next: "run `chmod 700 \(home.path)`")
        ) { try HomeDirectory.open(at: home.path) }
    }

    /// Whose directory it is nobody knows: the advice closes nothing, works as it stands, and nothing was made before.
    @Test(arguments: [0o777, 0o1777]) func aDirectoryOfOthersIsNoHome(mode: Int) throws {
        let scratch = Scratch()
        let shared = scratch.file("shared")
        try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: shared)
        let error = #expect(throws: StorageError.self) { try HomeDirectory.create(at: shared) }
        #expect(error?.description.contains("chmod") == false, "\(String(describing: error))")
        #expect(error?.description.contains("`meshnode init --home \(shared)/meshnode`") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: shared).isEmpty)
        _ = try HomeDirectory.create(at: shared + "/meshnode")
    }

    @Test func secondLockNamesTheHolder() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        do {
            let lock = try HomeLock(home)
            #expect(throws: StorageError.locked(path: home.path, pid: getpid())) { try HomeLock(home) }
            #expect(lock.home == home)
        }
        _ = try HomeLock(home)
    }

    /// A link to the keys says nothing of who may change them: the folder that it leads to does.
    @Test func aLinkedFolderIsJudgedByWhatItLeadsTo() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        _ = try home.createIdentity()
        let away = scratch.file("away")
        try FileManager.default.moveItem(atPath: home.keys, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: home.keys, withDestinationPath: away)
        _ = try HomeDirectory.open(at: home.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: away)
        #expect(
            throws: StorageError.permissions(path: home.keys, mode: "0777", next: "run `chmod 700 \(home.keys)`")
        ) { try HomeDirectory.open(at: home.path) }
    }

    /// As an orchestrator mounts a secret; a path with a blank is quoted in the advice.
    @Test func aLinkedKeyIsJudgedByItsFile() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("a node"))
        let made = try home.createIdentity()
        let away = scratch.file("key")
        try FileManager.default.moveItem(atPath: home.identityKey, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: home.identityKey, withDestinationPath: away)
        #expect(try home.loadIdentity().signingKey().nodeID == made.signingKey().nodeID)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: away)
        #expect(
            throws: StorageError.permissions(
                path: home.identityKey, mode: "0644", next: "run `chmod 600 '\(home.identityKey)'`")
        ) { try home.loadIdentity() }
    }

    /// Whoever waits for the end of a node is not told that it came where nobody can look.
    @Test func aLockThatCannotBeOpenedIsNotFree() async throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        await #expect(throws: StorageError.self) { try await HomeLock.waitUntilFree(home, seconds: 1) }
        try #require(mkfifo(home.lockFile, 0o600) == 0)
        await #expect(throws: StorageError.self) { try await HomeLock.waitUntilFree(home, seconds: 1) }
        #expect(unlink(home.lockFile) == 0)
        try HomeLock(home).release()
        #expect(try await HomeLock.waitUntilFree(home, seconds: 1))
    }
}
