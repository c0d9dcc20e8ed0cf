import Bus
import Logging
import Messages
import SwiftProtobuf
import Synchronization

/// This gateway's way to the others: what is asked and what is answered, each with its tag.
final class PeerLine: Sendable {
    /// What the bus brings of other gateways; a tag is not checked yet.
    enum News: Sendable {
        case message(PeerMessage)
        /// A broker could not hand on what was sent under this number.
        case absent(sequence: UInt64)
        /// No broker was there to take it.
        case unsent(sequence: UInt64)
    }

    /// Nobody answered in time.
    struct Away: Error, Equatable {
        let peer: Principal
    }

    /// Questions that wait for their answers; one more is as good as not answered.
    static let mostWaiting = 512
    /// How often deadlines are looked at.
    static let expiryPeriod = Duration.milliseconds(100)

    private struct Waiting {
        let peer: Principal
        let verb: Verb
        /// The one broker by which it was asked; nil: all.
        let route: Int?
        let deadline: Duration
        let continuation: CheckedContinuation<PeerMessage?, Never>
    }

    private struct State {
        var waiting: [UInt64: Waiting] = [:]
        /// The broker by which each was heard last.
        var routes: [Principal: Int] = [:]
        var dropped = 0
    }

    let own: Principal
    private let key: PeerKey
    private let bus: @Sendable ([Outgoing]) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    init(own: Principal, key: PeerKey, bus: @escaping @Sendable ([Outgoing]) -> Void, logger: Logger) {
        self.own = own
        self.key = key
        self.bus = bus
        self.logger = logger
    }

    // MARK: Asking

    /// Asks and waits for the answer; throws `Away` where there is none in time, and the `Failure` with which it was refused.
    func ask<Answer: SwiftProtobuf.Message>(
        _ verb: Verb, about id: ExecutionID = ExecutionID(high: 0, low: 0), _ question: some SwiftProtobuf.Message,
        of peer: Principal, within time: Duration, as answer: (Verb, Answer.Type)
    ) async throws -> Answer {
        let sequence = UInt64.random(in: 1 ... .max)
        let body: [UInt8] = try question.serializedBytes()
        let deadline = Moment.now().steady + time
        let message = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let route = state.withLock { state -> Int?? in
                    guard state.waiting.count < Self.mostWaiting, !Task.isCancelled else { return nil }
                    let route = state.routes[peer]
                    state.waiting[sequence] = Waiting(
                        peer: peer, verb: answer.0, route: route, deadline: deadline, continuation: continuation)
                    return .some(route)
                }
                guard let route else { return continuation.resume(returning: nil) }
                send(verb, id, sequence, body, to: peer, by: route)
            }
        } onCancel: {
            end(sequence, with: nil)
        }
        guard let message else { throw Away(peer: peer) }
        if message.header.verb == .failure { throw Failure(try WireFailure(serializedBytes: message.body)) }
        return try Answer(serializedBytes: message.body)
    }

    /// Answers a question, by the broker that brought it.
    func answer(
        _ question: PeerMessage, _ verb: Verb, _ body: some SwiftProtobuf.Message, on lane: Link.Lane = .commands
    ) {
        guard let bytes: [UInt8] = try? body.serializedBytes() else { return }
        send(
            verb, question.header.execution, question.header.sequence, bytes, to: question.peer, by: question.broker,
            on: lane)
    }

    private func send(
        _ verb: Verb, _ id: ExecutionID, _ sequence: UInt64, _ body: [UInt8], to peer: Principal, by broker: Int?,
        on lane: Link.Lane = .commands
    ) {
        let header = Header(verb, id, sequence: sequence)
        let bytes = header.bytes
        let tag = Tags.peer(header: bytes, from: own, to: peer, body: body, key: key)
        bus([
            .peer(
                PeerMessage(
                    peer: peer, lane: lane, header: header, headerBytes: bytes, body: body, tag: tag, broker: broker))
        ])
    }

    // MARK: Hearing

    /// Takes what came, and returns the questions among it that another gateway has vouched for.
    func receive(_ news: [News]) -> [PeerMessage] {
        var questions: [PeerMessage] = []
        for item in news {
            switch item {
            case .absent(let sequence): missed(sequence)
            case .unsent(let sequence): end(sequence, with: nil)
            case .message(let message):
                guard isVouched(message) else {
                    drop(message)
                    continue
                }
                if message.header.verb.isQuestion {
                    questions.append(message)
                } else {
                    take(message)
                }
            }
        }
        return questions
    }

    private func isVouched(_ message: PeerMessage) -> Bool {
        let isKnown = message.header.verb.isQuestion || message.header.verb.isAnswer
        guard isKnown, message.peer != own else { return false }
        if message.header.verb.isQuestion, message.body.count > PeerMessage.longestQuestion { return false }
        return Tags.isValidPeer(
            message.tag, header: message.headerBytes, from: message.peer, to: own, body: message.body, key: key)
    }

    /// By that broker it is not reached. Where others were asked to hand it on too, one of them may have.
    private func missed(_ sequence: UInt64) {
        let isOver = state.withLock { state in
            guard let waiting = state.waiting[sequence], waiting.route != nil else { return false }
            state.routes[waiting.peer] = nil
            return true
        }
        if isOver { end(sequence, with: nil) }
    }

    private func drop(_ message: PeerMessage) {
        let dropped = state.withLock { state in
            state.dropped += 1
            return state.dropped
        }
        logger.warning(
            "message of a gateway dropped",
            metadata: ["from": "\(message.peer)", "verb": "\(message.header.verb)", "dropped": "\(dropped)"])
    }

    /// An answer counts once, from whom was asked, and of the kind that was asked for.
    private func take(_ message: PeerMessage) {
        let waiting = state.withLock { state -> Waiting? in
            guard let waiting = state.waiting[message.header.sequence], waiting.peer == message.peer,
                message.header.verb == waiting.verb || message.header.verb == .failure
            else { return nil }
            state.routes[message.peer] = message.broker
            state.waiting[message.header.sequence] = nil
            return waiting
        }
        waiting?.continuation.resume(returning: message)
    }

    private func end(_ sequence: UInt64, with message: PeerMessage?) {
        state.withLock { $0.waiting.removeValue(forKey: sequence) }?.continuation.resume(returning: message)
    }

    // MARK: Time

    /// Gives up what was not answered in time, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.expiryPeriod)
            expire(at: Moment.now().steady)
        }
        expire(at: .seconds(Int64.max))
    }

    private func expire(at now: Duration) {
        let over = state.withLock { state -> [Waiting] in
            let over = state.waiting.filter { $0.value.deadline <= now }
            for (sequence, waiting) in over {
                state.waiting[sequence] = nil
                state.routes[waiting.peer] = nil
            }
            return over.map(\.value)
        }
        for waiting in over { waiting.continuation.resume(returning: nil) }
    }
}
