import CLinux
import Glibc
import PAM
import Spool

/// What happens between fork and exec, in the child: it becomes the user's command, step by step.
struct CommandChild {
    let plan: Plan
    let edges: LimitEdges
    let parent: Int32

    /// Where the verdict pipe lies in the child, behind the three descriptors of the command.
    private static let verdictDescriptor: Int32 = 3
    /// As shells start with it: programs that use select(2) cannot do with more.
    private static let descriptorLimit: UInt64 = 1024

    func become(stdout: Int32, stderr: Int32, verdict: Int32) -> Never {
        do throws(StartFailure) {
            try arrange(stdout: stdout, stderr: stderr, verdict: verdict)
            if !plan.cgroup.isEmpty {
                try system("cgroup") { () throws(SystemError) in try Cgroup(plan.cgroup).join() }
            }
            let environment = plan.environment + (try openSession())
            estiba_close_from(UInt32(Self.verdictDescriptor) + 1)
            umask(mode_t(plan.umask))
            // After the session, which may have set others.
            if let bytes = edges.dataBytes { estiba_lower_data_limit(bytes) }
            if let count = edges.userTasks { estiba_lower_process_limit(count) }
            try becomeUser()
            // The change of identity clears it, so it comes after; the parent may be gone already.
            estiba_set_parent_death_signal(SIGKILL)
            if getppid() != parent { throw .other(step: "supervisor", errno: ESRCH) }
            try enterFolder()
            if !plan.steps.isEmpty { takeSteps(environment) }
            try ProgramSearch(arguments: plan.arguments, environment: environment).execute()
        } catch {
            var writer = FieldWriter()
            error.write(to: &writer)
            _ = write(Self.verdictDescriptor, writer.bytes, writer.bytes.count)
            _exit(126)
        }
    }

    /// Does what comes before the command, which has begun with it: how it goes from here is the run's output and end.
    private func takeSteps(_ environment: [String]) -> Never {
        close(Self.verdictDescriptor)
        StepRunner(steps: plan.steps).run()
        guard !plan.arguments.isEmpty else { _exit(0) }
        do throws(StartFailure) {
            try ProgramSearch(arguments: plan.arguments, environment: environment).execute()
        } catch {
            // As shells end where a command cannot be started.
            let isMissing = error == .notFound
            let why = isMissing ? "there is no such command" : "it cannot be started"
            StepRunner.say("\(plan.node): \(plan.arguments[0]): \(why)", on: 2)
            _exit(isMissing ? 127 : 126)
        }
    }

    private func arrange(stdout: Int32, stderr: Int32, verdict: Int32) throws(StartFailure) {
        setsid()
        estiba_unblock_signals()
        estiba_lower_descriptor_limit(Self.descriptorLimit)
        // The pipes lie above: this process began with 0 to 2 open.
        guard dup2(stdout, 1) >= 0, dup2(stderr, 2) >= 0 else { throw .other(step: "descriptors", errno: errno) }
        if verdict != Self.verdictDescriptor {
            guard dup2(verdict, Self.verdictDescriptor) >= 0 else { throw .other(step: "descriptors", errno: errno) }
            _ = fcntl(Self.verdictDescriptor, F_SETFD, FD_CLOEXEC)
        }
        estiba_close_from(UInt32(Self.verdictDescriptor) + 1)
    }

    private func openSession() throws(StartFailure) -> [String] {
        guard let session = plan.session, geteuid() == 0 else { return [] }
        do throws(PAM.SessionRefused) {
            let added = try PAM.openSession(user: plan.account.user, service: session.pam)
            let given = Set(plan.environment.map { $0.prefix { $0 != "=" } })
            return added.filter { !given.contains($0.prefix { $0 != "=" }) }
        } catch {
            throw .session(code: error.code)
        }
    }

    private func becomeUser() throws(StartFailure) {
        let account = plan.account
        var step: UnsafePointer<CChar>?
        guard estiba_become(account.uid, account.gid, account.groups, account.groups.count, &step) == 0 else {
            throw .identity(step: step.map { String(cString: $0) } ?? "", errno: errno)
        }
    }

    private func enterFolder() throws(StartFailure) {
        guard chdir(plan.folder) != 0 else { return }
        switch errno {
        case ENOENT, ENOTDIR, ENAMETOOLONG: throw .noSuchFolder
        case EACCES, EPERM: throw .permission
        default: throw .other(step: "chdir", errno: errno)
        }
    }

    private func system(_ step: String, _ body: () throws(SystemError) -> Void) throws(StartFailure) {
        do throws(SystemError) { try body() } catch { throw .other(step: step, errno: error.errno) }
    }
}

extension Plan.Session {
    var pam: PAM.Service { PAM.Service(service, folder: configuration.isEmpty ? nil : configuration) }
}
