/// Forward and backward passes over preallocated buffers; one engine serves one thread.
///
/// All lengths are fixed at creation from a checked `Model`, so no untrusted number reaches a pointer. Convolutional
/// layers keep a batch channel by channel (see `Convolution`); dense layers row by row.
final class NetworkEngine {
    private let model: Model
    private let capacity: Int
    private let outputs: [UnsafeMutablePointer<Float>]
    private let upstream: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
    private let columns: UnsafeMutablePointer<Float>
    private let columnGradients: UnsafeMutablePointer<Float>
    /// Pictures of the first layer, channel by channel; used only with more than one channel.
    private let staged: UnsafeMutablePointer<Float>
    /// The last pictures row by row, for the dense layer behind them.
    private let flattened: UnsafeMutablePointer<Float>
    private let columnBudget: Int

    /// - Parameters:
    ///   - capacity: rows of the largest batch.
    ///   - columnBudget: values of unfolded windows held at once; a batch that needs more goes in slices. 2^18 is one
    ///     MiB, which stays in the second cache.
    init(_ model: Model, capacity: Int, columnBudget: Int = 1 << 18) {
        self.model = model
        self.capacity = capacity
        self.columnBudget = columnBudget
        func buffer(_ count: Int) -> UnsafeMutablePointer<Float> {
            let pointer = UnsafeMutablePointer<Float>.allocate(capacity: max(1, count))
            pointer.initialize(repeating: 0, count: max(1, count))
            return pointer
        }
        outputs = model.layers.map { buffer($0.outputWidth * capacity) }
        let widest = max(model.featureCount, model.layers.map(\.outputWidth).max() ?? 0)
        upstream = (buffer(widest * capacity), buffer(widest * capacity))
        var windows = 0
        var pictures = 0
        var last = 0
        for (index, layer) in model.layers.enumerated() {
            switch layer {
            case .convolution(let geometry, _, _):
                let slice = Self.slice(geometry, rows: capacity, budget: columnBudget)
                windows = max(windows, geometry.patch * geometry.pixels * slice)
                if index == 0, geometry.inputChannels > 1 { pictures = geometry.inputWidth * capacity }
            case .pool: last = layer.outputWidth * capacity
            case .dense, .rectify: break
            }
        }
        columns = buffer(windows)
        columnGradients = buffer(windows)
        staged = buffer(pictures)
        flattened = buffer(last)
    }

    deinit {
        outputs.forEach { $0.deallocate() }
        upstream.0.deallocate()
        upstream.1.deallocate()
        columns.deallocate()
        columnGradients.deallocate()
        staged.deallocate()
        flattened.deallocate()
    }

    /// Pictures whose windows are unfolded at once.
    private static func slice(_ geometry: ConvolutionGeometry, rows: Int, budget: Int) -> Int {
        min(rows, max(1, budget / (geometry.patch * geometry.pixels)))
    }

    /// The last layer's values, `rows` x `model.outputs`, valid until the next call.
    func forward(
        _ parameters: UnsafePointer<Float>, _ inputs: UnsafePointer<Float>, rows: Int
    ) -> UnsafeMutablePointer<Float> {
        precondition(rows <= capacity && !model.layers.isEmpty, "batch of \(rows) exceeds \(capacity)")
        var current = inputs
        for (index, layer) in model.layers.enumerated() {
            let target = outputs[index]
            switch layer {
            case .dense(let width, let height, let weight, let bias):
                if index > 0, case .pool(let channels, let tall, let wide) = model.layers[index - 1] {
                    let pixels = (tall / 2) * (wide / 2)
                    Convolution.swapOuter(current, channels, rows, width: pixels, into: flattened)
                    current = UnsafePointer(flattened)
                }
                for row in 0..<rows { (target + row * height).update(from: parameters + bias, count: height) }
                LinearAlgebra.multiply(
                    current, parameters + weight, transposeB: true, into: target, m: rows, n: height, k: width, beta: 1)
            case .rectify(let width):
                VectorLoops.rectify(current, into: target, count: rows * width)
            case .convolution(let geometry, let weight, let bias):
                if index == 0, geometry.inputChannels > 1 {
                    Convolution.swapOuter(
                        current, rows, geometry.inputChannels, width: geometry.pixels, into: staged)
                    current = UnsafePointer(staged)
                }
                convolve(current, geometry, parameters + weight, parameters + bias, rows: rows, into: target)
            case .pool(let channels, let height, let width):
                Convolution.pool(current, planes: rows * channels, height: height, width: width, into: target)
            }
            current = UnsafePointer(target)
        }
        return outputs[outputs.count - 1]
    }

