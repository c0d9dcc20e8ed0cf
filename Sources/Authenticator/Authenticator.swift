import Foundation
package import Logging
import ServiceLifecycle
import Settings

/// The root helper of a gateway: tells whether a password is a user's, over a UNIX socket.
///
/// One line of JSON a connection, `{"user","password","address"}`, and one back: `{"ok":true,"user","uid"}` at once, or
/// `{"ok":false}` at a fixed time after the connection was made, the same bytes for every reason.
package struct Authenticator: Service {
    private let settings: AuthenticatorSettings
    private let logger: Logger

    package init(_ settings: AuthenticatorSettings, logger: Logger = Logger(label: "authenticator")) {
        self.settings = settings
        self.logger = logger
    }

    /// Serves until a graceful shutdown, or until its task is cancelled.
    package func run() async throws {
        let inbox = try Inbox()
        let (settings, logger) = (settings, logger)
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                    Thread.detachNewThread {
                        do {
                            let loop = try DeskLoop(settings, inbox: inbox, logger: logger)
                            Daemon.tellReady()
                            logger.info("ready", metadata: ["socket": "\(settings.socket)"])
                            loop.run()
                            done.resume()
                        } catch {
                            done.resume(throwing: error)
                        }
                    }
                }
            } onCancel: {
                inbox.shut()
            }
        } onGracefulShutdown: {
            inbox.shut()
        }
    }
}
