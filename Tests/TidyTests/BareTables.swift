/// Collections of the machines that messages fill. What peers may add to is a `Bounded` with a quota for each of them; a bare
/// array, dictionary or set stands here with the reason why it needs none.
enum BareTables {
    static let folders = [
        "Sources/Gossip", "Sources/MeshNode/Transport", "Sources/Chain/Engine", "Sources/Chain/Consensus",
    ]
    static let files = ["Sources/MeshNode/Node/Node.swift", "Sources/MeshNode/Node/TaskRuntime.swift"]

    /// By file and property.
    static let reasons: [String: String] = [
        // One link, one message, one content: a limit of its own, or a length that was checked.
        "ChunkBitmap.words": "as long as a content that this node wants", "ContentWant.lengths": "eight",
        "ContentWant.providers": "mostProviders", "ContentWant.requests": "windows of the providers",
        "LinkMachine.ownHello": "own bytes", "LinkMessages.acceptorProof": "one proof",
        "LinkTarget.addresses": "addressesMax", "OutboundQueue.frames": "QueueLimits, one peer's own",
        "OutboundQueue.rings": "one a lane", "PacketReader.buffer": "one packet, one peer's own",
        "Member.accusers": "the confirmations of a suspicion", "ContentServing.queue": "serveQueue, one peer's own",
        "TopicCache.holders": "128, of linked peers", "TopicCache.delivered": "linked peers",
        "TopicCache.entries": "cacheBytesMax, accepted messages only",
        "TopicCache.order": "the names of entries", "TopicMesh.senders": "16", "TopicMesh.others": "eight",
        "TopicMesh.asked": "pullAttempts", "RecentNames.names": "capacity; nobody waits for a name that went",
        "RecentNames.order": "capacity", "EventMailbox.events": "credit of bytes, one peer's own; notices have a limit",
        "TopicMesh.topics": "topicsPerPeerMax of one peer; own chains of the mesh",
        // One entry a link, a member of `Bounded` tables, or a chain.
        "ContentExchange.flows": "providers of wants that are linked",
        "RefusalNews.told": "64, the oldest goes", "RumourQueue.line": "one a rumour, of a `Bounded`",
        "ContentServing.peers": "mostServedPeers, linked ones",
        "LinkTable.connections": "handshakes and links have limits",
        "LinkTable.targets": "members of membership, and the operator's addresses",
        "LinkTable.links": "dialledMax, acceptedMax",
        "LinkTable.banned": "the operator's, and rememberedMax of the topics", "LinkTable.only": "the operator's",
        "DatagramGate.pairs": "members of membership", "DatagramGate.joinNonces": "own requests, 64",
        "DatagramGate.drops": "one a reason", "MembershipState.members": "places in two Bounded tables",
        "MembershipState.suspects": "of members", "MembershipState.unconfirmed": "of members",
        "MembershipState.order": "of members", "MembershipState.fresh": "of members, emptied each beat",
        "MembershipState.linkedEarly": "linked peers", "TopicMesh.mesh": "linked peers",
        "TopicMesh.peers": "linked peers",
        "TopicMesh.order": "linked peers", "TopicMesh.remembered": "rememberedMax, the least needed first",
        "TopicMesh.rememberedOrder": "of remembered", "TopicMesh.cutOff": "of remembered",
        "TopicMesh.pending": "judged before the next message comes", "EventMailbox.rings": "linked peers",
        "Turns.nodes": "of its owner's table of linked peers", "EventMailbox.known": "one a lane",
        "EventMailbox.strangers": "one a lane",
        "EventMailbox.credit": "linked peers", "EventMailbox.paused": "linked peers",
        "EventMailbox.time": "1,024, fading",
        "MeshTransport.connections": "as the link table's", "MeshTransport.linked": "linked peers",
        "MeshTransport.advertised": "own addresses", "MeshTransport.bootstrapAddresses": "the operator's",
        "MeshTransport.routes": "members of membership", "TransportConfiguration.knownRecords": "own peer cache",
        "TransportConfiguration.allowed": "the operator's", "TransportEvent.datagramDrops": "one a reason",
        // Wants.
        "ContentExchange.wants": "named ones in a Bounded table, decided ones mostWants",
        "ContentExchange.order": "of wants", "ContentExchange.finishing": "on the places of wants",
        "ContentExchange.linkedNodes": "linked peers",
        "ContentExchange.bans": "1,024; one costs its maker its link",
        // A node's own.
        "Node.prunable": "chains", "Node.needs": "of wants, and of what is decided and waits for a place",
        "Node.tasks": "chains", "Node.ended": "chains",
        "Node.taskOrder": "chains", "Node.bans": "the operator's", "Node.linked": "linked peers",
        "Node.reopenings": "chains", "Node.drops": "own words", "Node.linkDrops": "own words",
        "Node.outbox": "65,536, and 8,192 of one node alone", "Node.outboxOf": "linked peers",
        "Node.logarithms": "ranges of tasks", "Node.lookingThrough": "chains",
        "Node.errands": "own contents and events; records of peers up to errandsOfPeers",
        "Node.unsupported": "chains",
        "Node.measuredSeconds": "256, tasks that were looked at",
        "Node.refused": "tasks of the registry",
        "Node.joining": "tasks of the registry", "Node.leaving": "own enrolments",
        "Node.comparingRows": "tasks of the registry",
        "Node.gaveWay": "chains", "Node.hopeless": "chains", "Node.ahead": "chains",
        "Node.missing": "one need's contents", "Node.unreadable": "of one need's contents",
        "TaskRuntime.headers": "accepted submissions: two a member and attempt",
        "TaskRuntime.vectors": "holders and components",
        "TaskRuntime.released": "aggregators of this round", "TaskRuntime.sealing": "aggregators of this round",
        "TaskRuntime.opening": "holders and components", "TaskRuntime.models": "rounds", "TaskRuntime.tried": "16",
        // Chains. Signers are voters or members; a view costs its time, and messages are taken for a hundred ahead.
        "ChainCore.certificates": "recentBlocks", "ChainCore.events": "what one input leads to",
        "ChainCore.inputs": "what one input leads to", "ChainCore.stored": "own messages",
        "ConsensusMachine.proposals": "one a view", "ConsensusMachine.prevotes": "views",
        "ConsensusMachine.precommits": "views", "ConsensusMachine.prevoteTimers": "views",
        "ConsensusMachine.precommitTimers": "views", "ConsensusMachine.proposedViews": "own views",
        "ConsensusMachine.signedBefore": "own votes", "ConsensusMachine.requested": "one a view that was entered",
        "ConsensusMachine.validity": "of requested", "ConsensusMachine.votes": "two a voter and view",
        "ConsensusMachine.weights": "of votes",
        "PendingTransactions.lines": "accounts with a place; places and shares have limits",
        "PendingTransactions.entries": "an account's share", "PendingTransactions.ids": "of entries",
        "PendingTransactions.order": "of entries", "PendingTransactions.names": "of entries",
        "RegistryMachine.opened": "tasks of the registry", "SlotBook.messages": "shares of ChainTables.slots",
        "SlotBook.shares": "signers of messages", "SlotBook.slots": "slots of messages",
        "SlotBook.places": "one signer's share of ChainTables.slots",
        "SlotSummary.marks": "of messages of a slot", "SlotSummary.signers": "of messages of a slot",
        "TaskMachine.stored": "of headers", "TaskMachine.badBodies": "of headers",
        "TaskMachine.openedSeeds": "of headers", "TaskMachine.openRequested": "of headers",
        "TaskMachine.unopenable": "of headers", "TaskMachine.complaints": "own, of headers",
        "TaskMachine.checkRequested": "of candidates", "TaskMachine.checked": "of candidates",
        "TaskMachine.graceRunning": "one a clock", "TaskMachine.gracePassed": "one a clock",
        "TaskMachine.blameRequested": "steps", "TaskMachine.namedChunks": "own, of one proof",
        "TaskMachine.pendingAnchor": "proofSteps, of the registry",
        "TaskMachine.reveals": "the publisher's, two of one slot and one a proposal",
        "TaskMachine.requestedReveals": "of reveals",
        "TaskMachine.statements": "a member's, two of one slot and one a proposal",
        "TaskMachine.requestedStatements": "of statements",
    ]

