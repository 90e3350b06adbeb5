internal import ArgumentParser
internal import Chain
internal import Learn
internal import MeshNode
internal import Wire

let programVersion = ProgramVersion.text

/// What a process tells its caller.
enum ExitStatus {
    static let failed: Int32 = 1
    static let verification: Int32 = 2
    /// Nothing wrong was found, but not everything could be checked.
    static let incomplete: Int32 = 3
    static let usage: Int32 = 64
    static let data: Int32 = 65
    static let unreachable: Int32 = 69
    static let temporary: Int32 = 75
    static let denied: Int32 = 77
    static let configuration: Int32 = 78
}

/// An error with its exit code and a message that says what failed, why, and what to do next.
struct CommandFailure: Error, Equatable {
    let code: Int32
    let message: String

    /// Lines of our own stay lines; what others wrote in them is written out where it is not shown as itself.
    var shown: String {
        message.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
            .joined(separator: "\n")
    }

    init(_ code: Int32, _ message: String) {
        self.code = code
        self.message = message
    }

    /// - Returns: nil for errors that belong to the argument parser.
    init?(any error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as APIError: self.init(error)
        case let error as ServiceError: self.init(APIError.problem(Problem(error)))
        case let error as StorageError: self.init(error)
        case let error as NodeError: self.init(error)
        case let error as TransportError:
            self.init(error.isTaken ? ExitStatus.temporary : ExitStatus.configuration, error.description)
        case let error as ConfigurationError: self.init(ExitStatus.configuration, error.description)
        case let error as TaskError: self.init(ExitStatus.data, error.description)
        case let error as LearnError: self.init(ExitStatus.data, error.description)
        case WireError.otherRules(let found):
            self.init(ExitStatus.configuration, WireError.otherRules(found).description)
        case let error as ChainError: self.init(ExitStatus.data, error.description)
        case let error as WireError: self.init(ExitStatus.data, error.description)
        case let error as FileError: self.init(ExitStatus.data, error.description)
        case let error as OutputError: self.init(ExitStatus.data, error.description)
        case is CancellationError: self.init(ExitStatus.temporary, "cancelled")
        case is ExitCode, is CleanExit, is ValidationError: return nil
        default:
            // The parser's usage errors are internal to it; everything else of ours has a description.
            if String(reflecting: type(of: error)).hasPrefix("ArgumentParser.") { return nil }
            self.init(ExitStatus.failed, "\(error)")
        }
    }

    private init(_ error: NodeError) {
        let code =
            switch error {
            case .notInitialised, .alarmed, .hasSignedFork: ExitStatus.configuration
            case .damagedChain: ExitStatus.verification
            case .tooFewFiles, .noRoom: ExitStatus.temporary
            default: ExitStatus.failed
            }
        self.init(code, error.description)
    }

    private init(_ error: APIError) {
        switch error {
        case .unreachable: self.init(ExitStatus.unreachable, error.description)
        case .notAllowed: self.init(ExitStatus.denied, error.description)
        case .timedOut: self.init(ExitStatus.temporary, error.description)
        case .malformed: self.init(ExitStatus.failed, error.description)
        case .openDirectory, .cannotListen: self.init(ExitStatus.configuration, error.description)
        case .problem(let problem):
            let code =
                switch problem.status {
                case 400, 413, 415, 422: ExitStatus.data
                case 401, 403: ExitStatus.denied
                case 429, 503: ExitStatus.temporary
                default: ExitStatus.failed
                }
            self.init(code, problem.message)
        }
    }

    private init(_ error: StorageError) {
        let code =
            switch error {
            case .missing, .wrongFile, .newerVersion, .wrongOwner, .alreadyExists, .unwritable:
                ExitStatus.configuration
            case .permissions: ExitStatus.denied
            case .damaged, .damagedContent: ExitStatus.data
            case .locked, .full: ExitStatus.temporary
            default: ExitStatus.failed
            }
        self.init(code, error.description)
    }
}
