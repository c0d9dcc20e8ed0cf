import Glibc
import Logging
import Messages
import Spool
import ZeroMQ

/// Carries out what `Services` decides: on the disk, in the folder of Avahi, and then in what the node says of itself.
/// On the loop; one write at a time, by a chore.
final class ServiceKeeper {
    private(set) var services: Services
    /// Called on the loop when what is announced has changed, and is kept.
    var tell: (() -> Void)?
    private let node: NodeName
    private let path: String
    private let avahi: AvahiFolder?
    private let loop: PollLoop
    private let chores: Chores
    private let log: Logger
    private var isWriting = false
    private var isDirty = false

    init(
        node: NodeName, data: String, avahi: AvahiFolder?, on loop: PollLoop, chores: Chores, log: Logger
    ) {
        self.node = node
        self.avahi = avahi
        self.loop = loop
        self.chores = chores
        self.log = log
        path = data + "/services"
        services = Services()
        do throws(SealedFile.Problem) {
            let bytes = try SealedFile.contents(path)
            if let kept = try? Services(bytes) { services = kept } else { log.error("service names unreadable") }
        } catch {
            if !error.isMissing { log.error("service names not read", metadata: ["why": "\(error)"]) }
        }
        // What an earlier worker left there is swept.
        avahi?.write(services, log: log)
    }

    func announce(_ key: Services.Key, _ entry: Services.Entry) {
        if services.announce(key, entry) { keep() }
    }

    func ended(_ execution: ExecutionID) {
        if services.ended(execution) { keep() }
    }

    func remove(_ key: Services.Key) {
        if services.remove(key) { keep() }
    }

    private func keep() {
        guard !isWriting else {
            isDirty = true
            return
        }
        isWriting = true
        let (services, path, avahi, log) = (services, path, avahi, log)
        let (keeper, mailbox) = (loop.bind(self), loop.mailbox)
        chores.add {
            do throws(SystemError) { try SealedFile.replace(path, with: services.bytes) } catch {
                log.error("service names not kept", metadata: ["why": "\(error)"])
            }
            avahi?.write(services, log: log)
            mailbox.post { keeper.value.kept() }
        }
    }

    private func kept() {
        isWriting = false
        tell?()
        guard isDirty else { return }
        isDirty = false
        keep()
    }
}