    /// `FILE.property` of each stored collection of a type.
    static func found(in file: Repository.File) -> [String] {
        var isType: [Bool] = []
        var found: [String] = []
        let name =
            file.name.split(separator: "+").first.map { $0.split(separator: ".").first.map(String.init) ?? "" } ?? ""
        for line in file.lines {
            let words = line.trimmingPrefix { $0 == " " }
            if isType.last == true, !words.hasPrefix("//"), let property = property(of: words) {
                found.append("\(name).\(property)")
            }
            let declares = ["struct ", "class ", "enum ", "actor ", "extension "].contains { words.contains($0) }
            guard !words.hasPrefix("//") else { continue }
            for character in words {
                if character == "{" { isType.append(declares) }
                if character == "}", !isType.isEmpty { isType.removeLast() }
            }
        }
        return found
    }

    private static func property(of line: Substring) -> String? {
        guard let start = line.range(of: "var ")?.upperBound, !line.hasSuffix("{"), !line.contains("{ ") else {
            return nil
        }
        let rest = line[start...]
        guard line[..<start].split(separator: " ").allSatisfy({ !$0.contains("=") && !$0.contains(".") }) else {
            return nil
        }
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        let value = rest.dropFirst(name.count)
        let isCollection = [": [", ": Set<", " = [", " = Set<"].contains { value.hasPrefix($0) }
        return isCollection ? String(name) : nil
    }
}
