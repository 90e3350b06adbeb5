/// The whole run on one page without external assets: figures beside their baselines, curves, per class, confusion.
public enum ConvergenceReport {
    public static func html(_ run: RunReport) -> String {
        let last = run.final?.metrics
        var text = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>\(HTMLText.escape(run.title))</title>
            <style>
            body { font-family: sans-serif; max-width: 960px; margin: 2em auto; color: #1f2328; }
            table { border-collapse: collapse; margin: 1em 0; } td, th { padding: 3px 9px; border-bottom: 1px solid #d0d7de; text-align: right; }
            th:first-child, td:first-child { text-align: left; } .figures td { font-size: 1.3em; }
            </style></head><body>
            <h1>\(HTMLText.escape(run.title))</h1>
            <table class="figures"><tr><th>together</th><th>centralised</th><th>best alone</th><th>mean alone</th></tr>
            <tr><td>\(ConvergencePicture.percent(last?.test.accuracy))</td><td>\(ConvergencePicture.percent(run.centralisedAccuracy))</td>
            <td>\(ConvergencePicture.percent(run.bestAlone))</td><td>\(ConvergencePicture.percent(run.meanAlone))</td></tr></table>

            """
        text += ConvergencePicture.svg(run)
        text += "<h2>Settings</h2>\n<table>\n"
        for setting in run.settings {
            text += "<tr><td>\(HTMLText.escape(setting.name))</td><td>\(HTMLText.escape(setting.value))</td></tr>\n"
        }
        text += "</table>\n" + rounds(run)
        if let last, !last.test.confusion.isEmpty { text += classes(last.test, names: run.classNames) }
        return text + "</body></html>\n"
    }

    private static func rounds(_ run: RunReport) -> String {
        var text = "<h2>Rounds</h2>\n<table><tr><th>round</th><th>accuracy</th><th>loss</th><th>training loss</th>"
        text +=
            "<th>saturations</th><th>clipped</th><th>coordinates</th><th>epsilon</th><th>seconds</th><th>bytes</th></tr>\n"
        func shown(_ value: Double?) -> String {
            value.map { $0.isFinite ? "\($0.rounded(to: 4))" : "\u{2013}" } ?? "\u{2013}"
        }
        for line in run.lines {
            let metrics = line.metrics
            let isMeasured = !line.phases.isEmpty
            text += "<tr><td>\(metrics.round)</td><td>\(ConvergencePicture.percent(metrics.test.accuracy))</td>"
            text +=
                "<td>\(shown(metrics.test.loss))</td><td>\(shown(metrics.trainingLoss))</td><td>\(metrics.saturations)</td>"
            text += "<td>\(metrics.clipped)</td><td>\(metrics.sent)</td><td>\(shown(line.epsilon))</td>"
            text += "<td>\(isMeasured ? shown(line.phases.reduce(0) { $0 + $1.seconds }) : "\u{2013}")</td>"
            text += "<td>\(isMeasured ? "\(line.phases.reduce(0) { $0 + $1.bytes })" : "\u{2013}")</td></tr>\n"
        }
        return text + "</table>\n"
    }

    private static func classes(_ metrics: Metrics, names: [String]) -> String {
        var text = "<h2>Classes</h2>\n<table><tr><th>class</th><th>rows</th><th>recall</th><th>precision</th></tr>\n"
        for (name, entry) in zip(names, metrics.perClass) {
            text +=
                "<tr><td>\(HTMLText.escape(name))</td><td>\(entry.support)</td><td>\(ConvergencePicture.percent(entry.recall))</td>"
            text += "<td>\(ConvergencePicture.percent(entry.precision))</td></tr>\n"
        }
        text += "</table>\n<h2>Confusion (rows: truth, columns: answer)</h2>\n<table><tr><th></th>"
        text += names.map { "<th>\(HTMLText.escape($0))</th>" }.joined() + "</tr>\n"
        for (name, line) in zip(names, metrics.confusion) {
            text += "<tr><td>\(HTMLText.escape(name))</td>" + line.map { "<td>\($0)</td>" }.joined() + "</tr>\n"
        }
        return text + "</table>\n"
    }
}
