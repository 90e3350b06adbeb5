/// A data set cut in two: rows for training and rows held out.
public struct TrainTestSplit: Sendable, Equatable {
    public let train: Dataset
    public let test: Dataset

    public init(train: Dataset, test: Dataset) {
        self.train = train
        self.test = test
    }

    /// Row for row the split of scikit-learn's `train_test_split(test_size: share, random_state: seed)`:
    /// ceil(share * n) test rows from the front of the permutation, the rest for training.
    /// - Parameter testShare: in (0, 1), leaving at least one row on either side.
    public init(_ data: Dataset, testShare: Double = 0.2, seed: UInt32 = 0) throws(LearnError) {
        let testCount = testShare > 0 && testShare < 1 ? Int((testShare * Double(data.count)).rounded(.up)) : 0
        guard testShare > 0, testShare < 1 else {
            throw .invalid(
                field: "held-out share", reason: "\(testShare) is no share of rows", next: "give one between 0 and 1")
        }
        guard testCount > 0, testCount < data.count else {
            throw .invalid(
                field: data.name,
                reason:
                    "\(Counted.text(data.count, "row")), of which \(testShare) cannot be held out: one side would be empty",
                next: "give more rows")
        }
        var generator = MersenneTwister(seed: seed)
        let order = generator.permutation(data.count)
        test = data.selecting(Array(order[..<testCount]), name: "\(data.name)/test")
        train = data.selecting(Array(order[testCount...]), name: "\(data.name)/train")
    }
}
