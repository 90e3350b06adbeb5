internal import Chain
internal import MeshCrypto
internal import Wire

/// What a voter checks before it says that it stored a submission: everything that needs no secret and no sum.
enum BodyCheck {
    /// - Returns: the decoded body.
    /// - Throws: `RoundError.rejected` with the first thing that is wrong.
    static func check(
        _ bytes: [UInt8], header: SubmissionHeader, policy: RoundPolicy
    ) throws(RoundError) -> SubmissionContent {
        let content = try decode(bytes, header: header, policy: policy)
        do {
            // The proof comes first: without it a copied E would turn holders into a decryption oracle.
            try header.sealedSeeds(boxes: content.boxes).verify(profile: policy.profile, binding: header.binding())
            // Adding a body to nothing decodes and checks every element.
            _ = try Aggregate.sum(
                bodies: [content.elements], encoding: policy.encoding, count: policy.elementCount(round: header.round))
        } catch { throw .rejected("\(error)") }
        return content
    }

    /// That a submission holds the integers of the one in the latest set of its round.
    static func checkSameVector(
        _ content: SubmissionContent, header: SubmissionHeader, previous bytes: [UInt8], of previous: SubmissionHeader,
        policy: RoundPolicy
    ) throws(RoundError) {
        guard let resubmission = header.resubmission else { throw .rejected("no proof of the same vector") }
        let before = try decode(bytes, header: previous, policy: policy)
        do {
            let isSame = try SameVectorProof(lambda: resubmission.lambda.bytes).verify(
                previous: before.elements, replacement: content.elements, encoding: policy.encoding,
                count: policy.elementCount(round: header.round),
                statement: header.sameVectorStatement(previous: resubmission.previous))
            guard isSame else {
                throw RoundError.rejected("it is not the integer vector of \(resubmission.previous.short)")
            }
        } catch let error as RoundError {
            throw error
        } catch { throw .rejected("\(error)") }
    }

    /// Shape, hashes and roots alone.
    static func decode(
        _ bytes: [UInt8], header: SubmissionHeader, policy: RoundPolicy
    ) throws(RoundError) -> SubmissionContent {
        guard header.body == .of(bytes, kind: .submission) else { throw .rejected("the body has another content id") }
        let content: SubmissionContent
        do { content = try SubmissionContent(wireBytes: bytes) } catch { throw .rejected("the body: \(error)") }
        let count = policy.elementCount(round: header.round)
        guard Int(header.elementCount) == count, content.elements.count == count * policy.encoding.width
        else { throw .rejected("\(content.elements.count) bytes of elements for \(count) elements") }
        guard SealedSeeds.hash(boxes: content.boxes) == header.boxesHash.bytes else {
            throw .rejected("the sealed boxes are not those of the header")
        }
        guard SubmissionBody.tree(content.elements).root == header.elementsRoot.bytes else {
            throw .rejected("the elements are not those of the header")
        }
        return content
    }
}
