import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A TUF repository on loopback that serves one target, `trusted_root.json`. */
export interface TufRepository {
  readonly url: string;
  /** The first root, which a client must have. */
  readonly rootJson: object;
  /** Serves another target under the metadata of the old one. */
  replaceTarget(text: string): void;
  close(): Promise<void>;
}

const ROLES = ['root', 'timestamp', 'snapshot', 'targets'];
const TARGET = 'trusted_root.json';

/** Serves a trust root by TUF (specification 1.0), all roles signed by one key. */
export async function serveTuf(
  target: string,
  expires = new Date(Date.now() + 86_400_000),
): Promise<TufRepository> {
  const files = new Map(
    Object.entries(metadata(target, expires)).map(([path, json]) => [path, JSON.stringify(json)]),
  );
  const rootJson = JSON.parse(files.get('/root.json') ?? '') as object;
  files.set(`/targets/${TARGET}`, target);
  const server = createServer(({ url = '' }, response) => {
    const file = files.get(url);
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rootJson,
    replaceTarget: (text) => files.set(`/targets/${TARGET}`, text),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function metadata(target: string, expires: Date): Record<string, object> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex');
  const key = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: point } };
  const keyid = createHash('sha256').update(canonical(key)).digest('hex');
  const roles = Object.fromEntries(ROLES.map((role) => [role, { keyids: [keyid], threshold: 1 }]));
  const signed = (type: string, content: object) => {
    const until = expires.toISOString().replace(/\.\d+Z$/, 'Z');
    const body = { _type: type, spec_version: '1.0.0', version: 1, expires: until, ...content };
    const sig = sign(null, Buffer.from(canonical(body)), privateKey).toString('hex');
    return { signatures: [{ keyid, sig }], signed: body };
  };
  const hashes = { sha256: createHash('sha256').update(target).digest('hex') };
  return {
    '/root.json': signed('root', { consistent_snapshot: false, keys: { [keyid]: key }, roles }),
    '/timestamp.json': signed('timestamp', { meta: { 'snapshot.json': { version: 1 } } }),
    '/snapshot.json': signed('snapshot', { meta: { 'targets.json': { version: 1 } } }),
    '/targets.json': signed('targets', {
      targets: { [TARGET]: { length: Buffer.byteLength(target), hashes } },
    }),
  };
}

/** Canonical JSON: sorted keys and no space; the texts in here need no escaping. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`;
}
