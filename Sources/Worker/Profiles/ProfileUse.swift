import Messages
import Placer
import Supervisor

/// What a profile comes to for one file of one order. Decides only.
struct ProfileUse: Sendable {
    let profile: Profile
    let file: WireFile
    let account: Account
    /// The home used here.
    let home: String
    let node: NodeName
    /// Keeps several nodes on one machine apart.
    let portOffset: Int

    /// Why this user may not bring this file by it; nil where they may.
    var refusal: Failure? {
        guard profile.isFor(account) else {
            return Failure(
                .notPermitted,
                "\(account.name) may not use the profile \(profile.name) on \(node); its operator says who may")
        }
        guard profile.takes(file.name) else {
            let patterns = profile.match.joined(separator: ", ")
            return Failure(
                .badName, "the profile \(profile.name) on \(node) takes \(patterns), and \(file.name) is none of them")
        }
        guard !file.tree else {
            return Failure(.badRequest, "the profile \(profile.name) on \(node) takes a file, not a folder")
        }
        guard profile.port == nil || port != nil else {
            return Failure(.internal, "the profile \(profile.name) on \(node) has no port for uid \(account.uid)")
        }
        return nil
    }

    var port: UInt16? { profile.port?.port(uid: account.uid, offset: portOffset) }

    /// Absolute, for its lines; the placer is given the profile's own word, since the way to the home is not the user's.
    var folder: String {
        if profile.folder.hasPrefix("/") { return profile.folder }
        let inside = profile.folder.hasPrefix("~/") ? String(profile.folder.dropFirst(2)) : profile.folder
        return inside.isEmpty || inside == "~" ? home : "\(home)/\(inside)"
    }

    /// The file's name without its last ending.
    var stem: String {
        guard let dot = file.name.lastIndex(of: "."), dot != file.name.startIndex else { return file.name }
        return String(file.name[..<dot])
    }

    /// The path a servlet container gives an archive of that name: `a#b.war` is /a/b, `ROOT.war` is /, and what follows
    /// `##` is a version.
    private var context: String {
        let name = stem.split(separator: "##", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
        return name == "ROOT"
            ? "" : "/" + name.split(separator: "#").map { Self.encoded(String($0)) }.joined(separator: "/")
    }

    /// What its lines find in their environment besides what every command does.
    var variables: [String] {
        ["ESTIBA_FILE=\(file.name)", "ESTIBA_STEM=\(stem)", "ESTIBA_PROFILE=\(profile.name)"]
            + (port.map { ["ESTIBA_PORT=\($0)"] } ?? [])
    }

    func preparation(_ launch: Launch) -> Preparation {
        Preparation(
            check: profile.check, contains: profile.contains, before: profile.before,
            beforeSeconds: profile.withinSeconds, environment: environment(launch))
    }

    /// What is done once the file is placed, before the order's own command.
    func steps(_ launch: Launch) -> [Plan.Step] {
        var steps: [Plan.Step] = []
        if !profile.after.isEmpty {
            steps.append(.shell(line: profile.after, folder: launch.home, environment: environment(launch)))
        }
        let values = [
            "port": port.map { "\($0)" } ?? "", "stem": Self.encoded(stem), "file": Self.encoded(file.name),
            "context": context,
        ]
        if !profile.waitFor.isEmpty, let address = WebAddress(profile.waitFor.replacing(values)) {
            steps.append(
                .wait(
                    address, withinSeconds: profile.withinSeconds, name: file.name,
                    shown: "http://\(node):\(address.port)\(address.path)"))
        }
        return steps
    }

    private func environment(_ launch: Launch) -> [String] {
        launch.environment(folder: folder, extra: []) + variables
    }

    /// As it may stand in the path of an address (RFC 3986 §2.3).
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            Topic.isPlain(byte) || byte == UInt8(ascii: "~")
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
