import Bus
import Gateway
import Logging
import Settings

Daemon.helpIfAsked("usage: estiba-gateway --config FILE.yaml   (docs/operations.md lists the settings)")
Daemon.startLogging()
do {
    let logger = Logger(label: "estiba-gateway")
    let settings = try await Settings.load()
    try VersionSettings.apply(settings, log: logger)
    let gateway = try GatewayDaemon(settings, logger: logger, onReady: Daemon.tellReady)
    try await gateway.run()
} catch {
    Daemon.refuse("estiba-gateway", "\(error)")
}
