import CPAM
import Glibc

/// One conversation with PAM, ended when this goes.
final class Transaction {
    /// pam_start refused.
    struct Refused: Error { let code: Int32 }

    private let handle: OpaquePointer
    /// What the conversation function is given; lives as long as the handle.
    private let secret: Secret
    private var last: Int32 = PAM_SUCCESS

    /// What answers a question that hides its answer; nil answers none.
    private final class Secret {
        let password: String?
        init(_ password: String?) { self.password = password }
    }

    init(user: String, service: PAM.Service, password: String?) throws(Refused) {
        let secret = Secret(password)
        var conversation = pam_conv(conv: converse, appdata_ptr: Unmanaged.passUnretained(secret).toOpaque())
        var handle: OpaquePointer?
        let code =
            if let folder = service.folder {
                pam_start_confdir(service.name, user, &conversation, folder, &handle)
            } else {
                pam_start(service.name, user, &conversation, &handle)
            }
        guard code == PAM_SUCCESS, let handle else { throw Refused(code: code) }
        self.handle = handle
        self.secret = secret
        setDelay()
    }

    deinit { pam_end(handle, last) }

    func authenticate() -> Int32 {
        note(pam_authenticate(handle, Int32(bitPattern: PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK)))
    }

    func account() -> PAM.Account { .failed(code: 0) }

    private func setDelay() {}
    private func note(_ code: Int32) -> Int32 {
        last = code
        return code
    }
}

private func converse(
    _ count: Int32, _ messages: UnsafeMutablePointer<UnsafePointer<pam_message>?>?,
    _ replies: UnsafeMutablePointer<UnsafeMutablePointer<pam_response>?>?, _ data: UnsafeMutableRawPointer?
) -> Int32 { PAM_CONV_ERR }
