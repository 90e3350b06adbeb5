internal import Sodium

/// The same work through libsodium's public calls, which decode and encode at every step.
enum NaiveBaseline {
    static func run(_ context: inout BenchContext) {
        let count = 100
        let scalars = (0..<count).map { Scalar(reducing: blake2b([UInt8($0)], length: 64)).bytes }
        let h = NDDFEBases.maskBase.ristrettoBytes
        var bodies: [[UInt8]] = Array(repeating: [UInt8](repeating: 0, count: 32), count: count)
        let encrypt = context.best(units: count) {
            for index in 0..<count {
                var masked = [UInt8](repeating: 0, count: 32)
                var value = masked
                _ = unsafe crypto_scalarmult_ristretto255(&masked, scalars[index], h)
                _ = unsafe crypto_scalarmult_ristretto255_base(&value, Scalar(Int64(index) + 1).bytes)
                _ = unsafe crypto_core_ristretto255_add(&bodies[index], masked, value)
            }
        }
        context.row("encrypt", kernel: "libsodium", d: count, encoding: "ristretto", time: encrypt, bytes: 32)
        var sums = bodies
        let add = context.best(units: count) {
            for index in 0..<count { _ = unsafe crypto_core_ristretto255_add(&sums[index], sums[index], bodies[index]) }
        }
        context.row("decode_add", kernel: "libsodium", d: count, encoding: "ristretto", time: add)
        let unmask = context.best(units: count) {
            for index in 0..<count {
                var mask = sums[index]
                _ = unsafe crypto_scalarmult_ristretto255(&mask, scalars[index], h)
                _ = unsafe crypto_core_ristretto255_sub(&sums[index], sums[index], mask)
            }
        }
        context.row("unmask", kernel: "libsodium", d: count, encoding: "ristretto", time: unmask)
    }
}