    private func convolve(
        _ source: UnsafePointer<Float>, _ geometry: ConvolutionGeometry, _ weights: UnsafePointer<Float>,
        _ bias: UnsafePointer<Float>, rows: Int, into target: UnsafeMutablePointer<Float>
    ) {
        let stride = rows * geometry.pixels
        for channel in 0..<geometry.outputChannels {
            (target + channel * stride).update(repeating: bias[channel], count: stride)
        }
        eachSlice(geometry, rows: rows) { start, pictures in
            Convolution.unfold(
                source + start * geometry.pixels, geometry, pictures: pictures, stride: stride, into: columns)
            LinearAlgebra.multiply(
                weights, columns, into: target + start * geometry.pixels, m: geometry.outputChannels,
                n: pictures * geometry.pixels, k: geometry.patch, beta: 1, strideC: stride)
        }
    }

    private func eachSlice(_ geometry: ConvolutionGeometry, rows: Int, _ body: (Int, Int) -> Void) {
        let slice = Self.slice(geometry, rows: rows, budget: columnBudget)
        for start in stride(from: 0, to: rows, by: slice) { body(start, min(slice, rows - start)) }
    }

    /// Writes the gradient for the batch last run forward over the whole of `gradient`; `outputGradient` is
    /// rows x outputs.
    func backward(
        _ parameters: UnsafePointer<Float>, _ inputs: UnsafePointer<Float>, rows: Int,
        outputGradient: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>
    ) {
        var incoming = outputGradient
        var (spare, other) = upstream
        for index in model.layers.indices.reversed() {
            let source = index == 0 ? inputs : UnsafePointer(outputs[index - 1])
            let isFirst = index == 0
            switch model.layers[index] {
            case .dense(let width, let height, let weight, let bias):
                var pictures: (channels: Int, pixels: Int)?
                if index > 0, case .pool(let channels, let tall, let wide) = model.layers[index - 1] {
                    pictures = (channels, (tall / 2) * (wide / 2))
                }
                LinearAlgebra.multiply(
                    incoming, transposeA: true, pictures == nil ? source : UnsafePointer(flattened),
                    into: gradient + weight, m: height, n: width, k: rows)
                (gradient + bias).update(from: incoming, count: height)
                for row in 1..<max(1, rows) {
                    VectorLoops.add(incoming + row * height, to: gradient + bias, count: height)
                }
                if !isFirst {
                    LinearAlgebra.multiply(incoming, parameters + weight, into: spare, m: rows, n: width, k: height)
                    if let pictures {
                        Convolution.swapOuter(
                            UnsafePointer(spare), rows, pictures.channels, width: pictures.pixels, into: other)
                        swap(&spare, &other)
                    }
                }
            case .rectify(let width):
                VectorLoops.rectifyGradient(incoming, source: source, into: spare, count: rows * width)
            case .convolution(let geometry, let weight, let bias):
                let pictures = isFirst && geometry.inputChannels > 1 ? UnsafePointer(staged) : source
                convolutionGradient(
                    incoming, source: pictures, geometry, parameters + weight, rows: rows, weight: gradient + weight,
                    bias: gradient + bias, input: isFirst ? nil : spare)
            case .pool(let channels, let height, let width):
                Convolution.unpool(
                    incoming, source: source, planes: rows * channels, height: height, width: width, into: spare)
            }
            incoming = UnsafePointer(spare)
            swap(&spare, &other)
        }
    }

    private func convolutionGradient(
        _ incoming: UnsafePointer<Float>, source: UnsafePointer<Float>, _ geometry: ConvolutionGeometry,
        _ weights: UnsafePointer<Float>, rows: Int, weight: UnsafeMutablePointer<Float>,
        bias: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>?
    ) {
        let stride = rows * geometry.pixels
        for channel in 0..<geometry.outputChannels {
            bias[channel] = VectorLoops.sum(incoming + channel * stride, count: stride)
        }
        input?.update(repeating: 0, count: rows * geometry.inputWidth)
        eachSlice(geometry, rows: rows) { start, pictures in
            let offset = start * geometry.pixels
            let count = pictures * geometry.pixels
            Convolution.unfold(source + offset, geometry, pictures: pictures, stride: stride, into: columns)
            LinearAlgebra.multiply(
                incoming + offset, columns, transposeB: true, into: weight, m: geometry.outputChannels,
                n: geometry.patch, k: count, beta: start == 0 ? 0 : 1, strideA: stride)
            guard let input else { return }
            LinearAlgebra.multiply(
                weights, transposeA: true, incoming + offset, into: columnGradients, m: geometry.patch, n: count,
                k: geometry.outputChannels, strideB: stride)
            Convolution.fold(columnGradients, geometry, pictures: pictures, stride: stride, into: input + offset)
        }
    }
}
