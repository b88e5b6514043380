// A registry as its own process that is formally correct and sends as much as it may: node bench/hostile-registry.ts KIND.
// Prints its port. It listens on every address of loopback, so that one process can stand for many registries.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { MEDIA_TYPE } from '../src/core/model/index.ts';

/** What it sends too much of. */
export type Hostility = 'annotations' | 'pages' | 'statements' | 'quick-pages';

const MIB = 1024 * 1024;
const sha = (bytes: string | Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha('{}'), size: 2 };
const manifestOf = (fields: object) =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: CONFIG,
    layers: [],
    ...fields,
  });
const image = manifestOf({});

type Answer = (url: URL, request: IncomingMessage, response: ServerResponse) => boolean;

function send(response: ServerResponse, type: string, body: string | Uint8Array, name = 'GET'): true {
  response.writeHead(200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(type === MEDIA_TYPE.ociManifest && { 'docker-content-digest': sha(body) }),
  });
  response.end(name === 'HEAD' ? undefined : body);
  return true;
}

/** Every tag is an image with 180,000 annotations in almost four MiB. */
function annotations(): Answer {
  const many = Array.from({ length: 180_000 }, (_, n) => [`k${n.toString(36)}`, 'v'.repeat(8)] as const);
  const start = manifestOf({ annotations: Object.fromEntries(many) }).slice(0, -2);
  return (url, { method }, response) => {
    const tag = /\/manifests\/(v\d+)$/.exec(url.pathname)?.[1];
    if (tag === undefined) return false;
    return send(response, MEDIA_TYPE.ociManifest, `${start},"salt":"${tag}"}}`, method);
  };
}

/** The listing of referrers has 39 pages of four MiB, each with one entry. */
function pages(count: number): Answer {
  const annotations = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, n) => [`k${n}`, 'v'.repeat(4_050)]),
  );
  const entry = { mediaType: MEDIA_TYPE.ociManifest, size: 100, artifactType: 'application/spdx+json' };
  return (url, _request, response) => {
    if (!url.pathname.includes('/referrers/')) return false;
    const page = Number(url.searchParams.get('page') ?? 0);
    const manifests = [{ ...entry, digest: sha(`referrer ${page}`), annotations }];
    if (page + 1 < count) response.setHeader('link', `<${url.pathname}?page=${page + 1}>; rel="next"`);
    return send(
      response,
      MEDIA_TYPE.ociIndex,
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }),
    );
  };
}

/** The `.att` tag lists sixteen attestations of almost sixteen MiB each; none of them is signed. */
function statements(): Answer {
  const bodyOf = (n: number) =>
    Buffer.from(`{"n":${n},"x":[${'{},'.repeat(Math.floor((15.9 * MIB) / 3))}{}]}`);
  const layers = Array.from({ length: 16 }, (_, n) => {
    const body = bodyOf(n);
    return {
      mediaType: 'application/vnd.dsse.envelope.v1+json',
      digest: sha(body),
      size: body.byteLength,
    };
  });
  const attached = manifestOf({ layers });
  return (url, { method }, response) => {
    const n = layers.findIndex(({ digest }) => url.pathname.endsWith(`/blobs/${digest}`));
    if (n >= 0) return send(response, 'application/octet-stream', bodyOf(n));
    if (url.pathname.endsWith('.att')) return send(response, MEDIA_TYPE.ociManifest, attached, method);
    return false;
  };
}

const KINDS: Readonly<Record<Hostility, () => Answer>> = {
  annotations,
  pages: () => pages(39),
  'quick-pages': () => pages(2),
  statements,
};

/** What any registry answers: one small image under every tag, and no referrers. */
const usual: Answer = (url, { method }, response) => {
  if (url.pathname.includes('/referrers/'))
    return send(response, MEDIA_TYPE.ociIndex, '{"schemaVersion":2,"manifests":[]}');
  if (!url.pathname.includes('/manifests/') || url.pathname.includes('/manifests/sha256-')) return false;
  return send(response, MEDIA_TYPE.ociManifest, image, method);
};

const hostile = KINDS[process.argv[2] as Hostility]();
const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://registry');
  if (hostile(url, request, response) || usual(url, request, response)) return;
  response.writeHead(404).end();
});
server.listen(0, '0.0.0.0', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : '');
});
