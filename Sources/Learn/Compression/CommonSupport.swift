/// Which coordinates a round sends: the k largest by max(rate, 0.05 * mean rate) * age.
///
/// `rate` is a running mean (0.5) of |aggregate| / age, `age` the rounds since a coordinate was last sent; so the
/// product is the mass expected to wait there. All of it comes from decided aggregates, in a fixed sequence of
/// correctly rounded operations (binary32, the mean rate in binary64), so every node computes the same support and
/// no index travels. Deviations from DGC (Lin et al. 2018): common support, no momentum correction, decayed residual.
public struct CommonSupport: Equatable, Sendable {
    public let settings: CompressionSettings
    /// d.
    public let count: Int
    private var rate: [Float]
    private var age: [Int32]
    private var isSeen: [Bool]
    /// Position in the seeded permutation that breaks ties.
    private let tie: [Int32]
    /// Row and column counts of the matrices, for imputation.
    private let blocks: [Block]

    private struct Block: Equatable, Sendable {
        let offset: Int
        let rows: Int
        let columns: Int
    }

    /// - Parameter taskSeed: public, the same for all; breaks ties.
    public init(settings: CompressionSettings, manifest: ParameterManifest, taskSeed: [UInt8]) throws(LearnError) {
        try settings.validate()
        self.settings = settings
        count = manifest.count
        rate = [Float](repeating: 0, count: manifest.count)
        age = [Int32](repeating: 1, count: manifest.count)
        isSeen = [Bool](repeating: false, count: manifest.count)
        var generator = DeterministicGenerator(seed: taskSeed, label: "support ties")
        var places = [Int32](repeating: 0, count: manifest.count)
        for (place, index) in generator.permutation(manifest.count).enumerated() { places[index] = Int32(place) }
        tie = places
        blocks = manifest.entries.map { entry in
            let rows = entry.shape.count > 1 ? entry.shape[0] : 1
            return Block(offset: entry.offset, rows: rows, columns: entry.count / rows)
        }
    }

    /// k of a round (from 0).
    public func size(round: Int) -> Int {
        round < settings.denseRounds ? count : min(count, max(1, Int((settings.ratio * Double(count)).rounded())))
    }

    /// The rising indices that `round` sends, fixed before anyone trains.
    public func support(round: Int) -> [Int] { support(size: size(round: round)) }

    /// The rising indices of the `size` coordinates with most waiting mass.
    public func support(size: Int) -> [Int] {
        guard size < count else { return Array(0..<count) }
        let scores = scores()
        let order = (0..<count).sorted { scores[$0] == scores[$1] ? tie[$0] < tie[$1] : scores[$0] > scores[$1] }
        return order.prefix(size).sorted()
    }

    private func scores() -> [Float] {
        var sum = 0.0
        var seen = 0
        for index in 0..<count where isSeen[index] {
            sum = sum + Double(rate[index])
            seen += 1
        }
        let mean = seen == 0 ? 0 : Float(sum / Double(seen))
        let floor = 0.05 * mean
        let guessed = settings.imputes && settings.denseRounds == 0 && seen > 0 ? imputed(fallback: mean) : []
        return (0..<count).map { index in
            let estimate = isSeen[index] ? rate[index] : guessed.isEmpty ? mean : guessed[index]
            return max(estimate, floor) * Float(age[index])
        }
    }

    /// Row mean times column mean over the layer's mean, each shrunk by two pseudo-observations.
    private func imputed(fallback: Float) -> [Float] {
        var result = [Float](repeating: fallback, count: count)
        for block in blocks {
            var rowSums = [Float](repeating: 0, count: block.rows)
            var columnSums = [Float](repeating: 0, count: block.columns)
            var rowCounts = [Int](repeating: 0, count: block.rows)
            var columnCounts = [Int](repeating: 0, count: block.columns)
            var total: Float = 0
            var seen = 0
            for position in 0..<block.rows * block.columns where isSeen[block.offset + position] {
                let value = rate[block.offset + position]
                let (row, column) = position.quotientAndRemainder(dividingBy: block.columns)
                rowSums[row] += value
                columnSums[column] += value
                rowCounts[row] += 1
                columnCounts[column] += 1
                total += value
                seen += 1
            }
            guard seen > 0, total > 0 else { continue }
            let layerMean = total / Float(seen)
            for position in 0..<block.rows * block.columns where !isSeen[block.offset + position] {
                let (row, column) = position.quotientAndRemainder(dividingBy: block.columns)
                let rowMean = (rowSums[row] + 2 * layerMean) / Float(rowCounts[row] + 2)
                let columnMean = (columnSums[column] + 2 * layerMean) / Float(columnCounts[column] + 2)
                result[block.offset + position] = rowMean * columnMean / layerMean
            }
        }
        return result
    }

