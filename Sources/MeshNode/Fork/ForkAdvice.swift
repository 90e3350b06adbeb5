internal import Chain
internal import Wire

/// The way out of a registry without a quorum, where there is one.
enum ForkAdvice {
    /// What to do if the missing voters never come back; empty where they can decide by themselves, or the others can.
    static func text(_ validators: Electorate, missing: [NodeID], home: String) -> String {
        let weight = validators.weight(of: missing)
        let others = validators.members.map(\.node).filter { !missing.contains($0) }
        guard validators.totalWeight - weight < validators.quorum,
            NetworkFork.isEnough(signers: others, of: validators)
        else { return "" }
        let names = missing.map(\.short).joined(separator: " ")
        return
            "; start them again; only if they are lost for ever, those who remain stop their nodes and go on without "
            + "them: `meshnode genesis fork --from \(home.shellWord) --without \(names) --out FILE` (docs/operating.md)"
    }
}
