/// Faults that training would not notice: repeated rows, contradicting labels, rows of the test set in the training
/// set, absent classes, columns that are no measurement. For `data audit`.
public struct DataAudit: Equatable, Sendable, Codable {
    public enum Severity: String, Codable, Sendable { case error, warning, note }

    public struct Finding: Equatable, Sendable, Codable {
        public let severity: Severity
        /// A fixed word: malformed, text, duplicate, contradiction, leakage, absent-class, imbalance, tiny; of labels:
        /// missing-label, similar-classes, many-classes; and of columns: constant, unnamed, index, identifier, merged, rounded,
        /// leaking.
        public let kind: String
        public let message: String
        /// How many rows, classes or features are concerned.
        public let count: Int
    }

    public let findings: [Finding]
    public var isClean: Bool { !findings.contains { $0.severity == .error } }

    /// - Parameters:
    ///   - splits: each is searched in itself; validation and test also for rows of the training set.
    ///   - faults: what the reader found wrong in the file of each part; its rows are left out of `splits`.
    ///   - text: columns of each part without any number, which are left out of `splits`, too. Errors, for every command that
    ///     reads the file without `--column` refuses them.
    ///   - alone: the part whose rows `splits.train` are, where the training rows themselves cannot be used.
    public init(
        _ splits: DataSplits?, faults: [(part: String, list: FaultList)] = [],
        text: [(part: String, column: TableReader.Cells)] = [], alone: String? = nil
    ) {
        var findings = text.map { part, column in
            Finding(
                severity: .error, kind: "text",
                message:
                    "\(part): column \(column.title.tomlWord) holds no number in \(Counted.text(column.others, "row")), "
                    + "the first in \(column.fault?.file ?? ""), row \(column.fault?.row ?? 0): "
                    + "\(column.fault?.found ?? ""); write numbers, or, \(TableReader.leavingOut): --column TITLE, in a task "
                    + "columns = [...]",
                count: column.others)
        }
        for (part, list) in faults {
            var told = 0
            var crowded: Set<String> = []
            for fault in list.faults {
                let cells = fault.field.map { list.count(of: $0) } ?? 0
                guard cells > FaultList.mostOfColumn, let field = fault.field else {
                    findings.append(
                        Finding(severity: .error, kind: "malformed", message: "\(part): \(fault)", count: 1))
                    told += 1
                    continue
                }
                guard crowded.insert(field).inserted else { continue }
                findings.append(
                    Finding(
                        severity: .error, kind: "malformed",
                        message: "\(part): \(cells) cells of this column, the first: \(fault)", count: cells))
                told += cells
            }
            if list.count > told {
                let more = list.count - told
                findings.append(
                    Finding(severity: .error, kind: "malformed", message: "\(part): \(more) more of them", count: more))
            }
        }
        guard let splits else {
            self.findings = findings
            return
        }
        var trainRows: Set<[UInt32]> = []
        for (part, data) in splits.all {
            let name = alone ?? part
            let rows = (0..<data.count).map { Self.key(of: $0, in: data) }
            var first: [[UInt32]: Int] = [:]
            var duplicates = 0
            var contradictions = 0
            var example = 0
            for (index, row) in rows.enumerated() {
                guard let earlier = first[row] else {
                    first[row] = index
                    continue
                }
                duplicates += 1
                if example == 0 { example = index + 1 }
                if !data.isRegression, data.labels[earlier] != data.labels[index] { contradictions += 1 }
            }
            func add(_ severity: Severity, _ kind: String, _ count: Int, _ message: String) {
                if count > 0 {
                    findings.append(
                        Finding(severity: severity, kind: kind, message: "\(name): \(message)", count: count))
                }
            }
            add(
                .warning, "duplicate", duplicates,
                "\(Counted.text(duplicates, "row", "repeat")) an earlier one, first row \(example)")
            add(
                .error, "contradiction", contradictions,
                "\(Counted.text(contradictions, "row", "repeat")) an earlier one under another label")
            let inspection = DataInspection(data)
            let absent = inspection.classes.filter { $0.rows == 0 }
            add(
                .warning, "absent-class", absent.count,
                "no rows of \(TitleText.list(absent.map(\.name), most: 10))")
            for finding in LabelAudit(data).findings { add(.warning, finding.kind, finding.count, finding.message) }
            for finding in ColumnAudit(data, isTraining: name == "train").findings {
                add(finding.severity, finding.kind, finding.count, finding.message)
            }
            if let imbalance = inspection.imbalance, imbalance > 10 {
                add(
                    .warning, "imbalance", inspection.classes.count,
                    "the largest class is \(imbalance.rounded(to: 1)) times the smallest")
            }
            if data.count < 30 { add(.warning, "tiny", data.count, "only \(Counted.text(data.count, "row"))") }
            if name == "train" {
                trainRows = Set(rows)
            } else {
                let leaked = rows.count { trainRows.contains($0) }
                add(.error, "leakage", leaked, "\(Counted.text(leaked, "row", "are")) also in the training set")
            }
        }
        self.findings = findings
    }

    private static func key(of row: Int, in data: Dataset) -> [UInt32] {
        data.features[row * data.featureCount..<(row + 1) * data.featureCount].map { ($0 == 0 ? 0 : $0).bitPattern }
    }
}
