import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PullSecretLogins } from '../core/evidence/index.ts';
import { failed, parsed, type Clock, type ImageRef, type Parsed, type Problem } from '../core/model/index.ts';
import { compileGlobs } from '../core/policy/index.ts';
import type { SideClient, SideRegistry } from '../core/promotion/index.ts';
import type { Caller, Reader, Upstream } from './ports.ts';

/** An upstream as the settings have it, with the logins of its file. */
export interface WrittenUpstream {
  readonly match: readonly string[];
  readonly registry?: string | undefined;
  readonly logins?: Pick<PullSecretLogins, 'scope' | 'keychain'> | undefined;
}

/** What upstreams are read with. */
export interface UpstreamParts {
  readonly registry: SideRegistry & SideClient;
  readonly clock: Clock;
}

/** Logins of callers that are in use at the same time: each has tokens of its own. */
const MAX_LOGINS = 1_000;

/** Compiles the upstreams of the settings; problems name the field. */
export function compileUpstreams(
  written: readonly WrittenUpstream[],
  parts: UpstreamParts,
): Parsed<readonly Upstream[]> {
  const secret = randomBytes(32);
  const all = written.map((one, index) =>
    compileUpstream(one, `gate.upstreams[${String(index)}]`, parts, secret),
  );
  const wrong = failed(all);
  return wrong.problems.length > 0 ? wrong : parsed(all.flatMap((one) => (one.ok ? [one.value] : [])));
}

function compileUpstream(
  { match, registry: prefix, logins }: WrittenUpstream,
  path: string,
  { registry, clock }: UpstreamParts,
  secret: Uint8Array,
): Parsed<Upstream> {
  const problems: Problem[] = [];
  const mixed = prefix === undefined || prefix.includes(HOST) ? -1 : match.findIndex(coversSeveralHosts);
  if (mixed >= 0)
    problems.push({
      path: `${path}.match[${String(mixed)}]`,
      message: `covers several registries, whose repositories would be one: write ${HOST} into registry, or one upstream for each`,
    });
  const covers = compileGlobs(match, `${path}.match`, problems);
  if (problems.length > 0) return { ok: false, problems };
  const own = logins ? readerWith(logins, { registry, clock }) : { registry, scope: '' };
  const readers = new LRUCache<string, Reader>({ max: MAX_LOGINS });
  const readerOf = (login: NonNullable<Caller['login']>): Reader => {
    // The name of the logins goes through memories and must not give away what it names.
    const mark = createHmac('sha256', secret)
      .update(JSON.stringify([path, login]))
      .digest('hex');
    const known = readers.get(mark);
    if (known) return known;
    const keychain = () => Promise.resolve({ kind: 'password' as const, ...login });
    const reader = readerWith({ scope: `gate ${mark}`, keychain }, { registry, clock });
    readers.set(mark, reader);
    return reader;
  };
  return parsed({
    covers,
    rewrite: (image: ImageRef) => rewrite(image, prefix),
    readerFor: ({ login }: Caller) => (login ? readerOf(login) : own),
  });
}

function readerWith(
  { scope, keychain }: Pick<PullSecretLogins, 'scope' | 'keychain'>,
  { registry, clock }: UpstreamParts,
): Reader {
  const view = registry.as({ scope, keychain });
  return {
    registry: view,
    scope,
    access: () => Promise.resolve({ state: 'found', value: { scope, registry: view }, seenAt: clock() }),
  };
}

/** Stands for the host that was asked for. */
const HOST = '{registry}';

function coversSeveralHosts(glob: string): boolean {
  const [first = ''] = glob.split('/');
  return first.includes('*') || first.includes('?');
}

/** `docker.io/library/node` read at `registry.example.com/golden` is `registry.example.com/golden/library/node`. */
function rewrite(image: ImageRef, prefix: string | undefined): ImageRef {
  if (prefix === undefined) return image;
  // A path has no colons.
  const host = image.registry.replaceAll(/[^a-z0-9.-]/g, '-');
  const [registry = '', ...path] = prefix.replaceAll(HOST, host).split('/');
  return { ...image, registry, repository: [...path, image.repository].join('/') };
}
