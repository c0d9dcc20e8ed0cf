import Authenticator
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

Daemon.helpIfAsked(
    """
    usage: estiba-authenticator --config FILE

    Checks passwords by PAM for a gateway; runs as root. Settings, in FILE (YAML), as --name VALUE or as ESTIBA_NAME:

      socket                UNIX socket to listen on
      allowed-uid           the gateway's uid (default 0)
      pam-service           PAM service (default estiba)
      pam-configuration     folder of PAM service files instead of /etc/pam.d
      minimum-uid           lowest uid that may log in (default 1000); root never may
      deadline-milliseconds when a refusal is answered (default 2000)
    """)
do {
    let settings = try AuthenticatorSettings(await Settings.load())
    Daemon.startLogging()
    let group = ServiceGroup(
        services: [Authenticator(settings)], gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Logger(label: "authenticator"))
    try await group.run()
} catch {
    Daemon.refuse("estiba-authenticator", "\(error)")
}
