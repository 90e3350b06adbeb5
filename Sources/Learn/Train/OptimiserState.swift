/// Moments of one local run; fresh at the start of each round.
struct OptimiserState {
    private let settings: TrainingSettings
    private var first: [Float]
    private var second: [Float]
    private var power1: Float = 1
    private var power2: Float = 1

    init(settings: TrainingSettings, count: Int) {
        self.settings = settings
        switch settings.optimiser {
        case .sgd: (first, second) = ([], [])
        case .momentum: (first, second) = ([Float](repeating: 0, count: count), [])
        case .adamW:
            first = [Float](repeating: 0, count: count)
            second = first
        }
    }

    /// One step. `anchor` is the global model, for the proximal term.
    mutating func apply(_ gradient: [Float], to weights: inout [Float], anchor: [Float], rate: Float) {
        var scale: Float = 1
        if let clip = settings.gradientClip {
            let norm = Float(Clipping.norm(gradient))
            if norm > clip { scale = clip / norm }
        }
        let decay = settings.weightDecay
        let proximal = settings.proximal
        let isPlain = decay == 0 && proximal == 0
        switch settings.optimiser {
        case .sgd:
            if isPlain {
                let factor = -rate * scale
                gradient.withUnsafeBufferPointer { source in
                    weights.withUnsafeMutableBufferPointer { target in
                        guard let source = source.baseAddress, let target = target.baseAddress else { return }
                        LinearAlgebra.add(source, scaledBy: factor, to: target, count: gradient.count)
                    }
                }
                return
            }
            for index in weights.indices {
                let slope =
                    gradient[index] * scale + decay * weights[index] + proximal * (weights[index] - anchor[index])
                weights[index] -= rate * slope
            }
        case .momentum(let factor):
            for index in weights.indices {
                let slope =
                    gradient[index] * scale + decay * weights[index] + proximal * (weights[index] - anchor[index])
                first[index] = factor * first[index] + slope
                weights[index] -= rate * first[index]
            }
        case .adamW(let beta1, let beta2, let epsilon):
            power1 *= beta1
            power2 *= beta2
            for index in weights.indices {
                let slope = gradient[index] * scale + proximal * (weights[index] - anchor[index])
                first[index] = beta1 * first[index] + (1 - beta1) * slope
                second[index] = beta2 * second[index] + (1 - beta2) * slope * slope
                let mean = first[index] / (1 - power1)
                let spread = (second[index] / (1 - power2)).squareRoot() + epsilon
                weights[index] -= rate * (mean / spread + decay * weights[index])
            }
        }
    }
}
