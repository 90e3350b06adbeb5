/// The steps from raw samples to features, agreed before round 1: resize, then one linear map per channel.
public struct Preprocessing: Equatable, Sendable, Codable {
    /// Height and width of the picture after resizing; nil keeps it.
    public var height: Int?
    public var width: Int?
    /// Multiplies every value first, for example 1/255.
    public var scale: Float
    /// Then (x - mean) / deviation, one for all, one a channel or one a feature; empty is off.
    public var mean: [Float]
    public var deviation: [Float]

    public init(height: Int? = nil, width: Int? = nil, scale: Float = 1, mean: [Float] = [], deviation: [Float] = []) {
        self.height = height
        self.width = width
        self.scale = scale
        self.mean = mean
        self.deviation = deviation
    }

    /// - Throws: the first setting that is out of range.
    public func validate() throws(LearnError) {
        func require(_ isMet: Bool, _ field: String, _ reason: String, _ next: String) throws(LearnError) {
            guard isMet else { throw .invalid(field: "preprocess.\(field)", reason: reason, next: next) }
        }
        try require((height == nil) == (width == nil), "resize", "needs height and width", "give both")
        for extent in [height, width].compactMap({ $0 }) {
            try require((1...4096).contains(extent), "resize", "\(extent) is out of range", "use 1 to 4096")
        }
        try require(scale.isFinite && scale != 0, "scale", "\(scale) is not usable", "use for example 0.00392156862745")
        try require(
            mean.count == deviation.count, "normalise", "\(mean.count) means, \(deviation.count) deviations",
            "give one each")
        try require(
            mean.allSatisfy(\.isFinite) && deviation.allSatisfy { $0.isFinite && $0 > 0 }, "normalise",
            "holds a value that is not finite or not positive", "give finite means and positive deviations")
    }

    /// - Throws: `.invalid` when the samples are no pictures but a resize is asked, or the channels do not match.
    public func apply(to data: Dataset) throws(LearnError) -> Dataset {
        try validate()
        var result = data
        if let height, let width {
            let shape = data.sampleShape
            guard shape.count == 2 || shape.count == 3 else {
                throw .invalid(
                    field: "preprocess.resize", reason: "\(data.name) has samples of shape \(shape)",
                    next: "resize only height x width or channels x height x width")
            }
            let channels = shape.count == 3 ? shape[0] : 1
            let (total, overflow) = (data.count * channels).multipliedReportingOverflow(by: height * width)
            guard !overflow, total <= DataLimits.values else {
                throw .invalid(
                    field: "preprocess.resize", reason: "gives more than \(DataLimits.values) values",
                    next: "use a smaller picture")
            }
            result = data.replacing(
                features: Self.resize(
                    data.features, planes: data.count * channels,
                    from: (shape[shape.count - 2], shape[shape.count - 1]),
                    to: (height, width)),
                sampleShape: Array(shape.dropLast(2)) + [height, width])
        }
        guard scale != 1 || !mean.isEmpty else { return result }
        let channels = result.sampleShape.count == 3 ? result.sampleShape[0] : 1
        guard mean.isEmpty || mean.count == 1 || mean.count == channels || mean.count == result.featureCount else {
            throw .mismatch(field: "preprocess.normalise", expected: channels, found: mean.count)
        }
        let plane = result.featureCount / channels
        var features = result.features
        for index in features.indices {
            var value = features[index] * scale
            if !mean.isEmpty {
                let channel =
                    mean.count == 1
                    ? 0 : mean.count == result.featureCount ? index % result.featureCount : index / plane % channels
                value = (value - mean[channel]) / deviation[channel]
            }
            guard value.isFinite else { throw .notFinite(field: "preprocessed features", index: index) }
            features[index] = value
        }
        return result.replacing(features: features, sampleShape: result.sampleShape)
    }

    /// Bilinear with pixel centres at half integers and clamped borders (as OpenCV's INTER_LINEAR and PyTorch's
    /// `align_corners=False`; no anti-aliasing).
    static func resize(
        _ values: [Float], planes: Int, from old: (height: Int, width: Int), to new: (height: Int, width: Int)
    ) -> [Float] {
        func places(_ old: Int, _ new: Int) -> [(low: Int, high: Int, share: Float)] {
            (0..<new).map { index in
                let centre = (Float(index) + 0.5) * Float(old) / Float(new) - 0.5
                let clamped = min(max(centre, 0), Float(old - 1))
                let low = Int(clamped)
                return (low, min(low + 1, old - 1), clamped - Float(low))
            }
        }
        let rows = places(old.height, new.height)
        let columns = places(old.width, new.width)
        var result: [Float] = []
        result.reserveCapacity(planes * new.height * new.width)
        for plane in 0..<planes {
            let base = plane * old.height * old.width
            for row in rows {
                for column in columns {
                    func at(_ y: Int, _ x: Int) -> Float { values[base + y * old.width + x] }
                    let top = at(row.low, column.low) * (1 - column.share) + at(row.low, column.high) * column.share
                    let bottom =
                        at(row.high, column.low) * (1 - column.share) + at(row.high, column.high) * column.share
                    result.append(top * (1 - row.share) + bottom * row.share)
                }
            }
        }
        return result
    }
}
