import HTTPTypes
import Messages
import Synchronization

/// How much the bodies of each user's requests hold together, from their coming until they are answered.
final class BodyRoom: Sendable {
    private let mostBytes: Int
    private let held = Mutex<[String: Int]>([:])

    init(mostBytes: Int = 32 << 20) { self.mostBytes = mostBytes }

    func share(of user: String) -> Share { Share(self, user) }

    /// What one request takes of it; given back when it is let go.
    final class Share: Sendable {
        private let room: BodyRoom
        private let user: String
        private let bytes = Mutex(0)

        fileprivate init(_ room: BodyRoom, _ user: String) { (self.room, self.user) = (room, user) }

        deinit { room.giveBack(bytes.withLock { $0 }, user) }

        /// Throws `too_many` where the user's requests hold enough.
        func take(_ count: Int) throws(Refusal) {
            guard room.take(count, user) else {
                throw Refusal(
                    .tooManyRequests, .tooMany,
                    "Your requests hold \(room.mostBytes) bytes at this gateway: wait until one is answered.")
            }
            bytes.withLock { $0 += count }
        }
    }

    private func take(_ count: Int, _ user: String) -> Bool {
        held.withLock { held in
            guard held[user, default: 0] + count <= mostBytes else { return false }
            held[user, default: 0] += count
            return true
        }
    }

    private func giveBack(_ count: Int, _ user: String) {
        held.withLock { held in
            let left = held[user, default: 0] - count
            held[user] = left > 0 ? left : nil
        }
    }
}
