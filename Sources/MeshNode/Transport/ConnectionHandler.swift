internal import Gossip
internal import NIOCore

/// Hands one connection's events to the transport, which runs on the same event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let id: ConnectionID
    private let transport: MeshTransport

    init(id: ConnectionID, transport: MeshTransport) {
        self.id = id
        self.transport = transport
    }

    func channelActive(context: ChannelHandlerContext) {
        transport.assumeIsolated { [id] in $0.connectionOpened(id) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard let bytes = buffer.readBytes(length: buffer.readableBytes) else { return }
        transport.assumeIsolated { [id] in $0.connectionReceived(id, bytes) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { transport.assumeIsolated { [id] in $0.connectionWritable(id) } }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { transport.assumeIsolated { [id] in $0.connectionEnded(id) } }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        transport.assumeIsolated { [id] in $0.connectionClosed(id) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // An accepted connection that was gone before it became active is never inactive either.
        transport.assumeIsolated { [id] in $0.connectionRemoved(id) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a broken pipe: `channelInactive` follows and says all that there is to say.
        context.close(promise: nil)
    }
}

/// Hands datagrams to the transport.
final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let transport: MeshTransport

    init(transport: MeshTransport) {
        self.transport = transport
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var envelope = unwrapInboundIn(data)
        let source = envelope.remoteAddress
        guard let bytes = envelope.data.readBytes(length: envelope.data.readableBytes) else { return }
        transport.assumeIsolated { $0.datagramReceived(bytes, from: source) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An ICMP answer to an earlier datagram; the socket stays good.
    }
}
