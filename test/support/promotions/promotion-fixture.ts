// A registry on loopback and promotions opened as the program opens them: adapters, records, signatures, all real.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  openExecution,
  parsePromotion,
  rejudge,
  type Approval,
  type Execution,
  type ImageAtTarget,
  type ImageResult,
  type OpeningContext,
  type PlannedImage,
  type Progress,
  type TargetJudgement,
} from '../../../src/core/promotion/index.ts';
import { SILENT } from './silent.ts';
import type { Fact, Owner, Parsed } from '../../../src/core/model/index.ts';
import { parseSettings, type SettingsInput } from '../../../src/core/settings/index.ts';
import { compilePolicy } from '../../../src/core/policy/index.ts';
import type { CompiledPolicy, Labels, TrustRoots } from '../../../src/core/policy/index.ts';
import { openJudging } from '../../../src/serve/judging.ts';
import type { OpenJudging } from '../../../src/serve/parts.ts';
import type { Entries } from '../../../src/core/promotion/opening/secrets.ts';
import { startRegistry, type EmbeddedRegistry, type RegistryOptions } from '../registry/index.ts';

/** A private key as a Secret holds it, with its public half. */
export interface SigningKeyPair {
  readonly pem: string;
  readonly publicPem: string;
}

/** How one promotion is run. */
export interface PromotionInput {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, Entries>>;
  readonly policies?: readonly CompiledPolicy[];
  readonly approvals?: readonly Approval[];
  readonly progress?: Progress;
  readonly startedAt?: Date;
  readonly runName?: string;
  readonly runUID?: string;
  readonly signal?: AbortSignal;
  readonly dryRun?: boolean;
  /** `platform` when not given. */
  readonly namespace?: string;
}

/** The installation in which promotions are opened, as far as it differs from a command line without any login. */
export interface InstallationOptions {
  /** Its own logins, as a Docker config. */
  readonly dockerConfig?: object;
  /** Labels of namespaces; with them its logins are used only as the settings grant them. */
  readonly namespaceLabels?: (namespace: string) => Promise<Fact<Labels>>;
  /** How the registry client differs from that of the program. */
  readonly place?: Parameters<typeof openJudging>[3];
  /** Further changes of what promotions are opened with. */
  readonly opening?: Partial<OpeningContext>;
}

/** The result. */
export interface PromotionOutcome {
  readonly planned: readonly PlannedImage[];
  readonly results: readonly ImageResult[];
}

/** A fixture for mirrors and promotions. */
export interface PromotionFixture {
  readonly registry: EmbeddedRegistry;
  /** What promotions are opened with. */
  readonly context: OpeningContext;
  /** Judges images, as for the webhook and the audit. */
  readonly judgeImages: OpenJudging['judge'];
  /** Replaces the installation's own logins, a Docker config. */
  readonly setLogins: (dockerConfig: object) => Promise<void>;
  /** Opens, plans, runs and closes one promotion. */
  readonly run: (input: PromotionInput) => Promise<PromotionOutcome>;
  /** Opens a promotion and leaves it to the caller. */
  readonly open: (input: PromotionInput) => Promise<Execution>;
  /** Judges the images at the target of a promotion again. */
  readonly rejudge: (
    input: Pick<PromotionInput, 'spec' | 'secrets' | 'namespace'> & {
      readonly known?: readonly ImageAtTarget[];
    },
  ) => Promise<TargetJudgement | undefined>;
  /** Compiles an ImagePolicy with keys in PEM. */
  readonly policy: (spec: Readonly<Record<string, unknown>>, name?: string) => CompiledPolicy;
  /** The verdict on an image under these policies, as at admission, for this owner. */
  readonly judge: (
    image: string,
    policies: readonly CompiledPolicy[],
    owner?: Owner,
  ) => Promise<{ readonly kind: string; readonly reasons: readonly string[] }>;
  readonly bugs: readonly unknown[];
  readonly close: () => Promise<void>;
}

const ROOTS: TrustRoots = {
  read: () => ({ ok: false, problems: [{ path: '', message: 'is not used here' }] }),
  publicGood: () => ({ fingerprint: '', json: '' }),
};
const PROCESS_CONTEXT = {
  version: 'test',
  stdin: Readable.from([]),
  writeLog: () => undefined,
};
/** Whole seconds, as records write time. */
const STARTED = new Date('2026-11-24T12:00:00Z');

