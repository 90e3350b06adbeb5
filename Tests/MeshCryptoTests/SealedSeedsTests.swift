import Testing

@testable import MeshCrypto

@Suite("Sealed seeds and complaints")
struct SealedSeedsTests {
    let packing: Packing
    let round: Round
    let submission = [UInt8](repeating: 7, count: 32)

    init() throws {
        packing = try Packing(digits: 1, bound: 10, maximumSubmitters: 8)
        round = try Round(values: [[1, -2, 3], [4, 5, 6]], packing: packing)
    }

    private func altered(
        _ sealed: SealedSeeds, ephemeral: [UInt8]? = nil, commitments: [[UInt8]]? = nil, boxes: [[UInt8]]? = nil,
        proof: [UInt8]? = nil
    ) -> SealedSeeds {
        SealedSeeds(
            ephemeral: ephemeral ?? sealed.ephemeral, commitments: commitments ?? sealed.commitments,
            boxes: boxes ?? sealed.boxes, proof: proof ?? sealed.proof)
    }

    @Test(arguments: HolderProfile.all)
    func everyHolderOpensExactlyItsComponents(profile: HolderProfile) throws {
        let round = try Round(values: [[1]], packing: packing, profile: profile)
        #expect(round.sealed[0].boxes.count == profile.boxCount)
        for holder in 0..<profile.holders {
            let opened = try round.sealed[0].open(
                holder: holder, key: round.holderKeys[holder], profile: profile, binding: round.bindings[0])
            #expect(opened.seeds.map(\.component) == profile.components(of: holder))
            #expect(opened.failed.isEmpty)
            for (component, seed) in opened.seeds {
                #expect(seed?.withCopy { $0 } == round.seeds[0][component].withCopy { $0 })
            }
        }
    }

