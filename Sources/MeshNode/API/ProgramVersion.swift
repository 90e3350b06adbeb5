/// The release of this program. Protocols carry their own numbers.
public enum ProgramVersion {
    public static let text = "0.2.0"
}
