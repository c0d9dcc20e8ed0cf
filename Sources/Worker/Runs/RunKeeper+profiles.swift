import Messages
import Placer
import Supervisor

/// What profiles and a service name make of a run.
extension RunKeeper {
    /// What the profile of a file comes to here; nil where it has none, or one that is not here.
    func use(of file: WireFile) -> ProfileUse? {
        guard let account, let profile = site.profiles[file.profile] else { return nil }
        return ProfileUse(
            profile: profile, file: file, account: account, home: home(of: account).path, node: site.node,
            portOffset: site.settings.portOffset)
    }

    /// Why the order's profiles and service name cannot be had here, before anything is fetched or started.
    var profileRefusal: Failure? {
        for file in order.files where !file.profile.isEmpty {
            guard let use = use(of: file) else {
                return Failure(
                    .unknownProfile,
                    "\(site.node) offers no profile \(file.profile); it offers: \(site.profiles.names)")
            }
            if let refusal = use.refusal { return refusal }
        }
        return serviceKey.flatMap { site.services.services.refusal($0, node: site.node) }
    }

    /// What is done before the order's own command.
    func steps(_ launch: Launch) -> [Plan.Step] {
        order.files.compactMap { use(of: $0) }.flatMap { $0.steps(launch) }
    }

    /// Whether what lives at the run's end is let live.
    var leavesServices: Bool { order.files.contains { site.profiles[$0.profile]?.isService == true } }

    private var serviceKey: Services.Key? {
        order.hasService ? Services.Key(user: order.user, name: order.service.name) : nil
    }

    /// Begins and ends the announcement of the order's service name as the run does.
    func announce(_ state: RunState) {
        guard let key = serviceKey else { return }
        let isPermanent = order.service.permanent || leavesServices
        switch state {
        case .running: break
        // There was nothing to run: the file itself is what is announced.
        case .placed(last: true) where isPermanent: break
        default:
            if state.isTerminal { site.services.ended(execution) }
            return
        }
        let port =
            order.service.port != 0
            ? order.service.port : order.files.lazy.compactMap { self.use(of: $0)?.port }.first.map(UInt32.init) ?? 0
        site.services.announce(
            key,
            Services.Entry(
                execution: execution, sinceMilliseconds: site.milliseconds(of: owner), isPermanent: isPermanent,
                port: port))
    }
}
