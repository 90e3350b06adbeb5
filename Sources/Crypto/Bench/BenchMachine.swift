#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Clock and machine facts for measurements; nothing of the protocol uses it.
enum BenchMachine {
    /// CPU time of this thread in seconds.
    static func threadTime() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    static func wallTime() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    static var peakMiB: Int {
        var usage = rusage()
        #if canImport(Glibc)
            // The constant is an enumeration that the function does not take; its value is 0.
            unsafe getrusage(0, &usage)
        #else
            unsafe getrusage(RUSAGE_SELF, &usage)
        #endif
        return Int(usage.ru_maxrss) / 1024
    }

    /// The processor's model name, without characters JSON would have to escape.
    static let cpu: String = {
        guard let file = unsafe fopen("/proc/cpuinfo", "r") else { return "unknown" }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while unsafe fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("model name"), let colon = text.firstIndex(of: ":") {
                return String(
                    text[text.index(after: colon)...].filter { $0 != "\"" && $0 != "\\" && $0 != "\n" }
                        .drop { $0 == " " || $0 == "\t" })
            }
        }
        return "unknown"
    }()
}
