import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// A connection as the server sets it up: HTTP/1.1, of which the first request may turn it into a WebSocket.
struct WebChannel: HTTPChannelHandler {
    typealias HTTP = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    enum Outcome: Sendable {
        case http(HTTP)
        case socket(Socket, Visitor)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    /// Commands of a page are short; a larger frame closes its socket with 1009.
    static let largestFrameBytes = 64 << 10

    let responder: Responder
    let gate: Gate
    let limits: ConnectionKeeper.Limits
    let serve: @Sendable (Socket, Visitor, Logger) async -> Void

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let encoder = HTTPResponseEncoder()
            var fieldLimits = NIOHTTPDecoderLimitConfiguration()
            fieldLimits.maxHeaderFieldSize = 16 << 10
            fieldLimits.maxHeaderListSize = 32 << 10
            fieldLimits.maxHeaderFieldCount = 100
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: fieldLimits))
            let keeper = ConnectionKeeper(limits: limits) { [gate] head in gate.mayUpgrade(head) }
            let upgrade = NIOTypedHTTPServerUpgradeHandler<Outcome>(
                httpEncoder: encoder, extraHTTPHandlers: [decoder, keeper],
                upgradeConfiguration: .init(upgraders: [upgrader]) { channel in
                    channel.eventLoop.makeCompletedFuture { .http(try Self.plain(channel)) }
                })
            try channel.pipeline.syncOperations.addHandlers(encoder, decoder, keeper, upgrade)
            return Value(channel: channel, outcome: upgrade.upgradeResultFuture)
        }
    }

    func handle(value: Value, logger: Logger) async {
        switch try? await value.outcome.get() {
        case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
        case .socket(let channel, let visitor): await serve(channel, visitor, logger)
        case nil: value.channel.close(promise: nil)
        }
    }

    private var upgrader: NIOTypedWebSocketServerUpgrader<Outcome> {
        NIOTypedWebSocketServerUpgrader(maxFrameSize: Self.largestFrameBytes) { channel, _ in
            channel.eventLoop.makeSucceededFuture([:])
        } upgradePipelineHandler: { [gate] channel, head in
            channel.eventLoop.makeCompletedFuture {
                let visitor = try gate.admitUpgrade(RequestFacts(head))
                return .socket(try Socket(wrappingChannelSynchronously: channel), visitor)
            }
        }
    }

    private static func plain(_ channel: any Channel) throws -> HTTP {
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        return try HTTP(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}
