#ifndef CPAGES_H
#define CPAGES_H

/* Pages of a SQLite file with checksums: 8 bytes at the end of each, written with the page and looked at whenever it is read
   from the file. A page whose checksum does not fit is SQLITE_IOERR_DATA. The write-ahead log has checksums of its own. */

/* Files that this marks (PRAGMA application_id) always have checksums, whatever else their header says. */
#define ESTIBA_PAGES_ID 0x45535449

/* Every file that this process opens from now on is looked at so. Returns a code of SQLite. May be called again. */
int estiba_pages_register(void);

/* Has a file that is still empty, or the copy that VACUUM INTO makes, keep 8 bytes of each page free. `connection` is a
   sqlite3 *. Returns a code of SQLite. */
int estiba_pages_reserve(void *connection);

/* How many bytes of each page the header of a file keeps free, and whether it is marked; `header` is its first 100 bytes. */
int estiba_pages_reserved(const unsigned char *header);
int estiba_pages_is_marked(const unsigned char *header);

#endif
