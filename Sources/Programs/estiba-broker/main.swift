import Broker
import Bus
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
      dropOutputPercent
                 of a hundred slices of output, how many are let go of: for tests (default 0)
    """)
do {
    let given = try await Settings.load()
    let settings = try BrokerSettings(given)
    Daemon.startLogging()
    let log = Logger(label: "broker")
    try VersionSettings.apply(given, log: log)
    let group = ServiceGroup(
        services: [Broker(settings)], gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
    try await group.run()
} catch {
    Daemon.refuse("estiba-broker", "\(error)")
}
