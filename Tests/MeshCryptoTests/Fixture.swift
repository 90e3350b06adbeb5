import Testing

@testable import MeshCrypto

/// A round played with the real thing: clients, sealed seeds, holders, aggregator. Deterministic in its seed.
struct Round {
    let profile: HolderProfile
    let encoding: ElementEncoding
    let packing: Packing
    let context: [UInt8]
    let holderKeys: [RistrettoKey]
    var values: [[Int64]] = []
    var bindings: [SubmissionBinding] = []
    var seeds: [[SecretBytes]] = []
    var maskKeys: [[SecretBytes]] = []
    var sealed: [SealedSeeds] = []
    var bodies: [[UInt8]] = []

    var coordinates: Int { values[0].count }
    var elements: Int { packing.elementCount(coordinates: coordinates) }
    var submitters: Int { values.count }

    /// Encrypts `values`, one vector a client.
    init(
        values: [[Int64]], packing: Packing, profile: HolderProfile = .threeHolders,
        encoding: ElementEncoding = .affine, seed: UInt64 = 1
    ) throws {
        var random = SplitMix(seed)
        self.profile = profile
        self.encoding = encoding
        self.packing = packing
        self.values = values
        context = random.bytes(32)
        holderKeys = try (0..<profile.holders).map { _ in try RistrettoKey(uniform: SecretBytes(random.bytes(64))) }
        for vector in values {
            let binding = try SubmissionBinding(
                context: context, publicKey: random.bytes(32), nonce: random.bytes(32))
            let clientSeeds = (0..<profile.componentCount).map { _ in SecretBytes(random.bytes(32)) }
            let keys = MaskDerivation.maskKeys(seeds: clientSeeds, binding: binding)
            bindings.append(binding)
            seeds.append(clientSeeds)
            maskKeys.append(keys)
            sealed.append(
                try SealedSeeds.seal(
                    seeds: clientSeeds, profile: profile, holderKeys: holderKeys.map(\.publicKey), binding: binding,
                    ephemeral: try RistrettoKey(uniform: SecretBytes(random.bytes(64)))))
            bodies.append(
                try Encryptor.encrypt(values: try packing.pack(vector), maskKeys: keys, encoding: encoding))
        }
    }

    /// K^(a) of every component, each from the first holder that knows it, out of its own opened boxes.
    func keyVectors(over set: [Int]? = nil) throws -> [[UInt8]] {
        let set = set ?? Array(values.indices)
        return try (0..<profile.componentCount).map { component in
            let holder = profile.holders(of: component)[0]
            let keys = try set.map { client in
                let opened = try sealed[client].open(
                    holder: holder, key: holderKeys[holder], profile: profile, binding: bindings[client])
                let seed = try #require(opened.seeds.first { $0.component == component }?.seed)
                return MaskDerivation.maskKey(seed: seed, binding: bindings[client], component: component)
            }
            return KeyVector.sum(maskKeys: keys, count: elements)
        }
    }

    func recovered(with logarithm: BoundedLogarithm) throws -> [Int64] {
        let sum = try Aggregate.sum(bodies: bodies, encoding: encoding, count: elements)
        let bare = try Aggregate.unmask(sum, keyVectors: try keyVectors())
        return try logarithm.recover(bare, bound: packing.range)
    }

    var plainSum: [Int64] {
        values.dropFirst().reduce(values[0]) { sum, vector in zip(sum, vector).map(+) }
    }
}

/// Tables are the expensive part: one for all tests.
let sharedLogarithm = BoundedLogarithm(bound: 1 << 23, maximumTable: 1 << 16)

/// Values at the extremes and in between.
func testVectors(clients: Int, coordinates: Int, bound: Int64, seed: UInt64) -> [[Int64]] {
    var random = SplitMix(seed)
    return (0..<clients).map { client in
        (0..<coordinates).map { index in
            switch index % 7 {
            case 0: bound
            case 1: -bound
            case 2: 0
            case 3: client % 2 == 0 ? bound : -bound
            case 4: -1
            default: Int64.random(in: -bound...bound, using: &random)
            }
        }
    }
}
