import type { Clock } from '../../core/model/index.ts';
import type { Certificates } from './make.ts';
import { formatBundle, readHeld, plan, SKEW_MS, SOON_MS, type Step } from './plan.ts';
import type {
  RegistrationPorts,
  RegistrationSettings,
  StoredSecret,
  WebhookConfiguration,
  WriteOutcome,
} from './ports.ts';
import { decodeContents, encodeBase64, encodeContents, type Contents, type Pair } from './read.ts';

/** The result of one check. */
export interface RegistrationOutcome {
  /** What was changed and why, one sentence each. */
  readonly did: readonly string[];
  /** Kinds of the expected configurations that do not exist: the API server does not call the webhook for them. */
  readonly missing: readonly string[];
  /** Milliseconds until the next check. */
  readonly nextInMs: number;
}

const AUTHORITY_NAME = 'pratique';
const NEEDED = ['ValidatingWebhookConfiguration'] as const;

/**
 * Reads the Secret and the webhook configurations once, takes at most one step with the certificates, and writes the bundle of
 * the Secret into every configuration. Throws what the ports throw; the next check continues from the state then.
 */
export async function reconcileRegistration(
  ports: RegistrationPorts,
  settings: RegistrationSettings,
  clock: Clock,
): Promise<RegistrationOutcome> {
  const now = clock();
  // In this order: what is written into the configurations is then never older than what was read of them, and a patch that
  // names the version read cannot undo a newer bundle.
  const configurations = await ports.configurations();
  const secret = await ports.secret.read();
  const contents = secret && decodeContents(secret.data);
  const held = readHeld({ contents, configurations, now }, ports);
  const step = plan(held, settings, now);
  const change = await carryOut(step, { contents, settings, now }, ports);

  const { expected = NEEDED } = settings;
  const missing = expected.filter((wanted) => configurations.every(({ kind }) => kind !== wanted));
  const outcome = change && (await save(change.contents, secret, ports));
  // After a write of another writer, the objects are read again before the next step.
  if (outcome === 'conflict') return { did: [], missing, nextInMs: SOON_MS };
  const bundle = change?.contents.bundle ?? formatBundle(held.bundle);
  const published = await publish(configurations, bundle, ports);
  if (change) return { did: [change.did, ...published], missing, nextInMs: SOON_MS };
  return { did: published, missing, nextInMs: 'forMs' in step ? step.forMs : SOON_MS };
}

/** Keys of the Secret that are not ours stay. */
function save(
  contents: Contents,
  secret: StoredSecret | undefined,
  { secret: port }: RegistrationPorts,
): Promise<WriteOutcome> {
  const data = { ...secret?.data, ...encodeContents(contents) };
  return secret ? port.replace(data, secret.resourceVersion) : port.create(data);
}

interface Change {
  readonly contents: Contents;
  readonly did: string;
}

interface Situation {
  readonly contents: Contents | undefined;
  readonly settings: RegistrationSettings;
  readonly now: Date;
}

/** What the Secret is to hold then; `undefined` when it stays as it is. */
async function carryOut(step: Step, given: Situation, make: Certificates): Promise<Change | undefined> {
  switch (step.step) {
    case 'authority':
      return makeAuthority(step, given, make);
    case 'issue': {
      const leaf = await issue(step.signer, given, make);
      return {
        contents: { bundle: formatBundle(step.bundle), authorityKey: step.signer.key, ...leaf },
        did: `issued a serving certificate: ${step.why}`,
      };
    }
    case 'bundle':
      return {
        contents: { ...(given.contents ?? NOTHING), bundle: formatBundle(step.bundle) },
        did: 'put the bundle of trusted authorities in order: those that nothing in use was signed by are gone',
      };
    case 'wait':
    case 'none':
      return undefined;
  }
}

const NOTHING: Contents = { bundle: '', authorityKey: '', cert: '', key: '' };

async function makeAuthority(
  { older, leaf, why }: Extract<Step, { step: 'authority' }>,
  given: Situation,
  make: Certificates,
): Promise<Change> {
  const { settings, now, contents } = given;
  const { authorityLifetimeMs: lifetimeMs } = settings;
  const authority = await make.createAuthority({ name: AUTHORITY_NAME, lifetimeMs, skewMs: SKEW_MS, now });
  const bundle = formatBundle([{ cert: authority.cert.trim() }, ...older]);
  const held = { bundle, authorityKey: authority.key };
  if (leaf === 'issue') {
    const did = `made an authority and a serving certificate: ${why}`;
    return { contents: { ...held, ...(await issue(authority, given, make)) }, did };
  }
  // A broken pair is removed from the Secret: replicas keep the pair they have, and the broken one confuses no reader.
  const { cert, key } = leaf === 'keep' && contents ? contents : NOTHING;
  return {
    contents: { ...held, cert, key },
    did: `made an authority that signs as soon as it is trusted: ${why}`,
  };
}

function issue(
  { cert, key }: Pair,
  { settings: { hosts, lifetimeMs }, now }: Situation,
  { issueServing }: Certificates,
): Promise<Pair> {
  return issueServing({ authority: { cert, key }, hosts, lifetimeMs, skewMs: SKEW_MS, now });
}

/** Gives the bundle to every webhook that has another one. */
async function publish(
  configurations: readonly WebhookConfiguration[],
  bundle: string,
  { setCaBundle }: RegistrationPorts,
): Promise<readonly string[]> {
  const caBundle = encodeBase64(bundle);
  const did: string[] = [];
  for (const { kind, webhooks } of configurations) {
    const names = webhooks.filter((webhook) => webhook.caBundle !== caBundle).map(({ name }) => name);
    if (names.length === 0) continue;
    await setCaBundle(kind, names, caBundle);
    did.push(`gave the bundle of trusted authorities to ${names.join(', ')} (${kind})`);
  }
  return did;
}
