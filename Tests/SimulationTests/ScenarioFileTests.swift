import MeshSim
import Testing

@Suite("Scenario files")
struct ScenarioFileTests {
    @Test func everythingIsRead() throws {
        let scenario = try Scenario(
            toml: """
                # a comment
                nodes = 6
                rounds = 4
                faults = "loss"
                heal_ms = 9_000
                rejecting = [1, 2]
                [network]
                latency_us = [100, 2000]
                loss_ppm = 10
                [timing]
                submit_ms = 700
                [[event]]
                at_ms = 1500
                action = "partition"
                group_a = [0, 1]
                group_b = [2, 3, 4, 5]
                [[event]]
                stage = "after-keys"
                round = 2
                action = "crash"
                restart_ms = 100   # comes back
                [[byzantine]]
                node = 5
                strategy = "double-voter"
                [expect]
                outcome = "completed"
                fork = "loud"
                """)
        let configuration = scenario.configuration
        #expect(configuration.nodes == 6 && configuration.rounds == 4 && configuration.faults == .loss)
        #expect(configuration.healAt == 9_000_000 && configuration.rejecting == [1, 2])
        #expect(configuration.network.latency == 100...2_000 && configuration.network.lossPpm == 10)
        #expect(configuration.timing.submitMs == 700)
        #expect(
            configuration.script == [
                .init(.at(1_500_000), .partition([[0, 1], [2, 3, 4, 5]])),
                .init(.stage(.afterKeys, round: 2), .crash(node: nil, restartAfter: 100_000)),
            ])
        #expect(configuration.byzantine == [.init(node: 5, strategy: .doubleVoter)])
        #expect(scenario.expectation.outcome == "completed" && scenario.expectation.loudFork)
    }

    @Test func allFaultsAtOnceWithTheirLines() {
        let text = """
            nodes = 12
            what = 3
            rounds = "three"
            [timing]
            submit_ms = 0
            [[event]]
            action = "explode"
            [[byzantine]]
            node = 1
            strategy = "kind"
            [nonsense]
            no equals sign
            [network]
            latency_us = [0, 9223372036854775807]
            [[event]]
            at_ms = 1
            action = "skew"
            node = 1
            skew_ms = 9223372036854775807
            """
        do {
            _ = try Scenario(toml: text)
            Issue.record("a wrong scenario was accepted")
        } catch {
            let faults = error.faults
            for part in [
                "nodes: 4 to 10", "line 2: what: unknown key", "line 3: rounds", "line 5", "line 6: event",
                "line 8: byzantine",
                "unknown table nonsense", "line 12", "line 14: latency_us", "line 15: skew_ms",
            ] {
                #expect(faults.contains { $0.contains(part) }, "\(part) in \(faults)")
            }
        }
    }
}
