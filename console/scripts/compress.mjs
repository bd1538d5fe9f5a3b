// Packs what was built, so that the server has nothing to do, and holds the first page to its size.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../../control/console/dist/", import.meta.url));
const most = 370 * 1000; // bytes of script, as browsers get it, until the first page is there
const sizes = new Map();

function pack(path) {
  const plain = readFileSync(path);
  if (plain.length < 1024) return plain.length;
  const gz = gzipSync(plain, { level: 9 });
  writeFileSync(`${path}.gz`, gz);
  const br = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } });
  writeFileSync(`${path}.br`, br);
  return br.length;
}

for (const name of readdirSync(`${dist}assets`)) {
  if (/\.(js|css|svg)$/.test(name)) sizes.set(name, pack(`${dist}assets/${name}`));
}
pack(`${dist}favicon.svg`);

// What index.html loads, with all that it imports statically, and the overview and its texts with the same.
const seen = new Set();
function need(name) {
  if (seen.has(name) || !sizes.has(name)) return;
  seen.add(name);
  const text = readFileSync(`${dist}assets/${name}`, "utf8");
  for (const m of text.matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g)) need(m[1]);
}
for (const m of readFileSync(`${dist}index.html`, "utf8").matchAll(/assets\/([\w.-]+\.js)/g)) need(m[1]);
for (const name of sizes.keys()) if (/^(Overview|TrendChart|first\.en)-.*\.js$/.test(name)) need(name);
const first = [...seen].reduce((sum, name) => sum + sizes.get(name), 0);
const all = [...sizes.values()].reduce((a, b) => a + b, 0);
console.log(
  `console: first page ${Math.round(first / 1000)} kB of packed script in ${seen.size} files, ${Math.round(all / 1000)} kB in all`,
);
if (first > most) {
  console.error(`console: the first page has more than ${most / 1000} kB of script: load something lazily`);
  process.exit(1);
}
