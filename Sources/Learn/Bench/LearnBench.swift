import Foundation

/// Rows of `meshnode bench learn`: how fast the built-in trainers step, against the same machine's matrix product.
public enum LearnBench {
    public struct Row: Equatable, Sendable, Codable {
        /// softmax_train, mlp_train or cnn_train.
        public let name: String
        public let model: String
        public let parameters: Int
        public let rows: Int
        public let batch: Int
        public let epochs: Int
        /// Of the quickest repeat, on the clock and in processor time of this process.
        public let seconds: Double
        public let cpuSeconds: Double
        public let rowsPerSecond: Double
        /// Multiply-adds of forward and backward pass over time, as a share of what one large product reaches.
        public let ratioToMatrixProduct: Double
        /// On held-out rows after the run.
        public let accuracy: Double

        enum CodingKeys: String, CodingKey {
            case name, model, parameters, rows, batch, epochs, seconds
            case cpuSeconds = "cpu_seconds"
            case rowsPerSecond = "rows_per_second"
            case ratioToMatrixProduct = "ratio_to_sgemm"
            case accuracy
        }
    }

    /// - Parameters:
    ///   - split: usually the shipped digits.
    ///   - scale: 1 for the full run (about a second a repeat), smaller for a quick look.
    ///   - repeats: 1 or more; the quickest counts.
    public static func run(split: TrainTestSplit, scale: Double = 1, repeats: Int = 3) throws(LearnError) -> [Row] {
        LinearAlgebra.setThreadCount(1)
        let peak = matrixProductRate()
        var rows: [Row] = []
        for (name, architecture, epochs, batch) in [
            ("softmax_train", ModelArchitecture.softmax, 100, 10), ("mlp_train", .mlp(hidden: [256, 128]), 20, 32),
            ("cnn_train", .cnn(channels: [8, 16]), 5, 32),
        ] {
            let model = try Model(architecture, for: split.train)
            let trainer = Trainer(model: model)
            let passes = max(1, Int(Double(epochs) * scale))
            let settings = TrainingSettings(epochs: passes, batchSize: batch, learningRate: 0.1)
            let clock = ContinuousClock()
            var (seconds, cpuSeconds) = (Double.infinity, Double.infinity)
            var parameters: [Float] = []
            for _ in 0..<max(1, repeats) {
                let (start, cpuStart) = (clock.now, processorSeconds())
                parameters = try trainer.train(
                    parameters: model.initialParameters(seed: Seed.number(0)), data: split.train, settings: settings,
                    seed: Seed.number(0)
                ).parameters
                seconds = min(seconds, Self.seconds(clock.now - start))
                cpuSeconds = min(cpuSeconds, processorSeconds() - cpuStart)
            }
            let work = Double(split.train.count * passes) * multiplyAdds(model)
            let metrics = try trainer.evaluate(parameters: parameters, data: split.test)
            rows.append(
                Row(
                    name: name, model: architecture.description, parameters: model.parameterCount,
                    rows: split.train.count, batch: batch, epochs: passes, seconds: seconds, cpuSeconds: cpuSeconds,
                    rowsPerSecond: Double(split.train.count * passes) / seconds,
                    ratioToMatrixProduct: work / seconds / peak, accuracy: metrics.accuracy ?? 0))
        }
        return rows
    }

    /// Multiply-adds of one row: forward, gradient of the weights, gradient of the inputs (not of the first layer).
    private static func multiplyAdds(_ model: Model) -> Double {
        var total = 0.0
        for (index, layer) in model.layers.enumerated() {
            let passes = index == 0 ? 2.0 : 3.0
            switch layer {
            case .dense(let inputs, let outputs, _, _): total += passes * Double(inputs * outputs)
            case .convolution(let geometry, _, _):
                total += passes * Double(geometry.outputChannels * geometry.patch * geometry.pixels)
            case .rectify, .pool: break
            }
        }
        return total
    }

    /// Multiply-adds a second of a 512 x 512 x 512 product on one thread.
    private static func matrixProductRate() -> Double {
        let size = 512
        let a = [Float](repeating: 1, count: size * size)
        let b = a
        var c = a
        var best = Double.infinity
        let clock = ContinuousClock()
        for _ in 0..<8 {
            let start = clock.now
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    c.withUnsafeMutableBufferPointer { c in
                        guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                        LinearAlgebra.multiply(a, b, into: c, m: size, n: size, k: size)
                    }
                }
            }
            best = min(best, seconds(clock.now - start))
        }
        return Double(size * size * size) / best
    }

    /// Of the whole process; the bench runs alone in it.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (whole, fraction) = duration.components
        return max(1e-9, Double(whole) + Double(fraction) * 1e-18)
    }
}
