import Glibc
import Messages
import Supervisor

/// Turns an order and the account it runs as into what the supervisor is told, and its answer into a state.
struct Launch: Sendable {
    let node: NodeName
    let execution: ExecutionID
    let account: Account
    /// The home used here: the account's own, or the worker's template.
    let home: String
    /// Where the first file was placed, if there was one.
    let placed: String?

    /// Relative folders, and those that begin with `~/`, lie in the home.
    func resolved(_ folder: String) -> String {
        if folder.hasPrefix("/") { return folder }
        let inside = folder == "~" ? "" : folder.hasPrefix("~/") ? String(folder.dropFirst(2)) : folder
        return inside.isEmpty ? home : "\(home)/\(inside)"
    }

    func folder(of command: WireCommand) -> String {
        command.folder.isEmpty ? placed ?? home : resolved(command.folder)
    }

    /// The command's whole environment: an allow-list, then what the order asks for.
    func environment(folder: String, extra: [WireVariable]) -> [String] {
        let own = [
            "HOME=\(home)", "USER=\(account.name)", "LOGNAME=\(account.name)", "SHELL=\(account.shell)",
            "PATH=/usr/local/bin:/usr/bin:/bin" + (account.uid == 0 ? ":/usr/local/sbin:/usr/sbin:/sbin" : ""),
            "LANG=C.UTF-8", "ESTIBA_NODE=\(node)", "ESTIBA_EXECUTION=\(execution)", "ESTIBA_FOLDER=\(folder)",
            "ESTIBA_USER=\(account.name)",
        ]
        let reserved = Set(own.map { $0.prefix { $0 != "=" } })
        return own
            + extra.filter { !$0.name.isEmpty && !$0.name.contains("=") && !reserved.contains($0.name[...]) }
            .map { "\($0.name)=\($0.value)" }
    }

    func plan(
        _ order: WireOrder, spool: UInt64, cgroup: String, session: Plan.Session?, most: RunLimits = RunLimits()
    ) -> Plan {
        let command = order.command
        let folder = folder(of: command)
        let arguments =
            command.shellLine.isEmpty ? command.arguments : [account.shell, "-c", command.shellLine]
        var plan = Plan(
            spool: spool, execution: execution.description, node: node.description,
            account: Plan.Account(user: account.name, uid: account.uid, gid: account.gid, groups: account.groups),
            arguments: arguments, folder: folder,
            environment: environment(folder: folder, extra: order.environment))
        let limits = order.limits
        plan.limits.wallClockMilliseconds = limits.wallClockMilliseconds
        if limits.graceMilliseconds > 0 { plan.limits.graceMilliseconds = limits.graceMilliseconds }
        if limits.spoolBytes > 0 { plan.limits.spoolBytes = limits.spoolBytes }
        plan.limits.isLossless = limits.lossless
        let own = most.applied(to: RunLimits(limits))
        plan.limits.memoryBytes = own.memoryBytes
        plan.limits.processes = own.processes
        plan.leaves = order.leave
        plan.cgroup = cgroup
        plan.session = session
        return plan
    }

    /// The state a run is left in by its exit record.
    func state(_ ending: ExitRecord.Ending, of order: WireOrder) -> RunState {
        switch ending {
        case .exited(let code): .exited(code: code)
        case .signalled(let signal): .signalled(signal: signal)
        case .timedOut: .timedOut
        case .outOfMemory: .outOfMemory
        case .tooManyProcesses: .signalled(signal: SIGKILL)
        case .stopped: .stopped
        case .failed(let failure): .refused(refusal(failure, of: order.command))
        }
    }

    func refusal(_ failure: StartFailure, of command: WireCommand) -> Failure {
        let name = command.shellLine.isEmpty ? command.arguments.first ?? "" : account.shell
        let folder = folder(of: command)
        return switch failure {
        case .notFound: Failure(.notFound, "\(node) has no command \(name); give its path, or use --shell")
        case .notExecutable: Failure(.notExecutable, "\(name) is not executable on \(node); deploy it with --mode 755")
        case .permission: Failure(.permission, "\(account.name) may not run \(name) in \(folder) on \(node)")
        case .noSuchFolder: Failure(.noSuchFolder, "\(node) has no folder \(folder)")
        case .identity(let step, let errno):
            Failure(.notPermitted, "\(node) could not become \(account.name): \(step) (error \(errno))")
        case .session(let code):
            Failure(.notPermitted, "PAM on \(node) opened no session for \(account.name) (PAM code \(code))")
        case .other(let step, let errno):
            Failure(.internal, "\(node) could not start \(name): \(step) (error \(errno))")
        }
    }
}
