import Foundation

/// Forward and backward passes over preallocated buffers; one engine serves one thread.
///
/// All lengths are fixed at creation from a checked `Model`, so no untrusted number reaches a pointer.
final class NetworkEngine {
    private let model: Model
    private let capacity: Int
    private let outputs: [UnsafeMutablePointer<Float>]
    private let upstream: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
    private let columns: UnsafeMutablePointer<Float>
    private let columnGradients: UnsafeMutablePointer<Float>
    private let ones: UnsafeMutablePointer<Float>

    /// - Parameter capacity: rows of the largest batch.
    init(_ model: Model, capacity: Int) {
        self.model = model
        self.capacity = capacity
        func buffer(_ count: Int) -> UnsafeMutablePointer<Float> {
            let pointer = UnsafeMutablePointer<Float>.allocate(capacity: max(1, count))
            pointer.initialize(repeating: 0, count: max(1, count))
            return pointer
        }
        outputs = model.layers.map { buffer($0.outputWidth * capacity) }
        let widest = max(model.featureCount, model.layers.map(\.outputWidth).max() ?? 0)
        upstream = (buffer(widest * capacity), buffer(widest * capacity))
        let patches = model.layers.map { layer in
            if case .convolution(let geometry, _, _) = layer { geometry.patch * geometry.pixels } else { 0 }
        }
        columns = buffer(patches.max() ?? 0)
        columnGradients = buffer(patches.max() ?? 0)
        let pixels = model.layers.map { layer in
            if case .convolution(let geometry, _, _) = layer { geometry.pixels } else { 0 }
        }
        let onesCount = max(capacity, pixels.max() ?? 0)
        ones = buffer(onesCount)
        ones.update(repeating: 1, count: onesCount)
    }

    deinit {
        outputs.forEach { $0.deallocate() }
        upstream.0.deallocate()
        upstream.1.deallocate()
        columns.deallocate()
        columnGradients.deallocate()
        ones.deallocate()
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
                for row in 0..<rows { (target + row * height).update(from: parameters + bias, count: height) }
                LinearAlgebra.multiply(
                    current, parameters + weight, transposeB: true, into: target, m: rows, n: height, k: width, beta: 1)
            case .rectify(let width):
                for position in 0..<rows * width { target[position] = max(0, current[position]) }
            case .convolution(let geometry, let weight, let bias):
                for row in 0..<rows {
                    Convolution.unfold(current + row * geometry.inputWidth, geometry, into: columns)
                    let picture = target + row * geometry.outputWidth
                    for channel in 0..<geometry.outputChannels {
                        (picture + channel * geometry.pixels).update(
                            repeating: parameters[bias + channel], count: geometry.pixels)
                    }
                    LinearAlgebra.multiply(
                        parameters + weight, columns, into: picture, m: geometry.outputChannels, n: geometry.pixels,
                        k: geometry.patch, beta: 1)
                }
            case .pool(let channels, let height, let width):
                Convolution.pool(current, planes: rows * channels, height: height, width: width, into: target)
            }
            current = UnsafePointer(target)
        }
        return outputs[outputs.count - 1]
    }

    /// Adds the gradient for the batch last run forward to `gradient`; `outputGradient` is rows x outputs.
    func backward(
        _ parameters: UnsafePointer<Float>, _ inputs: UnsafePointer<Float>, rows: Int,
        outputGradient: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>
    ) {
        var incoming = outputGradient
        var spare = upstream.0
        var other = upstream.1
        for index in model.layers.indices.reversed() {
            let source = index == 0 ? inputs : UnsafePointer(outputs[index - 1])
            let isFirst = index == 0
            switch model.layers[index] {
            case .dense(let width, let height, let weight, let bias):
                LinearAlgebra.multiply(
                    incoming, transposeA: true, source, into: gradient + weight, m: height, n: width, k: rows, beta: 1)
                LinearAlgebra.multiply(
                    ones, incoming, into: gradient + bias, m: 1, n: height, k: rows, beta: 1)
                if !isFirst {
                    LinearAlgebra.multiply(incoming, parameters + weight, into: spare, m: rows, n: width, k: height)
                }
            case .rectify(let width):
                for position in 0..<rows * width { spare[position] = source[position] > 0 ? incoming[position] : 0 }
            case .convolution(let geometry, let weight, let bias):
                if !isFirst { spare.update(repeating: 0, count: rows * geometry.inputWidth) }
                for row in 0..<rows {
                    let picture = incoming + row * geometry.outputWidth
                    Convolution.unfold(source + row * geometry.inputWidth, geometry, into: columns)
                    LinearAlgebra.multiply(
                        picture, columns, transposeB: true, into: gradient + weight, m: geometry.outputChannels,
                        n: geometry.patch, k: geometry.pixels, beta: 1)
                    LinearAlgebra.multiply(
                        picture, ones, into: gradient + bias, m: geometry.outputChannels, n: 1, k: geometry.pixels,
                        beta: 1)
                    guard !isFirst else { continue }
                    LinearAlgebra.multiply(
                        parameters + weight, transposeA: true, picture, into: columnGradients, m: geometry.patch,
                        n: geometry.pixels, k: geometry.outputChannels)
                    Convolution.fold(columnGradients, geometry, into: spare + row * geometry.inputWidth)
                }
            case .pool(let channels, let height, let width):
                Convolution.unpool(
                    incoming, source: source, planes: rows * channels, height: height, width: width, into: spare)
            }
            incoming = UnsafePointer(spare)
            swap(&spare, &other)
        }
    }
}
