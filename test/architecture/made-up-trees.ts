/** A made-up tree, and what the checker says about it. */
export interface Row {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly says: RegExp;
}

const BODY = `function NAME(given: string): string {\n  return given.trim().toLowerCase().replaceAll('a', 'b').slice(0, 100);\n}\n`;
export const lines = (count: number): string => '//\n'.repeat(count);

/** A file of a room with one import of another room. */
const from = (path: string, specifier: string): Readonly<Record<string, string>> => ({
  [path]: `import { x } from '${specifier}';\n`,
});
const inPolicy = (text: string): Readonly<Record<string, string>> => ({ 'src/core/policy/decide.ts': text });

/** Trees that break a rule. */
export const RED: readonly Row[] = [
  // Rooms
  {
    title: 'when a client imports another client',
    files: from('src/clients/scanner/run.ts', '../registry/index.ts'),
    says: /scanner\/run\.ts:1 clients\/scanner must not import clients\/registry$/,
  },
  {
    title: 'when the webhook imports more than types of the API server client',
    files: from('src/webhook/answer.ts', '../clients/kubernetes/index.ts'),
    says: /webhook must not import more than types of clients\/kubernetes$/,
  },
  {
    title: 'when the webhook imports a controller',
    files: from('src/webhook/answer.ts', '../controllers/audit/index.ts'),
    says: /webhook must not import controllers\/audit$/,
  },
  {
    title: 'when the core imports the commands',
    files: from('src/core/promotion/run.ts', '../../cli/index.ts'),
    says: /core\/promotion must not import cli$/,
  },
  {
    title: 'when a client imports more of the core than the model, and not as types',
    files: from('src/clients/files/read.ts', '../../core/policy/index.ts'),
    says: /clients\/files must not import more than types of core\/policy$/,
  },
  {
    title: 'when main reaches past serve to a client',
    files: from('src/main.ts', './clients/http-server/index.ts'),
    says: /main\.ts must not import clients\/http-server$/,
  },
  {
    title: 'when only a type is imported from a forbidden room',
    files: inPolicy(`import type { X } from '../evidence/index.ts';\n`),
    says: /core\/policy must not import core\/evidence$/,
  },
  {
    title: 'when a forbidden room is re-exported',
    files: inPolicy(`\nexport * from '../evidence/index.ts';\n`),
    says: /decide\.ts:2 core\/policy must not import core\/evidence$/,
  },
  {
    title: 'when a forbidden room is imported dynamically',
    files: inPolicy(`export const load = () => import('../evidence/index.ts');\n`),
    says: /core\/policy must not import core\/evidence$/,
  },
  {
    title: 'when a forbidden room is named in the place of a type',
    files: inPolicy(`export type X = import('../evidence/index.ts').X;\n`),
    says: /core\/policy must not import core\/evidence$/,
  },
  {
    title: 'when a room is entered past its index.ts (deep import)',
    files: from('src/core/policy/decide.ts', '../model/digest.ts'),
    says: /core\/model is entered through its index\.ts only, not src\/core\/model\/digest\.ts$/,
  },
  {
    title: 'when a file of src imports a file outside src',
    files: from('src/core/policy/decide.ts', '../../../test/support/twin.ts'),
    says: /must not import test\/support\/twin\.ts, which is in no room/,
  },
  {
    title: 'when a file of src belongs to no room',
    files: { 'src/core/extras/thing.ts': 'export const x = 1;\nimport "./y.ts";\n' },
    says: /the file belongs to no room of src\/$/,
  },
  {
    title: 'when two files import each other (cycle), even for types only',
    files: {
      'src/core/policy/a.ts': `import type { B } from './b.ts';\n`,
      'src/core/policy/b.ts': `import type { A } from './a.ts';\n`,
    },
    says: /in a circle: src\/core\/policy\/a\.ts → src\/core\/policy\/b\.ts → src\/core\/policy\/a\.ts$/,
  },
  {
    title: 'when a file imports the index.ts that exports it',
    files: {
      'src/core/policy/index.ts': `// A room.\nexport { a } from './a.ts';\n`,
      'src/core/policy/a.ts': `import { a } from './index.ts';\n`,
    },
    says: /in a circle: /,
  },
  {
    title: 'when an index.ts does not begin with a comment',
    files: { 'src/core/policy/index.ts': `export const x = 1;\n` },
    says: /does not begin by saying what the room is for$/,
  },
];

