import Foundation
import Gossip
import MeshNode
import Testing
import Wire

/// A process that is killed at any moment loses nothing that was acknowledged, and what it leaves opens again.
///
/// This checks recovery, not fsync: the kernel keeps what a killed process wrote. Power cuts are in
/// `PowerCutTests`.
@Suite(.serialized) struct KilledProcessTests {
    @Test func acknowledgedRecordsSurviveKills() async throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        var acknowledged: UInt64 = 0
        for round in 0..<12 as Range<Int> {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = home.path as String, round = round as Int] in
                // Every third time early, while files are made or opened; else between later commits.
                if round % 3 == 0 { killAfter(microseconds: 2_000 + round * 1_500) }
                try work(HomeDirectory.open(at: path), killAfterRecords: 1 + round * 2)
            }
            let last = try lastAcknowledged(home)
            #expect(last >= acknowledged)
            acknowledged = last

            let durable = try DurableStore(path: home.durableDatabase, owner: testNode, opening: .createIfMissing)
            let messages = try durable.slotMessages(chain: testChain)
            #expect(messages.count >= Int(last))
            #expect(messages.map(\.major) == Array((1...UInt64(messages.count + 1)).dropLast()))
            for message in messages { #expect(digest(message.message) == digest(pattern(200, seed: message.major))) }
            let state = try durable.voteState(chain: testChain)
            #expect(state == (messages.isEmpty ? nil : pattern(50, seed: UInt64(messages.count))))

            let chain = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
            let height = try chain.head(chain: testChain)?.height ?? 0
            #expect(height >= last)
            // A block and what is derived from it are there together or not at all.
            #expect(try chain.events(limit: .max).count == Int(height))

            let vectors = try VectorFiles(home)
            for number in stride(from: UInt64(8), through: last, by: 8) {
                #expect(digest(try vectors.read(name: "v\(number)")) == digest(pattern(5000, seed: number)))
            }
            let content = try ContentStore(home)
            for number in stride(from: UInt64(8), through: last, by: 8) {
                let value = pattern(40_000, seed: number)
                #expect(digest(try content.get(ContentManifest(of: value, kind: .model).contentID)) == digest(value))
            }
        }
        #expect(acknowledged >= 50)
    }

    @Test func lockOfAKilledProcessIsFree() async throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = home.path as String] in
            let lock = try HomeLock(HomeDirectory.open(at: path))
            kill(getpid(), SIGKILL)
            #expect(lock.home.path == path)
        }
        _ = try HomeLock(home)
    }

    private func lastAcknowledged(_ home: HomeDirectory) throws -> UInt64 {
        let text = String(decoding: bytes(home.logs + "/acknowledged"), as: UTF8.self)
        return text.split(separator: "\n").last.flatMap { UInt64($0) } ?? 0
    }
}

private func killAfter(microseconds: Int) {
    signal(SIGALRM) { _ in kill(getpid(), SIGKILL) }
    var timer = itimerval()
    timer.it_value.tv_usec = __suseconds_t(microseconds)
    setitimer(__itimer_which_t(0), &timer, nil)
}

/// Stores numbered records for ever and writes down the number of each that was acknowledged.
private func work(_ home: HomeDirectory, killAfterRecords: Int) throws {
    let lock = try HomeLock(home)
    let durable = try DurableStore(path: home.durableDatabase, owner: testNode, opening: .createIfMissing)
    let chain = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
    let vectors = try VectorFiles(home)
    let content = try ContentStore(home)
    try chain.store([.chain(ChainRecord(id: testChain, kind: 0))])
    let log = open(home.logs + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var number = try UInt64(durable.slotMessages(chain: testChain).count)
    let height = try chain.head(chain: testChain)?.height ?? 0
    // The message comes before the block, so a kill leaves at most one block behind.
    if height < number { try append(chain, number) }
    let first = number
    while lock.home == home {
        number += 1
        if number == first + UInt64(killAfterRecords) { killAfter(microseconds: 1 + killAfterRecords * 977 % 9_000) }
        if number % 8 == 0 {
            try vectors.write(pattern(5000, seed: number), name: "v\(number)")
            try content.put(pattern(40_000, seed: number), kind: .model)
        }
        try durable.commit([
            .slot(kind: 1, chain: testChain, major: number, minor: 0, message: pattern(200, seed: number)),
            .voteState(chain: testChain, bytes: pattern(50, seed: number)),
        ])
        try append(chain, number)
        let line = Array("\(number)\n".utf8)
        _ = write(log, line, line.count)
    }
}

private func append(_ chain: ChainStore, _ number: UInt64) throws {
    var id = [UInt8](repeating: 0, count: 32)
    for index in 0..<8 { id[index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
    try chain.append(
        block: StoredBlock(
            chain: testChain, height: number, id: BlockID(id), header: [1], body: .inline(pattern(500, seed: number)),
            certificate: [2], timeStored: 3),
        derived: [.event(time: 0, kind: "block", json: "{}")])
}
