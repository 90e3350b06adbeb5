/// The index work of a 3 x 3 convolution and a 2 x 2 pooling (im2col after Chellapilla, Puri, Simard 2006).
///
/// Pictures of a batch lie channel by channel: channels x pictures x height x width. A window row is then one shifted
/// copy of a whole channel, and one matrix product serves the batch.
enum Convolution {
    /// Writes the windows of `pictures` pictures as columns: patch x (pictures * pixels), row (channel, dy, dx), zero
    /// outside. `stride` is the distance between channels in `source`.
    static func unfold(
        _ source: UnsafePointer<Float>, _ geometry: ConvolutionGeometry, pictures: Int, stride: Int,
        into columns: UnsafeMutablePointer<Float>
    ) {
        let count = pictures * geometry.pixels
        var target = columns
        for channel in 0..<geometry.inputChannels {
            let plane = source + channel * stride
            for dy in -1...1 {
                for dx in -1...1 {
                    let shift = dy * geometry.width + dx
                    let first = max(0, -shift)
                    let length = count - abs(shift)
                    if length > 0 { (target + first).update(from: plane + first + shift, count: length) }
                    clearOutside(target, geometry, pictures: pictures, dy: dy, dx: dx)
                    target += count
                }
            }
        }
    }

    /// The transpose of `unfold`: adds columns back to the pictures. Destroys `columns`.
    static func fold(
        _ columns: UnsafeMutablePointer<Float>, _ geometry: ConvolutionGeometry, pictures: Int, stride: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        let count = pictures * geometry.pixels
        var source = columns
        for channel in 0..<geometry.inputChannels {
            let plane = target + channel * stride
            for dy in -1...1 {
                for dx in -1...1 {
                    let shift = dy * geometry.width + dx
                    let first = max(0, -shift)
                    let length = count - abs(shift)
                    clearOutside(source, geometry, pictures: pictures, dy: dy, dx: dx)
                    if length > 0 {
                        VectorLoops.add(UnsafePointer(source + first), to: plane + first + shift, count: length)
                    }
                    source += count
                }
            }
        }
    }

    /// Zero where the window (dy, dx) of a pixel lies outside its own picture.
    private static func clearOutside(
        _ row: UnsafeMutablePointer<Float>, _ geometry: ConvolutionGeometry, pictures: Int, dy: Int, dx: Int
    ) {
        let (height, width, pixels) = (geometry.height, geometry.width, geometry.pixels)
        if dy != 0 {
            let edge = dy < 0 ? 0 : (height - 1) * width
            for picture in 0..<pictures { (row + picture * pixels + edge).update(repeating: 0, count: width) }
        }
        if dx != 0 {
            var pixel = dx < 0 ? 0 : width - 1
            while pixel < pictures * pixels {
                row[pixel] = 0
                pixel += width
            }
        }
    }

    /// Swaps the two outer extents: (a, b, width) becomes (b, a, width).
    static func swapOuter(
        _ source: UnsafePointer<Float>, _ a: Int, _ b: Int, width: Int, into target: UnsafeMutablePointer<Float>
    ) {
        for outer in 0..<a {
            for inner in 0..<b {
                (target + (inner * a + outer) * width).update(from: source + (outer * b + inner) * width, count: width)
            }
        }
    }

    static func pool(
        _ source: UnsafePointer<Float>, planes: Int, height: Int, width: Int, into target: UnsafeMutablePointer<Float>
    ) {
        let (low, narrow) = (height / 2, width / 2)
        for plane in 0..<planes {
            for y in 0..<low {
                let upper = source + plane * height * width + 2 * y * width
                let lower = upper + width
                let row = target + (plane * low + y) * narrow
                for x in 0..<narrow {
                    let (a, b, c, d) = (upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1])
                    let top = a > b ? a : b
                    let bottom = c > d ? c : d
                    row[x] = top > bottom ? top : bottom
                }
            }
        }
    }

    /// Sends each gradient to the first of the four inputs that held the maximum.
    static func unpool(
        _ incoming: UnsafePointer<Float>, source: UnsafePointer<Float>, planes: Int, height: Int, width: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (low, narrow) = (height / 2, width / 2)
        if height % 2 == 1 || width % 2 == 1 { target.update(repeating: 0, count: planes * height * width) }
        for plane in 0..<planes {
            for y in 0..<low {
                let start = plane * height * width + 2 * y * width
                let (upper, lower) = (source + start, source + start + width)
                let (above, below) = (target + start, target + start + width)
                let gradients = incoming + (plane * low + y) * narrow
                for x in 0..<narrow {
                    let (a, b, c, d) = (upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1])
                    let top = b > a ? b : a
                    let bottom = d > c ? d : c
                    let gradient = gradients[x]
                    // All four are written, so that which one held the maximum is never a jump.
                    let upperPart: Float = bottom > top ? 0 : gradient
                    let lowerPart: Float = bottom > top ? gradient : 0
                    above[2 * x] = b > a ? 0 : upperPart
                    above[2 * x + 1] = b > a ? upperPart : 0
                    below[2 * x] = d > c ? 0 : lowerPart
                    below[2 * x + 1] = d > c ? lowerPart : 0
                }
            }
        }
    }
}
