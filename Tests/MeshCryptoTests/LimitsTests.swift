import Foundation
import Synchronization
import Testing
import Wire

@testable import MeshCrypto

@Suite("What cannot fit is refused before anything is encrypted")
struct AggregationPlanTests {
    private func plan(
        digits: Int = 1, bound: Int64 = 127, n: Int = 10, elements: Int = 100_000, limit: Int = 512 << 20
    ) throws -> AggregationPlan {
        try AggregationPlan(
            packing: try Packing(digits: digits, bound: bound, maximumSubmitters: n), elements: elements, submitters: n,
            encoding: .affine, components: 3, cores: 2, memoryLimit: limit)
    }

    @Test func aMillionCoordinatesOf32ClientsFitIntoHalfAGigabyte() throws {
        let plan = try plan(n: 32, elements: 1_000_000)
        #expect(plan.steps == 0)
        #expect(plan.totalBytes < 512 << 20)
    }

    @Test func tablesFollowRangeAndMemory() throws {
        let small = try plan()
        #expect(small.tableRange == 1270 && small.steps == 0)
        let large = try plan(bound: 1 << 25)
        #expect(large.tableRange == BoundedLogarithm.largestTable && large.steps > 0)
        let squeezed = try plan(bound: 1 << 20, limit: 30 << 20)
        #expect(squeezed.tableRange < BoundedLogarithm.defaultMaximumTable && squeezed.totalBytes <= 30 << 20)
        #expect(squeezed.steps > 0)
        // The plan's table is the table.
        let table = BoundedLogarithm(bound: 1270, maximumTable: small.tableRange)
        #expect(table.tableRange == small.tableRange && table.tableBytes <= small.tableBytes)
    }

    @Test func refusalsCarryTheNumbers() throws {
        do {
            _ = try plan(elements: 10_000_000)
            Issue.record("ten million elements do not fit into 512 MiB")
        } catch NDDFEError.doesNotFit(let what, let needed, let available) {
            #expect(what.contains("memory") && needed > available && available == 512 << 20)
        }
        // With a table this small the search would take hours.
        #expect(throws: NDDFEError.self) { try plan(bound: 1 << 28, elements: 1000, limit: 5 << 20) }
        let narrow = try Packing(digits: 1, bound: 1, maximumSubmitters: 4)
        #expect(throws: NDDFEError.doesNotFit(what: "submitters", needed: 5, available: 4)) {
            try AggregationPlan(packing: narrow, elements: 1, submitters: 5, encoding: .affine, components: 1)
        }
        // Ranges beyond every table are refused with the packing itself.
        #expect(throws: NDDFEError.self) { try Packing(digits: 1, bound: 1 << 32, maximumSubmitters: 2) }
        #expect(throws: NDDFEError.self) { try Packing(digits: 2, bound: 127, maximumSubmitters: 32) }
    }
}

@Suite("Progress of long work")
struct ProgressMeterTests {
    @Test func reportsHaveTheTimeThatIsLeft() {
        let now = Mutex(0.0)
        let reports = Mutex<[ProgressMeter.Report]>([])
        let meter = ProgressMeter(total: 1000, interval: 2, clock: { now.withLock { $0 } }) { report in
            reports.withLock { $0.append(report) }
        }
        for step in 1...10 {
            now.withLock { $0 = Double(step) }
            meter.advance(by: 100)
        }
        let seen = reports.withLock { $0 }
        #expect(seen.map(\.elapsed) == [2, 4, 6, 8, 10])
        #expect(seen.map(\.remaining) == [8, 6, 4, 2, 0])
        #expect(seen.first?.description == "20 %, 8 s left")
        #expect(seen.last?.done == 1000)
    }

    @Test func tablesAndRecoveryReportTheTimeLeftAndStopWhenAsked() throws {
        let ticks = Mutex(0.0)
        let reports = Mutex<[ProgressMeter.Report]>([])
        // Every look at the clock takes a second.
        func meter(total: Int) -> ProgressMeter {
            ProgressMeter(
                total: total, interval: 1,
                clock: {
                    ticks.withLock {
                        $0 += 1; return $0
                    }
                }
            ) { report in
                reports.withLock { $0.append(report) }
            }
        }
        let bound: Int64 = 200_000
        let building = meter(total: Int(bound))
        let table = try BoundedLogarithm(bound: bound) { done, _ in building.reach(done) }
        let built = reports.withLock { $0 }
        #expect(built.count >= 4)
        #expect(built.dropFirst().allSatisfy { $0.remaining.isFinite && $0.remaining > 0 })
        #expect(zip(built, built.dropFirst()).allSatisfy { $0.done < $1.done && $0.remaining > $1.remaining })
        // Cancelled half-way.
        let stopped = meter(total: Int(bound))
        #expect(throws: NDDFEError.cancelled) {
            try BoundedLogarithm(bound: bound) { done, _ in
                if done > Int(bound) / 2 { stopped.cancel() }
                return stopped.reach(done)
            }
        }
        #expect(stopped.isCancelled && stopped.current.done > Int(bound) / 2 && stopped.current.done < Int(bound))

