import Bus
import Logging
import Messages
import NIOPosix
import Spool
import SwiftProtobuf
import Synchronization

/// Answers what other gateways ask of this one. Each question has a task of its own, so many at once and no more.
struct PeerDesk: Sendable {
    /// Of all gateways together; one more is not answered, and asked again.
    static let mostQuestions = 512
    /// Of a log in one answer; the next question is the credit for more.
    static let pieceBytes = 512 << 10

    let line: PeerLine
    let executions: Executions
    let logs: Logs
    let logger: Logger

    /// Takes what the bus brings, until the task is cancelled.
    func run(_ inbox: AsyncStream<[PeerLine.News]>) async {
        let places = Places()
        await withDiscardingTaskGroup { group in
            for await news in inbox {
                for question in line.receive(news) {
                    guard places.take() else { continue }
                    group.addTask {
                        await answer(question)
                        places.give()
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func answer(_ question: PeerMessage) async {
        do {
            switch question.header.verb {
            case .catchUp:
                line.answer(question, .news, try await executions.catchUp(WireCatchUp(serializedBytes: question.body)))
            case .newsAsked:
                line.answer(question, .news, try await executions.news(WireNewsAsked(serializedBytes: question.body)))
            case .stopHandedOn:
                let wish = try WireStopHandedOn(serializedBytes: question.body)
                line.answer(question, .stopTaken, try await executions.take(wish, of: question.header.execution))
            case .stopAllHandedOn:
                let wish = try WireStopHandedOn(serializedBytes: question.body)
                line.answer(question, .stopTaken, try await executions.takeAll(wish))
            case .pieceAsked:
                let piece = try await piece(
                    WirePieceAsked(serializedBytes: question.body), of: question.header.execution)
                line.answer(question, .piece, piece, on: piece.bytes.isEmpty ? .commands : .bulk)
            default: break
            }
        } catch let failure as Failure {
            line.answer(question, .failure, failure.wire)
        } catch {
            logger.warning(
                "question not understood", metadata: ["from": "\(question.peer)", "verb": "\(question.header.verb)"])
        }
    }

    /// What the log has from there on, as soon as it has anything; nothing after a while.
    private func piece(_ asked: WirePieceAsked, of id: ExecutionID) async throws -> WirePiece {
        guard logs.isOwn(id) else { throw Failure(.unknownExecution, "There is no execution \(id).") }
        let from = max(asked.from, LogReader.start)
        let known = try logs.end(of: id)
        if known.offset <= from, !known.isComplete {
            let hold = Duration.milliseconds(min(asked.holdMilliseconds, Executions.longestHoldMilliseconds))
            await Bell.limited(to: hold) { _ = try? await logs.growth(of: id, beyond: from) }
        }
        let end = try logs.end(of: id)
        let reader = try logs.reader(for: id)
        return try await NIOThreadPool.singleton.runIfActive {
            var piece = WirePiece()
            piece.from = asked.from
            piece.end = end.offset
            piece.complete = end.isComplete
            let isSame = asked.from == 0 || reader.ends(at: asked.from, with: [UInt8](asked.last))
            guard isSame, from <= end.offset else {
                piece.diverged = true
                return piece
            }
            let entries = try reader.read(from: from, upTo: Self.pieceBytes)
            // What stands in place of a damaged entry is shorter than it: a copy that goes on behind it would not be one.
            guard !entries.isDamaged else { throw Failure(.gone, "The log of this execution is damaged.") }
            piece.bytes = .init((asked.from == 0 ? reader.headerBytes : []) + entries.bytes)
            piece.end = max(piece.end, entries.next)
            return piece
        }
    }
}

/// How many questions are being answered.
private final class Places: Sendable {
    private let taken = Mutex(0)

    /// False where all are taken.
    func take() -> Bool {
        taken.withLock { taken in
            guard taken < PeerDesk.mostQuestions else { return false }
            taken += 1
            return true
        }
    }

    func give() { taken.withLock { $0 -= 1 } }
}
