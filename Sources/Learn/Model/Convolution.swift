/// The index work of a 3 x 3 convolution and a 2 x 2 pooling (im2col after Chellapilla, Puri, Simard 2006).
enum Convolution {
    /// Writes the windows of one picture as columns: patch x pixels, row (channel, dy, dx), zero outside.
    static func unfold(
        _ picture: UnsafePointer<Float>, _ geometry: ConvolutionGeometry, into columns: UnsafeMutablePointer<Float>
    ) {
        let (height, width) = (geometry.height, geometry.width)
        var target = columns
        for channel in 0..<geometry.inputChannels {
            let plane = picture + channel * geometry.pixels
            for dy in -1...1 {
                for dx in -1...1 {
                    for y in 0..<height {
                        let inside = y + dy >= 0 && y + dy < height
                        for x in 0..<width {
                            target.pointee =
                                inside && x + dx >= 0 && x + dx < width ? plane[(y + dy) * width + x + dx] : 0
                            target += 1
                        }
                    }
                }
            }
        }
    }

    /// The transpose of `unfold`: adds columns back to the picture.
    static func fold(
        _ columns: UnsafePointer<Float>, _ geometry: ConvolutionGeometry, into picture: UnsafeMutablePointer<Float>
    ) {
        let (height, width) = (geometry.height, geometry.width)
        var source = columns
        for channel in 0..<geometry.inputChannels {
            let plane = picture + channel * geometry.pixels
            for dy in -1...1 {
                for dx in -1...1 {
                    for y in 0..<height {
                        let inside = y + dy >= 0 && y + dy < height
                        for x in 0..<width {
                            if inside && x + dx >= 0 && x + dx < width {
                                plane[(y + dy) * width + x + dx] += source.pointee
                            }
                            source += 1
                        }
                    }
                }
            }
        }
    }

    static func pool(
        _ source: UnsafePointer<Float>, planes: Int, height: Int, width: Int, into target: UnsafeMutablePointer<Float>
    ) {
        let (low, narrow) = (height / 2, width / 2)
        for plane in 0..<planes {
            for y in 0..<low {
                for x in 0..<narrow {
                    let corner = plane * height * width + 2 * y * width + 2 * x
                    target[(plane * low + y) * narrow + x] = max(
                        max(source[corner], source[corner + 1]), max(source[corner + width], source[corner + width + 1])
                    )
                }
            }
        }
    }

    /// Sends each gradient to the first of the four inputs that held the maximum.
    static func unpool(
        _ incoming: UnsafePointer<Float>, source: UnsafePointer<Float>, planes: Int, height: Int, width: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        target.update(repeating: 0, count: planes * height * width)
        let (low, narrow) = (height / 2, width / 2)
        for plane in 0..<planes {
            for y in 0..<low {
                for x in 0..<narrow {
                    let corner = plane * height * width + 2 * y * width + 2 * x
                    var best = corner
                    if source[corner + 1] > source[best] { best = corner + 1 }
                    if source[corner + width] > source[best] { best = corner + width }
                    if source[corner + width + 1] > source[best] { best = corner + width + 1 }
                    target[best] = incoming[(plane * low + y) * narrow + x]
                }
            }
        }
    }
}
