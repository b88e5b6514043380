// The one table of rooms. The architecture test and the editor (eslint.config.js) both judge by it.

/** A room of `src/`: a folder entered through its index.ts, or one of the two files at the top. */
export interface Room {
  /** Folder or file below `src/`. */
  readonly path: string;
  /** Rooms it may import, besides itself. */
  readonly mayImport: readonly string[];
  /** Whether time, randomness, network and disk must be handed in. */
  readonly pure?: true;
  /** Whether the room also has to be synchronous: no promise, no port. */
  readonly synchronous?: true;
}

const CORE = [
  'core/model',
  'core/settings',
  'core/workload',
  'core/policy',
  'core/verification',
  'core/promotion',
];
const DOORS = ['admission', 'promotions', 'policies', 'audit', 'registration', 'cli'].map(
  (name) => `doors/${name}`,
);
const ADAPTERS = [
  'registry',
  'sigstore',
  'scanner',
  'kubernetes',
  'certificates',
  'server',
  'files',
  'oidc',
].map((name) => `adapters/${name}`);

/** Doors → core ← adapters, and wire joins them. */
export const ROOMS: readonly Room[] = [
  { path: 'core/model', mayImport: [], pure: true, synchronous: true },
  { path: 'core/settings', mayImport: ['core/model'], pure: true, synchronous: true },
  { path: 'core/workload', mayImport: ['core/model'], pure: true, synchronous: true },
  { path: 'core/policy', mayImport: ['core/model'], pure: true, synchronous: true },
  { path: 'core/verification', mayImport: ['core/model', 'core/policy'], pure: true },
  { path: 'core/promotion', mayImport: ['core/model', 'core/policy', 'core/verification'], pure: true },
  ...DOORS.map((path) => ({ path, mayImport: CORE })),
  ...ADAPTERS.map((path) => ({ path, mayImport: ['core/model'] })),
  { path: 'wire', mayImport: [...CORE, ...DOORS, ...ADAPTERS] },
  { path: 'main.ts', mayImport: ['wire', 'doors/cli', 'core/settings'] },
];

/** Outside libraries that do nothing but compute: allowed wherever they are needed. */
export const SMALL_LIBRARIES: readonly string[] = [
  'zod',
  'semver',
  're2js',
  'croner',
  '@marcbachmann/cel-js',
  'lru-cache',
  'p-limit',
];

/** Every other outside library and the rooms that own it; a name ending in `/` stands for a whole scope. */
export const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  undici: ['adapters/registry', 'adapters/kubernetes'],
  '@sigstore/': ['adapters/sigstore'],
  '@noble/': ['adapters/sigstore'],
  express: ['adapters/server'],
  pino: ['adapters/server'],
  'prom-client': ['adapters/server'],
  '@kubernetes/client-node': ['adapters/kubernetes'],
  '@peculiar/x509': ['adapters/certificates'],
  'reflect-metadata': ['adapters/certificates'],
  jose: ['adapters/oidc'],
  commander: ['doors/cli'],
  yaml: [...DOORS, 'adapters/files'],
};

/** What a pure room may import of Node: it hashes bytes and reads public keys, and draws no random number. */
export const PURE_NODE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash', 'createPublicKey', 'KeyObject', 'X509Certificate'],
};
/** The pure rooms that may do so. */
export const HASHING_ROOMS: readonly string[] = ['core/model', 'core/policy'];

/** Node's modules that talk to the world; a door asks an adapter instead (by way of wire/). */
export const NODE_IO: ReadonlySet<string> = new Set(
  [
    'child_process',
    'cluster',
    'dgram',
    'dns',
    'dns/promises',
    'fs',
    'fs/promises',
    'http',
    'http2',
    'https',
    'net',
    'tls',
    'worker_threads',
  ].map((name) => `node:${name}`),
);

/** The room a file below `src/` belongs to. */
export function roomOf(path: string): Room | undefined {
  return ROOMS.find((room) => path === `src/${room.path}` || path.startsWith(`src/${room.path}/`));
}
