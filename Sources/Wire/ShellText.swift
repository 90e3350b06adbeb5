/// Text that people copy into a shell.
extension String {
    /// The same text as one word of a POSIX shell: as it is where nothing in it means anything to a shell, else in quotes.
    public var shellWord: String {
        let isPlain =
            !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: Array("_./:=@%+,-".utf8).contains(byte)
                }
            }
        guard !isPlain else { return self }
        return "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
