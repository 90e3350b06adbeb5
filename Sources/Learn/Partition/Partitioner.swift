import Foundation

/// Computes partition plans. The same settings give the same plan on one machine; across machines the plan travels.
public enum Partitioner {
    /// - Parameters:
    ///   - labels: classes of the rows, each in 0..<classCount.
    /// - Throws: `.invalid` for settings out of range, more parts than rows, or a minimum that cannot be met.
    public static func plan(
        labels: [Int32], classCount: Int, settings: PartitionSettings
    ) throws(LearnError) -> PartitionPlan {
        try settings.validate()
        let parts = settings.parts
        let (needed, overflow) = parts.multipliedReportingOverflow(by: settings.minSamples)
        guard !overflow, labels.count >= needed else {
            throw unattainable(settings, reason: "\(labels.count) rows cannot give \(parts) parts that many each")
        }
        for (row, label) in labels.enumerated() where label < 0 || Int(label) >= classCount {
            throw .invalid(field: "labels", reason: "row \(row) has class \(label)", next: "use 0..<\(classCount)")
        }
        var generator = DeterministicGenerator(seed: settings.seed, label: "partition/\(settings.strategy)")
        var dealt: [[Int]]
        switch settings.strategy {
        case .iid:
            dealt = cut(generator.permutation(labels.count), into: parts)
        case .sequential:
            dealt = cut(Array(labels.indices), into: parts)
        case .stratified:
            dealt = stratified(classes(labels, classCount), parts: parts, generator: &generator)
        case .dirichlet(let alpha):
            dealt = try dirichlet(labels, classCount, alpha: alpha, settings: settings, generator: &generator)
        case .labelSkew(let wanted):
            let share = max(1, (classCount + parts - 1) / parts)
            dealt = labelSkew(
                classes(labels, classCount), held: min(wanted ?? share, classCount), parts: parts, generator: &generator
            )
        case .shards(let perPart):
            dealt = try shards(labels, classCount, perPart: perPart, parts: parts, generator: &generator)
        }
        if let small = dealt.indices.first(where: { dealt[$0].count < settings.minSamples }) {
            throw unattainable(settings, reason: "part \(small) would hold \(dealt[small].count)")
        }
        if settings.overlap > 0, parts > 1 { dealt = overlapped(dealt, settings.overlap, generator: &generator) }
        return try PartitionPlan(parts: dealt.map { $0.sorted() }, rowCount: labels.count)
    }

    /// The plan for a classification set; a regression set knows iid and sequential only.
    public static func plan(_ data: Dataset, settings: PartitionSettings) throws(LearnError) -> PartitionPlan {
        guard data.isRegression else {
            return try plan(labels: data.labels, classCount: data.classCount, settings: settings)
        }
        guard settings.strategy == .iid || settings.strategy == .sequential else {
            throw .invalid(
                field: "partition", reason: "\(settings.strategy) needs classes, and \(data.name) has none",
                next: "use iid or sequential")
        }
        return try plan(labels: [Int32](repeating: 0, count: data.count), classCount: 1, settings: settings)
    }

    private static func unattainable(_ settings: PartitionSettings, reason: String) -> LearnError {
        .invalid(
            field: "partition.min_samples", reason: "\(settings.minSamples) is unattainable: \(reason)",
            next: "make fewer parts, or write a smaller minimum behind the strategy, as in iid,min_samples=1")
    }

    /// Contiguous pieces; the first `count mod pieces` get one more. `offset` rotates who gets it.
    private static func cut(_ rows: [Int], into pieces: Int, offset: Int = 0) -> [[Int]] {
        let base = rows.count / pieces
        let extra = rows.count % pieces
        var result: [[Int]] = []
        result.reserveCapacity(pieces)
        var start = 0
        for piece in 0..<pieces {
            let rank = (piece - offset % pieces + pieces) % pieces
            let size = base + (rank < extra ? 1 : 0)
            result.append(Array(rows[start..<start + size]))
            start += size
        }
        return result
    }

    private static func classes(_ labels: [Int32], _ classCount: Int) -> [[Int]] {
        var rows = [[Int]](repeating: [], count: classCount)
        for (row, label) in labels.enumerated() { rows[Int(label)].append(row) }
        return rows
    }

    private static func stratified(
        _ classes: [[Int]], parts: Int, generator: inout DeterministicGenerator
    ) -> [[Int]] {
        var result = [[Int]](repeating: [], count: parts)
        var offset = 0
        for rows in classes {
            var order = rows
            generator.shuffle(&order)
            for (part, piece) in cut(order, into: parts, offset: offset).enumerated() { result[part] += piece }
            offset = (offset + rows.count) % parts
        }
        return result
    }

    private static func dirichlet(
        _ labels: [Int32], _ classCount: Int, alpha: Double, settings: PartitionSettings,
        generator: inout DeterministicGenerator
    ) throws(LearnError) -> [[Int]] {
        let byClass = classes(labels, classCount)
        for _ in 0..<100 {
            var result = [[Int]](repeating: [], count: settings.parts)
            for rows in byClass {
                let shares = Dirichlet.draw(alpha: alpha, count: settings.parts, generator: &generator)
                let counts = Dirichlet.largestRemainder(shares, total: rows.count)
                var order = rows
                generator.shuffle(&order)
                var start = 0
                for (part, count) in counts.enumerated() {
                    result[part] += order[start..<start + count]
                    start += count
                }
            }
            if result.allSatisfy({ $0.count >= settings.minSamples }) { return result }
        }
        throw unattainable(settings, reason: "100 draws of dirichlet:\(alpha) left a smaller part")
    }

    private static func labelSkew(
        _ classes: [[Int]], held: Int, parts: Int, generator: inout DeterministicGenerator
    ) -> [[Int]] {
        let order = generator.permutation(classes.count)
        var holders = [[Int]](repeating: [], count: classes.count)
        for part in 0..<parts {
            for slot in 0..<held { holders[order[(part * held + slot) % classes.count]].append(part) }
        }
        var result = [[Int]](repeating: [], count: parts)
        var offset = 0
        for (label, parts) in holders.enumerated() where !parts.isEmpty {
            var rows = classes[label]
            generator.shuffle(&rows)
            for (index, piece) in cut(rows, into: parts.count, offset: offset).enumerated() {
                result[parts[index]] += piece
            }
            offset += rows.count % parts.count
        }
        return result
    }

    private static func shards(
        _ labels: [Int32], _ classCount: Int, perPart: Int, parts: Int, generator: inout DeterministicGenerator
    ) throws(LearnError) -> [[Int]] {
        let (pieces, overflow) = parts.multipliedReportingOverflow(by: perPart)
        guard !overflow, pieces <= labels.count else {
            throw .invalid(
                field: "partition", reason: "\(parts) parts of \(perPart) shards are more than \(labels.count) rows",
                next: "use fewer shards or parts")
        }
        var sorted: [Int] = []
        for rows in classes(labels, classCount) {
            var order = rows
            generator.shuffle(&order)
            sorted += order
        }
        let cuts = cut(sorted, into: pieces)
        let dealt = generator.permutation(pieces)
        return (0..<parts).map { part in
            (0..<perPart).flatMap { cuts[dealt[part * perPart + $0]] }
        }
    }

    private static func overlapped(
        _ parts: [[Int]], _ share: Double, generator: inout DeterministicGenerator
    ) -> [[Int]] {
        parts.indices.map { index in
            let next = parts[(index + 1) % parts.count]
            let lent = Int((share * Double(next.count)).rounded(.down))
            let order = generator.permutation(next.count)
            return parts[index] + order.prefix(lent).map { next[$0] }
        }
    }
}
