internal import Chain
internal import Gossip
internal import Wire

/// Registry blocks that this node knows from people: its tickets name the head of whoever made them.
///
/// Validators that have taken their bonds back can sign another past, and no rule of the chain tells the two apart. Whoever
/// joins with a ticket is held to the history that the ticket's maker had.
extension Node {
    /// Why a decided registry block cannot be this network's; nil where no ticket says otherwise.
    func contradiction(height: UInt64, block: BlockID) -> String? {
        for ticket in configuration.bootstrap where ticket.network == genesis.networkID {
            guard let recent = ticket.recent, recent.height == height, recent.block != block else { continue }
            return "registry block \(height) is \(block.hex), the ticket of \(ticket.node.short) says "
                + "\(recent.block.hex): two histories of one network; ask its members which one is theirs, and make a new home with a ticket "
                + "of it"
        }
        return nil
    }
}
