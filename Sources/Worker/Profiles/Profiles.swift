import Logging
import Messages
import Settings
import Spool

/// The profiles of a node, as its folders hold them: one YAML file each, named after the profile.
struct Profiles: Equatable, Sendable {
    /// As many as a node announces.
    static let most = 64

    private(set) var all: [String: Profile] = [:]

    init(_ profiles: [Profile] = []) {
        for profile in profiles.prefix(Self.most) { all[profile.name] = profile }
    }

    /// Reads every folder; a later one's profile takes the place of an earlier one's of that name. What cannot be used is
    /// logged and left out: the others work.
    static func load(_ folders: [String], log: Logger) async -> Profiles {
        var profiles = Profiles()
        for folder in folders {
            let names: [String]
            do throws(SystemError) {
                names = try File.names(in: folder).filter { $0.hasSuffix(".yaml") }.sorted()
            } catch {
                log.error("profiles unusable", metadata: ["why": "\(error)"])
                continue
            }
            for file in names { await profiles.take(file, in: folder, log: log) }
        }
        return profiles
    }

    private mutating func take(_ file: String, in folder: String, log: Logger) async {
        let name = String(file.dropLast(5))
        do {
            // The same characters as in a node's name: it stands in requests.
            guard NodeName(name) != nil else { throw Profile.Unusable(description: "\(name) is no name for a profile") }
            guard all[name] != nil || all.count < Self.most else {
                throw Profile.Unusable(description: "more than \(Self.most) profiles")
            }
            all[name] = try Profile(name, try await Settings.file("\(folder)/\(file)"))
        } catch {
            all[name] = nil
            log.error("profile left out", metadata: ["file": "\(folder)/\(file)", "why": "\(error)"])
        }
    }

    subscript(name: String) -> Profile? { all[name] }

    /// As the node announces them, by name.
    var wire: [WireProfile] { all.values.sorted { $0.name < $1.name }.map(\.wire) }

    /// For a refusal.
    var names: String { all.isEmpty ? "none" : all.keys.sorted().joined(separator: ", ") }

    /// Whether what an order's files leave to be run is more than its own command.
    func hasAfter(_ order: WireOrder) -> Bool { order.files.contains { self[$0.profile]?.hasAfter == true } }
}
