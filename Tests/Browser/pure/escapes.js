import { tame } from "../../../Sources/Gateway/Page/escapes.js";
import { equal, test } from "./check.js";

const ESC = "\u001b";
const seen = (line) => tame(line).map((piece) => piece.text).join("");
const styled = (line) => tame(line).map((piece) => [piece.text, piece.classes]);

test("SGR becomes classes and ends where it is reset", () => {
    equal(styled(`${ESC}[1;31mred${ESC}[0m plain`), [["red", "bold ink-red"], [" plain", ""]]);
    equal(
        styled(`${ESC}[92;44ma${ESC}[39mb${ESC}[49mc`),
        [["a", "ink-green paper-blue"], ["b", "paper-blue"], ["c", ""]],
    );
    equal(styled(`${ESC}[38;5;196mr${ESC}[38;2;0;0;255mb${ESC}[mz`), [["r", "ink-red"], ["b", "ink-blue"], ["z", ""]]);
    equal(styled(`${ESC}[1;4mx${ESC}[22my`), [["x", "bold underlined"], ["y", "underlined"]]);
});

test("every other sequence is left out", () => {
    for (const sequence of ["[2J", "[10;10H", "[?1049h", "]0;title\u0007", `]8;;http://example.org${ESC}\\`, "P1$tx\u001b\\", "(B", "c", "7", "[>4;2m"]) {
        equal(seen(`a${ESC}${sequence}b`), "ab");
    }
});

test("a sequence without an end hides nothing", () => {
    equal(seen(`a${ESC}]0;rest of the line`), "a^[]0;rest of the line");
    equal(seen(`a${ESC}[31`), "a^[[31");
    equal(seen(`a${ESC}`), "a^[");
});

test("controls and direction overrides are shown, tabs stay, a final return goes", () => {
    equal(seen("a\u0000\u0007\u0008b\tc\r"), "a^@^G^Hb\tc");
    equal(seen("50 %\r60 %"), "50 %^M60 %");
    equal(seen("a\u202egnp.exe\u2066\u200b\u0085\u007f"), "a<U+202E>gnp.exe<U+2066><U+200B><U+0085>^?");
});

test("what was made visible is told apart from what was written", () => {
    equal(styled(`^@${ESC}[31m\u0000\u0001x`), [["^@", ""], ["^@", "ink-red unseen"], ["^A", "ink-red unseen"], ["x", "ink-red"]]);
});

test("markup is text like any other", () => {
    equal(seen("<img src=x onerror=alert(1)> &amp;"), "<img src=x onerror=alert(1)> &amp;");
});
