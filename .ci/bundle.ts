// npm run bundle: what the image holds, in dist/bundle: the program, its verification threads, and the one file they read.
import { build } from 'esbuild';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';

const OUT = 'dist/bundle';
/** Read at run time, from where the library looks for it. */
const SEEDS = 'node_modules/@sigstore/tuf/seeds.json';

// What is CommonJS asks for `require`, and what looks for files beside itself finds them from lib/.
const banner = [
  "import{createRequire as __createRequire}from'node:module';",
  "const __here=new URL('./lib/bundle.js',import.meta.url).href;",
  'const require=__createRequire(__here);',
].join('');

await build({
  entryPoints: { pratique: 'src/main.ts', 'lib/worker': 'src/serve/worker.ts' },
  outdir: OUT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  // Node.js keeps the text of what it runs in memory. Names stay, for traces.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { 'import.meta.url': '__here' },
  banner: { js: banner },
  sourcemap: 'external',
  legalComments: 'external',
  logLevel: 'warning',
});
// Only regular expressions still hold other characters, and one of them would make the text take two bytes for each of its.
const program = `${OUT}/pratique.js`;
const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
await writeFile(program, (await readFile(program, 'utf8')).replace(/[^\x00-\x7f]/g, escape));
await cp('package.json', `${OUT}/package.json`);
await mkdir(`${OUT}/${SEEDS}`.replace(/\/[^/]*$/, ''), { recursive: true });
await cp(SEEDS, `${OUT}/${SEEDS}`);
