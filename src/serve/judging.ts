import { setTimeout as sleep } from 'node:timers/promises';
import { readCertificates, readText } from '../clients/files/index.ts';
import { openProxies } from '../clients/http/index.ts';
import {
  anonymous,
  createRegistry,
  openMirrors,
  dockerDirectory,
  ownKeychain,
  pullSecretLogins,
  type RegistryOptions,
} from '../clients/registry/index.ts';
import { createTrivy } from '../clients/scanner/index.ts';
import {
  weightOf,
  createSignatureVerifier,
  openKeylessSigner,
  openKeySigner,
  readTrustRoot,
} from '../clients/sigstore/index.ts';
import { openThreads, type Threads } from '../clients/threads/index.ts';
import { createBudgets, createMemory, judge } from '../core/evidence/index.ts';
import { judgeReference, pinReference, type Sources } from '../core/evidence/index.ts';
import { failed, parsed, type Parsed } from '../core/model/index.ts';
import { compileGrants, createReportReader, type OpeningContext } from '../core/promotion/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { workloadTable } from '../core/workload/index.ts';
import { TIME, clock, type OpenJudging, type ProcessContext, type Watching } from './parts.ts';
import type { Jobs } from './worker.ts';

/** Opens what judges. Problems are files that cannot be used. */
export async function openJudging(
  settings: Settings,
  context: ProcessContext,
  watching: Watching,
  place: Pick<RegistryOptions, 'loopback' | 'stallMs' | 'transfersPerHost'> = {},
): Promise<Parsed<OpenJudging>> {
  const { registries, memory: limits, budgets, unmatchedImages } = settings;
  const ca = await readCertificates(registries.caFiles);
  const proxies = await openProxies(settings.proxy, { ...context, readText, readCertificates });
  const workloads = workloadTable(settings.workloadKinds, settings.placeholderImages);
  const grants = compileGrants(settings.promotions.grants);
  if (!ca.ok || !proxies.ok || !workloads.ok || !grants.ok) return failed([ca, proxies, workloads, grants]);
  const environment = { ...context.environment, ...proxies.value?.environment };
  const threads = openThreads<Jobs>({ entry: workerEntry() });
  const { budget, ...shares } = createBudgets(budgets, clock);
  const reaching = {
    ...{ ...registries, ...place, insecureHosts: registries.insecure, ca: ca.value, budget },
    mirrors: await openMirrors(registries.mirrors, { now: clock, onMirror: watching.onMirror }),
    ...{ apiServer: environment.KUBERNETES_SERVICE_HOST, userAgent: `pratique/${context.version}` },
    ...{ proxies: proxies.value, now: clock, onRequest: watching.onRequest },
  };
  const keychain = ownKeychain({ ...reaching, directory: dockerDirectory(environment), environment });
  const options: RegistryOptions = {
    ...{ ...reaching, keychain },
    parseElsewhere: (kind, input, weight) => threads.run(kind, input, weight),
  };
  const registry = createRegistry(options);
  const verifySignature = createSignatureVerifier((question, owner) =>
    threads.run('verify', question, { ...weightOf(question.candidate), owner }),
  );
  const loadSignal = () => AbortSignal.timeout(limits.loadTimeoutMs);
  const memory = createMemory({ clock, limits, loadSignal, onLookup: watching.onLookup });
  const sources: Sources = {
    ...{ registry, verifySignature, memory, clock, report: watching.report, ...shares },
    answerElsewhere: (job, weight) => threads.run('condition', job, weight),
  };
  return parsed({
    workloads: workloads.value,
    decodeElsewhere: (review, weight) => threads.run('review', review, weight),
    parseElsewhere: (json, weight) => threads.run('answer', json, weight),
    judge: (question) => judge({ unmatchedImages, ...question }, sources),
    pin: (ref, how) => pinReference(ref, how, sources),
    ...{ registry, keychain, grants: grants.value, proxies: proxies.value },
    memoryGauge: {
      name: 'pratique_facts_remembered',
      help: 'Facts in memory, by kind.',
      labels: ['kind'],
      read: () => [...memory.counts()].map(([kind, value]) => ({ labels: { kind }, value })),
    },
    opening: openingWith(settings, { options, registry, sources, environment, threads }),
    close: async () => {
      await Promise.all([registry.close(), threads.close()]);
    },
  });
}

/** `.ts` in a checkout, `.js` when built: the compiler rewrites import lines, not URLs. */
function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}

function openingWith(
  settings: Settings,
  given: Pick<OpenJudging, 'registry'> &
    Pick<ProcessContext, 'environment'> &
    Readonly<{ options: RegistryOptions; sources: Sources; threads: Threads<Jobs> }>,
): OpenJudging['opening'] {
  const { options, registry, sources, environment, threads } = given;
  const { signing, promotions, unmatchedImages } = settings;
  const { keychain, insecureHosts = [], ca = '' } = options;
  const readReport = createReportReader((printed, weight) => threads.run('report', printed, weight));
  const own = { keychain, insecureHosts, ca, environment, reach: options, readReport };
  const scanner = openScanner(settings, own);
  return (publicGood) => ({
    ...{ registry, keychain, scanner, pullSecretLogins, openKeySigner, openKeylessSigner },
    readToken: readText,
    trust: { insecureHosts, ca },
    openClient: (trust) => createRegistry({ ...options, keychain: anonymous, ...trust }),
    identityTokens: signing.identityTokens,
    judge: (image, question) => judgeReference(image, { ...question, unmatchedImages }, sources),
    ...{ roots: { read: readTrustRoot, publicGood }, rejudgePerSecond: promotions.rejudgePerSecond },
    readSbomElsewhere: (layer, weight) => threads.run('sbom', layer, weight),
    selectElsewhere: (question, weight) => threads.run('select', question, weight),
    updateHistoryElsewhere: (question, weight) => threads.run('history', question, weight),
    ...{ clock, now: TIME.now, report: sources.report },
    pause: (ms, signal) => sleep(ms, undefined, { signal }),
  });
}

/** The Trivy of the settings, one for all promotions: its turns and its databases are shared. Nothing runs before one scans. */
export function openScanner(
  { scanner }: Pick<Settings, 'scanner'>,
  own: Omit<Parameters<typeof createTrivy>[0], 'now' | 'databases' | 'serverUrl' | keyof Settings['scanner']>,
): OpeningContext['scanner'] {
  const { server, databaseRepository, javaDatabaseRepository, ...rest } = scanner;
  const trivy = createTrivy({
    ...{ ...rest, ...own, serverUrl: server, now: clock },
    databases: { vulnerabilities: databaseRepository, java: javaDatabaseRepository },
  });
  return ({ serverUrl = server, ...side }) => trivy.as({ ...side, serverUrl });
}
