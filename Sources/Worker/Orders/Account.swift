import Glibc
import Messages

/// A UNIX account as this node knows it, with every group it belongs to.
struct Account: Equatable, Sendable {
    var name: String
    var uid: UInt32
    var gid: UInt32
    var groups: [UInt32]
    var home: String
    var shell: String

    /// Looks the account up by name in the node's own directory; nil when there is none. May block on the network.
    static func named(_ name: String) -> Account? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        while true {
            let code = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
            if code == ERANGE, buffer.count < 1 << 20 {
                buffer = [CChar](repeating: 0, count: buffer.count * 4)
                continue
            }
            guard code == 0, found != nil else { return nil }
            break
        }
        guard let home = entry.pw_dir, let shell = entry.pw_shell else { return nil }
        return Account(
            name: name, uid: entry.pw_uid, gid: entry.pw_gid, groups: groups(of: name, gid: entry.pw_gid),
            home: String(cString: home), shell: String(cString: shell))
    }

    /// The name of an account; nil when there is none. May block on the network.
    static func name(of uid: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return nil
        }
        return String(cString: name)
    }

    private static func groups(of name: String, gid: UInt32) -> [UInt32] {
        var count: Int32 = 64
        var groups = [gid_t](repeating: 0, count: Int(count))
        while getgrouplist(name, gid, &groups, &count) < 0 {
            guard count > 0, count <= 65536 else { return [gid] }
            groups = [gid_t](repeating: 0, count: Int(count))
        }
        return Array(groups.prefix(Int(count)))
    }

    /// Shells that say "no commands for this account".
    var hasRealShell: Bool {
        !["", "/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false"].contains(shell)
    }
}
