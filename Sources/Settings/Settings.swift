private import Configuration
private import Glibc
private import SystemPackage

/// A daemon's settings: arguments, then environment `ESTIBA_…`, then its YAML file, then the caller's defaults.
///
/// A key `minimumUID` is `--minimum-uid`, `ESTIBA_MINIMUM_UID` and `minimumUID:`. Every value is checked when it is read,
/// so that a word where a number belongs stops the start instead of becoming the default.
package struct Settings: Sendable {
    private let reader: ConfigReader
    /// Absolute path of the folder that relative paths are relative to: the YAML file's, else the working folder.
    package let folder: String

    /// Reads `--config FILE` out of the arguments (the program's name first) and the file it names.
    ///
    /// The file must not be writable by group or others, nor belong to a stranger.
    package static func load(arguments: [String] = CommandLine.arguments) async throws(SettingsError) -> Settings {
        let fromArguments = CommandLineArgumentsProvider(arguments: arguments)
        let environment = EnvironmentVariablesProvider().prefixKeys(with: "estiba")
        let top = ConfigReader(providers: [fromArguments, environment])
        guard let path = top.string(forKey: "config") else {
            return Settings(reader: top, folder: Paths.workingFolder)
        }
        do { _ = try TrustedFile.read(path, as: .settings) } catch { throw .file(error) }
        do {
            let file = try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
            let reader = ConfigReader(providers: [fromArguments, environment, file])
            return Settings(reader: reader, folder: Paths.folder(of: Paths.absolute(path, in: Paths.workingFolder)))
        } catch {
            throw .malformed(path: path, reason: "\(error)")
        }
    }

    /// What one YAML file says, and nothing besides it; checked as a file of settings is.
    package static func file(_ path: String) async throws(SettingsError) -> Settings {
        do { _ = try TrustedFile.read(path, as: .settings) } catch { throw .file(error) }
        do {
            let reader = ConfigReader(provider: try await FileProvider<YAMLSnapshot>(filePath: FilePath(path)))
            return Settings(reader: reader, folder: Paths.folder(of: Paths.absolute(path, in: Paths.workingFolder)))
        } catch {
            throw .malformed(path: path, reason: "\(error)")
        }
    }

    private init(reader: ConfigReader, folder: String) {
        self.reader = reader
        self.folder = folder
    }

    // MARK: Values

    /// Nil where the key is not given; an empty text counts as not given.
    package func string(_ key: String) -> String? {
        reader.string(forKey: ConfigKey([key])).flatMap { $0.isEmpty ? nil : $0 }
    }

    package func required(_ key: String) throws(SettingsError) -> String {
        guard let value = string(key) else { throw .missing(key: key) }
        return value
    }

    package func int(_ key: String, default standard: Int) throws(SettingsError) -> Int {
        guard let text = string(key) else { return standard }
        guard let value = Int(text) else { throw .wrong(key: key, value: text, wanted: "a whole number") }
        return value
    }

    package func bool(_ key: String, default standard: Bool) throws(SettingsError) -> Bool {
        guard let text = reader.string(forKey: ConfigKey([key])) else { return standard }
        switch text.lowercased() {
        case "", "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw .wrong(key: key, value: text, wanted: "true or false")
        }
    }

    /// A list in YAML, or one text with commas; empty where the key is not given.
    package func strings(_ key: String) -> [String] {
        if let list = reader.stringArray(forKey: ConfigKey([key])) { return list }
        guard let text = string(key) else { return [] }
        return text.split(separator: ",").map { String($0.drop { $0 == " " }) }
    }

    package func ints(_ key: String) throws(SettingsError) -> [Int] {
        var values: [Int] = []
        for text in strings(key) {
            guard let value = Int(text) else { throw .wrong(key: key, value: text, wanted: "whole numbers") }
            values.append(value)
        }
        return values
    }

    // MARK: Paths

    /// An absolute path; a relative one is taken from `folder`.
    package func path(_ key: String) -> String? { string(key).map { Paths.absolute($0, in: folder) } }

    /// A list of paths; relative ones are taken from `folder`.
    package func paths(_ key: String) -> [String] { strings(key).map { Paths.absolute($0, in: folder) } }

    package func requiredPath(_ key: String) throws(SettingsError) -> String {
        Paths.absolute(try required(key), in: folder)
    }
}

/// Why a daemon cannot start with what it was told.
package enum SettingsError: Error, Equatable, CustomStringConvertible {
    case file(TrustedFile.Refused)
    case malformed(path: String, reason: String)
    case missing(key: String)
    case wrong(key: String, value: String, wanted: String)

    package var description: String {
        switch self {
        case .file(let refused): refused.description
        case .malformed(let path, let reason): "\(path): \(reason)"
        case .missing(let key): "the setting \(key) is missing"
        case .wrong(let key, let value, let wanted): "the setting \(key) is \"\(value)\", not \(wanted)"
        }
    }
}
