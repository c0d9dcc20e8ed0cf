import FoundationEssentials
import Messages
import NIOCore
import NIOPosix

/// Asks the root helper whether a password is somebody's: one line of JSON each way over its UNIX socket.
struct PasswordCheck: Sendable {
    struct Question: Codable, Sendable {
        var user: String
        var password: String
        var address: String
    }

    private struct Answer: Codable {
        var ok: Bool
        var user: String?
        var uid: UInt32?
    }

    let socket: String
    let group: any EventLoopGroup

    /// The helper answers within its deadline; one that does not is taken for down.
    private static let patience = TimeAmount.seconds(30)
    private static let longestAnswerBytes = 4096

    /// What PAM need not be asked about: such a name or password is nobody's.
    static func isPlausible(user: String, password: String) -> Bool {
        (1...128).contains(user.utf8.count) && user.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            && user.utf8.first != UInt8(ascii: "-") && (1...1024).contains(password.utf8.count)
            && password.utf8.allSatisfy { $0 != 0 }
    }

    /// The account, or nil where it may not log in; throws `busy` where the helper cannot be asked.
    func ask(_ question: Question) async throws(Failure) -> (user: String, uid: UInt32)? {
        do {
            let answer = try await exchange(question)
            guard answer.ok, let user = answer.user, let uid = answer.uid else { return nil }
            return (user, uid)
        } catch {
            throw Failure(.busy, "Passwords cannot be checked now: the login helper does not answer.")
        }
    }

    private func exchange(_ question: Question) async throws -> Answer {
        let channel = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: socket) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        let deadline = channel.channel.eventLoop.scheduleTask(in: Self.patience) {
            channel.channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        var line = try JSONEncoder().encode(question)
        line.append(UInt8(ascii: "\n"))
        let sent = ByteBuffer(bytes: line)
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(sent)
            var received = ByteBuffer()
            for try await piece in inbound {
                received.writeImmutableBuffer(piece)
                if piece.readableBytesView.contains(UInt8(ascii: "\n")) { break }
                guard received.readableBytes <= Self.longestAnswerBytes else { break }
            }
            return try JSONDecoder().decode(Answer.self, from: Data(received.readableBytesView))
        }
    }
}
