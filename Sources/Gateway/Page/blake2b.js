/** BLAKE2b with a digest of 32 bytes and no key (RFC 7693). Numbers of 64 bits are pairs of 32: low, then high. */

const BLOCK = 128;
const ROUNDS = 12;

/** RFC 7693 §2.6: that of SHA-512. */
const START = new Uint32Array([
    0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
    0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
]);

/** RFC 7693 §2.7; the last two rounds are the first two again. Doubled, since words are pairs. */
const SIGMA = Uint8Array.from(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ].flat(),
    (word) => word * 2,
);

const v = new Int32Array(32);
const m = new Int32Array(32);

/** The 32 bytes of a `Uint8Array`'s hash. */
export function blake2b(bytes) {
    const h = START.slice();
    h[0] ^= 0x01010020;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (; bytes.length - at > BLOCK; at += BLOCK) compress(h, view, at, at + BLOCK, false);
    const last = new Uint8Array(BLOCK);
    last.set(bytes.subarray(at));
    compress(h, new DataView(last.buffer), 0, bytes.length, true);
    const digest = new DataView(new ArrayBuffer(32));
    for (let word = 0; word < 8; word++) digest.setUint32(word * 4, h[word], true);
    return new Uint8Array(digest.buffer);
}

/** RFC 7693 §3.2; `count` bytes have been taken with this block. */
function compress(h, view, at, count, isLast) {
    for (let word = 0; word < 32; word++) m[word] = view.getInt32(at + word * 4, true);
    v.set(h);
    v.set(START, 16);
    v[24] ^= count;
    v[25] ^= Math.floor(count / 2 ** 32);
    if (isLast) {
        v[28] = ~v[28];
        v[29] = ~v[29];
    }
    for (let pair = 0; pair < ROUNDS * 16; pair += 16) {
        stir(0, 8, 16, 24, SIGMA[pair], SIGMA[pair + 1]);
        stir(2, 10, 18, 26, SIGMA[pair + 2], SIGMA[pair + 3]);
        stir(4, 12, 20, 28, SIGMA[pair + 4], SIGMA[pair + 5]);
        stir(6, 14, 22, 30, SIGMA[pair + 6], SIGMA[pair + 7]);
        stir(0, 10, 20, 30, SIGMA[pair + 8], SIGMA[pair + 9]);
        stir(2, 12, 22, 24, SIGMA[pair + 10], SIGMA[pair + 11]);
        stir(4, 14, 16, 26, SIGMA[pair + 12], SIGMA[pair + 13]);
        stir(6, 8, 18, 28, SIGMA[pair + 14], SIGMA[pair + 15]);
    }
    for (let word = 0; word < 16; word++) h[word] ^= v[word] ^ v[word + 16];
}

/** RFC 7693 §3.1. A sum of low words is exact in a double; what is above 32 bits is the carry. */
function stir(a, b, c, d, x, y) {
    let bl = v[b];
    let bh = v[b + 1];
    let sum = (v[a] >>> 0) + (bl >>> 0) + (m[x] >>> 0);
    let ah = (v[a + 1] + bh + m[x + 1] + ((sum / 0x100000000) | 0)) | 0;
    let al = sum | 0;
    let dl = v[d + 1] ^ ah;
    let dh = v[d] ^ al;
    sum = (v[c] >>> 0) + (dl >>> 0);
    let ch = (v[c + 1] + dh + ((sum / 0x100000000) | 0)) | 0;
    let cl = sum | 0;
    let low = bl ^ cl;
    let high = bh ^ ch;
    bl = (low >>> 24) | (high << 8);
    bh = (high >>> 24) | (low << 8);

    sum = (al >>> 0) + (bl >>> 0) + (m[y] >>> 0);
    ah = (ah + bh + m[y + 1] + ((sum / 0x100000000) | 0)) | 0;
    al = sum | 0;
    low = dl ^ al;
    high = dh ^ ah;
    dl = (low >>> 16) | (high << 16);
    dh = (high >>> 16) | (low << 16);
    sum = (cl >>> 0) + (dl >>> 0);
    ch = (ch + dh + ((sum / 0x100000000) | 0)) | 0;
    cl = sum | 0;
    low = bl ^ cl;
    high = bh ^ ch;

    v[a] = al;
    v[a + 1] = ah;
    v[b] = (low << 1) | (high >>> 31);
    v[b + 1] = (high << 1) | (low >>> 31);
    v[c] = cl;
    v[c + 1] = ch;
    v[d] = dl;
    v[d + 1] = dh;
}