/** A fresh P-256 key. */
export function shipKey(): SigningKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** Opens a promotion fixture. */
export async function openPromotionFixture(
  options: RegistryOptions = {},
  written: SettingsInput = {},
  { dockerConfig = {}, namespaceLabels, opening, place }: InstallationOptions = {},
): Promise<PromotionFixture> {
  const registry = await startRegistry(options);
  const bugs: unknown[] = [];
  const watching = {
    onRequest: () => undefined,
    onLookup: () => undefined,
    report: (error: unknown) => bugs.push(error),
  };
  const settings = valueOf(parseSettings(written));
  const logins = await mkdtemp(join(tmpdir(), 'logins-'));
  const setLogins = async (config: object): Promise<void> => {
    await writeFile(join(logins, 'next.json'), JSON.stringify(config));
    await rename(join(logins, 'next.json'), join(logins, 'config.json'));
  };
  await setLogins(dockerConfig);
  const environment = { PATH: process.env.PATH, DOCKER_CONFIG: logins };
  const judging = valueOf(await openJudging(settings, { ...PROCESS_CONTEXT, environment }, watching, place));
  const context = (policies: readonly CompiledPolicy[]) => ({
    ...judging.opening(ROOTS.publicGood),
    ...(namespaceLabels && { granting: { grants: judging.grants, namespaceLabels } }),
    ...opening,
    policies: () => Promise.resolve(policies),
    roots: ROOTS,
  });
  const specOf = (spec: PromotionInput['spec']) =>
    valueOf(
      parsePromotion({
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePromotion',
        metadata: { name: 'app', namespace: 'platform' },
        spec,
      }),
    ).spec;
  const open = async ({
    spec,
    secrets = {},
    policies = [],
    startedAt = STARTED,
    runName = 'run-1',
    runUID,
    namespace = 'platform',
  }: PromotionInput) => {
    const run = { name: 'platform/app', id: runName, uid: runUID, attempt: 1, actor: 'test' };
    return valueOf(
      await openExecution(
        {
          spec: specOf(spec),
          namespace,
          run,
          startedAt,
          read: (_, name) => Promise.resolve(secrets[name]),
        },
        context(policies),
        AbortSignal.timeout(50_000),
      ),
    );
  };
  return {
    registry,
    context: context([]),
    judgeImages: judging.judge,
    setLogins,
    open,
    rejudge: async ({ spec, secrets = {}, known = [], namespace = 'platform' }) =>
      valueOf(
        await rejudge(
          {
            spec: specOf(spec),
            namespace,
            read: (_, name) => Promise.resolve(secrets[name]),
            known,
          },
          context([]),
          AbortSignal.timeout(50_000),
        ),
      ),
    run: async (input) => {
      const execution = await open(input);
      const signal = input.signal ?? AbortSignal.timeout(50_000);
      try {
        const found = await execution.plan(signal);
        if (found.state === 'refused') throw new Error(`${found.reason.code}: ${found.reason.detail}`);
        const order = {
          progress: input.progress ?? SILENT,
          dryRun: input.dryRun ?? false,
          approvals: () => input.approvals ?? [],
        };
        return { planned: found.images, results: await execution.run(found.images, order, signal) };
      } finally {
        await execution.close();
      }
    },
    policy: (spec, name = 'golden') =>
      valueOf(
        compilePolicy(
          { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name }, spec },
          { material: () => undefined, roots: ROOTS },
        ),
      ),
    judge: async (image, policies, owner) => {
      const labels = { state: 'found', value: {}, seenAt: new Date() } as const;
      const signal = AbortSignal.timeout(50_000);
      const [judged] = await judging.judge({
        images: [{ container: 'c', field: '', image }],
        policies,
        ...{ labels, owner, signal },
      });
      const { kind = '', findings = [] } = judged?.verdict ?? {};
      return { kind, reasons: findings.map(({ reason }) => reason) };
    },
    bugs,
    close: async () => {
      await judging.close();
      await registry.close();
      await rm(logins, { recursive: true });
    },
  };
}

/** What was read; a failure shows the problems. */
function valueOf<T>(read: Parsed<T>): T {
  if (read.ok) return read.value;
  throw new Error(JSON.stringify(read.problems));
}
