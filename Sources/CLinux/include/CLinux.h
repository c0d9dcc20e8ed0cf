// What Swift cannot call: forbidden functions, variadic ones, raw system calls, and macros.
// Every function returns -1 and sets errno on failure unless it says otherwise.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Processes

/// fork(2), for a process with a single thread.
pid_t estiba_fork(void);

/// Becomes a user for good: real, effective and saved uid and gid, and exactly these supplementary groups, by raw
/// system calls; then checks all of it and that root does not come back. Without root it checks only.
/// On failure `step` names what failed.
int estiba_become(uid_t uid, gid_t gid, const gid_t *groups, size_t count, const char **step);

/// Keeps CAP_KILL of all capabilities, in every set, and empties the bounding set of the others.
int estiba_keep_kill_only(void);

/// Starts one of Estiba's own programs: as its descriptor n it gets `descriptors[n]` (-1: `/dev/null` for 0-2, closed
/// for others) and none beyond; default signals; `detached`: in a session of its own. The caller reaps it.
int estiba_spawn(const char *program, const int *descriptors, size_t count, int detached, const char *argument, pid_t *pid);

/// Gives back the pages of this program's file, and of its libraries' where asked, that only its start needed; what is
/// needed again comes from the page cache.
void estiba_forget_start_pages(int libraries);

int estiba_set_dumpable(int dumpable);
int estiba_set_child_subreaper(int on);
int estiba_set_parent_death_signal(int signal);

/// Closes every descriptor from `first` on.
int estiba_close_from(unsigned int first);

/// Blocks every signal and returns a non-blocking descriptor that is readable when children have ended.
int estiba_child_descriptor(void);
/// Takes what is readable from it.
void estiba_child_descriptor_clear(int descriptor);
/// Lets all signals through again, as a command expects it.
int estiba_unblock_signals(void);
/// The most descriptors the process may have: the soft limit down to this.
int estiba_lower_descriptor_limit(uint64_t count);
/// Lowers RLIMIT_DATA (bytes of one process), soft and hard, to at most this.
int estiba_lower_data_limit(uint64_t bytes);
/// Lowers RLIMIT_NPROC (processes and threads of the user, whosever they are), soft and hard, to at most this.
int estiba_lower_process_limit(uint64_t count);

// ---- Files

/// pipe2(2), both ends close-on-exec.
int estiba_pipe(int ends[2]);

/// openat2(2) with RESOLVE_* flags, close-on-exec.
int estiba_openat2(int folder, const char *path, int flags, mode_t mode, uint64_t resolve);
extern const uint64_t estiba_resolve_no_symlinks;
extern const uint64_t estiba_resolve_no_magiclinks;
extern const uint64_t estiba_resolve_beneath;

/// Opens a link itself (O_PATH), or whatever else has that name, without following it.
int estiba_open_link(int folder, const char *name);
/// What a link that was opened so says; returns the count of its bytes.
ssize_t estiba_read_link(int link, uint8_t *text, size_t room);
/// Opens an unnamed file (O_TMPFILE) for writing in a folder.
int estiba_open_unnamed(int folder, mode_t mode);

/// renameat2(2) with RENAME_NOREPLACE.
int estiba_rename_no_replace(int from_folder, const char *from, int to_folder, const char *to);
/// renameat2(2) with RENAME_EXCHANGE: two names of one folder trade places at once.
int estiba_rename_exchange(int folder, const char *one, const char *other);

/// What tells one file, folder or link from every other of its file system, whatever its name; times in nanoseconds, 0
/// where the file system keeps none.
struct estiba_identity {
    uint64_t inode, born, modified, size;
    uint32_t mode, uid;
};
/// Looks at a name without following it; with an empty name at the descriptor itself.
int estiba_identify(int folder, const char *name, struct estiba_identity *found);

/// Writes to the disk all that is not there yet of the descriptor's file system, syncfs(2).
int estiba_synchronise_all(int descriptor);

/// Gives an unnamed file (O_TMPFILE) a name; EEXIST where there is one.
int estiba_link_unnamed(int descriptor, int folder, const char *name);

/// Takes an open-file-description lock on the whole file, without waiting; EAGAIN where another holds it.
int estiba_lock(int descriptor);
/// The same, and waits until it is free.
int estiba_lock_wait(int descriptor);
/// 1 where another holds the lock, 0 where nobody does. Takes nothing.
int estiba_lock_is_held(int descriptor);

// ---- Sockets and events

/// A listening SOCK_SEQPACKET socket `name`, mode 0600, in an open folder of whatever path length; non-blocking.
int estiba_listen(int folder, const char *name);
/// The same of kind SOCK_STREAM.
int estiba_listen_stream(int folder, const char *name);
/// Connects to one; non-blocking afterwards.
int estiba_connect(int folder, const char *name);
/// Takes a connection that waits; non-blocking, close-on-exec.
int estiba_accept(int listener);
/// Two connected SOCK_SEQPACKET ends; both non-blocking.
int estiba_socket_pair(int ends[2]);
/// The uid at the other end of a UNIX socket.
int estiba_peer_uid(int descriptor, uid_t *uid);

int estiba_set_nonblocking(int descriptor);

#ifdef __cplusplus
}
#endif
