import Broker
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

Daemon.helpIfAsked(
    """
    usage: estiba-broker --config FILE

    Switches the messages of an Estiba installation on five ports. Settings, in FILE (YAML), as --name VALUE or as
    ESTIBA_NAME:

      listen     address to listen on (default 127.0.0.1)
      port       first of five ports (default 7400)
      key        key file, mode 0400
      registry   registry file: who may be on the bus; read again when it changes
    """)
do {
    let settings = try BrokerSettings(await Settings.load())
    Daemon.startLogging()
    let group = ServiceGroup(
        services: [Broker(settings)], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "broker"))
    try await group.run()
} catch {
    Daemon.refuse("estiba-broker", "\(error)")
}
