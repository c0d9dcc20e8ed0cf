import FoundationEssentials

/// A file or folder that is to be deployed, as the command line or a line of `--list` names it. Members that are absent take
/// what the command's options say.
struct DeployEntry: Codable, Equatable, Sendable {
    var path: String
    var name: String?
    var folder: String?
    /// In octal.
    var mode: String?
    var overwrite: Bool?
    var createFolder: Bool?
    /// A command of its own makes it an execution of its own.
    var run: String?
    var profile: String?
    var keepPrevious: Bool?
    var service: String?
    var permanent: Bool?
    var port: UInt32?

    /// A name that is announced by a command of its own, too.
    var isAlone: Bool { run != nil || service != nil }

    /// A JSON array of entries; throws what is wrong with it, and with which one.
    static func list(_ bytes: [UInt8]) throws(CommandError) -> [DeployEntry] {
        let known = Set(CodingKeys.allCases.map(\.stringValue))
        do {
            let data = Data(bytes)
            for (index, members) in try JSONDecoder().decode([[String: Anything]].self, from: data).enumerated() {
                if let strange = members.keys.filter({ !known.contains($0) }).sorted().first {
                    throw CommandError.usage(
                        "the list's entry \(index + 1) has “\(strange)”, which is none of "
                            + known.sorted().joined(separator: ", "))
                }
            }
            return try JSONDecoder().decode([DeployEntry].self, from: data)
        } catch let error as CommandError {
            throw error
        } catch let error as DecodingError {
            throw .usage("the list is not understood: \(words(error))")
        } catch {
            throw .usage("the list is not understood: \(error)")
        }
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .typeMismatch(_, let place), .valueNotFound(_, let place): "\(path(place)): \(place.debugDescription)"
        case .keyNotFound(let key, let place): "\(path(place)) has no \(key.stringValue)"
        case .dataCorrupted(let place): place.debugDescription
        @unknown default: "\(error)"
        }
    }

    private static func path(_ place: DecodingError.Context) -> String {
        place.codingPath.map { key in key.intValue.map { "entry \($0 + 1)" } ?? key.stringValue }.joined(
            separator: ", ")
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case path, name, folder, mode, overwrite, createFolder, run, profile, keepPrevious, service, permanent, port
    }

    /// A value that is of no interest yet.
    private struct Anything: Decodable { init(from decoder: any Decoder) {} }
}
