package import Settings

/// What the authenticator is told by its YAML file.
package struct AuthenticatorSettings: Sendable {
    /// The UNIX socket it listens on; owned by `allowedUID`, mode 0600.
    package var socket: String
    /// Who may ask, besides root.
    package var allowedUID: UInt32
    package var pamService: String
    /// A folder of PAM service files instead of the system's.
    package var pamConfiguration: String?
    package var minimumUID: UInt32
    /// Every refusal is answered so long after the question came.
    package var deadlineMilliseconds: UInt64

    package init(
        socket: String, allowedUID: UInt32, pamService: String, pamConfiguration: String? = nil,
        minimumUID: UInt32 = 1000, deadlineMilliseconds: UInt64 = 2000
    ) {
        self.socket = socket
        self.allowedUID = allowedUID
        self.pamService = pamService
        self.pamConfiguration = pamConfiguration
        self.minimumUID = minimumUID
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    package init(_ settings: Settings) throws(SettingsError) {
        self.init(
            socket: try settings.requiredPath("socket"),
            allowedUID: UInt32(clamping: try settings.int("allowedUID", default: 0)),
            pamService: settings.string("pamService") ?? "estiba",
            pamConfiguration: settings.path("pamConfiguration"),
            minimumUID: UInt32(clamping: try settings.int("minimumUID", default: 1000)),
            deadlineMilliseconds: UInt64(clamping: try settings.int("deadlineMilliseconds", default: 2000)))
    }
}
