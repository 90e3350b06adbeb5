import Chain
import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Homes that somebody altered who has every key: each must be refused, or be called incomplete with exit code 3.
@Suite(.serialized) final class ForgedHomeTests {
    private static let plain = run("--rounds", "2")
    /// Round 1 has a second attempt, whose members repeat their vectors.
    private static let repeated = run("--rounds", "1", "--attack", "out-of-range")

    private var copies: [Folder] = []

    private static func run(_ options: String...) -> Folder? {
        guard let folder = try? Folder(),
            let outcome = try? Program.run(["testnet", "--out", folder.path] + options), outcome.code == 0
        else { return nil }
        return folder
    }

    private func forged(_ source: Folder?) throws -> ForgedHome {
        let source = try #require(source, "the testnet run that makes the homes did not pass")
        let folder = try Folder()
        copies.append(folder)
        return try ForgedHome(of: source.path, path: folder.path + "/home")
    }

    private func verify(_ home: ForgedHome) throws -> Program.Outcome {
        try Program.run("chain", "verify", "--full", "--home", home.path)
    }

    private func expect(_ home: ForgedHome, code: Int32, _ words: String...) throws {
        let outcome = try verify(home)
        let text = outcome.output + outcome.errors
        #expect(outcome.code == code, "\(text)")
        for word in words { #expect(text.contains(word), "\(word) is not in: \(text)") }
    }

    @Test func aSecondAttemptWithAWrongLambdaIsRefused() throws {
        let home = try forged(Self.repeated)
        try expect(home, code: 0, "every block holds")
        let old = try home.block(.manifest) { content in
            guard case .manifest(let body, _) = content else { return false }
            return body.submissions.contains {
                (try? SubmissionHeader(wireBytes: $0.payload))?.resubmission != nil
            }
        }
        let content = try home.manifest(old) { header in
            let proof = try #require(header.resubmission)
            var lambda = proof.lambda.bytes
            lambda[0] ^= 1
            header.resubmission = .init(previous: proof.previous, lambda: Digest(lambda))
        }
        let height = try home.replace(old, with: content)
        try expect(home, code: 2, "height \(height)", "is not the integer vector of")
    }

    @Test func anAnnouncementThatDoesNotProveItsKeyIsRefused() throws {
        let home = try forged(Self.plain)
        let old = try home.block(.manifest)
        let content = try home.manifest(old) { header in
            var nonce = header.nonce.bytes
            nonce[0] ^= 1
            header = SubmissionHeader(
                context: header.context, round: header.round, attempt: header.attempt, submitter: header.submitter,
                nonce: Digest(nonce), componentCommitments: header.componentCommitments, ephemeral: header.ephemeral,
                proof: header.proof, boxesHash: header.boxesHash, elementCount: header.elementCount,
                elementsRoot: header.elementsRoot, body: header.body)
        }
        let height = try home.replace(old, with: content)
        try expect(home, code: 2, "height \(height)", "does not prove its ephemeral key")
        // Its header alone says so: no content is asked for it.
        try expectWithoutContents(home, "height \(height)", "does not prove its ephemeral key")
    }

    private func expectWithoutContents(_ home: ForgedHome, _ words: String...) throws {
        let bare = try Program.run("chain", "verify", "--home", home.path)
        let text = bare.output + bare.errors
        #expect(bare.code == 2 && words.allSatisfy { text.contains($0) }, "\(text)")
    }

    @Test func anAnnouncementOfAnotherNumberOfCommitmentsIsRefused() throws {
        let home = try forged(Self.plain)
        let old = try home.block(.manifest)
        let content = try home.manifest(old) { header in
            header = SubmissionHeader(
                context: header.context, round: header.round, attempt: header.attempt, submitter: header.submitter,
                nonce: header.nonce, componentCommitments: header.componentCommitments.dropLast(),
                ephemeral: header.ephemeral, proof: header.proof, boxesHash: header.boxesHash,
                elementCount: header.elementCount, elementsRoot: header.elementsRoot, body: header.body)
        }
        let height = try home.replace(old, with: content)
        try expect(home, code: 2, "height \(height)", "commits to 2 components, not 3")
        try expectWithoutContents(home, "height \(height)", "commits to 2 components, not 3")
    }

    /// Too few open files are the machine's fault: no claim of the home is called wrong for them.
    @Test func whatTheMachineRefusesIsNoFailure() throws {
        let home = try forged(Self.plain)
        var refusals: [String] = []
        for files in 5...64 {
            let limited = "ulimit -n \(files); exec \"$0\" chain verify --full --home \"$1\""
            let outcome = try Program.run(["-c", limited, Program.path, home.path], program: "/bin/bash")
            #expect(outcome.code != 2, "\(files) files: \(outcome.output)\(outcome.errors)")
            if outcome.code == 0 { break }
            refusals.append(outcome.errors)
        }
        #expect(refusals.contains { $0.contains("/content/") && $0.contains("Too many open files") }, "\(refusals)")
        try expect(home, code: 0, "every block holds")
    }

    @Test func aMissingBodyIsIncompleteAndSwitchesNothingElseOff() throws {
        let home = try forged(Self.plain)
        let old = try home.block(.result)
        try FileManager.default.removeItem(atPath: home.file(try home.bodies(of: old)[0].id))
        try expect(
            home, code: 3, "1 of 5 bodies, for the block equation", "2 results computed again, 1 block equations",
            "nothing wrong was found")

        let body = try ResultBody(wireBytes: old.block.body)
        var model = try home.content(body.model)
        model[model.count - 1] ^= 1
        let height = try home.replace(old, with: try home.result(old, model: try home.put(model, .model)))
        try expect(home, code: 2, "height \(height)", "not what the server step gives")

        var sum = try home.content(body.aggregate)
        sum.replaceSubrange(0..<4, with: [0xff, 0xff, 0xff, 0x7f])
        try home.replace(old, with: try home.result(old, aggregate: try home.put(sum, .aggregate)))
        try expect(home, code: 2, "height \(height)", "digit")

        try home.replace(old, with: try home.result(old, opening: Digest([UInt8](repeating: 0xff, count: 32))))
        try expect(home, code: 2, "height \(height)", "no canonical scalar")
    }

    @Test func aMissingSumOrModelIsIncomplete() throws {
        let home = try forged(Self.plain)
        let body = try ResultBody(wireBytes: try home.block(.result).block.body)
        try FileManager.default.removeItem(atPath: home.file(body.aggregate.id))
        try expect(home, code: 3, "the sum e (\(body.aggregate.id.short))")
        try FileManager.default.removeItem(atPath: home.file(body.model.id))
        try expect(home, code: 3, "the new model (\(body.model.id.short))")
    }

    /// Wherever a byte of a content's file differs, the file is damaged; it is never "gone".
    @Test func aDamagedFileIsNeverGone() throws {
        let home = try forged(Self.plain)
        let old = try home.block(.result)
        let path = home.file(try home.bodies(of: old)[0].id)
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        // The mark, the version, the length of the head, the head's manifest, the first and the last chunk.
        for place in [0, 4, 5, 12, 40, whole.count / 2, whole.count - 1] {
            var bytes = whole
            bytes[place] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let outcome = try verify(home)
            #expect(outcome.code == 2, "byte \(place): \(outcome.output)\(outcome.errors)")
            #expect(outcome.errors.contains("damaged"), "byte \(place): \(outcome.errors)")
        }
        for length in [0, 3, whole.count - 1] {
            try Data(whole.prefix(length)).write(to: URL(fileURLWithPath: path))
            #expect(try verify(home).code == 2, "\(length) bytes")
        }
        try Data(whole + [0]).write(to: URL(fileURLWithPath: path))
        #expect(try verify(home).code == 2, "a byte too many")
        // Nor does a folder or a pipe in its place make it another fault, or hold the verifier.
        for make in [{ mkdir(path, 0o700) }, { mkfifo(path, 0o600) }] {
            try FileManager.default.removeItem(atPath: path)
            try #require(make() == 0)
            let outcome = try verify(home)
            #expect(outcome.code == 2 && outcome.errors.contains("is in the place of its file"), "\(outcome.errors)")
        }
        try FileManager.default.removeItem(atPath: path)
        try Data(whole).write(to: URL(fileURLWithPath: path))
        try expect(home, code: 0, "every block holds")
    }

    @Test func aTaskChainShorterThanItsSettlementIsIncomplete() throws {
        let home = try forged(Self.plain)
        let last = try #require(try home.blocks().last).block.header.height
        for height in [last, last - 1, 1] {
            try home.cut(from: height)
            try expect(home, code: 3, "the blocks up to height \(last), which registry block")
        }
    }

    @Test func anotherBlockThanTheSettledOneIsRefused() throws {
        let home = try forged(Self.plain)
        let old = try #require(try home.blocks().last)
        let height = try home.replace(old, with: old.content, later: 1)
        try expect(home, code: 2, "height \(height)", "settled block \(old.block.header.id.hex)")
    }

    @Test func aViewBeforeTheBlocksOwnIsRefused() throws {
        let home = try forged(Self.plain)
        let old = try #require(try home.blocks().last)
        let height = try home.replace(old, with: old.content, view: 5, certified: 0)
        try expect(home, code: 2, "height \(height)", "certificate of view 0 for a block that view 5 made")
    }

    @Test func nothingIsNoProof() throws {
        let home = try forged(Self.plain)
        let store = try ChainStore.openReadOnly(path: home.path + "/chain.sqlite")
        let folder = try Folder()
        try Data(try #require(try store.genesis())).write(to: URL(fileURLWithPath: folder.path + "/genesis"))
        let made = try Program.run("init", "--home", folder.path + "/home", "--genesis", folder.path + "/genesis")
        try #require(made.code == 0, "\(made.errors)")
        let outcome = try Program.run("chain", "verify", "--full", "--home", folder.path + "/home")
        #expect(outcome.code == 3, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("every block: the registry is empty"))
        #expect(!outcome.output.contains("every block holds"))
    }
}
