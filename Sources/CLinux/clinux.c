#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// ---- Processes

pid_t estiba_fork(void) { return fork(); }

static int compare_groups(const void *left, const void *right) {
    gid_t a = *(const gid_t *)left, b = *(const gid_t *)right;
    return a < b ? -1 : a > b;
}

/// Sorts and removes doubles; returns the new count.
static size_t normalise(gid_t *groups, size_t count) {
    qsort(groups, count, sizeof(gid_t), compare_groups);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || groups[kept - 1] != groups[i]) groups[kept++] = groups[i];
    return kept;
}

/// Whether the process has exactly these supplementary groups, in whatever order.
static int has_groups(const gid_t *groups, size_t count) {
    int found = getgroups(0, NULL);
    if (found < 0) return -1;
    gid_t *have = calloc((size_t)found + 1, sizeof(gid_t));
    gid_t *want = calloc(count + 1, sizeof(gid_t));
    int equal = -1;
    if (have && want && getgroups(found, have) == found) {
        memcpy(want, groups, count * sizeof(gid_t));
        size_t h = normalise(have, (size_t)found), w = normalise(want, count);
        equal = h == w && memcmp(have, want, h * sizeof(gid_t)) == 0;
    }
    free(have);
    free(want);
    return equal;
}

int estiba_become(uid_t uid, gid_t gid, const gid_t *groups, size_t count, const char **step) {
    if (geteuid() == 0) {
        *step = "setgroups";
        if (syscall(SYS_setgroups, count, groups) != 0) return -1;
        *step = "setresgid";
        if (syscall(SYS_setresgid, gid, gid, gid) != 0) return -1;
        *step = "setresuid";
        if (syscall(SYS_setresuid, uid, uid, uid) != 0) return -1;
        *step = "groups";
        int equal = has_groups(groups, count);
        if (equal <= 0) {
            if (equal == 0) errno = EPERM;
            return -1;
        }
    }
    *step = "identity";
    uid_t r, e, s;
    gid_t gr, ge, gs;
    if (getresuid(&r, &e, &s) != 0 || getresgid(&gr, &ge, &gs) != 0) return -1;
    if (r != uid || e != uid || s != uid || gr != gid || ge != gid || gs != gid) {
        errno = EPERM;
        return -1;
    }
    if (uid != 0) {
        *step = "return";
        if (syscall(SYS_setresuid, -1, 0, -1) == 0 || syscall(SYS_setresuid, 0, 0, 0) == 0) {
            errno = EPERM;
            return -1;
        }
    }
    *step = "";
    return 0;
}

int estiba_keep_kill_only(void) {
    for (int capability = 0; capability < 64; capability++) {
        if (capability == CAP_KILL) continue;
        // EINVAL is the end of the kernel's list.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno == EINVAL) break;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    // In a container root may not have it to begin with.
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    data[0].effective = data[0].permitted = data[0].permitted & (1u << CAP_KILL);
    data[0].inheritable = data[1].effective = data[1].permitted = data[1].inheritable = 0;
    return (int)syscall(SYS_capset, &header, data);
}

int estiba_spawn(const char *program, const int *descriptors, size_t count, int detached, const char *argument, pid_t *pid) {
    enum { most = 8, out_of_the_way = 100 };
    int copies[most];
    if (count > most) {
        errno = EINVAL;
        return -1;
    }
    // A source may have the number that another one is to get, so all are copied first.
    int problem = 0;
    for (size_t n = 0; n < count; n++) {
        copies[n] = descriptors[n] < 0 ? -1 : fcntl(descriptors[n], F_DUPFD_CLOEXEC, out_of_the_way);
        if (descriptors[n] >= 0 && copies[n] < 0) problem = errno;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int n = 0; n < 3 || (size_t)n < count; n++) {
        if ((size_t)n < count && copies[n] >= 0) posix_spawn_file_actions_adddup2(&actions, copies[n], n);
        else if (n < 3) posix_spawn_file_actions_addopen(&actions, n, "/dev/null", O_RDWR, 0);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, count < 3 ? 3 : (int)count);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (detached ? POSIX_SPAWN_SETSID : 0));
    char *arguments[] = {(char *)program, (char *)argument, NULL};
    if (problem == 0) problem = posix_spawn(pid, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t n = 0; n < count; n++)
        if (copies[n] >= 0) close(copies[n]);
    errno = problem;
    return problem == 0 ? 0 : -1;
}

/// Only segments that were never written: their pages are the file's.
static int forget_pages(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    if (strstr(object->dlpi_name, "vdso")) return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int n = 0; n < object->dlpi_phnum; n++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[n];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) / page * page;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) / page * page;
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    // The first object is the program itself.
    return !*(int *)data;
}

