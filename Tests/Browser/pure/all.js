import "./blake2b.js";
import "./children.js";
import "./escapes.js";
import "./figures.js";
import "./format.js";
import "./frames.js";
import "./keepalive.js";
import "./lines.js";
import "./nodes.js";
import "./nodeset.js";
import "./picker.js";
import "./past.js";
import "./rate.js";
import "./requests.js";
import "./tar.js";
import "./row.js";
import { run } from "./check.js";

globalThis.results = run();
