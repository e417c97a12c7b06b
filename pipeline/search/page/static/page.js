// What every page does beside what its HTML does by itself.
import { barKeys } from "./bars.js";
import { bell } from "./bell.js";
import { keys } from "./keys.js";
import { suggest } from "./suggest.js";

suggest(document.querySelector("#q"), document.querySelector("#suggestions"));
keys();
bell(document.querySelector(".bell"));
document.querySelectorAll("svg.bars").forEach(barKeys);
