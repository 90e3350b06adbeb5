internal import ArgumentParser
internal import Chain
internal import MeshCrypto
internal import MeshNode
internal import Wire

/// What members and publishers do with a task that exists.
extension TaskCommand {
    static func post(
        _ verb: String, _ task: String, _ global: GlobalArguments, _ order: OrderArguments
    ) async throws {
        let receipt = try await global.client.post("/v1/tasks/\(NodeClient.part(task))/\(verb)", as: Receipt.self)
        try await order.follow(receipt, global.client, global.output)
    }

    struct Leave: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes this node's enrolment back, before the task has all participants.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

        func run() async throws { try await TaskCommand.post("leave", task, global, order) }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pauses a task that this node published; what was submitted stays.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

        func run() async throws { try await TaskCommand.post("pause", task, global, order) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Resumes a paused task that this node published.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

        func run() async throws { try await TaskCommand.post("resume", task, global, order) }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends a task that this node published: decided rounds are paid, the rest comes back.")
        @OptionGroup var global: GlobalArguments
        @OptionGroup var order: OrderArguments
        @Argument(help: "Task by id, unique prefix of it, or name.") var task: String

        func run() async throws { try await TaskCommand.post("stop", task, global, order) }
    }

    struct Commit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes the commitment to a target that stays closed until the task has ended.",
            discussion:
                "Keep the nonce: `meshnode reveal TASK TARGET NONCE` needs it; a target that is not opened pays everybody."
        )
        @OptionGroup var global: GlobalArguments
        @Argument(
            help: "Accuracy that the last round must reach, a share with up to six places.",
            transform: NumberArgument.share)
        var target: Double

        struct Result: Encodable {
            let target: Double
            let nonce: String
            let commitment: String
        }

        func run() throws {
            guard let parts = Ppm.exactly(target), parts <= Ppm.one else {
                throw CommandFailure(ExitStatus.usage, "\(target) is not a share from 0 to 1 with up to six places")
            }
            let nonce = Digest(randomBytes(32))
            let commitment = TargetCommitment.of(targetPpm: UInt32(parts), nonce: nonce)
            global.output.show(Result(target: target, nonce: nonce.hex, commitment: commitment.hex)) { result in
                Table.fields([
                    ("[evaluation] target_commitment", result.commitment), ("nonce, keep it secret", result.nonce),
                ])
            }
        }
    }
}
