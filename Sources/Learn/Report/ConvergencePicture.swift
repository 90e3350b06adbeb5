import Foundation

/// Loss and accuracy curves as one self-contained SVG.
public enum ConvergencePicture {
    private struct Panel {
        let title: String
        let left: Double
        let low: Double
        let high: Double
        let last: Double
        static let top = 40.0
        static let width = 380.0
        static let height = 240.0

        func x(_ round: Int) -> Double { left + Double(round) / max(1, last) * Self.width }
        func y(_ value: Double) -> Double {
            Self.top + (1 - (min(max(value, low), high) - low) / max(high - low, 1e-12)) * Self.height
        }
    }

    private struct Curve {
        let name: String
        let colour: String
        let points: [(round: Int, value: Double)]
    }

    public static func svg(_ run: RunReport) -> String {
        func points(_ lines: [RoundMetrics], _ value: (RoundMetrics) -> Double?) -> [(round: Int, value: Double)] {
            lines.compactMap { line in value(line).flatMap { $0.isFinite ? (line.round, $0) : nil } }
        }
        let rounds = run.lines.map(\.metrics)
        let losses = [
            Curve(name: "test", colour: "#1f6feb", points: points(rounds) { $0.test.loss }),
            Curve(name: "training", colour: "#8250df", points: points(rounds) { $0.trainingLoss }),
            Curve(name: "centralised", colour: "#6e7781", points: points(run.centralised) { $0.test.loss }),
        ]
        let accuracies = [
            Curve(name: "together", colour: "#1f6feb", points: points(rounds) { $0.test.accuracy }),
            Curve(name: "centralised", colour: "#6e7781", points: points(run.centralised) { $0.test.accuracy }),
        ]
        let last = Double(rounds.map(\.round).max() ?? 1)
        let top = losses.flatMap(\.points).map(\.value).max() ?? 1
        let loss = Panel(title: "Loss", left: 60, low: 0, high: top * 1.05, last: last)
        let accuracy = Panel(title: "Accuracy on held-out rows", left: 520, low: 0, high: 1, last: last)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 350" font-family="sans-serif" font-size="12">
            <title>\(HTMLText.escape(run.title))</title>
            <rect width="940" height="350" fill="#ffffff"/>

            """
        text += draw(loss, losses) + draw(accuracy, accuracies)
        if let best = run.bestAlone {
            let y = format(accuracy.y(best))
            text +=
                "<line x1=\"\(format(accuracy.left))\" y1=\"\(y)\" x2=\"\(format(accuracy.left + Panel.width))\" y2=\"\(y)\" "
            text += "stroke=\"#cf222e\" stroke-dasharray=\"5 4\"/>\n"
            text += "<text x=\"\(format(accuracy.left + Panel.width - 4))\" y=\"\(format(accuracy.y(best) - 5))\" "
            text += "text-anchor=\"end\" fill=\"#cf222e\">best alone \(percent(best))</text>\n"
        }
        return text + "</svg>\n"
    }

    private static func draw(_ panel: Panel, _ curves: [Curve]) -> String {
        var text = "<text x=\"\(format(panel.left))\" y=\"24\" font-size=\"14\">\(panel.title)</text>\n"
        for tick in 0...4 {
            let value = panel.low + (panel.high - panel.low) * Double(tick) / 4
            let y = format(panel.y(value))
            text +=
                "<line x1=\"\(format(panel.left))\" y1=\"\(y)\" x2=\"\(format(panel.left + Panel.width))\" y2=\"\(y)\" stroke=\"#d0d7de\"/>\n"
            text +=
                "<text x=\"\(format(panel.left - 6))\" y=\"\(format(panel.y(value) + 4))\" text-anchor=\"end\">\(format(value))</text>\n"
        }
        let bottom = Panel.top + Panel.height
        text += "<text x=\"\(format(panel.left))\" y=\"\(format(bottom + 18))\">0</text>\n"
        text +=
            "<text x=\"\(format(panel.left + Panel.width))\" y=\"\(format(bottom + 18))\" text-anchor=\"end\">round \(Int(panel.last))</text>\n"
        var legend = panel.left
        for curve in curves where !curve.points.isEmpty {
            let path = curve.points.map { "\(format(panel.x($0.round))),\(format(panel.y($0.value)))" }.joined(
                separator: " ")
            text += "<polyline fill=\"none\" stroke=\"\(curve.colour)\" stroke-width=\"2\" points=\"\(path)\"/>\n"
            text +=
                "<rect x=\"\(format(legend))\" y=\"\(format(bottom + 34))\" width=\"14\" height=\"4\" fill=\"\(curve.colour)\"/>\n"
            text += "<text x=\"\(format(legend + 20))\" y=\"\(format(bottom + 40))\">\(curve.name)</text>\n"
            legend += 115
        }
        return text
    }

    static func format(_ value: Double) -> String {
        let rounded = value.rounded(to: 2)
        return rounded == rounded.rounded() && abs(rounded) < 1e9 ? "\(Int(rounded))" : "\(rounded)"
    }

    static func percent(_ value: Double?) -> String {
        guard let value else { return "\u{2013}" }
        return "\((value * 100).rounded(to: 1)) %"
    }
}

enum HTMLText {
    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
