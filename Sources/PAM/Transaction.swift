import CPAM
import Glibc

/// One conversation with PAM, ended when this goes.
final class Transaction {
    /// PAM did not begin, or refused a step.
    struct Refused: Error, Equatable { let code: Int32 }

    private let handle: OpaquePointer
    /// What the conversation is answered with; lives as long as the handle.
    private let secret: Secret
    private var last: Int32 = PAM_SUCCESS

    /// A password for a question that hides its answer; nil answers none.
    fileprivate final class Secret {
        let password: String?
        init(_ password: String?) { self.password = password }
    }

    init(user: String, service: PAM.Service, password: String? = nil) throws(Refused) {
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
        let delay: @convention(c) (Int32, UInt32, UnsafeMutableRawPointer?) -> Void = { _, _, _ in }
        pam_set_item(handle, PAM_FAIL_DELAY, unsafeBitCast(delay, to: UnsafeRawPointer.self))
    }

    deinit { pam_end(handle, last) }

    func authenticate() -> Int32 {
        note(pam_authenticate(handle, Int32(bitPattern: PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK)))
    }

    func account() -> PAM.Account {
        switch note(pam_acct_mgmt(handle, Int32(bitPattern: PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK))) {
        case PAM_SUCCESS: .usable
        case PAM_ACCT_EXPIRED, PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED: .expired
        case PAM_USER_UNKNOWN: .unknown
        case PAM_PERM_DENIED, PAM_AUTH_ERR, PAM_MAXTRIES: .locked
        case let code: .failed(code: code)
        }
    }

    func openSession() throws(Refused) {
        try step(pam_setcred(handle, Int32(bitPattern: PAM_ESTABLISH_CRED | PAM_SILENT)))
        try step(pam_open_session(handle, Int32(bitPattern: PAM_SILENT)))
    }

    func closeSession() {
        _ = note(pam_close_session(handle, Int32(bitPattern: PAM_SILENT)))
        _ = note(pam_setcred(handle, Int32(bitPattern: PAM_DELETE_CRED | PAM_SILENT)))
    }

    /// What the session's modules put into the environment, as `NAME=value`.
    func environment() -> [String] {
        guard let list = pam_getenvlist(handle) else { return [] }
        defer { free(list) }
        var found: [String] = []
        var index = 0
        while let entry = list[index] {
            found.append(String(cString: entry))
            free(entry)
            index += 1
        }
        return found
    }

    private func step(_ code: Int32) throws(Refused) {
        guard note(code) == PAM_SUCCESS else { throw Refused(code: code) }
    }

    private func note(_ code: Int32) -> Int32 {
        last = code
        return code
    }
}

/// Answers every question that hides its answer with the password, and no other. PAM frees the replies: they are malloc'ed.
private func converse(
    _ count: Int32, _ messages: UnsafeMutablePointer<UnsafePointer<pam_message>?>?,
    _ replies: UnsafeMutablePointer<UnsafeMutablePointer<pam_response>?>?, _ data: UnsafeMutableRawPointer?
) -> Int32 {
    guard count > 0, count <= PAM_MAX_NUM_MSG, let messages, let replies, let data else { return PAM_CONV_ERR }
    let secret = Unmanaged<Transaction.Secret>.fromOpaque(data).takeUnretainedValue()
    guard let memory = calloc(Int(count), MemoryLayout<pam_response>.stride) else { return PAM_BUF_ERR }
    let answers = memory.bindMemory(to: pam_response.self, capacity: Int(count))
    for index in 0..<Int(count) {
        switch messages[index]?.pointee.msg_style {
        case PAM_PROMPT_ECHO_OFF:
            guard let password = secret.password else { return give(up: answers, index) }
            answers[index].resp = strdup(password)
        case PAM_TEXT_INFO, PAM_ERROR_MSG: break
        default: return give(up: answers, index)
        }
    }
    replies.pointee = answers
    return PAM_SUCCESS
}

private func give(up answers: UnsafeMutablePointer<pam_response>, _ count: Int) -> Int32 {
    for index in 0..<count { free(answers[index].resp) }
    free(answers)
    return PAM_CONV_ERR
}
