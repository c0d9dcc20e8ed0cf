import Glibc
import Messages
import Placer
import SwiftProtobuf

/// An operator's name for a place: which files go there, what they are looked at for, and what is done before and after.
///
/// One YAML file each (docs/operations.md); its lines are the operator's, what they work on is the user's.
struct Profile: Equatable, Sendable {
    var name: String
    /// What it will do, for people.
    var says: String
    /// Shell patterns of the names it takes; none: every name.
    var match: [String] = []
    var check = Preparation.Check.none
    /// Entries an archive must hold.
    var contains: [String] = []
    /// Absolute, or below the home.
    var folder: String
    /// Whose the file becomes, instead of the user's.
    var account: String?
    /// Who may use it, by name or by group; both empty: everybody.
    var users: Set<String> = []
    var groups: Set<UInt32> = []
    /// For `/bin/sh`: before the file is placed, and as the run's command after it.
    var before = ""
    var after = ""
    /// An address of this machine's web servers, with `{port}`, `{stem}`, `{file}` and `{context}`.
    var waitFor = ""
    var withinSeconds: UInt32 = 60
    var port: PortRule?
    /// What it starts lives on when the run has ended.
    var isService = false

    /// Whether there is something to be run once the file is placed.
    var hasAfter: Bool { !after.isEmpty || !waitFor.isEmpty }

    func takes(_ file: String) -> Bool {
        match.isEmpty || match.contains { fnmatch($0, file, 0) == 0 }
    }

    func isFor(_ account: Account) -> Bool {
        users.isEmpty && groups.isEmpty || users.contains(account.name) || !groups.isDisjoint(with: account.groups)
    }

    /// As the node announces it.
    var wire: WireProfile {
        .with {
            $0.name = name
            $0.says = says
            $0.match = match
        }
    }
}

/// Which port a profile gives to a user: a number, or one that follows from the uid.
struct PortRule: Equatable, Sendable {
    private let base: UInt32
    /// 0: the base for all.
    private let modulus: UInt32

    /// `8080`, or `20000 + uid % 20000`.
    init?(_ text: String) {
        let parts = text.filter { $0 != " " }.split(separator: "+", omittingEmptySubsequences: false)
        guard let base = UInt32(parts[0]), (1...65535).contains(base), parts.count <= 2 else { return nil }
        guard parts.count == 2 else {
            (self.base, modulus) = (base, 0)
            return
        }
        guard parts[1].hasPrefix("uid%"), let modulus = UInt32(parts[1].dropFirst(4)),
            modulus > 0, modulus <= 65536 - base
        else { return nil }
        (self.base, self.modulus) = (base, modulus)
    }

    /// `offset` keeps several nodes on one machine apart; nil where that leads beyond 65535.
    func port(uid: UInt32, offset: Int) -> UInt16? {
        UInt16(exactly: Int(base) + (modulus == 0 ? 0 : Int(uid % modulus)) + offset)
    }
}
