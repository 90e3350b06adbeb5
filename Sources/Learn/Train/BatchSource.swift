/// Copies chosen rows into contiguous buffers.
final class BatchSource {
    let features: UnsafeMutablePointer<Float>
    let labels: UnsafeMutablePointer<Int32>
    let targets: UnsafeMutablePointer<Float>
    private let data: Dataset
    private let outputs: Int

    init(data: Dataset, capacity: Int) {
        self.data = data
        outputs = data.targetCount
        features = .allocate(capacity: capacity * data.featureCount)
        labels = .allocate(capacity: max(1, capacity))
        targets = .allocate(capacity: max(1, capacity * outputs))
        features.initialize(repeating: 0, count: capacity * data.featureCount)
        labels.initialize(repeating: 0, count: max(1, capacity))
        targets.initialize(repeating: 0, count: max(1, capacity * outputs))
    }

    deinit {
        features.deallocate()
        labels.deallocate()
        targets.deallocate()
    }

    /// At most `capacity` rows.
    func fill(_ rows: some Collection<Int>) {
        let width = data.featureCount
        data.features.withUnsafeBufferPointer { all in
            for (position, row) in rows.enumerated() {
                (features + position * width).update(from: all.baseAddress! + row * width, count: width)
            }
        }
        for (position, row) in rows.enumerated() {
            if data.isRegression {
                for output in 0..<outputs {
                    targets[position * outputs + output] = data.targets[row * outputs + output]
                }
            } else {
                labels[position] = data.labels[row]
            }
        }
    }
}
