// The one table of rooms. The architecture test and the editor (eslint.config.js) both judge by it.

/** A room of `src/`: a folder entered through its index.ts, or the file at the top. */
export interface Room {
  /** Folder or file below `src/`. */
  readonly path: string;
  /** What it is for, as one line of CONTRIBUTING's map and of docs/architecture.md. */
  readonly purpose: string;
  /** Rooms it may import, besides itself. */
  readonly mayImport: readonly string[];
  /** Rooms of which it may import types only. */
  readonly mayImportTypes?: readonly string[];
  /** Whether time, randomness, network and disk must be handed in. */
  readonly pure?: true;
  /** Whether the room also has to be synchronous: no promise, no interface to the outside. */
  readonly synchronous?: true;
}

const CORE = [
  'core/model',
  'core/settings',
  'core/workload',
  'core/policy',
  'core/evidence',
  'core/promotion',
];

type Named = readonly (readonly [path: string, purpose: string])[];

const CONTROLLERS: Named = [
  ['controllers/policies', 'ImagePolicy and the keys it names: compile, swap whole, status'],
  ['controllers/promotions', 'ImagePromotion: next run, run, progress, status, Jobs'],
  ['controllers/events', 'authenticated events about pushed images that trigger promotions'],
  ['controllers/audit', 'what runs is judged again; reports'],
  ['controllers/self-test', 'canaries that prove that the webhook still guards the cluster'],
  ['controllers/certificates', "the webhook's certificate, its CA, the caBundle"],
];
const CLIENTS: Named = [
  ['clients/io', 'what clients share: limits on bytes, programs and waits; one load for all who ask'],
  ['clients/http', 'where requests may go: rules of URLs and addresses, the addresses of names'],
  ['clients/threads', 'threads with their own memory limit, for bytes that strangers wrote'],
  ['clients/registry', 'OCI distribution: logins, reads, writes, transfers'],
  ['clients/sigstore', 'signatures, bundles and trust roots: verify and sign'],
  ['clients/kubernetes', 'the API server: requests, watches, Lease, events, status, pull secrets'],
  ['clients/scanner', "a scanner's command line and its reports"],
  ['clients/oidc', "identity tokens of callers, verified by their issuer's keys"],
  ['clients/files', 'the file system: custom resources and other inputs'],
  ['clients/layout', 'folders in the OCI image layout, read and written as registries are'],
  ['clients/http-server', 'HTTPS with certificate rotation, probes, metrics, logs'],
];
/** What those clients may import that others share. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'clients/io': ['core/model'],
  'clients/http': ['core/model', 'clients/io'],
};
const CONTROLLER_ROOMS = CONTROLLERS.map(([path]) => path);
const CLIENT_ROOMS = CLIENTS.map(([path]) => path);

/** Webhook, controllers and cli → core; clients implement the interfaces of core; serve builds and starts. */
export const ROOMS: readonly Room[] = [
  { path: 'main.ts', purpose: 'argv, environment, exit', mayImport: ['serve', 'cli', 'core/settings'] },
  {
    path: 'serve',
    purpose: 'settings → clients → servers and controllers: builds and starts, decides nothing',
    mayImport: ['cli', 'webhook', 'gate', ...CONTROLLER_ROOMS, ...CORE, ...CLIENT_ROOMS],
  },
  {
    path: 'cli',
    purpose: 'the commands that a person types',
    mayImport: CORE,
    mayImportTypes: ['clients/kubernetes'],
  },
  {
    path: 'webhook',
    purpose: 'AdmissionReview in, AdmissionReview out; digest pinning',
    mayImport: CORE,
    mayImportTypes: ['clients/kubernetes'],
  },
  {
    path: 'gate',
    purpose: 'OCI pulls in, bytes or a refusal out',
    mayImport: CORE,
    mayImportTypes: ['clients/kubernetes'],
  },
  ...CONTROLLERS.map(([path, purpose]) => ({
    path,
    purpose,
    mayImport: CORE,
    mayImportTypes: ['clients/kubernetes'],
  })),
  {
    path: 'core/model',
    purpose:
      'digest, reference, descriptor, manifest, fact, evidence, verdict, reason, fault; json, text, time',
    mayImport: [],
    pure: true,
    synchronous: true,
  },
  {
    path: 'core/settings',
    purpose: 'configuration as a value: defaults, schema, all problems at once',
    mayImport: ['core/model'],
    pure: true,
    synchronous: true,
  },
  {
    path: 'core/workload',
    purpose: 'Kubernetes object → images, replicas, pull secrets',
    mayImport: ['core/model'],
    pure: true,
    synchronous: true,
  },
  {
    path: 'core/policy',
    purpose: 'the schema of ImagePolicy, compile, select, checks, CEL, reports, decide, explain',
    mayImport: ['core/model'],
    pure: true,
    synchronous: true,
  },
  {
    path: 'core/evidence',
    purpose: 'resolve, gather, referrers, signatures, memory of facts, judge',
    mayImport: ['core/model', 'core/policy'],
    pure: true,
  },
  {
    path: 'core/promotion',
    purpose: 'the schema of ImagePromotion, select, plan, run, steps, gates, records, graph, copy',
    mayImport: ['core/model', 'core/policy', 'core/evidence'],
    pure: true,
  },
  ...CLIENTS.map(([path, purpose]) => ({
    path,
    purpose,
    mayImport: MAY_IMPORT[path] ?? ['core/model', 'clients/io', 'clients/http'],
    mayImportTypes: CORE,
  })),
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
  undici: ['clients/http', 'clients/registry', 'clients/kubernetes', 'clients/scanner'],
  '@sigstore/': ['clients/sigstore'],
  '@noble/': ['clients/sigstore'],
  express: ['clients/http-server'],
  pino: ['clients/http-server'],
  'prom-client': ['clients/http-server'],
  '@kubernetes/client-node': ['clients/kubernetes'],
  '@peculiar/x509': ['controllers/certificates'],
  'reflect-metadata': ['controllers/certificates'],
  jose: ['clients/oidc'],
  commander: ['cli'],
  yaml: ['cli', 'webhook', ...CONTROLLER_ROOMS, 'clients/files'],
};

/** What a pure room may import of Node: it hashes bytes and reads public keys, and draws no random number. */
export const PURE_NODE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash', 'createPublicKey', 'KeyObject', 'X509Certificate'],
};
/** The pure rooms that may do so. */
export const HASHING_ROOMS: readonly string[] = ['core/model', 'core/policy'];

/** Node's modules that talk to the world; webhook, cli and controllers are handed a client instead. */
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

/** What those modules have that only computes. */
export const COMPUTING: ReadonlySet<string> = new Set(['isIP']);

/** The room a file below `src/` belongs to. */
export function roomOf(path: string): Room | undefined {
  return ROOMS.find((room) => path === `src/${room.path}` || path.startsWith(`src/${room.path}/`));
}