void estiba_forget_start_pages(int libraries) { dl_iterate_phdr(forget_pages, &libraries); }

int estiba_set_dumpable(int dumpable) { return prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0); }
int estiba_set_child_subreaper(int on) { return prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }
int estiba_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int estiba_close_from(unsigned int first) { return (int)syscall(SYS_close_range, first, ~0u, 0); }

int estiba_child_descriptor(void) {
    sigset_t signals;
    sigfillset(&signals);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0) return -1;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void estiba_child_descriptor_clear(int descriptor) {
    struct signalfd_siginfo taken[16];
    while (read(descriptor, taken, sizeof taken) == (ssize_t)sizeof taken) {}
}

int estiba_unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

int estiba_lower_descriptor_limit(uint64_t count) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    if (limit.rlim_cur <= count) return 0;
    limit.rlim_cur = count;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static int lower(__rlimit_resource_t resource, uint64_t most) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return -1;
    if (limit.rlim_cur > most) limit.rlim_cur = most;
    if (limit.rlim_max > most) limit.rlim_max = most;
    return setrlimit(resource, &limit);
}

int estiba_lower_data_limit(uint64_t bytes) { return lower(RLIMIT_DATA, bytes); }
int estiba_lower_process_limit(uint64_t count) { return lower(RLIMIT_NPROC, count); }

// ---- Files

int estiba_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

const uint64_t estiba_resolve_no_symlinks = RESOLVE_NO_SYMLINKS;
const uint64_t estiba_resolve_no_magiclinks = RESOLVE_NO_MAGICLINKS;
const uint64_t estiba_resolve_beneath = RESOLVE_BENEATH;

int estiba_openat2(int folder, const char *path, int flags, mode_t mode, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int estiba_open_link(int folder, const char *name) { return openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

ssize_t estiba_read_link(int link, uint8_t *text, size_t room) { return readlinkat(link, "", (char *)text, room); }

int estiba_open_unnamed(int folder, mode_t mode) {
    return openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
}

int estiba_rename_no_replace(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE);
}

int estiba_rename_exchange(int folder, const char *one, const char *other) {
    return renameat2(folder, one, folder, other, RENAME_EXCHANGE);
}

static uint64_t nanoseconds(struct statx_timestamp time) {
    return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

int estiba_identify(int folder, const char *name, struct estiba_identity *found) {
    struct statx status;
    int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    if (statx(folder, name, flags, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return -1;
    found->inode = status.stx_ino;
    found->born = status.stx_mask & STATX_BTIME ? nanoseconds(status.stx_btime) : 0;
    found->modified = nanoseconds(status.stx_mtime);
    found->size = status.stx_size;
    found->mode = status.stx_mode;
    found->uid = status.stx_uid;
    return 0;
}

int estiba_synchronise_all(int descriptor) { return syncfs(descriptor); }

int estiba_link_unnamed(int descriptor, int folder, const char *name) {
    char own[40];
    snprintf(own, sizeof own, "/proc/self/fd/%d", descriptor);
    return linkat(AT_FDCWD, own, folder, name, AT_SYMLINK_FOLLOW);
}

int estiba_lock(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_OFD_SETLK, &lock);
}

int estiba_lock_wait(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_OFD_SETLKW, &lock);
}

int estiba_lock_is_held(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type != F_UNLCK;
}

// ---- Sockets and events

/// The address of `name` in an open folder: a path through /proc is short however deep the folder lies.
static struct sockaddr_un address(int folder, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    return address;
}

static int closing(int descriptor) {
    int saved = errno;
    close(descriptor);
    errno = saved;
    return -1;
}

static int listen_at(int folder, const char *name, int type) {
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -1;
    struct sockaddr_un place = address(folder, name);
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT) return closing(descriptor);
    if (bind(descriptor, (struct sockaddr *)&place, sizeof place) != 0) return closing(descriptor);
    if (fchmodat(folder, name, 0600, 0) != 0 || listen(descriptor, 128) != 0) return closing(descriptor);
    return descriptor;
}

int estiba_listen(int folder, const char *name) { return listen_at(folder, name, SOCK_SEQPACKET); }

int estiba_listen_stream(int folder, const char *name) { return listen_at(folder, name, SOCK_STREAM); }

int estiba_connect(int folder, const char *name) {
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -1;
    struct sockaddr_un place = address(folder, name);
    if (connect(descriptor, (struct sockaddr *)&place, sizeof place) != 0) return closing(descriptor);
    return descriptor;
}

int estiba_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int estiba_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int estiba_peer_uid(int descriptor, uid_t *uid) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    *uid = peer.uid;
    return 0;
}

int estiba_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}
