import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DockerConfigText, Keychain, PullSecretLogins } from '../core/evidence/index.ts';
import {
  failed,
  parsed,
  problem,
  type Clock,
  type ImageRef,
  type Parsed,
  type Problem,
} from '../core/model/index.ts';
import { compileGlobs } from '../core/policy/index.ts';
import type { SideClient, SideRegistry } from '../core/promotion/index.ts';
import type { Caller, Reader, Upstream } from './ports.ts';

/** An upstream as the settings have it. */
export interface WrittenUpstream {
  readonly match: readonly string[];
  readonly registry?: string | undefined;
  readonly loginFile?: string | undefined;
  /** Whether it gets logins of callers; absent = where all upstreams lead to one registry. */
  readonly passthrough?: boolean | undefined;
}

/** What upstreams are read with. */
export interface UpstreamParts {
  readonly registry: SideRegistry & SideClient;
  readonly clock: Clock;
  readonly readText: (path: string) => Promise<Parsed<string>>;
  readonly pullSecretLogins: (configs: readonly DockerConfigText[]) => PullSecretLogins;
}

/** Logins of callers that are in use at the same time: each has tokens of its own. */
const MAX_LOGINS = 1_000;

type Logins = Pick<PullSecretLogins, 'scope' | 'keychain' | 'furtherFor'>;
/** Knows no login. */
const none: Keychain = () => Promise.resolve(undefined);

/** Opens the upstreams of the settings; problems name the field, or the file of a login. */
export async function openUpstreams(
  {
    upstreams: written,
    callers,
  }: {
    readonly upstreams: readonly WrittenUpstream[];
    /** Whether logins of callers are passed on at all. */
    readonly callers: { readonly passthrough: boolean };
  },
  parts: UpstreamParts,
): Promise<Parsed<readonly Upstream[]>> {
  const isOne = leadToOne(written);
  // A caller gives the gate one login: the one who names an image must not choose which registry sees it.
  if (callers.passthrough && !isOne && written.every(({ passthrough }) => passthrough === undefined))
    return problem(
      'gate.upstreams',
      'lead to several registries: write passthrough: true at each that may see the logins of all callers',
    );
  const secret = randomBytes(32);
  const all = await Promise.all(
    written.map(async ({ loginFile, passthrough = isOne, ...upstream }, index) => {
      const logins = loginFile === undefined ? parsed(undefined) : await readLogins(loginFile, parts);
      const path = `gate.upstreams[${String(index)}]`;
      return logins.ok
        ? compileUpstream({ ...upstream, passthrough, logins: logins.value }, path, parts, secret)
        : logins;
    }),
  );
  const wrong = failed(all);
  return wrong.problems.length > 0 ? wrong : parsed(all.flatMap((one) => (one.ok ? [one.value] : [])));
}

/** Whether all names that these cover are read at one registry. */
function leadToOne(written: readonly WrittenUpstream[]): boolean {
  const hosts = written.flatMap(({ match, registry }) => (registry === undefined ? match : [registry]));
  const [first = '', ...others] = new Set(hosts.map((text) => text.split('/')[0] ?? ''));
  return others.length === 0 && !coversSeveralHosts(first);
}

async function readLogins(
  file: string,
  { readText, pullSecretLogins }: UpstreamParts,
): Promise<Parsed<Logins>> {
  const text = await readText(file);
  if (!text.ok) return text;
  const logins = pullSecretLogins([{ source: file, text: text.value }]);
  return logins.unreadable.length > 0 ? problem(file, 'holds no valid Docker config') : parsed(logins);
}

function compileUpstream(
  {
    match,
    registry: prefix,
    logins,
    passthrough = false,
  }: WrittenUpstream & { readonly logins: Logins | undefined },
  path: string,
  { registry, clock }: Pick<UpstreamParts, 'registry' | 'clock'>,
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
  const own = logins ? readersWith(logins, { registry, clock }) : () => ({ registry, scope: '' });
  const readers = new LRUCache<string, Reader>({ max: MAX_LOGINS });
  const readerOf = (login: NonNullable<Caller['login']>, host: string): Reader => {
    // The name of the logins goes through memories and must not give away what it names.
    const mark = createHmac('sha256', secret)
      .update(JSON.stringify([host, passthrough && login]))
      .digest('hex');
    const known = readers.get(mark);
    if (known) return known;
    // Policies may name other places of signatures: what the caller trusts this registry with is nothing for them.
    const keychain: Keychain = (place) =>
      Promise.resolve(passthrough && place.registry === host ? { kind: 'password', ...login } : undefined);
    const logins = { scope: `gate ${mark}`, keychain, furtherFor: () => [] };
    const reader = readersWith(logins, { registry, clock })([]);
    readers.set(mark, reader);
    return reader;
  };
  return parsed({
    covers,
    rewrite: (image: ImageRef) => rewrite(image, prefix),
    readerFor: ({ login }, asked) => {
      const place = rewrite(asked, prefix);
      return login ? readerOf(login, place.registry) : own([place]);
    },
  });
}

/** Reads with the logins that count for these places, one after the other, as the kubelet does; then without, where there are several. */
function readersWith(
  { scope, keychain, furtherFor }: Logins,
  { registry, clock }: Pick<UpstreamParts, 'registry' | 'clock'>,
): (places: readonly ImageRef[]) => Reader {
  const views = new Map<number, SideRegistry>();
  const viewFor = (places: readonly ImageRef[]): SideRegistry => {
    const further = places.map(furtherFor).reduce((most, one) => (one.length > most.length ? one : most), []);
    // The installation's own are none of an upstream's.
    const fallbacks = further.length > 0 ? [...further, none] : [];
    const view = views.get(fallbacks.length) ?? registry.as({ scope, keychain, fallbacks });
    views.set(fallbacks.length, view);
    return view;
  };
  return (asked) => ({
    registry: viewFor(asked),
    scope,
    access: (places) =>
      Promise.resolve({
        state: 'found',
        value: { scope, registry: viewFor(places) },
        seenAt: clock(),
      }),
  });
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
