import CLinux
import Glibc
import Spool

/// The workers that are connected.
extension Supervisor {
    /// One worker, and the one that takes over from it; more are a mistake.
    private static let mostClients = 8

    func hearClients(_ ready: Set<Int32>) {
        if ready.contains(listener.descriptor) { welcome() }
        for client in clients where ready.contains(client.descriptor) {
            while let request = client.receive() { obey(request, of: client) }
        }
        clients.removeAll { !$0.isOpen }
    }

    func answerAwaiting() {
        for client in clients {
            guard let awaited = client.awaited, spool.length > awaited else { continue }
            client.awaited = nil
            tellLength(client)
        }
    }

    private func welcome() {
        while let descriptor = try? File.check("accept", "", { estiba_accept(listener.descriptor) }) {
            let socket = File(adopting: descriptor)
            var uid: uid_t = 0
            guard clients.count < Self.mostClients, estiba_peer_uid(descriptor, &uid) == 0, uid == geteuid() || uid == 0
            else { continue }
            let client = Client(socket)
            clients.append(client)
            tellState(client)
        }
    }

    private func obey(_ request: Request, of client: Client) {
        switch request {
        case .await(let position): client.awaited = position
        case .copied(let position):
            do throws(SystemError) { try spool.release(upTo: position) } catch { stall() }
        case .stop(let grace):
            carryOut(life.receive(.stopAsked(graceMilliseconds: grace), at: .now))
        case .status: tellState(client)
        }
    }

    private func tellState(_ client: Client) {
        tellLength(client)
        switch started {
        case .success(let pid): client.send(.started(pid: pid))
        case .failure(let failure): client.send(.failed(failure))
        case nil: break
        }
    }

    private func tellLength(_ client: Client) {
        client.send(.length(spool.length, released: spool.released))
    }
}
