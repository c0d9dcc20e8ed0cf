internal import Messages

/// Short messages for gateways, mostly of nodes, whose bulk connection has no place just now: a queue there counts messages, and has
/// few places because a piece of a file has 1 MiB, while thousands of nodes ask for such pieces at once. Decides only.
struct RequestsWaiting {
    struct Request: Equatable {
        let sender: String
        /// Header, body and what else came behind the address.
        let frames: [[UInt8]]
    }

    /// A longer message is no request.
    static let longest = 512
    /// Of one node; it has fewer chunks under way.
    static let ofOne = 128
    static let most = 65_536

    private var queues: [Principal: [Request]] = [:]
    private var bySender: [String: Int] = [:]
    private(set) var count = 0

    func isWaiting(for gateway: Principal) -> Bool { queues[gateway] != nil }

    /// False where it has no place here either.
    mutating func add(_ request: Request, for gateway: Principal) -> Bool {
        guard request.frames.reduce(0, { $0 + $1.count }) <= Self.longest, count < Self.most,
            bySender[request.sender, default: 0] < Self.ofOne
        else { return false }
        queues[gateway, default: []].append(request)
        bySender[request.sender, default: 0] += 1
        count += 1
        return true
    }

    /// Hands on, for each gateway in the order of their coming, what `takes` does not refuse.
    mutating func handOn(_ takes: (Principal, Request) -> Bool) {
        for (gateway, queue) in queues {
            var taken = 0
            while taken < queue.count, takes(gateway, queue[taken]) {
                forget(queue[taken])
                taken += 1
            }
            guard taken > 0 else { continue }
            queues[gateway]?.removeFirst(taken)
            if queues[gateway]?.isEmpty == true { queues[gateway] = nil }
        }
    }

    private mutating func forget(_ request: Request) {
        count -= 1
        let left = (bySender[request.sender] ?? 1) - 1
        bySender[request.sender] = left > 0 ? left : nil
    }
}
