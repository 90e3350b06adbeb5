internal import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures this machine.",
        subcommands: [
            CryptoBenchCommand.self, GossipBenchCommand.self, ChainBenchCommand.self, AttackBenchCommand.self,
            LearnBenchCommand.self,
            CompressionBenchCommand.self,
            ContributionBenchCommand.self,
        ])
}
