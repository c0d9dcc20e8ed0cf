import FoundationEssentials
import Glibc
import Spool

/// Parts that an `up` left behind when it was killed. Supervisors are none of them: their runs are taken up again.
enum FormerParts {
    /// How long they have for an orderly end.
    private static let patience = Duration.seconds(8)

    /// Ends those that `pids.json` names and that are still what it says.
    static func end(of folder: UpFolder) async throws {
        guard let bytes = try? File.contents(folder.pids),
            let pids = try? JSONDecoder().decode([String: Int32].self, from: Data(bytes))
        else { return }
        var left = pids.filter { isPart($0.value, folder) }.map(\.value)
        for pid in left { kill(pid, SIGTERM) }
        let end = ContinuousClock.now + patience
        while !left.isEmpty {
            try await Task.sleep(for: .milliseconds(20))
            left.removeAll { !Processes.isAlive($0) }
            if ContinuousClock.now > end { for pid in left { kill(pid, SIGKILL) } }
        }
    }

    /// A number may have been given to another process since: the program and its settings file must fit.
    private static func isPart(_ pid: Int32, _ folder: UpFolder) -> Bool {
        let programs = ["estiba-broker", "estiba-gateway", "estiba-authenticator", "estiba-worker"]
        return pid > 1 && programs.contains(Processes.name(of: pid))
            && Processes.arguments(of: pid).contains { $0.hasPrefix(folder.path + "/") && $0.hasSuffix(".yaml") }
    }
}
