import MeshCrypto
import Wire

@testable import MeshNode

/// What is checked before a byte of it is used: sealed seeds, paths of Merkle trees, packed contents.
extension FuzzTarget {
    private struct Sealing {
        let profile: HolderProfile
        let keys: [RistrettoKey]
        let binding: SubmissionBinding
        let sealed: SealedSeeds
        /// Whether each holder's own key was sealed to.
        let isRight: [Bool]
    }

    private static func key(_ name: String, _ index: Int) -> RistrettoKey {
        let seed = Transcript.hash(name, [UInt8(index)]) + Transcript.hash(name + "/2", [UInt8(index)])
        return try! RistrettoKey(uniform: SecretBytes(seed))
    }

    /// To the right keys, to a wrong one, and to one that is no key.
    private static let sealings: [Sealing] = [HolderProfile.publisherAlone, .threeHolders].flatMap { profile in
        (0..<3).compactMap { kind -> Sealing? in
            let keys = (0..<profile.holders).map { key("fuzz holder", $0) }
            var named = keys.map(\.publicKey)
            if kind > 0 { named[0] = kind == 1 ? key("fuzz other", 0).publicKey : [UInt8](repeating: 255, count: 32) }
            let binding = try! SubmissionBinding(
                context: [UInt8](repeating: 1, count: 32), publicKey: [UInt8](repeating: 2, count: 32),
                nonce: [UInt8](repeating: 3, count: 32))
            let seeds = (0..<profile.componentCount).map { SecretBytes([UInt8](repeating: UInt8($0), count: 32)) }
            let sealed = try? SealedSeeds.seal(
                seeds: seeds, profile: profile, holderKeys: named, binding: binding,
                ephemeral: key("fuzz ephemeral", 0))
            return sealed.map {
                Sealing(
                    profile: profile, keys: keys, binding: binding, sealed: $0,
                    isRight: keys.indices.map { kind == 0 || $0 > 0 })
            }
        }
    }

    static let seals = FuzzTarget("seals", of: "Sources/Crypto/NDDFE/SealedSeeds.swift") { input in
        let made = input.pick(sealings)
        let valid = made.sealed
        func pieces(_ all: [[UInt8]]) -> [[UInt8]] {
            var all = all
            switch input.pick(4) {
            case 0: return all
            case 1: all.remove(at: input.pick(all.count))
            case 2: all.insert(input.take(48), at: input.pick(all.count))
            default:
                let place = input.pick(all.count)
                all[place] = input.edited(all[place])
            }
            return all
        }
        let found = SealedSeeds(
            ephemeral: input.bool() ? input.edited(valid.ephemeral) : valid.ephemeral,
            commitments: input.bool() ? pieces(valid.commitments) : valid.commitments,
            boxes: input.bool() ? pieces(valid.boxes) : valid.boxes,
            proof: input.bool() ? input.edited(valid.proof) : valid.proof)
        let holds = (try? found.verify(profile: made.profile, binding: made.binding)) != nil
        law(holds == (found == valid), "a header that was changed has a proof, or one that was not has none")
        _ = try? found.verify(profile: input.pick(HolderProfile.all), binding: made.binding)
        let holder = input.pick(8)
        let opened = try? found.open(
            holder: holder, key: made.keys[min(holder, made.keys.count - 1)], profile: made.profile,
            binding: made.binding)
        law((opened != nil) == (holds && holder < made.keys.count), "holder \(holder) opens what does not hold")
        if let opened { law(opened.failed.isEmpty == made.isRight[holder], "\(opened.failed) failed to open") }
    }

    static let merkle = FuzzTarget("merkle", of: "Sources/Crypto/NDDFE/MerkleTree.swift") { input in
        let count = 1 + input.pick(70)
        let leaves = (0..<count).map { [UInt8($0), 7] }
        let tree = MerkleTree(domain: "fuzz", count: count) { leaves[$0][...] }
        let index = input.pick(count)
        let path = tree.path(index)
        var (claimed, width, steps) = (index, count, path)
        let payload = input.bool() ? input.edited(leaves[index]) : leaves[index]
        let root = input.bool() ? input.edited(tree.root) : tree.root
        switch input.pick(6) {
        case 0: claimed = input.number(near: index)
        case 1: width = input.number(near: count)
        case 2: steps.append(input.take(32))
        case 3: if !steps.isEmpty { steps.remove(at: input.pick(steps.count)) }
        case 4:
            if !steps.isEmpty {
                let place = input.pick(steps.count)
                steps[place] = input.edited(steps[place])
            }
        default: break
        }
        let holds = MerkleTree.verify(
            root: root, domain: "fuzz", index: claimed, count: width, payload: payload[...], path: steps)
        let isSame = payload == leaves[index] && root == tree.root && claimed == index && width == count
        law(holds == (isSame && steps == path), "leaf \(claimed) of \(width)")
    }

    /// Packed contents and the lengths that their manifests claim.
    static let codec = FuzzTarget("codec", of: "Sources/MeshNode/Storage/ContentCodec.swift") { input in
        let piece = input.take(1 + input.pick(64))
        let raw = (0..<1 + input.pick(256)).flatMap { _ in piece }
        let packed = ContentCodec.compressed(raw)
        if let packed {
            law(
                (try? ContentCodec.expanded(packed, rawLength: UInt64(raw.count))) == raw,
                "\(raw.count) bytes do not come back")
        }
        let bytes = input.pick(4) == 0 ? input.rest() : input.edited(packed ?? raw)
        let claim: UInt64 = input.bool() ? input.number(near: UInt64(raw.count)) : UInt64(raw.count)
        if let expanded = try? ContentCodec.expanded(bytes, rawLength: claim) {
            law(UInt64(expanded.count) == claim, "\(expanded.count) bytes where \(claim) were claimed")
        }
    }
}
