import Bus
import Messages
import Synchronization

/// The keys that the authority shares with each node of the registry, worked out when they are first wanted.
final class KeyRing: Sendable {
    struct Node: Sendable {
        let keys: NodeKeys
        let enrolment: UInt64
    }

    private struct State {
        var file: RegistryFile
        var derived: [NodeName: Node] = [:]
    }

    /// What the gateways vouch to one another with.
    let peers: PeerKey
    private let authority: KeyPair
    private let state: Mutex<State>

    init(authority: KeyPair, registry path: String) throws(Registry.Unusable) {
        self.authority = authority
        peers = PeerKey(authoritySecret: authority.secretKey)
        state = Mutex(State(file: try RegistryFile(path: path)))
    }

    /// Nil for a node that is not registered.
    subscript(node: NodeName) -> Node? {
        state.withLock { state in
            if let known = state.derived[node] { return known }
            guard let peer = state.file.registry[Principal(node)] else { return nil }
            guard
                let keys = NodeKeys(
                    authoritySecret: authority.secretKey, authorityPublic: authority.publicKey,
                    nodePublic: peer.publicKey)
            else { return nil }
            let made = Node(keys: keys, enrolment: peer.enrolment)
            state.derived[node] = made
            return made
        }
    }

    /// Whether a public key stands in the registry, whosever it is.
    func isRegistered(_ key: [UInt8]) -> Bool { state.withLock { $0.file.registry[key] != nil } }

    var nodes: [NodeName] {
        state.withLock { $0.file.registry.nodes.compactMap { NodeName($0.principal.name) } }
    }

    /// Public key of the authority, as text.
    var authorityText: String { authority.publicText }

    /// All gateways of the registry, this one among them.
    var gateways: [Principal] {
        state.withLock { $0.file.registry.peers.map(\.principal).filter { $0.role == .gateway } }
    }

    /// Reads the registry again where it has changed on disk, and tells whether it has.
    func reload() throws(Registry.Unusable) -> Bool {
        let result = state.withLock { state -> Result<Bool, Registry.Unusable> in
            do throws(Registry.Unusable) {
                guard try state.file.reload() != nil else { return .success(false) }
            } catch {
                return .failure(error)
            }
            state.derived = [:]
            return .success(true)
        }
        return try result.get()
    }
}