    @Test(arguments: HolderProfile.all)
    func anyThresholdOfHoldersMissesAComponentAndOneMoreMissesNone(profile: HolderProfile) {
        let everything = Set(0..<profile.componentCount)
        for mask in 0..<(1 << profile.holders) {
            let group = (0..<profile.holders).filter { mask >> $0 & 1 == 1 }
            let known = group.reduce(into: Set<Int>()) { $0.formUnion(profile.components(of: $1)) }
            if group.count <= profile.threshold { #expect(known != everything || profile.componentCount == 0) }
            if group.count > profile.threshold { #expect(known == everything) }
        }
        #expect(profile.componentCount == [1: 1, 3: 3, 5: 10, 7: 35][profile.holders])
    }

    /// A key that is none stops its own holder's boxes, never the submission: the others of each component serve.
    @Test func aBoxThatCannotBeMadeStopsNobodyElse() throws {
        let profile = HolderProfile.threeHolders
        let identity = [UInt8](repeating: 0, count: 32)
        let notCanonical = [UInt8](repeating: 0xff, count: 32)
        for key in [identity, notCanonical] {
            var keys = round.holderKeys.map(\.publicKey)
            keys[1] = key
            let sealed = try SealedSeeds.seal(
                seeds: round.seeds[0], profile: profile, holderKeys: keys, binding: round.bindings[0],
                ephemeral: .generate())
            try sealed.verify(profile: profile, binding: round.bindings[0])
            var opened: Set<Int> = []
            for holder in [0, 2] {
                let found = try sealed.open(
                    holder: holder, key: round.holderKeys[holder], profile: profile, binding: round.bindings[0])
                #expect(found.failed.isEmpty)
                opened.formUnion(found.seeds.map(\.component))
            }
            #expect(opened == Set(0..<profile.componentCount))
            // Where nobody could open a component, nothing is sealed.
            keys[0] = key
            #expect(throws: NDDFEError.self) {
                try SealedSeeds.seal(
                    seeds: round.seeds[0], profile: profile, holderKeys: keys, binding: round.bindings[0],
                    ephemeral: .generate())
            }
        }
    }

    @Test func otherProfilesAreRefused() {
        for (holders, threshold) in [(0, 0), (2, 1), (3, 0), (3, 2), (5, 1), (7, 2), (9, 4), (-1, -1)] {
            #expect(throws: NDDFEError.self) { try HolderProfile(holders: holders, threshold: threshold) }
        }
    }

    @Test func everythingInTheHeaderIsBoundByTheProof() throws {
        let sealed = round.sealed[0]
        let binding = round.bindings[0]
        try sealed.verify(profile: .threeHolders, binding: binding)
        var boxes = sealed.boxes
        boxes[5][0] ^= 1
        #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
            try altered(sealed, boxes: boxes).verify(profile: .threeHolders, binding: binding)
        }
        var commitments = sealed.commitments
        commitments[0][0] ^= 1
        #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
            try altered(sealed, commitments: commitments).verify(profile: .threeHolders, binding: binding)
        }
        for position in [0, 31, 32, 60] {
            var proof = sealed.proof
            proof[position] ^= 2
            #expect(throws: NDDFEError.self) {
                try altered(sealed, proof: proof).verify(profile: .threeHolders, binding: binding)
            }
        }
        for changed in [
            try SubmissionBinding(context: submission, publicKey: binding.publicKey, nonce: binding.nonce),
            try SubmissionBinding(context: binding.context, publicKey: submission, nonce: binding.nonce),
            try SubmissionBinding(context: binding.context, publicKey: binding.publicKey, nonce: submission),
        ] {
            #expect(throws: NDDFEError.proofRejected(what: "seal proof")) {
                try sealed.verify(profile: .threeHolders, binding: changed)
            }
        }
    }

    @Test func aCopiedEphemeralKeyIsRefusedBeforeAnySecretTouchesIt() throws {
        // The attacker copies E and the boxes of client 0 into a header of its own and hopes that a holder opens them
        // or complains with the shared point.
        let victim = round.sealed[0]
        let attacker = round.bindings[1]
        for proof in [victim.proof, round.sealed[1].proof, [UInt8](repeating: 0, count: 64), []] {
            let copied = altered(victim, proof: proof)
            #expect(throws: NDDFEError.self) { try copied.verify(profile: .threeHolders, binding: attacker) }
            #expect(throws: NDDFEError.self) {
                try copied.open(holder: 1, key: round.holderKeys[1], profile: .threeHolders, binding: attacker)
            }
        }
    }

    @Test func identityAndMalformedEphemeralKeysAreRefused() throws {
        let sealed = round.sealed[0]
        var top = sealed.ephemeral
        top[31] |= 0x80
        let bad: [[UInt8]] = [
            [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32), top,
            [1] + [UInt8](repeating: 0, count: 31),
            Array(sealed.ephemeral.dropLast()), [],
        ]
        for ephemeral in bad {
            #expect(throws: NDDFEError.self) {
                try altered(sealed, ephemeral: ephemeral).verify(profile: .threeHolders, binding: round.bindings[0])
            }
            #expect(throws: NDDFEError.self) {
                try SealedSeeds.seal(
                    seeds: round.seeds[0], profile: .threeHolders,
                    holderKeys: [ephemeral, ephemeral, round.holderKeys[2].publicKey],
                    binding: round.bindings[0], ephemeral: .generate())
            }
        }
    }

    @Test func wrongShapesAreRefused() throws {
        let sealed = round.sealed[0]
        let binding = round.bindings[0]
        #expect(throws: NDDFEError.wrongCount(field: "boxes", expected: 6, found: 5)) {
            try altered(sealed, boxes: Array(sealed.boxes.dropLast())).verify(profile: .threeHolders, binding: binding)
        }
        #expect(throws: NDDFEError.wrongCount(field: "commitments", expected: 3, found: 0)) {
            try altered(sealed, commitments: []).verify(profile: .threeHolders, binding: binding)
        }
        #expect(throws: NDDFEError.wrongLength(field: "box", expected: 48, found: 0)) {
            try altered(sealed, boxes: Array(repeating: [], count: 6)).verify(profile: .threeHolders, binding: binding)
        }
        #expect(throws: NDDFEError.self) { try sealed.verify(profile: .fiveHolders, binding: binding) }
        #expect(throws: NDDFEError.self) {
            try sealed.open(holder: 3, key: round.holderKeys[0], profile: .threeHolders, binding: binding)
        }
    }

    /// A client that seals garbage to one holder, with a proof that verifies.
    private func badBox(component: Int, holder: Int) throws -> SealedSeeds {
        // Sealed under another holder's key in this holder's place: the proof is right, the box is not.
        var keys = round.holderKeys.map(\.publicKey)
        keys[holder] = RistrettoKey.generate().publicKey
        return try SealedSeeds.seal(
            seeds: round.seeds[0], profile: .threeHolders, holderKeys: keys, binding: round.bindings[0],
            ephemeral: .generate())
    }

    @Test func aBadSeedToOneHolderIsProven() throws {
        let bad = try badBox(component: 1, holder: 2)
        let opened = try bad.open(
            holder: 2, key: round.holderKeys[2], profile: .threeHolders, binding: round.bindings[0])
        #expect(opened.failed == HolderProfile.threeHolders.components(of: 2))
        let complaint = try HolderComplaint.make(
            about: bad, component: opened.failed[0], holder: 2, key: round.holderKeys[2], submission: submission)
        let verdict = try complaint.judge(
            sealed: bad, profile: .threeHolders, binding: round.bindings[0], holderKey: round.holderKeys[2].publicKey,
            submission: submission)
        #expect(verdict == .boxIsBad)
    }

    @Test func aBoxThatOpensToAnotherSeedThanCommittedIsProven() throws {
        // Commitments of other seeds, then sealed and proven over by the cheating client itself: rebuild with one
        // commitment exchanged and a fresh proof.
        let ephemeral = RistrettoKey.generate()
        let honest = try SealedSeeds.seal(
            seeds: round.seeds[0], profile: .threeHolders, holderKeys: round.holderKeys.map(\.publicKey),
            binding: round.bindings[0], ephemeral: ephemeral)
        var seeds = round.seeds[0]
        seeds[0] = .random(32)
        let other = try SealedSeeds.seal(
            seeds: seeds, profile: .threeHolders, holderKeys: round.holderKeys.map(\.publicKey),
            binding: round.bindings[0], ephemeral: ephemeral)
        var boxes = honest.boxes
        boxes[0] = other.boxes[0]
        let mixed = SealedSeeds(
            ephemeral: honest.ephemeral, commitments: honest.commitments, boxes: boxes, proof: honest.proof)
        let holder = HolderProfile.threeHolders.holders(of: 0)[0]
        let complaint = try HolderComplaint.make(
            about: mixed, component: 0, holder: holder, key: round.holderKeys[holder], submission: submission)
        #expect(
            try complaint.judge(
                sealed: mixed, profile: .threeHolders, binding: round.bindings[0],
                holderKey: round.holderKeys[holder].publicKey, submission: submission) == .boxIsBad)
    }

    @Test func aFalseComplaintIsSeenThrough() throws {
        let complaint = try HolderComplaint.make(
            about: round.sealed[0], component: 0, holder: 1, key: round.holderKeys[1], submission: submission)
        let verdict = try complaint.judge(
            sealed: round.sealed[0], profile: .threeHolders, binding: round.bindings[0],
            holderKey: round.holderKeys[1].publicKey, submission: submission)
        #expect(verdict == .boxIsGood)
    }

    @Test func aComplaintWithAnotherSharedPointOrContextIsNoStatement() throws {
        let sealed = round.sealed[0]
        let complaint = try HolderComplaint.make(
            about: sealed, component: 0, holder: 1, key: round.holderKeys[1], submission: submission)
        func judge(_ complaint: HolderComplaint, submission: [UInt8], holder: Int = 1) throws -> HolderComplaint.Verdict
        {
            try complaint.judge(
                sealed: sealed, profile: .threeHolders, binding: round.bindings[0],
                holderKey: round.holderKeys[holder].publicKey, submission: submission)
        }
        // A random shared point would make any good box look bad.
        let lie = HolderComplaint(
            component: 0, holder: 1, sharedPoint: RistrettoKey.generate().publicKey, proof: complaint.proof)
        #expect(throws: NDDFEError.proofRejected(what: "complaint")) { try judge(lie, submission: submission) }
        #expect(throws: NDDFEError.proofRejected(what: "complaint")) {
            try judge(complaint, submission: [UInt8](repeating: 8, count: 32))
        }
        #expect(throws: NDDFEError.proofRejected(what: "complaint")) {
            try judge(complaint, submission: submission, holder: 2)
        }
        // Holder 0 is in the excluded subset of component 0.
        let elsewhere = HolderComplaint(
            component: 0, holder: 0, sharedPoint: complaint.sharedPoint, proof: complaint.proof)
        #expect(throws: NDDFEError.notAHolder(component: 0, holder: 0)) { try judge(elsewhere, submission: submission) }
        for (shared, proof) in [
            ([UInt8](repeating: 0, count: 32), complaint.proof),
            (complaint.sharedPoint, [UInt8](repeating: 0xff, count: 64)),
            (complaint.sharedPoint, []), ([], []),
        ] {
            let malformed = HolderComplaint(component: 0, holder: 1, sharedPoint: shared, proof: proof)
            #expect(throws: NDDFEError.self) { try judge(malformed, submission: submission) }
        }
    }
}
