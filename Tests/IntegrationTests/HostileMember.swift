import Foundation
import Gossip
import MeshCrypto
import Wire

@testable import Chain
@testable import MeshNode

/// A member that has turned against its network: what it signs is signed as it should be, and it travels over links of
/// keys that nobody knows, so that no score of the member's own node suffers.
struct HostileMember {
    let key: SigningKey
    let network: NetworkID
    /// Where the other nodes listen.
    let ports: [UInt16]

    /// - Parameter name: the node whose key it uses.
    init(_ name: String, of lab: LabNodes, against others: [String]) async throws {
        key = try HomeDirectory(path: lab.home(name)).loadIdentity().signingKey()
        network = try Genesis(wireBytes: [UInt8](Data(contentsOf: URL(filePath: lab.folder.path + "/genesis"))))
            .networkID
        var ports: [UInt16] = []
        for other in others {
            let address = try await lab.status(other).listening.first ?? ""
            ports.append(address.split(separator: ":").last.flatMap { UInt16($0) } ?? 0)
        }
        self.ports = ports
    }

    /// A link of a fresh key to each node.
    func links() -> [HostilePeer] {
        ports.enumerated().compactMap { place, port in
            HostilePeer(key: .generate(), network: network, port: port, from: "127.0.0.\(3 + place)")
        }
    }

    func transaction(_ transaction: Transaction, nonce: UInt64, by signer: SigningKey? = nil) -> Envelope {
        .signed(
            transaction.wireBytes,
            slot: Slot(kind: .transaction, chain: network.registryChain, major: nonce, minor: 0), network: network,
            by: signer ?? key)
    }

    /// Says all of it to every node, on links that end then.
    func spread(_ envelopes: [Envelope]) {
        for link in links() {
            for envelope in envelopes where link.isOpen { link.say(PeerMessage.envelope(envelope).wireBytes) }
            // A socket that is closed with unread bytes takes back what the node has not read yet.
            _ = link.flood(seconds: 0.5) { _ in nil }
        }
    }
}
