internal import Sodium

/// Measures, and hands rows out with what is common to all of them.
struct BenchContext {
    let emit: (BenchRow) -> Void
    /// Remarks on work that takes long.
    let note: @Sendable (String) -> Void
    private(set) var rows: [BenchRow] = []

    init(note: @escaping @Sendable (String) -> Void, emit: @escaping (BenchRow) -> Void) {
        self.note = note
        self.emit = emit
    }

    /// A time and the yardstick of the same moments, in microseconds.
    struct Time {
        var microseconds: Double
        var y: Double
    }

    /// Y: one `crypto_scalarmult_ristretto255_base`, in microseconds of this thread's CPU time.
    static func baseMultiplication(times count: Int = 60) -> Double {
        var output = [UInt8](repeating: 0, count: 32)
        let scalar = Scalar(reducing: (0..<64).map { UInt8($0 * 3 + 1) }).bytes
        let start = BenchMachine.threadTime()
        for _ in 0..<count { _ = unsafe crypto_scalarmult_ristretto255_base(&output, scalar) }
        return (BenchMachine.threadTime() - start) / Double(count) * 1e6
    }

    /// The best of `repeats` runs, a unit; Y is measured between them, so that both saw the same machine.
    func best(
        of repeats: Int = 4, units: Int, clock: () -> Double = BenchMachine.threadTime, _ body: () -> Void
    ) -> Time {
        var time = Time(microseconds: .infinity, y: BenchContext.baseMultiplication())
        for _ in 0..<repeats {
            let start = clock()
            body()
            time.microseconds = min(time.microseconds, clock() - start)
            time.y = min(time.y, BenchContext.baseMultiplication())
        }
        time.microseconds *= 1e6 / Double(units)
        return time
    }

    mutating func row(
        _ name: String, kernel: String, n: Int = 1, d: Int, packing: Int = 1, encoding: String = "none",
        range: Int = 0, time: Time, bytes: Double = 0
    ) {
        let row = BenchRow(
            name: name, kernel: kernel, n: n, d: d, bits: 8, packing: packing, encoding: encoding, rangeBits: range,
            microseconds: time.microseconds, ratioToY: time.microseconds / time.y, bytesPerCoordinate: bytes,
            peakMiB: BenchMachine.peakMiB, cpu: BenchMachine.cpu)
        rows.append(row)
        emit(row)
    }
}
