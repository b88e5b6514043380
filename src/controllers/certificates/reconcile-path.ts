import type { Clock } from '../../core/model/index.ts';
import { decodePathSecrets, encodePathSecrets, planPath } from './path-plan.ts';
import type { PathPorts, WebhookConfiguration } from './ports.ts';

/** The result of one check of the paths. */
export interface PathOutcome {
  /** What was changed; never a path. */
  readonly did: readonly string[];
  /** Milliseconds until the next check. */
  readonly nextInMs: number;
}

/** Milliseconds until the next check after a change. */
const SOON_MS = 1_000;

/**
 * Reads the Secret and the webhook configurations once and takes at most one step towards paths that no caller but the API server
 * knows. Throws what the ports throw.
 */
export async function reconcilePath(
  ports: PathPorts,
  { lifetimeMs }: { readonly lifetimeMs: number },
  clock: Clock,
): Promise<PathOutcome> {
  const now = clock();
  const configurations = await ports.configurations();
  const read = await ports.pathSecret.read();
  const stored = read && decodePathSecrets(read.data);
  const named = configurations.flatMap(({ webhooks }) => webhooks.map(({ path }) => path));
  const rolledOut = !named.includes('plain') || (await ports.rolledOut(now));
  const random = ports.randomSecret;
  const step = planPath({ stored, named, rolledOut, lifetimeMs, now, random });
  switch (step.step) {
    case 'wait':
      return { did: [], nextInMs: step.forMs };
    case 'publish':
      return {
        did: stored ? await publishPath(configurations, stored.secret, ports) : [],
        nextInMs: SOON_MS,
      };
    case 'save': {
      const data = encodePathSecrets(step.secrets);
      const written = read
        ? await ports.pathSecret.replace(data, read.resourceVersion)
        : await ports.pathSecret.create(data);
      return { did: written === 'written' ? [step.did] : [], nextInMs: SOON_MS };
    }
  }
}

/**
 * Makes the secret where there is none, as every replica does when it starts: while a new version is rolled out, a replica of the
 * former one leads, which makes none, and stays until this one is ready. Throws what the ports throw.
 */
export async function makePathSecret(ports: PathPorts, clock: Clock): Promise<readonly string[]> {
  const read = await ports.pathSecret.read();
  if (read && decodePathSecrets(read.data)) return [];
  return (await reconcilePath(ports, { lifetimeMs: Infinity }, clock)).did;
}

/** Gives the path to every webhook that names another one. */
async function publishPath(
  configurations: readonly WebhookConfiguration[],
  secret: string,
  { setPath }: PathPorts,
): Promise<readonly string[]> {
  const did: string[] = [];
  for (const { kind, webhooks } of configurations) {
    const others = webhooks.filter(({ path }) => typeof path === 'string' || path.secret !== secret);
    const names = others.map(({ name }) => name);
    if (names.length === 0) continue;
    await setPath(kind, names, secret);
    did.push(`gave the newest path to ${names.join(', ')} (${kind})`);
  }
  return did;
}
