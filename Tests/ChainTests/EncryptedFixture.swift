import MeshCrypto
import Wire

@testable import Chain

/// A keyed round of five clients with real encryption, and everything that blame can say about it.
struct EncryptedFixture {
    var task: TaskFixture
    let sealing: [NodeID: RistrettoKey]
    let policy: Packing
    private(set) var clients: [NodeID: Client] = [:]

    struct Client {
        let envelope: Envelope
        let header: SubmissionHeader
        let boxes: [[UInt8]]
        let elements: [UInt8]
        let seeds: [SecretBytes]

        var binding: SubmissionBinding {
            try! SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes)
        }
        var id: SubmissionID { envelope.submissionID }
        var sealed: SealedSeeds {
            SealedSeeds(
                ephemeral: header.ephemeral.bytes, commitments: header.componentCommitments.map(\.bytes), boxes: boxes,
                proof: header.proof.bytes)
        }
    }

    /// - Parameters:
    ///   - outOfRange: a client (by index) that encrypts far too much at element 3.
    ///   - badBox: a client whose last holder gets a box of another key.
    ///   - buckets: of a median, four clients each; 1: no buckets.
    init(
        seed: UInt8 = 1, holders: (UInt8, UInt8) = (3, 1), buckets: Int = 1, members: Int? = nil,
        outOfRange: Int? = nil, badBox: Int? = nil
    ) throws {
        let count = members ?? (buckets > 1 ? 4 * buckets : holders.0 == 1 ? 5 : Int(holders.0) + 2)
        var keys: [NodeID: RistrettoKey] = [:]
        task = TaskFixture(
            seed: seed, weights: [UInt64](repeating: 10, count: count), holders: holders,
            sealing: { node in
                let key = keys[node] ?? RistrettoKey.generate()
                keys[node] = key
                return SealingKey(key.publicKey)
            },
            change: { spec in
                if members != nil { spec.participants.maximum = UInt32(count) }
                guard buckets > 1 else { return }
                spec.participants.maximum = UInt32(count)
                spec.training.server = .median
                spec.training.robust = .init(buckets: UInt16(buckets), hostile: 0)
            })
        sealing = keys
        let spec = task.state.spec
        policy = try Packing(
            digits: 1, bound: spec.bound, maximumSubmitters: Int(spec.participants.maximum))
        for (index, node) in task.keys.map(\.nodeID).enumerated() {
            clients[node] = try client(
                node, value: Int64(index + 1), extra: index == outOfRange ? 1 << 40 : 0, isBoxBad: index == badBox)
        }
    }

    var state: TaskState { task.state }
    var nodes: [NodeID] { task.keys.map(\.nodeID) }
    var holders: [NodeID] { state.holders.map(\.node) }
    var profile: HolderProfile { state.holderProfile! }
    var set: [TaskState.SetMember] { if case .aggregating(_, let set) = state.phase { set } else { [] } }

    func client(_ node: NodeID, value: Int64, extra: Int64 = 0, isBoxBad: Bool = false) throws -> Client {
        let context = RoundContext(state)
        let nonce = Digest(randomBytes(32))
        let binding = try SubmissionBinding(
            context: context.digest.bytes, publicKey: node.bytes, nonce: nonce.bytes)
        let seeds = (0..<profile.componentCount).map { _ in SecretBytes.random(32) }
        var keys = state.holders.map(\.key.bytes)
        if isBoxBad { keys[keys.count - 1] = RistrettoKey.generate().publicKey }
        let sealed = try SealedSeeds.seal(
            seeds: seeds, profile: profile, holderKeys: keys, binding: binding, ephemeral: .generate())
        var values = [Int64](repeating: value, count: state.spec.elementCount(round: state.round))
        values[3] += extra
        let elements = try Encryptor.encrypt(
            values: values, maskKeys: MaskDerivation.maskKeys(seeds: seeds, binding: binding), encoding: .affine)
        let header = SubmissionHeader(
            context: context.digest, round: state.round, attempt: state.attempt, submitter: node, nonce: nonce,
            componentCommitments: sealed.commitments.map { Digest($0) }, ephemeral: Digest(sealed.ephemeral),
            proof: Signature(sealed.proof), boxesHash: Digest(sealed.boxesHash),
            elementCount: UInt32(state.spec.elementCount(round: state.round)),
            elementsRoot: Digest(SubmissionBody.tree(elements).root),
            body: ContentReference(id: .zero, length: 10))
        return Client(
            envelope: task.sign(
                header.wireBytes, .submission, by: node, major: UInt64(state.round), minor: UInt32(state.attempt)),
            header: header, boxes: sealed.boxes, elements: elements, seeds: seeds)
    }

    func roundSigned(_ payload: [UInt8], _ kind: MessageKind, by node: NodeID) -> Envelope {
        task.sign(payload, kind, by: node, major: UInt64(state.round), minor: UInt32(state.attempt))
    }

    // MARK: Manifest

    func manifest(complaints: [Envelope] = [], evicted: [NodeID] = []) -> ManifestBody {
        let envelopes = nodes.map { clients[$0]!.envelope }
        let ids = envelopes.map(\.submissionID).sorted()
        return ManifestBody(
            context: RoundContext(state).digest, union: ids, lists: nodes.map { task.list($0, ids, union: ids) },
            submissions: envelopes, readys: holders.sorted().map { task.ready($0, ids) }, complaints: complaints,
            evicted: evicted)
    }

    func verdict(_ manifest: ManifestBody) -> String? {
        let set = manifest.submissions.filter { !manifest.evicted.contains($0.signer) }
            .map { TaskState.SetMember(node: $0.signer, submission: $0.submissionID) }
        return task.verdict(.manifest(manifest, set: set))
    }

    /// The same round with its MANIFEST decided.
    func keyed() throws -> EncryptedFixture {
        let body = manifest()
        var next = self
        next.task = try task.decided(.manifest(body, set: task.set(of: body)))
        return next
    }

    /// What a holder says about the boxes of `clients`.
    func complaint(
        by holder: NodeID, about clients: [NodeID], change: (Complaint.Entry) -> Complaint.Entry = { $0 }
    ) throws -> Envelope {
        let place = holders.firstIndex(of: holder)!
        let entries = try clients.map { node in
            let client = self.clients[node]!
            let made = try HolderComplaint.make(
                about: client.sealed, component: profile.components(of: place)[0], holder: place, key: sealing[holder]!,
                submission: client.id.bytes)
            return change(
                Complaint.Entry(
                    submission: client.id, component: UInt8(made.component), sharedPoint: Digest(made.sharedPoint),
                    proof: Signature(made.proof), boxes: client.boxes))
        }
        return roundSigned(
            Complaint(
                context: RoundContext(state).digest, entries: entries.sorted { $0.submission < $1.submission }
            ).wireBytes, .complaint, by: holder)
    }

    // MARK: Keys

    func vector(_ component: Int) -> [UInt8] {
        let keys = set.map { member in
            let client = clients[member.node]!
            return MaskDerivation.maskKey(
                seed: client.seeds[component], binding: client.binding, component: component)
        }
        return state.sums(of: set).flatMap { sum in
            KeyVector.sum(maskKeys: sum.map { keys[$0] }, count: state.spec.elementCount(round: state.round))
        }
    }

    /// - Parameter lie: changes the vector of a component before its root is signed.
    func statement(_ holder: NodeID, lie: (Int, inout [UInt8]) -> Void = { _, _ in }) -> Envelope {
        let place = holders.firstIndex(of: holder)!
        let roots = profile.components(of: place).map { component in
            var vector = vector(component)
            lie(component, &vector)
            return KeyStatement.ComponentRoot(component: UInt8(component), root: Digest(KeyVector.tree(vector).root))
        }
        return roundSigned(
            KeyStatement(context: RoundContext(state).digest, manifest: task.manifestBlock!, roots: roots).wireBytes,
            .keyStatement, by: holder)
    }

    func entry(_ place: Int, _ component: Int, _ element: Int, vector: [UInt8]) -> BlameClaim.Entry {
        BlameClaim.Entry(
            holder: UInt8(place), component: UInt8(component),
            key: Digest(Array(vector[element * 32..<element * 32 + 32])),
            path: KeyVector.tree(vector).path(element).map { Digest($0) })
    }

    func claim(_ kind: BlameClaim.Kind, element: Int, entries: [BlameClaim.Entry]) -> Envelope {
        let node = nodes.first { !holders.contains($0) }!
        return roundSigned(
            BlameClaim(
                context: RoundContext(state).digest, manifest: task.manifestBlock!, kind: kind,
                element: UInt32(element),
                entries: entries
            ).wireBytes, .claim, by: node)
    }

    func recoveryClaim(element: Int) -> Envelope {
        claim(
            .recovery, element: element,
            entries: (0..<profile.componentCount).map { component in
                entry(profile.holders(of: component)[0], component, element, vector: vector(component))
            })
    }

    /// - Parameter lie: changes the masks of a component.
    func disclosure(
        _ holder: NodeID, element: Int, components: [Int]? = nil, lie: (Int, inout [[UInt8]]) -> Void = { _, _ in }
    ) -> Envelope {
        let place = holders.firstIndex(of: holder)!
        let masks = (components ?? profile.components(of: place)).sorted().map { component in
            let count = state.spec.elementCount(round: state.round)
            var values = state.sums(of: set)[element / count].map { member in
                let client = clients[set[member].node]!
                return MaskDerivation.mask(
                    key: MaskDerivation.maskKey(
                        seed: client.seeds[component], binding: client.binding, component: component),
                    element: element % count)
            }
            lie(component, &values)
            return Disclosure.Masks(component: UInt8(component), values: values.map { Digest($0) })
        }
        return roundSigned(
            Disclosure(
                context: RoundContext(state).digest, manifest: task.manifestBlock!, element: UInt32(element),
                masks: masks
            ).wireBytes, .disclosure, by: holder)
    }

    func opening(_ node: NodeID, component: Int, seed: SecretBytes? = nil) -> Envelope {
        let client = clients[node]!
        return roundSigned(
            SeedOpening(
                context: RoundContext(state).digest, submission: client.id, component: UInt8(component),
                seed: (seed ?? client.seeds[component]).withCopy { Digest($0) }
            ).wireBytes, .opening, by: node)
    }

    func chunk(_ node: NodeID) -> BlameProof.Chunk {
        let client = clients[node]!
        return BlameProof.Chunk(submission: client.id, bytes: client.elements, path: [])
    }

    /// A proof that names `clients` at `element`.
    func proof(
        claim: Envelope, statements: [Envelope]? = nil, disclosures: [Envelope], openings: [Envelope] = [],
        clients: [NodeID] = []
    ) -> BlameProof {
        let opened = openings.map(\.signer)
        return BlameProof(
            claim: claim, statements: statements ?? holders.sorted().map { statement($0) },
            disclosures: disclosures.sorted { $0.signer < $1.signer }, openings: openings,
            submissions: Set(clients + opened).sorted().map { self.clients[$0]!.envelope },
            chunks: clients.map { chunk($0) }.sorted { $0.submission < $1.submission })
    }

    func voidVerdict(_ proof: BlameProof?, evicted: [NodeID] = [], replaced: [NodeID] = []) -> String? {
        task.verdict(
            .void(VoidBody(reason: .blame, evicted: evicted, union: [], lists: [], replaced: replaced, blame: proof)))
    }

    /// Adds to the scalar at `index` of a vector or mask.
    static func add(_ value: UInt8, to bytes: inout [UInt8], at index: Int = 0) {
        var carry = UInt16(value)
        for position in index * 32..<index * 32 + 31 {
            carry += UInt16(bytes[position])
            bytes[position] = UInt8(truncatingIfNeeded: carry)
            carry >>= 8
            if carry == 0 { return }
        }
    }
}
