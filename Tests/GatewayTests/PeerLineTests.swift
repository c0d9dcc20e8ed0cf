import Bus
import Logging
import Messages
import SwiftProtobuf
import Synchronization
import Testing

@testable import Gateway

/// Two ends of a line, and the test as the broker between them.
@Suite struct PeerLineTests {
    private let key = PeerKey(authoritySecret: [UInt8](repeating: 7, count: 32))
    private let g1 = Principal(.gateway, "g1")
    private let g2 = Principal(.gateway, "g2")

    /// What a line sent, as messages.
    private final class Sent: Sendable {
        let messages = Mutex<[PeerMessage]>([])

        func next() async throws -> PeerMessage {
            try await eventually("a message") { messages.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
        }
    }

    private func line(_ own: Principal, _ key: PeerKey) -> (PeerLine, Sent) {
        let sent = Sent()
        let line = PeerLine(
            own: own, key: key,
            bus: { items in
                for case .peer(let message) in items { sent.messages.withLock { $0.append(message) } }
            }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return (line, sent)
    }

    /// As the broker hands it on: the receiver's name replaced by the sender's.
    private func handedOn(
        _ message: PeerMessage, from sender: Principal, body: [UInt8]? = nil, tag: [UInt8]? = nil
    ) -> PeerLine.News {
        .message(
            PeerMessage(
                peer: sender, lane: message.lane, header: message.header, headerBytes: message.headerBytes,
                body: body ?? message.body, tag: tag ?? message.tag, broker: 0))
    }

    private func ask(_ line: PeerLine, within time: Duration = .seconds(10)) async throws -> WireNews {
        try await line.ask(
            .newsAsked, WireNewsAsked.with { $0.since = 5 }, of: g2, within: time, as: (.news, WireNews.self))
    }

    @Test func `a question comes to its answer`() async throws {
        let ((here, out), (there, back)) = (line(g1, key), line(g2, key))
        async let answer = ask(here)
        let questions = there.receive([handedOn(try await out.next(), from: g1)])
        let question = try #require(questions.first)
        #expect(try WireNewsAsked(serializedBytes: question.body).since == 5)
        there.answer(question, .news, WireNews.with { $0.change = 9 })
        #expect(here.receive([handedOn(try await back.next(), from: g2)]).isEmpty)
        let change = try await answer.change
        #expect(change == 9)
    }

    @Test func `a refusal is thrown as what it is`() async throws {
        let ((here, out), (there, back)) = (line(g1, key), line(g2, key))
        async let answer = ask(here)
        let question = try #require(there.receive([handedOn(try await out.next(), from: g1)]).first)
        there.answer(question, .failure, Failure(.unknownExecution, "none").wire)
        _ = here.receive([handedOn(try await back.next(), from: g2)])
        do {
            _ = try await answer
            Issue.record("it was no refusal")
        } catch let failure as Failure {
            #expect(failure.code == .unknownExecution)
        }
    }

    @Test func `nothing forged, cut, turned round or overlong is heard, and the rest of what came with it is`()
        async throws
    {
        let ((here, out), (there, _), (stranger, lies)) = (
            line(g1, key), line(g2, key), line(g1, PeerKey(authoritySecret: [UInt8](repeating: 8, count: 32)))
        )
        let asking = Task { try await ask(here, within: .milliseconds(1)) }
        let lying = Task { try await ask(stranger, within: .milliseconds(1)) }
        let (good, forged) = (try await out.next(), try await lies.next())
        var flipped = good.tag
        flipped[31] ^= 1
        let long = [UInt8](repeating: 0, count: PeerMessage.longestQuestion + 1)
        let longTag = Tags.peer(header: good.headerBytes, from: g1, to: g2, body: long, key: key)
        let bad = [
            handedOn(forged, from: g1), handedOn(good, from: g1, tag: flipped), handedOn(good, from: g1, tag: []),
            handedOn(good, from: g1, body: Array(good.body.dropLast())),
            handedOn(good, from: Principal(.gateway, "g3")),
            handedOn(good, from: g1, body: long, tag: longTag),
        ]
        #expect(there.receive(bad).isEmpty)
        #expect(there.receive(bad + [handedOn(good, from: g1)]).count == 1)
        // What this gateway asked itself is no question to it.
        #expect(here.receive([handedOn(good, from: g1), handedOn(good, from: g2)]).isEmpty)
        asking.cancel()
        lying.cancel()
        _ = try? await (asking.value, lying.value)
    }

    @Test func `an answer of another than was asked, of another kind or number, ends no question`() async throws {
        let ((here, out), (there, back)) = (line(g1, key), line(g2, key))
        let asking = Task { try await ask(here) }
        let question = try #require(there.receive([handedOn(try await out.next(), from: g1)]).first)
        there.answer(question, .piece, WirePiece())
        there.answer(question, .news, WireNews.with { $0.change = 1 })
        let (wrong, right) = (try await back.next(), try await back.next())
        let header = Header(.news, sequence: question.header.sequence ^ 1)
        let other = PeerMessage(
            peer: g2, lane: .commands, header: header, headerBytes: header.bytes, body: right.body,
            tag: Tags.peer(header: header.bytes, from: g2, to: g1, body: right.body, key: key), broker: 0)
        _ = here.receive([handedOn(wrong, from: g2), .message(other)])
        #expect(!asking.isCancelled)
        _ = here.receive([handedOn(right, from: g2)])
        #expect(try await asking.value.change == 1)
    }

    @Test func `who does not answer in time is away, and so is whom its broker does not reach`() async throws {
        let (here, out) = line(g1, key)
        let life = Task { await here.run() }
        await #expect(throws: PeerLine.Away(peer: g2)) { try await ask(here, within: .milliseconds(1)) }
        // A broker's word ends only what went by it alone.
        let first = try await out.next()
        let (there, back) = line(g2, key)
        let asking = Task { try await ask(here) }
        let second = try await out.next()
        #expect(first.broker == nil && second.broker == nil)
        _ = here.receive([.absent(sequence: second.header.sequence)])
        let question = try #require(there.receive([handedOn(second, from: g1)]).first)
        there.answer(question, .news, WireNews())
        _ = here.receive([handedOn(try await back.next(), from: g2)])
        _ = try await asking.value
        let third = Task { try await ask(here) }
        let sent = try await out.next()
        #expect(sent.broker == 0)
        _ = here.receive([.absent(sequence: sent.header.sequence)])
        await #expect(throws: PeerLine.Away(peer: g2)) { try await third.value }
        life.cancel()
        await life.value
    }
}
