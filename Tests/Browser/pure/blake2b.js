import { blake2b } from "../../../Sources/Gateway/Page/blake2b.js";
import { equal, test } from "./check.js";

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const counted = (length) => Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8));

// The digests are those of Python's hashlib.blake2b with digest_size=32.
test("a hash is that of RFC 7693 for no bytes, a part of a block, whole blocks and a chunk", () => {
    equal(hex(blake2b(new TextEncoder().encode("abc"))), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    equal(hex(blake2b(new Uint8Array(0))), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    equal(hex(blake2b(counted(256).subarray(3, 131))), "ea602dea959dfa217ff97e3198284c71a600ee001fc6bb65ae463df6b3e2d6b9");
    equal(hex(blake2b(counted(1 << 20))), "8b7be3ce0eb8c86eb59a1173764373c755f3ad3e09856c8c03f0011db2381197");
});
