import Bus
import Logging
import Messages
import Spool
import SwiftProtobuf
import ZeroMQ

/// Login sessions that a gateway has revoked: of none of them an order is taken.
extension Node {
    /// Takes up what an earlier worker was told.
    func takeUpRevocations() {
        do throws(SealedFile.Problem) {
            site.revocations.takeUp(try site.revocationsFile.read())
        } catch {
            // Every gateway says it again when this node has come.
            log.error("revoked sessions damaged", metadata: ["why": "\(error)"])
        }
    }

    func revoked(_ said: WireRevocations, by gateway: Principal) {
        let now = site.clocks.estimate(of: gateway, at: site.loop.now)
        guard site.revocations.take(said, from: gateway, at: now) else { return }
        log.notice(
            "sessions revoked", metadata: ["by": "\(gateway)", "standing": "\(site.revocations.count)"])
        site.revocationsFile.set(site.revocations.kept)
        keepRevocations()
    }

    /// Brings them to the disk, in a chore; tries again a second after a failure.
    private func keepRevocations() {
        let (file, log) = (site.revocationsFile, log)
        let (bound, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.chores.add {
            do throws(SystemError) { try file.write() } catch {
                log.error("revoked sessions not kept", metadata: ["why": "\(error)"])
                mailbox.post { bound.value.keepRevocationsSoon() }
            }
        }
    }

    private func keepRevocationsSoon() {
        guard !isKeepingRevocationsDue else { return }
        isKeepingRevocationsDue = true
        site.loop.after(.seconds(1)) { [weak self] in
            self?.isKeepingRevocationsDue = false
            self?.keepRevocations()
        }
    }

    /// Asks where a gateway has revoked more than this node has heard.
    func compare(_ sequence: UInt64, with gateway: Principal) {
        guard site.revocations.isBehind(sequence, of: gateway) else { return }
        site.send(Header(.revocationsAsked), [], to: gateway)
    }

    /// An order of a revoked session: that it was refused is written down, so that it starts nothing when it comes again.
    func refuseRevoked(_ execution: ExecutionID, for gateway: Principal) {
        log.warning("order of a revoked session", metadata: ["execution": "\(execution)"])
        intake.refused(execution)
        let why = Failure(.revoked, "Its login session was revoked before the order came to \(site.node).")
        conclude(execution, as: .refused(why), for: gateway)
    }
}
