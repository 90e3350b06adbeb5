/// Per feature (x - mean) / deviation, with figures that are agreed before round 1.
///
/// A participant who fitted its own would train on another input space than its peers, so the figures are data:
/// fit once where all rows may be seen, publish, apply everywhere.
public struct Standardisation: Sendable, Equatable, Codable {
    public let mean: [Float]
    /// Population standard deviation; 1 where a feature is constant.
    public let deviation: [Float]

    public init(mean: [Float], deviation: [Float]) throws(LearnError) {
        guard mean.count == deviation.count else {
            throw .mismatch(field: "normalisation.deviation", expected: mean.count, found: deviation.count)
        }
        if let bad = mean.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(field: "normalisation.mean", index: bad)
        }
        guard deviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw .invalid(
                field: "normalisation.deviation", reason: "holds a value that is not positive",
                next: "write 1 for a constant feature")
        }
        self.mean = mean
        self.deviation = deviation
    }

    /// Sums run in binary64 in row order.
    public init(fitting data: Dataset) throws(LearnError) {
        let width = data.featureCount
        var sums = [Double](repeating: 0, count: width)
        var squares = sums
        for row in 0..<data.count {
            for column in 0..<width { sums[column] += Double(data.features[row * width + column]) }
        }
        let rows = Double(data.count)
        for row in 0..<data.count {
            for column in 0..<width {
                let distance = Double(data.features[row * width + column]) - sums[column] / rows
                squares[column] += distance * distance
            }
        }
        try self.init(
            mean: sums.map { Float($0 / rows) },
            deviation: squares.map { value in
                let deviation = Float((value / rows).squareRoot())
                return deviation > 0 && deviation.isFinite ? deviation : 1
            })
    }

    public func apply(to data: Dataset) throws(LearnError) -> Dataset {
        guard data.featureCount == mean.count else {
            throw .mismatch(field: "normalisation", expected: mean.count, found: data.featureCount)
        }
        var features = data.features
        let width = mean.count
        for row in 0..<data.count {
            for column in 0..<width {
                let index = row * width + column
                features[index] = (features[index] - mean[column]) / deviation[column]
                guard features[index].isFinite else { throw .notFinite(field: "normalised features", index: index) }
            }
        }
        return data.replacing(features: features, sampleShape: data.sampleShape)
    }
}