    /// Takes in a decided round: `mean` is what `ServerStep.mean` gave on `support`.
    public mutating func record(support: [Int], mean: [Float]) throws(LearnError) {
        guard support.count == mean.count else {
            throw .mismatch(field: "mean", expected: support.count, found: mean.count)
        }
        if let bad = mean.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "mean", index: bad) }
        var previous = -1
        for index in support {
            guard index > previous, index < count else {
                throw .invalid(
                    field: "support", reason: "index \(index) is out of order", next: "recompute the support")
            }
            previous = index
        }
        var isSent = [Bool](repeating: false, count: count)
        for (position, index) in support.enumerated() {
            isSent[index] = true
            let divisor = settings.variant == .residual ? Float(age[index]) : 1
            let fresh = abs(mean[position]) / divisor
            if isSeen[index] {
                let kept = 0.5 * rate[index]
                let added = 0.5 * fresh
                rate[index] = kept + added
            } else {
                rate[index] = fresh
            }
            isSeen[index] = true
            age[index] = 1
        }
        for index in 0..<count where !isSent[index] && age[index] < 1 << 24 { age[index] += 1 }
    }

    /// One a coordinate, for `TrainingState`.
    var storedRates: [Float] { rate }
    /// One a coordinate, negative where it was never sent.
    var storedAges: [Float] { (0..<count).map { isSeen[$0] ? Float(age[$0]) : -Float(age[$0]) } }

    /// Takes over `storedRates` and `storedAges`.
    mutating func restore(rate: [Float], age: [Float]) throws(LearnError) {
        guard rate.count == count, age.count == count else {
            throw .mismatch(field: "support state", expected: count, found: rate.count)
        }
        for index in 0..<count {
            let magnitude = abs(age[index])
            guard rate[index].isFinite, rate[index] >= 0, magnitude >= 1, magnitude <= Float(1 << 24),
                magnitude == magnitude.rounded()
            else { throw .badTensors(file: "support state", reason: "coordinate \(index) is out of range") }
            self.rate[index] = rate[index]
            self.age[index] = Int32(magnitude)
            isSeen[index] = age[index] > 0
        }
    }

    private static let domain = Array("meshnode/support/v1".utf8)

    /// Domain, u64 count, then binary32 rate and u32 age a coordinate, the age's top bit set once it was seen.
    public var canonicalBytes: [UInt8] {
        var bytes = Self.domain
        bytes.reserveCapacity(bytes.count + 8 + 8 * count)
        bytes.appendLittleEndian(UInt64(count))
        for index in 0..<count {
            bytes.appendLittleEndian(rate[index].bitPattern)
            bytes.appendLittleEndian(UInt32(age[index]) | (isSeen[index] ? 0x8000_0000 : 0))
        }
        return bytes
    }

    /// Takes the state of `canonicalBytes` over into this task's support.
    public mutating func restore(canonicalBytes bytes: [UInt8]) throws(LearnError) {
        var reader = ByteReader(bytes)
        guard reader.take(Self.domain.count).map(Array.init) == Self.domain, reader.u64() == UInt64(count),
            reader.remaining == 8 * count
        else { throw .badTensors(file: "support state", reason: "is malformed or of another model") }
        for index in 0..<count {
            guard let word = reader.u32(), let packed = reader.u32() else { break }
            let value = Float(bitPattern: word)
            guard value.isFinite, value >= 0, (1...1 << 24).contains(packed & 0x7fff_ffff) else {
                throw .badTensors(file: "support state", reason: "coordinate \(index) is out of range")
            }
            rate[index] = value
            age[index] = Int32(packed & 0x7fff_ffff)
            isSeen[index] = packed >> 31 == 1
        }
    }
}
