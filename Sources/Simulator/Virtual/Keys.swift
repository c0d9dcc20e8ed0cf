import Bus
import Messages
import Sodium

/// Who there is in a simulation, and with which keys: gateways first, then nodes, then a service that reads.
struct Keys {
    /// What the service may read.
    static let grant = "output/ana/"
    static let users = ["ana", "ben"]

    let gateways: Int
    let names: [NodeName]
    let principals: [Principal]
    let registry: Registry
    let nodeKeys: [NodeKeys]
    let enrolments: [UInt64]
    private let publicKeys: [[UInt8]]
    private let numbers: [NodeName: Int]

    init(gateways: Int, nodes: Int) throws {
        self.gateways = gateways
        let swarm = SwarmKeys(prefix: "n", seed: 7)
        let authority = KeyPair(secretKey: Blake2b.hash(Array("authority".utf8)))
        names = (1...nodes).compactMap { swarm.name($0) }
        let gates = (1...gateways).map { number in
            (Principal(.gateway, "g\(number)"), KeyPair(secretKey: Blake2b.hash(Array("gateway \(number)".utf8))))
        }
        let reader = (Principal(.service, "reader"), KeyPair(secretKey: Blake2b.hash(Array("reader".utf8))))
        let pairs = (1...nodes).map { swarm.pair($0) }
        principals = gates.map(\.0) + names.map { Principal($0) } + [reader.0]
        publicKeys = gates.map(\.1.publicKey) + pairs.map(\.publicKey) + [reader.1.publicKey]
        let lines = zip(principals, publicKeys).map { principal, key in
            "\(principal) \(Hex.encode(key))\(principal.role == .service ? " grants=\(Self.grant)" : "")\n"
        }
        registry = try Registry(text: lines.joined())
        nodeKeys = pairs.compactMap { pair in
            NodeKeys(
                authoritySecret: authority.secretKey, authorityPublic: authority.publicKey, nodePublic: pair.publicKey)
        }
        enrolments = pairs.map { NodeKeys.enrolment(of: $0.publicKey) }
        numbers = Dictionary(uniqueKeysWithValues: zip(names, 0...))
    }

    func publicKey(of peer: Int) -> [UInt8] { publicKeys[peer] }
    func number(of node: NodeName) -> Int? { numbers[node] }

    /// Stands for the tag of a message between the authority and a node: nobody without their keys can make it.
    func seal(_ letter: Letter, node: Int) -> UInt64 {
        Dice.mixed(letter.number ^ Dice.mixed(enrolments[node] ^ 0x5EA1))
    }
}
