import { readCertificates } from '../clients/files/index.ts';
import {
  createRegistry,
  dockerDirectory,
  dockerKeychain,
  type Registry,
  type RegistryOptions,
  type RequestEvent,
} from '../clients/registry/index.ts';
import type { Trivy } from '../clients/scanner/index.ts';
import { createSignatureVerifier } from '../clients/sigstore/index.ts';
import {
  parsed,
  type Fact,
  type ImageRef,
  type JudgedImage,
  type Parsed,
  type PinnedRef,
  failed,
} from '../core/model/index.ts';
import { workloadTable } from '../core/workload/index.ts';
import type { Settings } from '../core/settings/index.ts';
import {
  createMemory,
  judge,
  pinReference,
  type Access,
  type FactMemory,
  type Keychain,
  type LookupResult,
  type Sources,
} from '../core/evidence/index.ts';
import type { Judging, Question } from '../cli/index.ts';
import { openTrivy } from './scanning.ts';
import { clock, type ProcessContext } from './process-context.ts';

/** Who is told of what happens on the way to a verdict. */
export interface Watching {
  readonly onRequest: (event: RequestEvent) => void;
  readonly onLookup: (kind: string, result: LookupResult) => void;
  /** Told of every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Something that judges, with what else can be asked of it. */
export interface OpenJudging extends Judging {
  readonly judge: (question: Question & { readonly access?: Access }) => Promise<readonly JudgedImage[]>;
  readonly pin: (
    ref: ImageRef,
    how: { readonly access?: Access | undefined; readonly signal: AbortSignal },
  ) => Promise<Fact<PinnedRef>>;
  readonly registry: Registry;
  /** The controller's own logins. */
  readonly keychain: Keychain;
  readonly memory: FactMemory;
  /** How a registry client with logins or authorities of its own is made. */
  readonly registryOptions: Omit<RegistryOptions, 'keychain'>;
  /** The scanner of promotions, one for all of them: its turns and its databases are shared. Nothing runs before one asks. */
  readonly trivy: Trivy;
}

/** How registry clients are made here, whatever their logins. Problems are files that cannot be used. */
export async function registryOptions(
  { registries }: Settings,
  { version }: ProcessContext,
  { onRequest }: Pick<Watching, 'onRequest'>,
): Promise<Parsed<Omit<RegistryOptions, 'keychain'>>> {
  const ca = await readCertificates(registries.caFiles);
  if (!ca.ok) return ca;
  return parsed({
    insecureHosts: registries.insecure,
    ...(ca.value !== '' && { ca: ca.value }),
    concurrencyPerHost: registries.concurrencyPerHost,
    requestTimeoutMs: registries.requestTimeoutMs,
    userAgent: `pratique/${version}`,
    now: clock,
    onRequest,
  });
}

/** Opens what judges: a registry client, a signature verifier, a memory of facts. Problems are files that cannot be used. */
export async function openJudging(
  settings: Settings,
  context: ProcessContext,
  watching: Watching,
): Promise<Parsed<OpenJudging>> {
  const { memory: limits, unmatchedImages } = settings;
  const { environment } = context;
  const options = await registryOptions(settings, context, watching);
  const workloads = workloadTable(settings.workloadKinds);
  if (!options.ok || !workloads.ok) return failed([options, workloads]);
  const verifier = createSignatureVerifier();
  const keychain = dockerKeychain({ directory: dockerDirectory(environment), environment });
  const registry = createRegistry({ ...options.value, keychain });
  const memory = createMemory({
    clock,
    limits,
    loadSignal: () => AbortSignal.timeout(limits.loadTimeoutMs),
    onLookup: watching.onLookup,
  });
  const sources: Sources = {
    registry,
    verifySignature: verifier.verify,
    memory,
    clock,
    report: watching.report,
  };
  return parsed({
    workloads: workloads.value,
    judge: (question) => judge({ ...question, unmatchedImages }, sources),
    pin: (ref, how) => pinReference(ref, how, sources),
    registry,
    keychain,
    memory,
    registryOptions: options.value,
    trivy: openTrivy(settings, context, { ...options.value, keychain }),
    close: async () => {
      await Promise.all([registry.close(), verifier.close()]);
    },
  });
}
