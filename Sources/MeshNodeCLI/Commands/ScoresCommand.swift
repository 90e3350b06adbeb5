internal import ArgumentParser
internal import MeshNode

struct ScoresCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scores", abstract: "Who was scored with what in a task that pays by contribution.",
        discussion:
            "The same on every node: scores are openings that voters have checked against the encrypted updates.")
    @OptionGroup var global: GlobalArguments
    @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

    func run() async throws {
        let view = try await global.read(
            "/v1/tasks/\(NodeClient.part(task))/scores", as: ScoresView.self
        ) { try $0.scores(of: task) }
        global.output.show(view, text: Self.text)
    }

    static func text(_ view: ScoresView) -> String {
        guard view.rule == "contribution" else { return "the task pays by \(view.rule): no round is scored" }
        var parts: [String] = []
        if !view.rounds.isEmpty {
            parts.append(
                Table.text(
                    ["ROUND", "NODE", "SCORE", "UNIT", "DIRECTION"],
                    view.rounds.flatMap { round in
                        round.scores.isEmpty
                            ? [["\(round.round)", "–", "–", "–", Text.short(round.direction)]]
                            : round.scores.map { score in
                                [
                                    "\(round.round)", Text.node(score.node), score.score.map { "\($0)" } ?? "none",
                                    score.unit.map { Text.fixed($0, 3) } ?? "not counted", Text.short(round.direction),
                                ]
                            }
                    }))
        }
        parts.append(
            Table.text(
                ["NODE", "SUM", "SHARE", "CREDITS"],
                view.members.map {
                    [Text.node($0.node), Text.fixed($0.sum, 3), Text.fixed($0.share, 4), "\($0.credits)"]
                }))
        if !view.isByScore { parts.append("nobody is above the cut: shares go by rows") }
        if let open = view.open { parts.append("the scores of round \(open) are open") }
        parts.append(view.left > 0 ? "\(view.left) scored rounds to come" : "no scored round is left")
        return parts.joined(separator: "\n")
    }
}
