package import Logging
private import Messages
package import Settings

/// The two settings by which a test makes a program stand for an older or a newer one (docs/operations.md).
package enum VersionSettings {
    /// Takes `programVersion` and `protocolVersions` (`2`, or `1-2`) over, where they are set; says so as a warning.
    ///
    /// Called before anything is sent.
    package static func apply(_ settings: Settings, log: Logger) throws(SettingsError) {
        if let program = settings.string("programVersion") { Program.pretend(program) }
        if let text = settings.string("protocolVersions") {
            let numbers = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt8($0) }
            guard (1...2).contains(numbers.count), let first = numbers[0], let last = numbers[numbers.count - 1],
                first > 0, first <= last
            else {
                throw .wrong(key: "protocolVersions", value: text, wanted: "a version or a range as 1-2")
            }
            ProtocolVersion.pretend(first...last)
        }
        guard settings.string("programVersion") != nil || settings.string("protocolVersions") != nil else { return }
        log.warning(
            "versions are pretended",
            metadata: [
                "program": "\(Program.version)", "protocol": "\(ProtocolVersion.oldest)-\(ProtocolVersion.newest)",
            ])
    }
}
