import Foundation

/// Losses with their gradients at a network's outputs.
enum LossFunction {
    /// The class of the largest value of a row; nil where one is not a number, or the largest is infinite. Finite weights can
    /// give both, and NaN is larger than nothing: without this, such a row would be an answer for the first class.
    static func answer(_ values: UnsafePointer<Float>, classes: Int) -> Int? {
        var best = 0
        var isNumber = !values[0].isNaN
        for index in 1..<classes {
            if values[index] > values[best] { best = index }
            isNumber = isNumber && !values[index].isNaN
        }
        return isNumber && values[best].isFinite ? best : nil
    }

    /// Softmax cross entropy. Writes (p - onehot) / rows over `outputs`; returns the summed loss and the hits. A row without
    /// an answer is no hit, and its loss is infinite.
    static func crossEntropy(
        _ outputs: UnsafeMutablePointer<Float>, labels: UnsafePointer<Int32>, rows: Int, classes: Int
    ) -> (loss: Double, correct: Int) {
        var loss = 0.0
        var correct = 0
        let share = 1 / Float(rows)
        for row in 0..<rows {
            let values = outputs + row * classes
            let label = Int(labels[row])
            let best = answer(values, classes: classes)
            if best == label { correct += 1 }
            let top = best.map { values[$0] } ?? .nan
            let distance = top - values[label]
            var total: Float = 0
            for index in 0..<classes {
                values[index] = expf(values[index] - top)
                total += values[index]
            }
            loss += best == nil ? .infinity : Double(logf(total) + distance)
            let scale = share / total
            for index in 0..<classes { values[index] *= scale }
            values[label] -= share
        }
        return (loss, correct)
    }

    /// Half squared distance. Writes (y - t) / rows over `outputs`; returns the summed loss.
    static func squaredError(
        _ outputs: UnsafeMutablePointer<Float>, targets: UnsafePointer<Float>, rows: Int, width: Int
    ) -> Double {
        var loss = 0.0
        let share = 1 / Float(rows)
        for index in 0..<rows * width {
            let distance = outputs[index] - targets[index]
            loss += 0.5 * Double(distance) * Double(distance)
            outputs[index] = distance * share
        }
        return loss
    }
}
