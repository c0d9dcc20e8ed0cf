import HTTPTypes
import NIOCore
import NIOHTTP1

/// Keeps an HTTP connection in order, between the decoder and the upgrade: who may upgrade, what cannot be parsed, and
/// when it ends.
///
/// NIO's upgrade handler loses the head of a request that it declines (swift-nio issue 2632). So nothing is declined there:
/// a request that may not upgrade goes on without its `Upgrade` field, as the plain request that it then is.
final class ConnectionKeeper: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    struct Limits: Sendable {
        var headTime = TimeAmount.seconds(60)
        var quiesceTime = TimeAmount.seconds(3)
        var lingerTime = TimeAmount.seconds(2)
        /// What an upload may have; other bodies have the limits of their routes.
        var uploadBytes = Int.max
    }

    private let limits: Limits
    private let mayUpgrade: (HTTPRequestHead) -> Bool
    private var requests = 0
    private var isClosing = false
    private var timer: Scheduled<Void>?

    init(limits: Limits, mayUpgrade: @escaping (HTTPRequestHead) -> Bool) {
        self.limits = limits
        self.mayUpgrade = mayUpgrade
    }

    func handlerAdded(context: ChannelHandlerContext) { close(context, in: limits.headTime) }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        requests += 1
        timer?.cancel()
        // Only paths are taken; a whole address would be read as its path further on.
        if !head.uri.hasPrefix("/") { head.uri = "*" }
        if head.headers.contains(name: "Upgrade"), !mayUpgrade(head) { head.headers.remove(name: "Upgrade") }
        if expectsContinue(head) {
            let go = HTTPResponseHead(version: head.version, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.headers[canonicalForm: "Connection"].contains("close"): isClosing = true
        case .end:
            requests -= 1
            if isClosing {
                linger(context)
            } else if requests == 0 {
                close(context, in: limits.headTime)
            }
        case .head, .body: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, requests == 0 else { return context.fireErrorCaught(error) }
        requests += 1
        let status: HTTPResponseStatus = error == .headerOverflow ? .requestHeaderFieldsTooLarge : .badRequest
        let fields: HTTPHeaders = ["Connection": "close", "Content-Length": "0"]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
        write(context: context, data: wrapOutboundOut(.head(head)), promise: nil)
        write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            guard requests > 0 else { return context.close(promise: nil) }
            isClosing = true
            close(context, in: limits.quiesceTime)
        } else if event as? ChannelEvent == .inputClosed, requests > 0 {
            // Who only closed its sending side gets its answer; who is gone does not keep a stream open.
            close(context, in: limits.quiesceTime)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func expectsContinue(_ head: HTTPRequestHead) -> Bool {
        guard head.headers.first(name: "Expect")?.lowercased() == "100-continue" else { return false }
        guard let target = Target(head.uri), let method = HTTPRequest.Method(rawValue: head.method.rawValue),
            case .route(let route, _) = RouteTable.match(method, target.path)
        else { return false }
        let length = head.headers.first(name: "Content-Length").map { Int($0) ?? .max } ?? 0
        return switch route.body {
        case .none: false
        case .whole(let limitBytes): length <= limitBytes
        case .streamed: length <= limits.uploadBytes
        }
    }

    /// Says goodbye and reads on for a moment: a client that still sends would lose the answer by a reset.
    private func linger(_ context: ChannelHandlerContext) {
        context.flush()
        context.close(mode: .output, promise: nil)
        close(context, in: limits.lingerTime)
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }
}
