#ifndef CCHECKSUM_H
#define CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with a CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720 B.4), without its first and last complement:
   by the processor's own instruction where it has one. Every byte of output passes here several times. */
uint32_t estiba_crc32c(uint32_t state, const void *bytes, size_t count);

#endif
