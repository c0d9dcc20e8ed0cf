import Glibc
import Spool

/// As whom the broker and the gateway run: the system user `estiba` where `up` was started by root, else who started it.
struct UpAccount: Sendable {
    static let systemUser = "estiba"

    let uid: uid_t
    let gid: gid_t
    /// Put before a program to run it as this account; empty where nothing is to be changed.
    let prefix: [String]

    /// The invoking user.
    static var own: UpAccount { UpAccount(uid: getuid(), gid: getgid(), prefix: []) }

    /// Finds the system user and makes it where it is missing, which is said on stderr.
    static func system() throws(CommandError) -> UpAccount {
        if getpwnam(systemUser) == nil {
            StandardStreams.say("making the system user \(systemUser), as whom broker and gateway run")
            let arguments = [
                "/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
                "--shell", "/usr/sbin/nologin", systemUser,
            ]
            let status = try Child.run(arguments)
            guard status == 0 || getpwnam(systemUser) != nil else {
                throw .local("useradd ended with \(status): the system user \(systemUser) could not be made")
            }
        }
        guard let entry = getpwnam(systemUser) else { throw .local("there is no user \(systemUser)") }
        let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        return UpAccount(
            uid: uid, gid: gid,
            prefix: [
                "/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--no-new-privs", "--",
            ])
    }

    /// The account for broker and gateway. Where the system user cannot reach the programs, the invoking user serves.
    static func forServices(programs: String, data: String) throws(CommandError) -> UpAccount {
        guard getuid() == 0 else { return own }
        let system = try system()
        guard try Child.run(system.prefix + ["/usr/bin/test", "-x", data]) == 0 else {
            throw .local(
                "the user \(systemUser) cannot reach \(data): a folder above it is closed; choose another --data")
        }
        if try Child.run(system.prefix + ["\(programs)/estiba-broker", "--help"]) == 0 { return system }
        StandardStreams.say(
            "the user \(systemUser) cannot run the programs in \(programs), so broker and gateway run as root; "
                + "build where others may read to have them run as \(systemUser)")
        return own
    }

    /// Whose a folder is; to give files to, not to run programs as.
    static func owner(of folder: String) throws(CommandError) -> UpAccount {
        var found = stat()
        guard stat(folder, &found) == 0 else { throw .local("\(SystemError.last("stat", folder))") }
        return UpAccount(uid: found.st_uid, gid: found.st_gid, prefix: [])
    }

    func own(_ path: String) throws(CommandError) {
        guard getuid() == 0 else { return }
        guard chown(path, uid, gid) == 0 else { throw .local("\(SystemError.last("chown", path))") }
    }

    func own(_ file: borrowing File) throws(SystemError) {
        guard getuid() == 0 else { return }
        let descriptor = file.descriptor
        try File.check("chown", file.path) { fchown(descriptor, uid, gid) }
    }

    /// The name of the invoking user.
    static var invokingUser: String {
        getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
    }
}
