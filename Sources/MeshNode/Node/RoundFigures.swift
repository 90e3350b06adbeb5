internal import Foundation
internal import Wire

/// The round whose accuracy and loss stand in `task list`, `task show` and `status`.
extension RoundView {
    /// An attempt that failed has no figures; those of the round before it stand, before a restart and after.
    var hasFigures: Bool { outcome != .void }

    /// The last round whose figures a home has.
    static func last(of chain: ChainID, in store: ChainStore) throws -> RoundView? {
        try store.roundMetrics(chain: chain).compactMap {
            try? JSONDecoder().decode(RoundView.self, from: Data($0.json.utf8))
        }.last(where: \.hasFigures)
    }
}
