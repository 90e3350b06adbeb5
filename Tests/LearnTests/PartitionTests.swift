import Testing

@testable import Learn

@Suite struct PartitionTests {
    /// Labels with classes of very different size, in a shuffled order.
    private static func labels(_ count: Int, classes: Int, seed: UInt64) -> [Int32] {
        var generator = DeterministicGenerator(seed: Seed.number(seed))
        return (0..<count).map { _ in Int32(min(generator.below(classes), generator.below(classes))) }
    }

    private static func plan(
        _ text: String, _ labels: [Int32], classes: Int, parts: Int, seed: UInt64 = 1
    ) throws -> PartitionPlan {
        try Partitioner.plan(
            labels: labels, classCount: classes,
            settings: try PartitionSettings(parsing: text, parts: parts, seed: Seed.number(seed)))
    }

    private static func isDisjointCover(_ plan: PartitionPlan) -> Bool {
        plan.parts.flatMap { $0 }.sorted() == Array(0..<plan.rowCount)
    }

    private static func histogram(_ part: [Int], _ labels: [Int32], classes: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: classes)
        for row in part { counts[Int(labels[row])] += 1 }
        return counts
    }

    @Test(arguments: [1, 2, 3, 5, 7, 13, 100])
    func evenStrategiesCoverAllOnce(_ parts: Int) throws {
        for count in [100, 101, 199, 503] {
            let labels = Self.labels(count, classes: 6, seed: UInt64(count))
            for text in ["iid", "sequential", "stratified"] {
                let plan = try Self.plan(text, labels, classes: 6, parts: parts)
                #expect(Self.isDisjointCover(plan), "\(text) \(parts) \(count)")
                let spread = (plan.sizes.max() ?? 0) - (plan.sizes.min() ?? 0)
                #expect(spread <= (text == "stratified" ? 6 : 1), "\(text) \(parts) \(count)")
            }
            let sequential = try Self.plan("sequential", labels, classes: 6, parts: parts)
            #expect(sequential.parts.flatMap { $0 } == Array(0..<count))
        }
    }

    @Test func stratifiedKeepsEveryClassBalanced() throws {
        for (classes, parts) in [(6, 4), (3, 7), (10, 5)] {
            let labels = Self.labels(997, classes: classes, seed: 4)
            let plan = try Self.plan("stratified", labels, classes: classes, parts: parts)
            let totals = Self.histogram(Array(labels.indices), labels, classes: classes)
            for part in plan.parts {
                for (label, count) in Self.histogram(part, labels, classes: classes).enumerated() {
                    #expect(count == totals[label] / parts || count == totals[label] / parts + 1)
                }
            }
        }
    }

    @Test func dirichletFollowsAlpha() throws {
        let labels = (0..<5000).map { Int32($0 % 10) }
        // Mean largest share of a Dirichlet(alpha x 5) draw.
        for (alpha, expected) in [(0.1, 0.81), (0.5, 0.55), (1.0, 0.46), (10.0, 0.28)] {
            var sum = 0.0
            var draws = 0.0
            for seed in UInt64(0)..<40 {
                let plan = try Self.plan("dirichlet:\(alpha)", labels, classes: 10, parts: 5, seed: seed)
                #expect(Self.isDisjointCover(plan))
                let counts = plan.parts.map { Self.histogram($0, labels, classes: 10) }
                for label in 0..<10 {
                    sum += Double(counts.map { $0[label] }.max() ?? 0) / 500
                    draws += 1
                }
            }
            #expect(abs(sum / draws - expected) < 0.03, "alpha \(alpha): \(sum / draws)")
        }
        let plan = try Self.plan("dirichlet:1000000", labels, classes: 10, parts: 5)
        for part in plan.parts {
            #expect(Self.histogram(part, labels, classes: 10).allSatisfy { (95...105).contains($0) })
        }
        #expect(
            try Self.plan("dirichlet:0.001,min_samples=1", Array(labels), classes: 10, parts: 2).sizes.allSatisfy {
                $0 >= 1
            })
    }

    @Test func labelSkewDealsExactlySoManyClasses() throws {
        for (classes, parts, held) in [(10, 5, 2), (10, 3, 4), (3, 8, 1), (4, 9, 3), (10, 5, 10), (5, 2, 9)] {
            let labels = (0..<1000).map { Int32($0 % classes) }
            let plan = try Self.plan("label_skew:\(held)", labels, classes: classes, parts: parts)
            var used = Set<Int>()
            for part in plan.parts {
                let present = Self.histogram(part, labels, classes: classes).enumerated().filter { $1 > 0 }.map(
                    \.offset)
                #expect(present.count == min(held, classes), "\(classes) \(parts) \(held)")
                used.formUnion(present)
            }
            if parts * held >= classes {
                #expect(used.count == classes)
                #expect(Self.isDisjointCover(plan))
            }
        }
        // The default deals ceil(C / K) classes, so that none is left out, also for K > C.
        for parts in [3, 4, 7, 20] {
            let labels = (0..<1000).map { Int32($0 % 10) }
            #expect(Self.isDisjointCover(try Self.plan("label_skew", labels, classes: 10, parts: parts)))
        }
    }

    @Test func shardsHoldFewClasses() throws {
        let labels = Digits.split.train.labels
        for seed in UInt64(0)..<5 {
            let plan = try Self.plan("shards:2", labels, classes: 10, parts: 5, seed: seed)
            #expect(Self.isDisjointCover(plan))
            #expect(plan.sizes.allSatisfy { (286...290).contains($0) })
            for part in plan.parts {
                let present = Self.histogram(part, labels, classes: 10).filter { $0 > 0 }.count
                #expect((1...5).contains(present))
            }
        }
        #expect(throws: LearnError.self) { try Self.plan("shards:300", labels, classes: 10, parts: 5) }
        #expect(try Self.plan("shards:1", [0, 1], classes: 2, parts: 2).sizes == [1, 1])
    }

    /// Shares of such an alpha are zero over zero, and no count comes of them.
    @Test func anAlphaNearZeroIsRefused() throws {
        let labels = Self.labels(150, classes: 3, seed: 1)
        for text in ["dirichlet:1e-310", "dirichlet:1e-7", "dirichlet:nan", "dirichlet:0", "dirichlet:2000000"] {
            let error = failure { _ = try Self.plan(text, labels, classes: 3, parts: 3) }
            #expect(error?.description.contains("from 0.000001 to 1000000") == true, "\(String(describing: error))")
        }
        let settings = PartitionSettings(strategy: .dirichlet(alpha: 1e-310), parts: 3, seed: Seed.number(1))
        let error = failure { _ = try Partitioner.plan(labels: labels, classCount: 3, settings: settings) }
        #expect(error?.description.contains("partition.alpha") == true, "\(String(describing: error))")
        _ = failure { _ = try Self.plan("dirichlet:0.000001", labels, classes: 3, parts: 3) }
    }

    @Test func overlapBorrowsFromTheNext() throws {
        let labels = Self.labels(503, classes: 4, seed: 2)
        for text in ["iid", "stratified", "shards:2"] {
            let base = try Self.plan(text, labels, classes: 4, parts: 5)
            let wide = try Self.plan(text + ",overlap=0.25", labels, classes: 4, parts: 5)
            #expect(wide.coveredRows == 503)
            for index in 0..<5 {
                let next = Set(base.parts[(index + 1) % 5])
                #expect(Set(base.parts[index]).isSubset(of: wide.parts[index]))
                #expect(next.intersection(wide.parts[index]).count == Int(0.25 * Double(next.count)))
                #expect(wide.parts[index].count == base.parts[index].count + Int(0.25 * Double(next.count)))
            }
        }
        #expect(try Self.plan("iid,overlap=0.9", labels, classes: 4, parts: 1).sizes == [503])
    }

    @Test func aMinimumThatCannotBeMetIsAnError() throws {
        let labels = Self.labels(150, classes: 3, seed: 1)
        #expect(try Self.plan("iid,min_samples=50", labels, classes: 3, parts: 3).sizes == [50, 50, 50])
        for text in [
            "iid,min_samples=51", "sequential,min_samples=100", "dirichlet:0.05,min_samples=49",
            "iid,min_samples=9223372036854775807",
        ] {
            let error = failure { _ = try Self.plan(text, labels, classes: 3, parts: 3) }
            guard case .invalid(let field, let reason, _)? = error else {
                Issue.record("\(text): \(String(describing: error))")
                continue
            }
            #expect(field == "partition.min_samples" && !reason.isEmpty)
        }
        #expect(throws: LearnError.self) { try Self.plan("iid", [0, 1], classes: 2, parts: 3) }
    }

    /// Every strategy on random numbers of rows, classes and parts, more parts than classes included: its own invariants,
    /// or an error that says what is unattainable. Absent classes and classes of one row occur.
    @Test func randomPlansKeepTheirInvariants() throws {
        var generator = DeterministicGenerator(seed: Seed.number(77))
        var planned = 0
        var refused = 0
        for number in 0..<400 {
            let classes = 2 + generator.below(9)
            let parts = 1 + generator.below(14)
            let count = parts + generator.below(300)
            let labels = Self.labels(count, classes: classes, seed: UInt64(number))
            let held = 1 + generator.below(classes)
            let least = 1 + generator.below(12)
            for text in [
                "iid", "sequential", "stratified", "dirichlet:0.5", "label_skew:\(held)", "shards:2",
            ] {
                let settings = text + ",min_samples=\(least)"
                let plan: PartitionPlan
                do {
                    plan = try Self.plan(settings, labels, classes: classes, parts: parts, seed: UInt64(number))
                } catch let error as LearnError {
                    guard case .invalid(let field, _, _) = error else { throw error }
                    #expect(field.hasPrefix("partition"), "\(settings): \(error)")
                    // Strategies that deal evenly may only refuse what no plan could hold.
                    if text == "iid" || text == "sequential" {
                        #expect(count / parts < least, "\(settings) \(count)/\(parts)")
                    }
                    refused += 1
                    continue
                }
                planned += 1
                let rows = plan.parts.flatMap { $0 }
                let context = "\(settings), \(count) rows, \(classes) classes, \(parts) parts"
                #expect(plan.parts.count == parts && plan.sizes.allSatisfy { $0 >= least }, "\(context)")
                #expect(Set(rows).count == rows.count && rows.allSatisfy { (0..<count).contains($0) }, "\(context)")
                let totals = Self.histogram(Array(labels.indices), labels, classes: classes)
                switch text {
                case "iid", "sequential":
                    // The first `count mod parts` parts get one more.
                    let sizes = (0..<parts).map { count / parts + ($0 < count % parts ? 1 : 0) }
                    #expect(plan.sizes == sizes, "\(context)")
                case "stratified":
                    for part in plan.parts {
                        for (label, found) in Self.histogram(part, labels, classes: classes).enumerated() {
                            #expect(abs(found * parts - totals[label]) < parts, "\(context)")
                        }
                    }
                case let skew where skew.hasPrefix("label_skew"):
                    for part in plan.parts {
                        #expect(Self.histogram(part, labels, classes: classes).count { $0 > 0 } <= held, "\(context)")
                    }
                default: break
                }
                if !text.hasPrefix("label_skew") { #expect(Self.isDisjointCover(plan), "\(context)") }
            }
        }
        #expect(planned > 800 && refused > 100, "\(planned) plans, \(refused) refusals")
    }

    @Test func plansRepeatAndDependOnTheSeed() throws {
        let labels = Digits.split.train.labels
        for text in ["iid", "stratified", "dirichlet:0.5", "label_skew:2", "shards:2", "iid,overlap=0.1"] {
            let first = try Self.plan(text, labels, classes: 10, parts: 5, seed: 1)
            #expect(first == (try Self.plan(text, labels, classes: 10, parts: 5, seed: 1)))
            #expect(first != (try Self.plan(text, labels, classes: 10, parts: 5, seed: 2)))
            #expect(try PartitionPlan(canonicalBytes: first.canonicalBytes, rowLimit: 1437) == first)
        }
        // Pinned, so that a changed generator is noticed.
        let pinned = try Self.plan("shards:2", labels, classes: 10, parts: 5, seed: 20_260_221)
        #expect(Inflate.checksum(pinned.canonicalBytes) == 1_476_849_821)
    }

    @Test func hostilePlansAreRefused() throws {
        let bytes = try Self.plan("iid", Self.labels(40, classes: 2, seed: 1), classes: 2, parts: 3).canonicalBytes
        for length in 0..<bytes.count {
            #expect(throws: LearnError.self) {
                try PartitionPlan(canonicalBytes: Array(bytes[..<length]), rowLimit: 40)
            }
        }
        #expect(throws: LearnError.self) { try PartitionPlan(canonicalBytes: bytes + [0], rowLimit: 40) }
        #expect(throws: LearnError.self) { try PartitionPlan(canonicalBytes: bytes, rowLimit: 39) }
        for index in bytes.indices {
            for flip in [UInt8(1), 0x80, 0xff] {
                var changed = bytes
                changed[index] ^= flip
                if let plan = try? PartitionPlan(canonicalBytes: changed, rowLimit: 40) {
                    #expect(plan.canonicalBytes == changed)
                }
            }
        }
        #expect(throws: LearnError.self) { try PartitionPlan(parts: [[1, 1]], rowCount: 3) }
        #expect(throws: LearnError.self) { try PartitionPlan(parts: [[3]], rowCount: 3) }
        #expect(throws: LearnError.self) { try PartitionPlan(parts: [[]], rowCount: -1) }
    }

    @Test func namesAreParsed() throws {
        let good: [(String, PartitionStrategy)] = [
            ("iid", .iid), ("random", .iid), ("sequential", .sequential), ("stratified", .stratified),
            ("dirichlet:0.5", .dirichlet(alpha: 0.5)), ("dir:2", .dirichlet(alpha: 2)),
            ("dirichlet(0.5)", .dirichlet(alpha: 0.5)),
            ("label_skew", .labelSkew(classes: nil)), ("label-skew:3", .labelSkew(classes: 3)),
            ("shards:2", .shards(perPart: 2)),
            ("extreme", .dirichlet(alpha: 0.1)), ("balanced", .stratified),
        ]
        for (text, strategy) in good {
            #expect(try PartitionStrategy(parsing: text) == strategy)
            #expect(try PartitionStrategy(parsing: strategy.description) == strategy)
        }
        for text in [
            "", "foo", "shards", "shards:0", "shards:-1", "shards:x", "dirichlet", "dirichlet:0", "dirichlet:nan",
            "iid:2", "dirichlet:inf", "shards:2:3",
        ] {
            guard case .invalid(let field, _, let next)? = failure({ _ = try PartitionStrategy(parsing: text) }) else {
                Issue.record("\(text) was accepted")
                continue
            }
            #expect(field == "partition" && next.contains("shards:COUNT"))
        }
        for text in ["iid,overlap=1", "iid,overlap=-0.1", "iid,min_samples=0", "iid,foo=1", "iid,overlap"] {
            #expect(throws: LearnError.self) { try PartitionSettings(parsing: text, parts: 2, seed: []) }
        }
        #expect(throws: LearnError.self) { try PartitionSettings(parsing: "iid", parts: 0, seed: []) }
    }
}
