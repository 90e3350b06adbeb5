import Testing

@testable import MeshCrypto

@Suite("Blame: who broke the round")
struct BlameTests {
    let packing: Packing

    init() throws { packing = try Packing(digits: 2, bound: 127, maximumSubmitters: 8) }

    private func honestRound(profile: HolderProfile = .threeHolders) throws -> Round {
        try Round(
            values: testVectors(clients: 5, coordinates: 9, bound: 127, seed: 12), packing: packing, profile: profile)
    }

    private func blame(_ round: Round, element: Int) throws -> Blame {
        try Blame(
            profile: round.profile, encoding: round.encoding, packing: packing, coordinates: 9, element: element,
            bindings: round.bindings, commitments: round.sealed.map(\.commitments),
            elements: round.bodies.map { Array($0[element * 64..<element * 64 + 64]) })
    }

    private func statements(_ round: Round, element: Int) -> [Blame.Statement] {
        (0..<round.profile.componentCount).flatMap { component in
            round.profile.holders(of: component).map { holder in
                Blame.statement(
                    holder: holder, component: component, maskKeys: round.maskKeys.map { $0[component] },
                    element: element)
            }
        }
    }

    private func keys(_ round: Round, element: Int) throws -> [[UInt8]] {
        try round.keyVectors().map { Array($0[element * 32..<element * 32 + 32]) }
    }

    /// Client 2 encrypts `value` at `element` instead of what it should.
    private func cheat(_ round: inout Round, element: Int, value: Int64) throws {
        var packed = try packing.pack(round.values[2])
        packed[element] = value
        round.bodies[2] = try Encryptor.encrypt(
            values: packed, maskKeys: round.maskKeys[2], encoding: round.encoding)
    }

    @Test(arguments: [0, 2, 4], [HolderProfile.threeHolders, .fiveHolders])
    func aValueOutOfRangeNamesItsClientAlone(element: Int, profile: HolderProfile) throws {
        // First, middle and last element; far out, just outside in the low digit, in the filling of the last element.
        let radix = packing.radix
        var values: [Int64] = [1 << 40, -(1 << 45), 128 + 127 * 4, -(128 + 127 * 4) * radix]
        if element == 4 { values = [1 << 40, radix] }
        for value in values {
            var round = try honestRound(profile: profile)
            try cheat(&round, element: element, value: value)
            let finding = try blame(round, element: element).examine(
                keys: try keys(round, element: element), statements: statements(round, element: element),
                logarithm: sharedLogarithm)
            if case .recoverable = finding { continue }
            #expect(finding == .clients([2]), "\(value)")
        }
        // The far value is certain to be found.
        var round = try honestRound(profile: profile)
        try cheat(&round, element: element, value: 1 << 40)
        let finding = try blame(round, element: element).examine(
            keys: try keys(round, element: element), statements: statements(round, element: element),
            logarithm: sharedLogarithm)
        #expect(finding == .clients([2]))
    }

