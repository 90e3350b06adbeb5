import Chain
import Foundation
import GRDB
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// A home in which one thing was altered by somebody who also repairs every checksum: `chain verify --full` must
/// exit 2 and name height and cause.
@Suite(.serialized) final class TamperTests {
    private static let source: Folder? = {
        guard let folder = try? Folder(),
            let outcome = try? Program.run("testnet", "--rounds", "2", "--out", folder.path), outcome.code == 0
        else { return nil }
        return folder
    }()

    /// Copies that go with the test.
    private var copies: [Folder] = []

    private func home() throws -> String {
        let source = try #require(Self.source, "the testnet run that makes the homes did not pass")
        let folder = try Folder()
        copies.append(folder)
        let path = folder.path + "/home"
        try FileManager.default.copyItem(atPath: source.path + "/nodes/node2", toPath: path)
        return path
    }

    private func verify(_ path: String) throws -> Program.Outcome {
        try Program.run("chain", "verify", "--full", "--home", path)
    }

    /// Rewrites one block of the task chain through the store's own code.
    private func rewrite(
        _ path: String, kind: BlockKind, _ change: (inout BlockHeader, inout [UInt8], inout Certificate) throws -> Void
    ) throws -> UInt64 {
        let database = path + "/chain.sqlite"
        let store = try ChainStore(path: database)
        let chain = try #require(try store.chains().first { $0.kind == 1 }).id
        let stored = try #require(
            try store.blocks(chain: chain, from: 1, limit: 64).first {
                (try? BlockHeader(wireBytes: $0.header))?.kind == kind
            })
        let block = try ChainReplay.decoded(stored)
        var header = block.header
        var body = block.body
        var certificate = block.certificate
        try change(&header, &body, &certificate)
        let altered = StoredBlock(
            chain: chain, height: stored.height, id: header.id, header: header.wireBytes, body: .inline(body),
            certificate: certificate.wireBytes, timeStored: stored.timeStored)
        try store.file.write { db in
            try db.execute(
                sql: "DELETE FROM block WHERE chain = ? AND height >= ?",
                arguments: [Data(chain.bytes), Int64(stored.height)])
        }
        #expect(try store.append(block: altered))
        return stored.height
    }

    private func expectFailure(_ path: String, height: UInt64, _ cause: String) throws {
        let outcome = try verify(path)
        #expect(outcome.code == 2, "\(outcome.output)\n\(outcome.errors)")
        let text = outcome.output + outcome.errors
        #expect(text.contains("height \(height)"), "\(text)")
        #expect(text.contains(cause), "\(text)")
    }

    @Test func untouchedHomeVerifies() throws {
        let path = try home()
        let outcome = try verify(path)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("results computed again"))
    }

    @Test func alteredVoteIsFound() throws {
        let path = try home()
        let height = try rewrite(path, kind: .manifest) { _, _, certificate in
            var precommits = certificate.precommits
            var bytes = precommits[0].signature.bytes
            bytes[5] ^= 1
            precommits[0] = .init(voter: precommits[0].voter, signature: Signature(bytes))
            certificate = Certificate(
                chain: certificate.chain, height: certificate.height, view: certificate.view, block: certificate.block,
                precommits: precommits)
        }
        try expectFailure(path, height: height, "not signed by it")
    }

    @Test func alteredBlockIsFound() throws {
        let path = try home()
        let height = try rewrite(path, kind: .result) { header, body, _ in
            var result = try ResultBody(wireBytes: body)
            result = ResultBody(
                manifest: result.manifest, aggregate: result.aggregate, model: result.aggregate,
                opening: result.opening,
                rejected: result.rejected, keyStatements: result.keyStatements, opinions: result.opinions)
            body = result.wireBytes
            header.body = .of(body, kind: .blockBody)
        }
        try expectFailure(path, height: height, "certificate names block")
    }

    /// Replaces the bytes of a content under its old name, with a file header that fits the new bytes.
    private func replaceContent(_ path: String, of reference: ContentReference, _ change: (inout [UInt8]) -> Void)
        throws
    {
        let file = path + "/content/\(reference.id.hex).data"
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        change(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    private func firstResult(_ path: String) throws -> (height: UInt64, body: ResultBody, manifest: ManifestBody) {
        let store = try ChainStore.openReadOnly(path: path + "/chain.sqlite")
        let chain = try #require(try store.chains().first { $0.kind == 1 }).id
        var manifest: ManifestBody?
        for stored in try store.blocks(chain: chain, from: 1, limit: 64) {
            let block = try ChainReplay.decoded(stored)
            if block.header.kind == .manifest { manifest = try ManifestBody(wireBytes: block.body) }
            if block.header.kind == .result {
                return (block.header.height, try ResultBody(wireBytes: block.body), try #require(manifest))
            }
        }
        throw RoundError.failed("no result")
    }

    @Test func alteredModelIsFound() throws {
        let path = try home()
        let result = try firstResult(path)
        try replaceContent(path, of: result.body.model) { $0[$0.count - 1] ^= 1 }
        try expectFailure(path, height: result.height, result.body.model.id.short)
    }

    @Test func alteredCiphertextIsFound() throws {
        let path = try home()
        let result = try firstResult(path)
        let header = try SubmissionHeader(wireBytes: result.manifest.submissions[0].payload)
        try replaceContent(path, of: header.body) { $0[$0.count - 7] ^= 1 }
        // A body is checked with the MANIFEST that carries its announcement.
        try expectFailure(path, height: result.height - 1, header.body.id.short)
    }

    @Test func alteredSumIsFound() throws {
        let path = try home()
        let result = try firstResult(path)
        try replaceContent(path, of: result.body.aggregate) { $0[$0.count - 4] ^= 1 }
        try expectFailure(path, height: result.height, result.body.aggregate.id.short)
    }

    @Test func missingDatabaseIsOneClearLine() throws {
        let path = try home()
        try FileManager.default.removeItem(atPath: path + "/chain.sqlite")
        let outcome = try verify(path)
        #expect(outcome.code == 78, "\(outcome.errors)")
        #expect(outcome.errors.contains("chain.sqlite"))
    }

    @Test func wideKeyFileIsRefused() throws {
        let path = try home()
        #expect(chmod(path + "/keys/identity.key", 0o644) == 0)
        let outcome = try Program.run("run", "--home", path)
        #expect(outcome.code == 77, "\(outcome.errors)")
        #expect(outcome.errors.contains("chmod 600"))
    }
}
