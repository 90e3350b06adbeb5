import Chain
import Gossip
import MeshCrypto
import Wire

@testable import MeshNode

extension FuzzTarget {
    /// Every message. New ones at the end: the first byte of a kept input names a place in this list.
    static let types: [any WireCodable.Type] = [
        Envelope.self, BlockHeader.self, Certificate.self, DecidedBlock.self, Genesis.self, TaskSpec.self,
        Transaction.self, Settlement.self, PayoutTable.self, SubmissionHeader.self, SubmissionContent.self,
        Received.self, Ready.self, KeyStatement.self, Candidate.self, Opinion.self, Complaint.self, Absence.self,
        BlameClaim.self, Disclosure.self, SeedOpening.self, BlameProof.self, ManifestBody.self, ResultBody.self,
        VoidBody.self, ControlBody.self, RegistryBody.self, Proposal.self, Vote.self, VoteState.self,
        ControlOrder.self, DirectionCommitment.self, DirectionReveal.self, ScoreStatement.self, ScoreSection.self,
        Electorate.self, ChainDigest.self, LinkHello.self, LinkRefusal.self, LinkProof.self, PeerAddress.self,
        ContentManifest.self, ContentMessage.self, NodeRecord.self, MembershipMessage.self, TopicControl.self,
        ContentReference.self, Ticket.self, MemberStatement.self, SlotGroup.self, SlotFingerprint.self,
        LinkCode.self, MembershipUpdate.self, TaskOutcome.self, Unbonding.self, Enrolment.self, TaskControl.self,
        ElectorateEntry.self, RegistryStep.self, ReceivedList.self, MessageKind.self, Slot.self, BlockKind.self,
        VoidReason.self, FailureReason.self, ControlAction.self, Signature.self, NodeID.self, PeerMessage.self,
        BlockRange.self,
    ]

    /// Every message of `Wire`, `Gossip` and `Chain`: what decodes encodes to the same bytes.
    static let decoders = FuzzTarget("decoders", of: "Sources/Wire/WireDecoder.swift") { input in
        let type = types[input.pick(types.count)]
        roundTrip(type, input.rest())
    }

    /// Inputs of `decoders` that decode, of the bytes of one message.
    public static func decoderSeeds(_ message: [UInt8]) -> [[UInt8]] {
        types.enumerated().compactMap { place, type in
            (try? type.init(wireBytes: message)) == nil ? nil : [UInt8(place)] + message
        }
    }

    private static func roundTrip<Message: WireCodable>(_ type: Message.Type, _ bytes: [UInt8]) {
        guard let value = try? Message(wireBytes: bytes) else { return }
        law(value.wireBytes == bytes, "\(Message.self) has two encodings")
    }

    /// The text that a person pastes.
    static let tickets = FuzzTarget("tickets", of: "Sources/Gossip/Links/Ticket.swift") { input in
        let valid = Ticket(
            network: NetworkID([UInt8](repeating: 1, count: 32)),
            node: NodeID([UInt8](repeating: 2, count: 32)),
            addresses: [try! PeerAddress(host: "host.example", port: 4_433)]
        ).text
        let text = String(decoding: input.edited(Array(valid.utf8)), as: UTF8.self)
        guard let ticket = try? Ticket(text: text) else { return }
        law((try? Ticket(text: ticket.text)) == ticket, "a ticket changes when it is written again")
    }

    /// Sums of integers into elements and back, and what a round may take.
    static let packing = FuzzTarget("packing", of: "Sources/Crypto/NDDFE/Packing.swift") { input in
        let (digits, bound, most) = (input.pick(10), input.number() as Int64, input.number() as Int)
        if let plan = try? RecoveryDemand(
            range: input.number(), elements: input.number(), elementBytes: input.number(),
            components: input.number(),
            cores: input.number(), memoryLimit: input.number())
        {
            law(plan.totalBytes > 0 && plan.steps >= 0 && plan.tableRange >= 1, "a plan of \(plan)")
        }
        guard let packing = try? Packing(digits: digits, bound: bound, maximumSubmitters: most) else {
            return
        }
        let values = input.list(upTo: 9) { $0.number() as Int64 }
        if let elements = try? packing.pack(values) {
            law(
                (try? packing.unpack(elements, count: values.count, submitters: 1)) == values
                    || values.isEmpty,
                "\(values) do not come back")
        }
        _ = try? packing.unpack(
            input.list(upTo: 9) { $0.number() as Int64 }, count: input.pick(64),
            submitters: input.number())
        _ = try? AggregationPlan(
            packing: packing, elements: input.number(), submitters: input.number(), encoding: .affine,
            components: input.number(), cores: input.number(), memoryLimit: input.number())
    }
}
