import Dispatch
import Synchronization

/// What takes as long as the disk does has threads of its own: a few for each user, so that one who keeps them busy holds up
/// nobody else.
enum DiskWork {
    private static let threadsOfUser = 4

    /// One user's threads, each with what it does or has before it.
    private struct Share {
        var queues: [DispatchQueue] = []
        var waiting: [Int] = []
    }

    private static let shares = Mutex<[String: Share]>([:])

    static func run<Result: Sendable>(
        for user: String, _ body: @escaping @Sendable () -> Result
    ) async -> Result {
        let (index, queue) = begin(user)
        return await withCheckedContinuation { continuation in
            queue.async {
                let result = body()
                end(user, index)
                continuation.resume(returning: result)
            }
        }
    }

    /// The one that has least before it.
    private static func begin(_ user: String) -> (Int, DispatchQueue) {
        shares.withLock { shares in
            var share = shares[user] ?? Share()
            defer { shares[user] = share }
            if let free = share.waiting.indices.min(by: { share.waiting[$0] < share.waiting[$1] }),
                share.waiting[free] == 0 || share.queues.count == threadsOfUser
            {
                share.waiting[free] += 1
                return (free, share.queues[free])
            }
            // A serial queue waits for no other queue's work, as the shared ones do.
            share.queues.append(DispatchQueue(label: "estiba.disk"))
            share.waiting.append(1)
            return (share.queues.count - 1, share.queues[share.queues.count - 1])
        }
    }

    private static func end(_ user: String, _ index: Int) {
        shares.withLock { shares in
            shares[user]?.waiting[index] -= 1
            if shares[user]?.waiting.allSatisfy({ $0 == 0 }) == true { shares[user] = nil }
        }
    }
}