/** Trees that break a rule. */
export const RED_LIBRARIES: readonly Row[] = [
  ...(
    [
      ['undici', 'src/cli/fetch.ts'],
      ['@sigstore/verify', 'src/clients/registry/check.ts'],
      ['express', 'src/clients/kubernetes/listen.ts'],
      ['pino', 'src/webhook/log.ts'],
      ['prom-client', 'src/controllers/audit/count.ts'],
      ['@kubernetes/client-node', 'src/controllers/policies/watch.ts'],
      ['commander', 'src/main.ts'],
      ['yaml', 'src/core/policy/read.ts'],
      ['some-library-that-is-not-listed', 'src/clients/registry/x.ts'],
      ['zod-of-another-name/deep', 'src/core/model/x.ts'],
    ] as const
  ).map(([name, path]) => ({
    title: `when ${path} imports ${name}`,
    files: from(path, name),
    says: new RegExp(`${path}:1 .*${name}`),
  })),
  {
    title: 'when a command opens a file itself',
    files: from('src/cli/read.ts', 'node:fs/promises'),
    says: /cli must not import node:fs\/promises: what talks is a client$/,
  },
  {
    title: 'when a controller opens a connection, beside what only computes',
    files: { 'src/controllers/certificates/make.ts': `import { connect, isIP } from 'node:net';\n` },
    says: /controllers\/certificates must not import node:net: what talks is a client$/,
  },
  {
    title: 'when a module of Node is written without node:',
    files: from('src/clients/files/read.ts', 'fs'),
    says: /write node:fs$/,
  },
];

/** Trees that break a rule. */
export const RED_PURITY: readonly Row[] = [
  {
    title: 'when a pure room imports I/O',
    files: inPolicy(`import { readFileSync } from 'node:fs';\n`),
    says: /core\/policy is pure and must not import readFileSync from node:fs$/,
  },
  {
    title: 'when a pure room draws random bytes',
    files: inPolicy(`import { createHash, randomBytes } from 'node:crypto';\n`),
    says: /must not import randomBytes from node:crypto$/,
  },
  {
    title: 'when a pure room that has nothing to hash takes all of node:crypto',
    files: { 'src/core/workload/x.ts': `import * as crypto from 'node:crypto';\n` },
    says: /core\/workload is pure and must not import everything from node:crypto$/,
  },
  ...[
    ['Date.now', 'Date.now()'],
    ['Date.now', `Date['now']()`],
    ['Date.now', '[1].map(Date.now)'],
    ['the present moment', 'new Date()'],
    ['the present moment', 'Date()'],
    ['Math.random', 'Math.random()'],
    ['fetch', `fetch('http://127.0.0.1')`],
    ['globalThis', `globalThis.fetch('http://127.0.0.1')`],
    ['process', 'process.platform'],
    ['process.env', 'process.env'],
    ['setTimeout', 'setTimeout(() => 1, 1)'],
    ['setInterval', 'setInterval(() => 1, 1)'],
    ['setImmediate', 'setImmediate(() => 1)'],
    ['performance', 'performance.now()'],
    ['crypto', 'crypto.randomUUID()'],
    ['AbortSignal.timeout', 'AbortSignal.timeout(5)'],
    ['async and await', '(async () => 1)'],
    ['a promise', 'Promise.resolve(1)'],
  ].map(([what, code]) => ({
    title: `when core/policy says ${String(code)}`,
    files: inPolicy(`export const x = ${String(code)};\n`),
    says: new RegExp(`decide\\.ts:1 core/policy must not use ${String(what)}`),
  })),
  {
    title: 'when core/verification reads the clock',
    files: { 'src/core/evidence/x.ts': 'export const x = () => Date.now();\n' },
    says: /core\/evidence must not use Date\.now$/,
  },
  {
    title: 'when another file than main.ts reads the environment',
    files: { 'src/serve/index.ts': '// Joins.\nexport const x = process.env.HOME;\n' },
    says: /serve must not use process\.env$/,
  },
];