    @Test(arguments: [0, 2, 4])
    func anotherMaskThanSealedNamesItsClient(element: Int) throws {
        // (r + δ)·H: the body does not fit the seeds.
        var round = try honestRound()
        let body = round.bodies[2]
        var point = try ElementDecoding.decode(
            body[element * 64..<element * 64 + 64], at: element * 64, encoding: .affine)
        point = point + NDDFEBases.maskBase
        round.bodies[2].replaceSubrange(element * 64..<element * 64 + 64, with: BatchArithmetic.affineBytes([point]))
        #expect(throws: NDDFEError.noLogarithm(element: element, bound: packing.range)) {
            try round.recovered(with: sharedLogarithm)
        }
        let finding = try blame(round, element: element).examine(
            keys: try keys(round, element: element), statements: statements(round, element: element),
            logarithm: sharedLogarithm)
        #expect(finding == .clients([2]))
    }

    @Test func aFalseClaimOfFailureNamesNobody() throws {
        let round = try honestRound()
        let finding = try blame(round, element: 1).examine(
            keys: try keys(round, element: 1), statements: [], logarithm: sharedLogarithm)
        let sum = try round.recovered(with: sharedLogarithm)[1]
        #expect(finding == .recoverable(sum))
    }

    @Test func oneMissingStatementNamesNobody() throws {
        var round = try honestRound()
        try cheat(&round, element: 1, value: 1 << 40)
        var some = statements(round, element: 1)
        some.removeAll { $0.holder == 2 && $0.component == 1 }
        let finding = try blame(round, element: 1).examine(
            keys: try keys(round, element: 1), statements: some, logarithm: sharedLogarithm)
        #expect(finding == .missing(holder: 2, component: 1))
    }

    @Test func framingAClientFailsOnEveryPath() throws {
        // Client 2 cheats; holder 1 and its friends want client 0 blamed instead.
        var round = try honestRound()
        try cheat(&round, element: 1, value: 1 << 40)
        let blame = try blame(round, element: 1)
        let honest = statements(round, element: 1)
        let keys = try keys(round, element: 1)
        let component = 0
        let target = try #require(honest.firstIndex { $0.holder == 1 && $0.component == component })
        func shifted(_ bytes: [UInt8], by value: Int64) -> [UInt8] { (Scalar(canonical: bytes)! + Scalar(value)).bytes }
        // 1. A mask moved for client 0 alone: the statement no longer sums to the signed K_j.
        var lie = honest[target].masks
        lie[0] = shifted(lie[0], by: 5)
        var told = honest
        told[target] = Blame.Statement(holder: 1, component: component, masks: lie)
        #expect(
            try blame.examine(keys: keys, statements: told, logarithm: sharedLogarithm)
                == .selfContradiction(holder: 1, component: component))
        // 2. Moved between clients so that the sum stays: the other holder of the component differs, and the opened
        // seed of that one client convicts the liar.
        lie[2] = shifted(lie[2], by: -5)
        told[target] = Blame.Statement(holder: 1, component: component, masks: lie)
        #expect(
            try blame.examine(keys: keys, statements: told, logarithm: sharedLogarithm)
                == .disputed(submission: 0, component: component, holders: [1, 2]))
        #expect(
            blame.liars(submission: 0, component: component, seed: round.seeds[0][component], statements: told) == [1])
        // 3. Both holders of the component lie alike (more than t collude): client 0 is named, and rebuts by opening.
        let friend = try #require(honest.firstIndex { $0.holder == 2 && $0.component == component })
        told[friend] = Blame.Statement(holder: 2, component: component, masks: lie)
        let finding = try blame.examine(keys: keys, statements: told, logarithm: sharedLogarithm)
        #expect(finding == .clients([0, 2]))
        #expect(
            blame.liars(submission: 0, component: component, seed: round.seeds[0][component], statements: told) == [
                1, 2,
            ])
        // The guilty client has no such rebuttal, and an opening of another seed says nothing.
        for component in 0..<3 {
            #expect(
                blame.liars(submission: 2, component: component, seed: round.seeds[2][component], statements: honest)
                    == [])
        }
        #expect(blame.liars(submission: 2, component: 0, seed: .random(32), statements: honest) == nil)
        #expect(blame.liars(submission: 2, component: 0, seed: SecretBytes([1]), statements: honest) == nil)
        #expect(blame.liars(submission: 9, component: 0, seed: .random(32), statements: honest) == nil)
    }

    @Test func aLyingHolderIsFoundWhereRootsDiffer() throws {
        let round = try honestRound()
        let component = 1
        let vectors = try round.keyVectors()
        // Holder 2 adds to the key of element 3.
        var lie = vectors[component]
        let wrong = (Scalar(canonical: Array(lie[96..<128]))! + .one).bytes
        lie.replaceSubrange(96..<128, with: wrong)
        #expect(KeyVector.tree(lie).root != KeyVector.tree(vectors[component]).root)
        let element = try #require(Blame.firstDifference(lie, vectors[component]))
        #expect(element == 3)
        #expect(Blame.firstDifference(lie, lie) == nil)
        let blame = try blame(round, element: element)
        let honest = statements(round, element: element).filter { $0.component == component }
        let right = Array(vectors[component][96..<128])
        let holders = round.profile.holders(of: component)
        #expect(holders == [0, 2])
        // It must publish masks that sum to its own K_j: either it contradicts itself …
        #expect(
            blame.compare(component: component, statements: honest, keys: [0: right, 2: wrong])
                == .selfContradiction(holder: 2, component: component))
        // … or lies about one client, whose opened seed convicts it.
        var masks = honest[1].masks
        masks[4] = (Scalar(canonical: masks[4])! + .one).bytes
        let told = [honest[0], Blame.Statement(holder: 2, component: component, masks: masks)]
        #expect(
            blame.compare(component: component, statements: told, keys: [0: right, 2: wrong])
                == .disputed(submission: 4, component: component, holders: [0, 2]))
        #expect(
            blame.liars(submission: 4, component: component, seed: round.seeds[4][component], statements: told) == [2])
        #expect(
            blame.compare(component: component, statements: [honest[0]], keys: [0: right, 2: wrong])
                == .missing(holder: 2, component: component))
    }

    @Test func malformedStatementsNeverTrap() throws {
        var round = try honestRound()
        try cheat(&round, element: 1, value: 1 << 40)
        let blame = try blame(round, element: 1)
        let keys = try keys(round, element: 1)
        for masks: [[UInt8]] in [
            [], [[], [], [], [], []], Array(repeating: [UInt8](repeating: 0xff, count: 32), count: 5),
            Array(repeating: [UInt8](repeating: 0, count: 32), count: 6),
        ] {
            var told = statements(round, element: 1)
            told[0] = Blame.Statement(holder: told[0].holder, component: told[0].component, masks: masks)
            #expect(
                try blame.examine(keys: keys, statements: told, logarithm: sharedLogarithm)
                    == .selfContradiction(holder: told[0].holder, component: told[0].component))
            let strange = [Blame.Statement(holder: -1, component: 99, masks: masks)]
            #expect(
                try blame.examine(keys: keys, statements: strange, logarithm: sharedLogarithm)
                    == .missing(holder: 1, component: 0))
            #expect(blame.compare(component: 99, statements: strange, keys: [:]) == .nothing)
            _ = blame.liars(submission: 0, component: 0, seed: round.seeds[0][0], statements: told)
        }
        #expect(throws: NDDFEError.self) { try blame.examine(keys: [], statements: [], logarithm: sharedLogarithm) }
        #expect(throws: NDDFEError.self) {
            try Blame(
                profile: .threeHolders, encoding: .affine, packing: packing, coordinates: 9, element: 5,
                bindings: round.bindings, commitments: round.sealed.map(\.commitments), elements: blame.elements)
        }
    }
}
