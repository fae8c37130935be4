// Makes ../page/page.js of the sources, which is committed: whoever installs pykcov needs no node.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const here = new URL(".", import.meta.url).pathname;
const page = `${here}../page/`;

// What tests compare: a page that was not built again after a change of its sources is found without node.
const hash = createHash("sha256");
for (const name of [
    "package.json",
    "tsconfig.json",
    ...readdirSync(`${here}source`).sort().map((name) => `source/${name}`),
]) {
    hash.update(readFileSync(here + name));
}
writeFileSync(`${page}LICENSE.preact`, readFileSync(`${here}node_modules/preact/LICENSE`));
await build({
    entryPoints: [`${here}source/main.tsx`],
    outfile: `${page}page.js`,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2022"],
    charset: "ascii",
    banner: { js: `/* Holds Preact (MIT, LICENSE.preact). Sources: SHA-256 ${hash.digest("hex")} */` },
});
