internal import Chain
internal import Wire

/// Holds a fork against the registry of the network that it goes on with.
enum OriginChecker {
    /// Failures and gaps of the old network have this in the place of a chain.
    static let place = "origin"

    /// Says what the fork claims, and checks it where the old network's registry is at hand.
    ///
    /// The genesis has been read: its digest is that of its accounts, and every voter of it has signed it.
    static func run(
        _ fork: Genesis, anchor: OriginPlace?, report: inout VerificationReport,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws {
        guard let origin = fork.origin else {
            guard anchor != nil else { return }
            return report.failures.append(
                .init(chain: "genesis", height: 0, cause: "this network is no fork: it has no origin to check"))
        }
        report.origin = VerificationReport.Origin(
            network: origin.network.hex, height: origin.height, block: origin.block.hex, carried: origin.carried.hex,
            accounts: fork.accounts.count, credits: fork.accounts.reduce(0) { $0 + $1.balance + $1.validatorBond },
            without: origin.without.map(\.hex),
            voters: fork.accounts.filter { $0.validatorBond > 0 }.map(\.node.hex))
        switch anchor {
        case nil: break
        case .home(let home): try check(fork, origin, try HomeSource(home), &report, progress)
        case .export(let path):
            let file: ExportFile
            do { file = try ExportFile(path) } catch let error as RoundError {
                return report.failures.append(.init(chain: place, height: 0, cause: "\(path): \(error)"))
            }
            try check(fork, origin, file, &report, progress)
        }
    }

    private static func check(
        _ fork: Genesis, _ origin: Genesis.Origin, _ source: some ChainSource, _ report: inout VerificationReport,
        _ progress: @Sendable (VerificationProgress) -> Void
    ) throws {
        func failure(_ cause: String, _ height: UInt64) -> VerificationReport.Failure {
            .init(chain: place, height: height, cause: cause)
        }
        guard let bytes = try source.genesis() else { throw NodeError.notInitialised(source.name) }
        let genesis: Genesis
        do { genesis = try Genesis.read(bytes) } catch {
            return report.failures.append(failure("the genesis of \(source.name) is unreadable: \(error)", 0))
        }
        guard genesis.networkID == origin.network else {
            return report.failures.append(
                failure(
                    "\(source.name) is network \(genesis.networkID.hex), the fork comes from \(origin.network.hex)", 0))
        }
        var registry = RegistryChecker(genesis: genesis)
        var old = VerificationReport(network: genesis.networkID.hex, isFull: false, chains: [], failures: [])
        try registry.run(source: source, checkpoint: nil, report: &old, progress: progress)
        if let first = old.failures.first {
            return report.failures.append(failure("its registry does not hold: \(first.cause)", first.height))
        }
        let height = registry.state.height
        if height < origin.height {
            report.gaps.append(
                .init(
                    chain: place, height: height,
                    missing: "the registry blocks up to height \(origin.height), so what was carried was not checked"))
        } else if height > origin.height {
            report.failures.append(
                failure(
                    "the old registry goes on to height \(height): the fork leaves out \(height - origin.height) decided "
                        + "blocks", origin.height))
        } else {
            do {
                try NetworkFork.compare(fork, with: registry.state)
                report.origin?.isChecked = true
            } catch { report.failures.append(failure("\(error)", origin.height)) }
        }
    }
}
