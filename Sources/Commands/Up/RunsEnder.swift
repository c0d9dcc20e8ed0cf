import Glibc

/// Ends every run of an `up` before its parts end.
struct RunsEnder {
    let folder: UpFolder
    let gateway: Gateway

    static let grace = Duration.seconds(3)
    /// After the grace: for the kills to take effect and the supervisors to write their last record.
    private static let rest = Duration.seconds(2)

    /// Returns when no supervisor of this folder is left.
    func run() async {
        let own = await stopOwn()
        let supervisors = self.supervisors
        // Runs of other users are not ours to stop by the API: their processes are asked directly.
        signal(supervisors.filter { pid in !own.contains { isSupervisor(pid, of: $0) } }, SIGTERM)
        if await gone(within: Self.grace) { return }
        let end = ContinuousClock.now + Self.rest
        while ContinuousClock.now < end {
            signal(self.supervisors, SIGKILL)
            if await gone(within: .milliseconds(100)) { return }
        }
        for pid in self.supervisors { kill(pid, SIGKILL) }
    }

    /// The ids of the executions that were asked to stop.
    private func stopOwn() async -> [String] {
        let asked: [String]? = await within(.seconds(1)) {
            let list = try? await gateway.get("executions?active=true&limit=1000", as: ExecutionList.self)
            let ids = (list?.executions ?? []).map(\.execution)
            for id in ids {
                try? await gateway.post("executions/\(id)/stop", StopRequest(graceMilliseconds: 3000))
            }
            return ids
        }
        return asked ?? []
    }

    private var supervisors: [Int32] { Processes.all.filter { isSupervisor($0, of: "") } }

    private func isSupervisor(_ pid: Int32, of execution: String) -> Bool {
        Processes.name(of: pid) == "estiba-supervisor"
            && Processes.arguments(of: pid).contains { $0.hasPrefix(folder.nodes + "/") && $0.contains(execution) }
    }

    private func signal(_ supervisors: [Int32], _ number: Int32) {
        for pid in Processes.descendants(of: supervisors) { kill(pid, number) }
    }

    private func gone(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while !supervisors.isEmpty {
            if ContinuousClock.now > end { return false }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return true
    }
}

/// What the body gives, or nil when the time is over; then the body is cancelled.
func within<Result: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async -> Result
) async -> Result? {
    await withTaskGroup(of: Result?.self) { group in
        group.addTask { await body() }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
    }
}
