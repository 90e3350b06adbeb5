internal import Foundation
#if canImport(Glibc)
    internal import Glibc
#endif

/// The two output streams, unbuffered, so that results, progress and a killed process keep their order.
enum Terminal {
    static func result(_ text: String) { write(text + "\n", to: 1) }
    static func error(_ text: String) { write(text + "\n", to: 2) }
    static func raw(_ text: String) { write(text, to: 2) }

    static var resultIsTerminal: Bool { isatty(1) == 1 }
    static var errorIsTerminal: Bool { isatty(2) == 1 }

    /// Columns of the terminal that shows results; nil where none does, or where it does not say.
    static var resultWidth: Int? {
        guard resultIsTerminal else { return nil }
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 else { return nil }
        return Int(size.ws_col)
    }

    static func exit(_ code: Int32) -> Never { Foundation.exit(code) }

    /// A result that cannot be written is a failure, and one that is said: a full disk must not look like an empty answer.
    /// Only where nobody reads any more, as after `| head`, nothing is said. This is the one place that says it.
    private static func ended(_ file: Int32, _ code: Int32) -> Never {
        if file == 1, code != EPIPE {
            let text =
                "meshnode: standard output cannot be written: \(String(cString: strerror(code))); nothing of the result "
                + "is to be relied upon\n"
            _ = Array(text.utf8).withUnsafeBytes { Glibc.write(2, $0.baseAddress!, $0.count) }
        }
        Foundation.exit(ExitStatus.failed)
    }

    private static func write(_ text: String, to file: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, bytes.count - done) }
            if put < 0 && errno == EINTR { continue }
            guard put > 0 else { ended(file, errno) }
            done += put
        }
    }
}