        let points = PointVector(points: Array(repeating: .base, count: 9000))
        let recovering = meter(total: 9000)
        #expect(try table.recover(points, bound: bound, progress: recovering.reach) == Array(repeating: 1, count: 9000))
        #expect(recovering.current.done == 8192)
        recovering.cancel()
        #expect(throws: NDDFEError.cancelled) {
            try table.recover(points, bound: bound, progress: recovering.reach)
        }
    }
}

@Suite("Memory of secrets")
struct LockedMemoryTests {
    /// Locked kilobytes of this process.
    private func locked() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmLck") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }

    /// Whether the system lets this process lock a megabyte; else there is nothing to see.
    static let mayLock: Bool = {
        let text = (try? String(contentsOfFile: "/proc/self/limits", encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Max locked memory") }) else {
            return false
        }
        let words = line.split(separator: " ")
        return words.contains("unlimited") || (words.compactMap { Int($0) }.first ?? 0) >= 4 << 20
    }()

    @Test(.enabled(if: mayLock, "the limit on locked memory is below 4 MiB"))
    func secretsAreLockedWhileTheyLive() throws {
        let before = try locked()
        var secret: SecretBytes? = SecretBytes.random(1 << 20)
        #expect(try locked() >= before + 900)
        #expect(secret?.count == 1 << 20)
        secret = nil
        // Other tests hold small secrets meanwhile, not a megabyte of them.
        #expect(try locked() < before + 600)
    }

    @Test(.enabled(if: mayLock, "the limit on locked memory is below 4 MiB"))
    func aSecretStaysLockedWhenItsNeighbourGoes() throws {
        // Small secrets share pages: the first that goes must not unlock the others.
        var secrets = (0..<256).map { SecretBytes([UInt8](repeating: UInt8($0), count: 32)) }
        secrets = secrets.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        let pages = Set(secrets.map { secret in secret.withBytes { UInt(bitPattern: $0.baseAddress!) >> 12 } })
        #expect(try pages.isSubset(of: lockedPages()))
        for (index, secret) in secrets.enumerated() {
            #expect(secret.withCopy { $0 } == [UInt8](repeating: UInt8(2 * index), count: 32))
        }
    }

    /// The numbers of all pages of this process that the system keeps in memory.
    private func lockedPages() throws -> Set<UInt> {
        var pages: Set<UInt> = []
        var range: Range<UInt>?
        for line in try wholeText("/proc/self/smaps").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "VmFlags:", words.contains("lo"), let range, range.count < 64 { pages.formUnion(range) }
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            if ends.count == 2 { range = (ends[0] >> 12)..<(ends[1] >> 12) }
        }
        return pages
    }
}

/// What the validator of tasks counts on: no kernel's table takes more than the formula says.
@Suite("The demand of a round is an upper bound")
struct RecoveryDemandTests {
    @Test(arguments: [1, 7, 1_270, 65_537, 1 << 20, (1 << 22) + 5]) func tablesOfEveryKernel(bound: Int) throws {
        for limit in [30 << 20, 64 << 20, 512 << 20] {
            let demand = try RecoveryDemand(
                range: Int64(bound), elements: 10, elementBytes: 64, components: 3, cores: 1, memoryLimit: limit)
            for vectorised in [true, false] {
                let table = try #require(
                    BoundedLogarithm.build(
                        bound: Int64(bound), maximumTable: demand.tableRange, vectorised: vectorised
                    ) { _, _ in true })
                #expect(table.tableBytes <= demand.tableBytes, "\(bound), \(limit), vectorised \(vectorised)")
            }
        }
    }

    @Test func numbersFromOutsideGiveAnErrorAndNoTrap() {
        let extremes = [Int.min, -1, 0, 1, 2, 1 << 31, 1 << 62, .max]
        for elements in extremes {
            for components in extremes {
                for limit in extremes {
                    #expect(throws: (any Error).self) {
                        let plan = try RecoveryDemand(
                            range: 1 << 40, elements: elements, elementBytes: components, components: components,
                            cores: elements, memoryLimit: limit)
                        print(plan)
                    }
                    _ = try? RecoveryDemand(
                        range: 100, elements: elements, elementBytes: components, components: components,
                        cores: components, memoryLimit: limit)
                }
            }
        }
    }
}
