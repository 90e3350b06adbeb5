import Foundation

/// The artifacts with their fixed names. Equal runs give equal bytes: sorted keys, shortest decimals, no clock.
public enum ReportFiles {
    public static let roundMetrics = "round_metrics.jsonl"
    public static let summary = "summary.json"
    public static let curvesTable = "curves.csv"
    public static let curvesPicture = "curves.svg"
    public static let report = "report.html"
    public static let model = "model.safetensors"

    /// What `write` writes.
    public static let all = [roundMetrics, summary, curvesTable, curvesPicture, report]

    /// Writes everything but the model into a folder, which is made when it is missing.
    public static func write(_ run: RunReport, to folder: String, replaces: Bool = true) throws(LearnError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .unreadable(path: folder, reason: "the folder could not be made")
        }
        let texts = [
            (roundMetrics, run.lines.map { line($0, classNames: run.classNames) + "\n" }.joined()),
            (summary, summaryText(run) + "\n"), (curvesTable, table(run)), (curvesPicture, ConvergencePicture.svg(run)),
            (report, ConvergenceReport.html(run)),
        ]
        try FileBytes.write(
            texts.map { name, text in (path: "\(folder)/\(name)", bytes: Array(text.utf8)) }, replaces: replaces)
    }

    /// One round as one JSON object on one line.
    public static func line(_ line: RunReport.Line, classNames: [String]) -> String {
        let metrics = line.metrics
        var fields: [(String, String)] = [
            ("round", "\(metrics.round)"), ("accuracy", number(metrics.test.accuracy)),
            ("loss", JSONText.number(metrics.test.loss)), ("test_rows", "\(metrics.test.rows)"),
            ("training_loss", number(metrics.trainingLoss)), ("saturations", "\(metrics.saturations)"),
            ("clipped", "\(metrics.clipped)"), ("coordinates_sent", "\(metrics.sent)"),
            ("epsilon", number(line.epsilon)),
        ]
        let classes = zip(classNames, metrics.test.perClass).map { name, entry in
            object([
                ("class", JSONText.quote(name)), ("precision", number(entry.precision)),
                ("recall", number(entry.recall)),
                ("rows", "\(entry.support)"),
            ])
        }
        fields.append(("classes", "[\(classes.joined(separator: ","))]"))
        let confusion = metrics.test.confusion.map { "[\($0.map(String.init).joined(separator: ","))]" }
        fields.append(("confusion", "[\(confusion.joined(separator: ","))]"))
        let phases = line.phases.map {
            object([
                ("phase", JSONText.quote($0.name)), ("seconds", JSONText.number($0.seconds)), ("bytes", "\($0.bytes)"),
            ])
        }
        fields.append(("phases", "[\(phases.joined(separator: ","))]"))
        return object(fields)
    }

    static func summaryText(_ run: RunReport) -> String {
        let settings = run.settings.map { ($0.name, JSONText.quote($0.value)) }
        let last = run.final?.metrics
        let totals = Dictionary(grouping: run.lines.flatMap(\.phases), by: \.name).sorted { $0.key < $1.key }.map {
            object([
                ("phase", JSONText.quote($0.key)), ("seconds", JSONText.number($0.value.reduce(0) { $0 + $1.seconds })),
                ("bytes", "\($0.value.reduce(0) { $0 + $1.bytes })"),
            ])
        }
        return object([
            ("title", JSONText.quote(run.title)), ("settings", object(settings)),
            ("rounds", "\(last?.round ?? 0)"), ("accuracy", number(last?.test.accuracy)),
            ("loss", number(last?.test.loss)),
            ("centralised_accuracy", number(run.centralisedAccuracy)), ("best_alone", number(run.bestAlone)),
            ("mean_alone", number(run.meanAlone)), ("saturations", "\(run.saturations)"),
            ("epsilon", number(run.final?.epsilon)), ("phases", "[\(totals.joined(separator: ","))]"),
        ])
    }

    /// Loss and accuracy by round, with the centralised run beside them.
    static func table(_ run: RunReport) -> String {
        var text = "round,training_loss,test_loss,test_accuracy,centralised_loss,centralised_accuracy\n"
        let central = Dictionary(run.centralised.map { ($0.round, $0.test) }, uniquingKeysWith: { first, _ in first })
        func cell(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "" } ?? "" }
        for line in run.lines {
            let metrics = line.metrics
            let other = central[metrics.round]
            text +=
                "\(metrics.round),\(cell(metrics.trainingLoss)),\(cell(metrics.test.loss)),\(cell(metrics.test.accuracy)),"
            text += "\(cell(other?.loss)),\(cell(other?.accuracy))\n"
        }
        return text
    }

    private static func number(_ value: Double?) -> String { value.map { JSONText.number($0) } ?? "null" }

    private static func object(_ fields: [(String, String)]) -> String {
        "{\(fields.map { "\(JSONText.quote($0.0)):\($0.1)" }.joined(separator: ","))}"
    }
}
