import Messages
import Spool
import SwiftProtobuf

/// The service names this node announces: from the start of a run's command to its end, or until they are removed.
/// Decides only.
struct Services: Sendable, Equatable {
    struct Key: Hashable, Sendable {
        var user: String
        var name: String
    }

    struct Entry: Hashable, Sendable {
        var execution: ExecutionID
        var sinceMilliseconds: Int64
        /// Stays when its run ends.
        var isPermanent: Bool
        /// 0: none told.
        var port: UInt32
    }

    static let mostOfNode = 256
    static let mostOfUser = 32

    private(set) var entries: [Key: Entry] = [:]

    /// Why a run of this user may not announce this name; nil where it may. A name that is there already is taken over.
    func refusal(_ key: Key, node: NodeName) -> Failure? {
        guard ServiceLabel.isValid(key.name) else {
            return Failure(.badName, "\(node) cannot announce a service of such a name")
        }
        guard !hasRoom(for: key) else { return nil }
        let own = own(of: key.user)
        let whose = own < Self.mostOfUser ? "\(entries.count) service names" : "\(own) service names of \(key.user)"
        return Failure(
            .tooMany, "\(node) announces \(whose) already; end one with `estiba services remove NAME -n \(node)`")
    }

    /// A name that is there already takes no more.
    private func hasRoom(for key: Key) -> Bool {
        entries[key] != nil || own(of: key.user) < Self.mostOfUser && entries.count < Self.mostOfNode
    }

    private func own(of user: String) -> Int { entries.keys.count { $0.user == user } }

    /// The newer run takes a name of the same user. True where something changed.
    mutating func announce(_ key: Key, _ entry: Entry) -> Bool {
        // Said again by a run that is taken up.
        if entries[key]?.execution == entry.execution { return false }
        // Those that begin at the same time were all let through before any of them was here.
        guard hasRoom(for: key) else { return false }
        entries[key] = entry
        return true
    }

    /// A run has ended, and with it the names that were only its own. True where something changed.
    mutating func ended(_ execution: ExecutionID) -> Bool {
        let before = entries.count
        entries = entries.filter { $1.execution != execution || $1.isPermanent }
        return entries.count != before
    }

    /// True where it was there.
    mutating func remove(_ key: Key) -> Bool { entries.removeValue(forKey: key) != nil }

    /// As the node announces them, by user and name.
    var wire: [WireService] {
        entries.sorted { ($0.key.user, $0.key.name) < ($1.key.user, $1.key.name) }.map { key, entry in
            .with {
                $0.name = key.name
                $0.user = key.user
                $0.execution = .init(entry.execution.bytes)
                $0.sinceMilliseconds = entry.sinceMilliseconds
                $0.permanent = entry.isPermanent
                $0.port = entry.port
            }
        }
    }
}

// MARK: On the disk

extension Services {
    private static let version: UInt8 = 1

    /// The permanent ones; the others come back with their runs.
    var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(Self.version)
        writer.list(entries.filter(\.value.isPermanent).sorted { $0.key.name < $1.key.name }) { writer, one in
            writer.text(one.key.user)
            writer.text(one.key.name)
            writer.text(one.value.execution.description)
            writer.integer(one.value.sinceMilliseconds)
            writer.integer(one.value.port)
        }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(FieldReader.Malformed) {
        var reader = FieldReader(bytes)
        guard try reader.integer(UInt8.self) == Self.version else { throw FieldReader.Malformed() }
        let kept = try reader.list { reader throws(FieldReader.Malformed) in
            let key = Key(user: try reader.text(), name: try reader.text())
            guard let execution = ExecutionID(try reader.text()) else { throw FieldReader.Malformed() }
            let since = try reader.integer(Int64.self)
            return (
                key,
                Entry(execution: execution, sinceMilliseconds: since, isPermanent: true, port: try reader.integer())
            )
        }
        guard reader.isAtEnd else { throw FieldReader.Malformed() }
        for (key, entry) in kept { entries[key] = entry }
    }
}
