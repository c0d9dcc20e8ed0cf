#include "CPages.h"

#include <sqlite3.h>
#include <stdint.h>
#include <string.h>

enum { RESERVED = 8, HEADER = 100, SMALLEST_PAGE = 512, LARGEST_PAGE = 65536 };

/* The system's file lies behind it, as large as the system's VFS says. */
typedef struct {
    sqlite3_file base;
    int is_database;
    int is_checked;
    unsigned char *page; /* for what is written, LARGEST_PAGE long */
} pages_file;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs pages_vfs;

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((pages_file *)file + 1); }

int estiba_pages_reserved(const unsigned char *header) { return header[20]; }

int estiba_pages_is_marked(const unsigned char *header) {
    uint32_t id = (uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 | (uint32_t)header[70] << 8 | header[71];
    return id == ESTIBA_PAGES_ID;
}

static int is_checked(const unsigned char *header) {
    return estiba_pages_reserved(header) == RESERVED || estiba_pages_is_marked(header);
}

static int is_page(int count, sqlite3_int64 offset) {
    return count >= SMALLEST_PAGE && count <= LARGEST_PAGE && (count & (count - 1)) == 0 && offset % count == 0;
}

/* Two sums that feed each other, as of Fletcher, begun by the page's place. One bit that is another always changes them: it
   comes into both with factors that are neighbours among Fibonacci's numbers, of which one is odd. */
static void checksum(const unsigned char *page, int count, sqlite3_int64 offset, unsigned char out[RESERVED]) {
    uint32_t one = 0x45535449u + (uint32_t)(offset / count), other = ~one;
    for (int at = 0; at < count - RESERVED; at += 8) {
        uint32_t words[2];
        memcpy(words, page + at, sizeof words);
        one += words[0] + other;
        other += words[1] + one;
    }
    memcpy(out, &one, 4);
    memcpy(out + 4, &other, 4);
}

/* A page that was made room for and never written. */
static int is_empty(const unsigned char *page, int count) {
    for (int at = 0; at < count; at++)
        if (page[at] != 0) return 0;
    return 1;
}

static int pages_close(sqlite3_file *file) {
    int code = real(file)->pMethods->xClose(real(file));
    sqlite3_free(((pages_file *)file)->page);
    return code;
}

static int pages_read(sqlite3_file *file, void *buffer, int count, sqlite3_int64 offset) {
    pages_file *pages = (pages_file *)file;
    int code = real(file)->pMethods->xRead(real(file), buffer, count, offset);
    if (code != SQLITE_OK || !pages->is_database) return code;
    if (offset == 0 && count >= HEADER) pages->is_checked = is_checked(buffer);
    if (!pages->is_checked || !is_page(count, offset)) return code;
    unsigned char wanted[RESERVED];
    checksum(buffer, count, offset, wanted);
    if (memcmp(wanted, (unsigned char *)buffer + count - RESERVED, RESERVED) == 0) return code;
    if (offset > 0 && is_empty(buffer, count)) return code;
    sqlite3_log(SQLITE_IOERR_DATA, "checksum of the page at byte %lld does not fit", offset);
    return SQLITE_IOERR_DATA;
}

static int pages_write(sqlite3_file *file, const void *buffer, int count, sqlite3_int64 offset) {
    pages_file *pages = (pages_file *)file;
    if (pages->is_database && offset == 0 && count >= HEADER) pages->is_checked = is_checked(buffer);
    if (!pages->is_database || !pages->is_checked || !is_page(count, offset))
        return real(file)->pMethods->xWrite(real(file), buffer, count, offset);
    if (!pages->page) pages->page = sqlite3_malloc(LARGEST_PAGE);
    if (!pages->page) return SQLITE_IOERR_NOMEM;
    memcpy(pages->page, buffer, count);
    checksum(pages->page, count, offset, pages->page + count - RESERVED);
    return real(file)->pMethods->xWrite(real(file), pages->page, count, offset);
}

static int pages_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return real(file)->pMethods->xTruncate(real(file), size);
}
static int pages_sync(sqlite3_file *file, int flags) { return real(file)->pMethods->xSync(real(file), flags); }
static int pages_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int pages_lock(sqlite3_file *file, int lock) { return real(file)->pMethods->xLock(real(file), lock); }
static int pages_unlock(sqlite3_file *file, int lock) { return real(file)->pMethods->xUnlock(real(file), lock); }
static int pages_check_lock(sqlite3_file *file, int *is_locked) {
    return real(file)->pMethods->xCheckReservedLock(real(file), is_locked);
}
static int pages_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int pages_sector(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int pages_device(sqlite3_file *file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
static int pages_shm_map(sqlite3_file *file, int page, int size, int extends, void volatile **memory) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extends, memory);
}
static int pages_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void pages_shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int pages_shm_unmap(sqlite3_file *file, int deletes) {
    return real(file)->pMethods->xShmUnmap(real(file), deletes);
}

/* Version 2: with a write-ahead log, without memory maps, which would pass the checks by. */
static const sqlite3_io_methods pages_methods = {
    .iVersion = 2,
    .xClose = pages_close,
    .xRead = pages_read,
    .xWrite = pages_write,
    .xTruncate = pages_truncate,
    .xSync = pages_sync,
    .xFileSize = pages_size,
    .xLock = pages_lock,
    .xUnlock = pages_unlock,
    .xCheckReservedLock = pages_check_lock,
    .xFileControl = pages_control,
    .xSectorSize = pages_sector,
    .xDeviceCharacteristics = pages_device,
    .xShmMap = pages_shm_map,
    .xShmLock = pages_shm_lock,
    .xShmBarrier = pages_shm_barrier,
    .xShmUnmap = pages_shm_unmap,
};

static int pages_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    (void)vfs;
    pages_file *pages = (pages_file *)file;
    memset(pages, 0, sizeof *pages);
    real(file)->pMethods = 0;
    int code = real_vfs->xOpen(real_vfs, name, real(file), flags, out);
    if (code != SQLITE_OK) {
        if (real(file)->pMethods) real(file)->pMethods->xClose(real(file));
        return code;
    }
    pages->base.pMethods = &pages_methods;
    pages->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    if (!pages->is_database) return code;
    unsigned char header[HEADER];
    sqlite3_int64 size = 0;
    real(file)->pMethods->xFileSize(real(file), &size);
    /* One that is made just now is made by `estiba_pages_reserve`. */
    pages->is_checked = size == 0;
    if (size >= HEADER && real(file)->pMethods->xRead(real(file), header, HEADER, 0) == SQLITE_OK)
        pages->is_checked = is_checked(header);
    return code;
}

int estiba_pages_register(void) {
    int code = sqlite3_initialize();
    if (code != SQLITE_OK || real_vfs) return code;
    sqlite3_vfs *found = sqlite3_vfs_find(0);
    if (!found) return SQLITE_ERROR;
    /* All but opening is the system's own. */
    pages_vfs = *found;
    pages_vfs.pNext = 0;
    pages_vfs.zName = "estiba-pages";
    pages_vfs.szOsFile = found->szOsFile + (int)sizeof(pages_file);
    pages_vfs.xOpen = pages_open;
    real_vfs = found;
    return sqlite3_vfs_register(&pages_vfs, 1);
}

int estiba_pages_reserve(void *connection) {
    int count = RESERVED;
    return sqlite3_file_control(connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &count);
}