/** Trees that break a rule. */
export const RED_SHAPE: readonly Row[] = [
  {
    title: 'when a file passes 300 lines',
    files: { 'test/core/long.test.ts': lines(301) },
    says: /long\.test\.ts:301 has 301 lines, more than 300$/,
  },
  {
    title: 'when the median file of src passes 100 lines',
    files: {
      'src/core/policy/index.ts': lines(1),
      'src/core/policy/a.ts': lines(101),
      'src/core/policy/b.ts': lines(120),
    },
    says: /^src:1 the median file has 101 lines, more than 100$/,
  },
  ...['utils', 'helpers', 'common', 'manager', 'service', 'base', 'string-utils'].map((name) => ({
    title: `when a folder is called ${name}`,
    files: { [`src/core/policy/${name}/a.ts`]: '' },
    says: new RegExp(`the name "${name}" says nothing$`),
  })),
  {
    title: 'when a file is called helpers.test.ts',
    files: { 'test/core/helpers.test.ts': '' },
    says: /the name "helpers" says nothing$/,
  },
  {
    title: 'when a file is not named in kebab-case',
    files: { 'src/core/policy/imageGlobs.ts': '' },
    says: /"imageGlobs" is not in kebab-case$/,
  },
  ...['export default 1;', 'export default function x() {}', 'const a = 1; export { a as default };'].map(
    (code) => ({
      title: `when a file says ${code}`,
      files: inPolicy(code),
      says: /has a default export$/,
    }),
  ),
];

/** Trees that break a rule. */
export const RED_TOGETHER: readonly Row[] = [
  {
    title: 'when a folder has more than 20 files side by side',
    files: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`src/core/policy/file-${n}.ts`, ''])),
    says: /^src\/core\/policy:1 has 22 files side by side, more than 20$/,
  },
  {
    title: 'when the files of serve have more than 1,500 lines together',
    files: Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`src/serve/${name}.ts`, lines(260)]),
    ),
    says: /^src\/serve:1 the files together have 1561 lines, more than 1500$/,
  },
  {
    title: 'when a room exports what no other room imports',
    files: {
      'src/core/policy/index.ts': `// A room.\nexport { a, b } from './a.ts';\n`,
      'src/core/policy/a.ts': 'export const a = 1;\nexport const b = 2;\n',
      'src/core/evidence/c.ts': `import { a } from '../policy/index.ts';\n`,
    },
    says: /^src\/core\/policy\/index\.ts:2 exports b, which no other room imports$/,
  },
  {
    title: 'when serve imports itself more than four levels deep',
    files: {
      'src/serve/index.ts': `// A room.\nimport { a } from './a.ts';\n`,
      'src/serve/a.ts': `import { b } from './b.ts';\n`,
      'src/serve/b.ts': `import { c } from './c.ts';\n`,
      'src/serve/c.ts': `import { d } from './d.ts';\n`,
      'src/serve/d.ts': '',
    },
    says: /imports 5 levels deep: index → a → b → c → d$/,
  },
  {
    title: 'when a function stands in two places',
    files: {
      'src/core/policy/a.ts': BODY.replace('NAME', 'one'),
      'src/clients/files/b.ts': `export const x = 1;\n${BODY.replace('NAME', 'another')}`,
    },
    says: /^src\/clients\/files\/b\.ts:2 repeats the function of src\/core\/policy\/a\.ts:1$/,
  },
];
