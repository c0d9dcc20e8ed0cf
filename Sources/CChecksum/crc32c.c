#include "CChecksum.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static uint32_t by_bits(uint32_t state, const unsigned char *bytes, size_t count) {
    static uint32_t table[256];
    static atomic_int is_made;
    if (!atomic_load_explicit(&is_made, memory_order_acquire)) {
        /* Made twice at once, it is the same. */
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t value = byte;
            for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0x82F63B78u : value >> 1;
            table[byte] = value;
        }
        atomic_store_explicit(&is_made, 1, memory_order_release);
    }
    for (; count > 0; count--, bytes++) state = table[(state ^ *bytes) & 0xFF] ^ state >> 8;
    return state;
}

#if defined(__x86_64__)
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t state, const unsigned char *bytes, size_t count) {
    uint64_t wide = state;
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    state = (uint32_t)wide;
    for (; count > 0; count--, bytes++) state = __builtin_ia32_crc32qi(state, *bytes);
    return state;
}
#elif defined(__aarch64__)
static int has_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

__attribute__((target("crc"))) static uint32_t by_instruction(
    uint32_t state, const unsigned char *bytes, size_t count) {
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        state = __builtin_arm_crc32cd(state, word);
    }
    for (; count > 0; count--, bytes++) state = __builtin_arm_crc32cb(state, *bytes);
    return state;
}
#else
static int has_instruction(void) { return 0; }
static uint32_t by_instruction(uint32_t state, const unsigned char *bytes, size_t count) {
    return by_bits(state, bytes, count);
}
#endif

uint32_t estiba_crc32c(uint32_t state, const void *bytes, size_t count) {
    return has_instruction() ? by_instruction(state, bytes, count) : by_bits(state, bytes, count);
}
