import Foundation
import Testing

@testable import Learn

@Suite struct ReportTests {
    private static func run() throws -> RunReport {
        let settings = FederatedSettings(rounds: 3, training: Digits.training)
        let model = try Model(.softmax, for: Digits.split.train)
        var federation = try Federation(
            model: model, parts: try Digits.parts(.shards(perPart: 2), seed: 0), settings: settings,
            seed: Seed.number(0))
        let lines = try federation.run(test: Digits.split.test)
        return RunReport(
            title: "digits <shards:2>", settings: [.init("model", "softmax"), .init("note", "a \"b\" & c")],
            lines: lines.map {
                .init(metrics: $0, phases: [.init(name: "train", seconds: 0.5, bytes: 10)], epsilon: nil)
            },
            classNames: Digits.split.train.classNames,
            centralised: try Baseline.centralised(
                model: model, split: Digits.split, settings: settings, seed: Seed.number(0)),
            alone: [0.2, 0.3])
    }

    /// An old report is whole until the new one is.
    @Test func aReportThatCannotBeWrittenLeavesTheOldOne() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "meshnode-report-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: "\(folder)/\(ReportFiles.all[4])", withIntermediateDirectories: true)
        try OutputFile.write([("\(folder)/\(ReportFiles.all[0])", Array("old".utf8))])
        let error = #expect(throws: LearnError.self) { try ReportFiles.write(try Self.run(), to: folder) }
        #expect(error?.description.contains("\(ReportFiles.all[4]): cannot be written: it is a directory") == true)
        #expect(try FileBytes.read("\(folder)/\(ReportFiles.all[0])", limit: 9) == Array("old".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
    }

    @Test func artifactsAreReadableAndRepeat() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "meshnode-report-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try Self.run()
        try ReportFiles.write(run, to: folder)
        func text(_ name: String) throws -> String {
            String(decoding: try FileBytes.read("\(folder)/\(name)", limit: 1 << 22), as: UTF8.self)
        }
        let lines = try text(ReportFiles.roundMetrics).split(separator: "\n")
        #expect(lines.count == 4)
        for (round, line) in lines.enumerated() {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["round"] as? Int == round)
            let accuracy = try #require(object["accuracy"] as? Double)
            // JSONSerialization itself may be off by an ulp.
            #expect(abs(accuracy - (run.lines[round].metrics.test.accuracy ?? 0)) < 1e-15)
            #expect((object["classes"] as? [Any])?.count == 10 && (object["confusion"] as? [[Int]])?.count == 10)
            #expect(object["training_loss"] is NSNull == (round == 0) && object["epsilon"] is NSNull)
        }
        let summary = try #require(
            try JSONSerialization.jsonObject(with: Data(try text(ReportFiles.summary).utf8)) as? [String: Any])
        #expect(summary["best_alone"] as? Double == 0.3 && summary["rounds"] as? Int == 3)
        #expect((summary["settings"] as? [String: String])?["note"] == "a \"b\" & c")
        #expect(((summary["phases"] as? [[String: Any]])?.first?["bytes"] as? Int) == 40)
        let table = try TableReader(
            labelColumn: "round", featureColumns: ["test_loss", "test_accuracy"], regression: true
        )
        .read(path: "\(folder)/\(ReportFiles.curvesTable)")
        #expect(table.count == 4 && table.targets == [0, 1, 2, 3])
        for name in [ReportFiles.curvesPicture] {
            let parser = XMLCheck(Data(try text(name).utf8))
            #expect(parser.isWellFormed, "\(name)")
        }
        let page = try text(ReportFiles.report)
        #expect(page.contains("digits &lt;shards:2&gt;") && page.contains("a &quot;b&quot; &amp; c"))
        #expect(!page.contains("http://") || page.components(separatedBy: "http://").count == 2)
        #expect(ReportFiles.summaryText(try Self.run()) == ReportFiles.summaryText(run))
        #expect(ConvergenceReport.html(try Self.run()) == page)
    }

    @Test func unknownFiguresAreDashesNotZeros() throws {
        var run = try Self.run()
        run.centralised = []
        run.alone = []
        let page = ConvergenceReport.html(run)
        #expect(page.components(separatedBy: "<td>\u{2013}</td>").count >= 4)
        #expect(ReportFiles.summaryText(run).contains("\"best_alone\":null"))
    }

    /// Twice the same run: difference zero, in every weight.
    @Test func runsRepeatExactly() throws {
        func weights() throws -> [Float] {
            var settings = FederatedSettings(
                rounds: 3, training: Digits.training, rule: .fedYogi(rate: 0.05, beta1: 0.9, beta2: 0.99, tau: 0.001))
            settings.training.gradientClip = 2
            var federation = try Federation(
                model: try Model(.mlp(hidden: [16]), for: Digits.split.train),
                parts: try Digits.parts(.dirichlet(alpha: 0.5), seed: 4),
                settings: settings, seed: Seed.number(4))
            _ = try federation.run(test: Digits.split.test)
            return federation.weights
        }
        #expect(try weights().map(\.bitPattern) == (try weights()).map(\.bitPattern))
    }

    @Test func benchRowsAreComplete() throws {
        let rows = try LearnBench.run(split: Digits.split, scale: 0.2)
        #expect(rows.map(\.name) == ["softmax_train", "mlp_train", "cnn_train"])
        #expect(rows.allSatisfy { $0.seconds > 0 && $0.ratioToMatrixProduct > 0 })
        #expect(rows[0].accuracy > 0.93 && rows[1].accuracy > 0.8)
        let study = try CompressionStudy.run(split: Digits.split, ratios: [0.1], seeds: 1, rounds: 10)
        #expect(
            study.map(\.recipe) == ["dense", "dense", "dense", "R 0.1", "R 0.1", "R 0.1", "T 0.1", "T 0.1", "T 0.1"])
        #expect(abs(study[3].sent - 0.19) < 1e-9 && study[0].sent == 1)
    }
}

/// Well-formedness of our own SVG: every element closed in order.
private struct XMLCheck {
    let isWellFormed: Bool

    init(_ data: Data) {
        var open: [Substring] = []
        var isGood = true
        let text = String(decoding: data, as: UTF8.self)
        for piece in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let end = piece.firstIndex(of: ">") else {
                isGood = false
                break
            }
            let tag = piece[..<end]
            if tag.hasPrefix("/") {
                if open.popLast() != tag.dropFirst() { isGood = false }
            } else if !tag.hasSuffix("/") {
                open.append(tag.prefix { $0 != " " })
            }
        }
        isWellFormed = isGood && open.isEmpty && !text.contains("nan")
    }
}
