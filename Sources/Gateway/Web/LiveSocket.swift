import Logging
import Messages
import NIOCore
import NIOWebSocket
import ServiceLifecycle
import Synchronization

/// One WebSocket of the page: commands in, frames out, for as long as its session lives.
struct LiveSocket: Sendable {
    static let mostFollows = 64

    let channel: WebChannel.Socket
    let visitor: Visitor
    let gate: Gate
    let core: GatewayCore

    private typealias Outbound = NIOAsyncChannelOutboundWriter<WebSocketFrame>

    /// The life of the socket; returns when it is closed.
    func run() async {
        try? await channel.executeThenClose { inbound, outbound in
            let over = Signal()
            let code = await withGracefulShutdownHandler {
                await withTaskGroup(of: WebSocketErrorCode?.self) { group in
                    group.addTask { await listen(inbound, outbound) }
                    group.addTask { await watchSession() }
                    group.addTask {
                        await over.wait()
                        return .goingAway
                    }
                    defer { group.cancelAll() }
                    return await group.next() ?? nil
                }
            } onGracefulShutdown: {
                over.fire()
            }
            guard let code else { return }
            var data = ByteBuffer()
            data.write(webSocketErrorCode: code)
            try await outbound.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: data))
        }
    }

    /// Returns when the session is over: the socket closes with 4001, and the page asks for a new login.
    private func watchSession() async -> WebSocketErrorCode? {
        do { try await gate.watch(visitor) } catch { return nil }
        return WebSocketErrorCode(codeNumber: 4001)
    }

    /// Takes frames until the peer goes or breaks a rule; what runs for it ends with it.
    private func listen(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>, _ outbound: Outbound
    ) async -> WebSocketErrorCode? {
        await withDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            var messages = WebSocketMessages(limitBytes: WebChannel.largestFrameBytes)
            var rate = CommandRate()
            let follows = Follows()
            do {
                for try await frame in inbound {
                    guard let event = messages.receive(frame) else { continue }
                    guard rate.take(at: .now) else { return .policyViolation }
                    switch event {
                    case .text(let text): try await obey(text, follows, outbound, in: &group)
                    case .ping(let data):
                        try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: data))
                    case .pong: break
                    case .binary: return .unacceptableData
                    case .closed(let code): return code ?? .normalClosure
                    case .broken(let code): return code
                    }
                }
            } catch {
                return nil
            }
            return nil
        }
    }

    private func obey(
        _ text: String, _ follows: Follows, _ outbound: Outbound, in group: inout DiscardingTaskGroup
    ) async throws {
        let send: OutputFollow.Send = { frame in
            let opcode: WebSocketOpcode = frame.isText ? .text : .binary
            try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, data: frame.bytes()))
        }
        let command: LiveCommand
        do { command = try LiveCommand(text) } catch {
            return try await send(FrameText.refused(error.failure, id: error.id))
        }
        switch command {
        case .unfollow(let id), .unwatch(let id): follows.end(id)
        case .watchStatus(let request):
            guard let over = try await begin(request.id, follows, send) else { return }
            group.addTask {
                await watchStatus(request, until: over, send)
                follows.ended(request.id, over)
            }
        case .follow(let request):
            guard let over = try await begin(request.id, follows, send) else { return }
            group.addTask {
                await follow(request, until: over, send)
                follows.ended(request.id, over)
            }
        case .watch(let subject):
            guard follows.watch(subject) else { return }
            group.addTask { try? await watch(subject, send) }
        }
    }

    /// Nil, and a refusal sent, where the number is taken or there are enough.
    private func begin(_ id: UInt32, _ follows: Follows, _ send: OutputFollow.Send) async throws -> Signal? {
        if let over = follows.begin(id) { return over }
        try await send(
            FrameText.refused(Failure(.tooMany, "This socket follows enough, or this already."), id: id))
        return nil
    }

    private func watchStatus(
        _ request: StatusFollow.Request, until over: Signal, _ send: @escaping OutputFollow.Send
    ) async {
        do {
            let follow = try StatusFollow(request, core: core)
            _ = try await over.ends { try await follow.frames(id: request.id, send) }
        } catch let failure as Failure {
            try? await send(FrameText.refused(failure, id: request.id))
        } catch {
            // The socket is gone, or the watch was ended: nobody is left to be told.
        }
    }

    private func follow(_ request: OutputFollow.Request, until over: Signal, _ send: @escaping OutputFollow.Send) async
    {
        do {
            _ = try await over.ends {
                try await OutputFollow(request, user: visitor.identity.user, core: core, send: send).run()
            }
        } catch let failure as Failure {
            try? await send(FrameText.refused(failure, id: request.id))
        } catch {
            // The socket is gone, or the follow was ended: nobody is left to be told.
        }
    }

    private func watch(_ subject: LiveCommand.Subject, _ send: OutputFollow.Send) async throws {
        switch subject {
        case .nodes:
            let changes = core.nodes.changes()
            let user = visitor.identity.user
            let nodes = core.nodes.snapshot().map { $0.seen(by: user) }
            try await send(.text(FrameText(type: "nodes", nodes: nodes)))
            for await nodes in changes {
                for node in nodes { try await send(.text(FrameText(type: "node", node: node.seen(by: user)))) }
            }
        case .executions:
            for await executions in await core.executions.changes(user: visitor.identity.user) {
                for view in executions { try await send(.text(FrameText(type: "execution", execution: view))) }
            }
        }
    }
}

/// What a socket follows and watches, by the client's numbers.
private final class Follows: Sendable {
    private struct State {
        var follows: [UInt32: Signal] = [:]
        var watched: Set<LiveCommand.Subject> = []
    }

    private let state = Mutex(State())

    /// Nil where the number is taken or there are enough.
    func begin(_ id: UInt32) -> Signal? {
        state.withLock { state in
            guard state.follows[id] == nil, state.follows.count < LiveSocket.mostFollows else { return nil }
            let over = Signal()
            state.follows[id] = over
            return over
        }
    }

    func end(_ id: UInt32) { state.withLock { $0.follows.removeValue(forKey: id) }?.fire() }

    func ended(_ id: UInt32, _ over: Signal) {
        state.withLock { if $0.follows[id] === over { $0.follows[id] = nil } }
    }

    /// False where it is watched already.
    func watch(_ subject: LiveCommand.Subject) -> Bool { state.withLock { $0.watched.insert(subject).inserted } }
}
