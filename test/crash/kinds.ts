// The kinds of runs of the matrix, with the images that they find.
import { RESOURCES } from '../../src/core/workload/index.ts';
import { parsePromotion } from '../../src/core/promotion/index.ts';
import { standIn } from '../clients/scanner/stand-in.ts';
import { promotionObject, valueOf } from '../support/promotions/promotions.ts';
import { pushImage, pushIndex, pushReferrer, type Pushed, type Target } from '../support/registry/push.ts';
import { pushLegacySignature, pushStatement } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import type { RunKind, Scene } from './stage.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const SBOM = 'application/vnd.acme.sbom';
const VULNERABILITIES = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** Bytes of a layer: a few pieces on a connection, so that a transfer has a middle. */
const LAYER_BYTES = 300_000;

const author = signingKey();
const scanner = signingKey();
const own = signingKey();
const sign = { secretRef: { name: 'cosign-key' } };
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'cosign-key', namespace: 'platform' },
  data: {
    'cosign.key': Buffer.from(own.privateKey.export({ type: 'pkcs8', format: 'pem' })).toString('base64'),
  },
};

/** An index of two platforms with records and a signature of cosign, and an image of one platform. */
async function loadImages(at: Target, { flagged = false, reported = false } = {}): Promise<void> {
  const image = (architecture: string, salt = architecture) => {
    const layers = [{ mediaType: LAYER, bytes: Buffer.alloc(LAYER_BYTES, salt) }];
    return pushImage(at, { salt, layers, platform: { os: 'linux', architecture } });
  };
  const platforms = [await image('amd64'), await image('arm64')];
  const index = await pushIndex({ ...at, tag: '1.4.2' }, { manifests: platforms });
  const nodes = [index, ...platforms];
  for (const subject of nodes) {
    await pushReferrer(at, { subject, artifactType: SBOM });
    if (flagged) await pushReferrer(at, { subject, artifactType: QUARANTINE });
  }
  await pushLegacySignature(at, index, author);
  if (reported) await report(at, index);
}

function report(at: Target, image: Pushed): Promise<Pushed> {
  const predicate = {
    scanner: { uri: 'pkg:trivy', version: '0.74.0', result: { SchemaVersion: 2, Results: [finding('LOW')] } },
    metadata: { scanFinishedOn: new Date().toISOString() },
  };
  return pushStatement(at, image, { key: scanner, predicateType: VULNERABILITIES, predicate });
}

function finding(Severity: string): object {
  const Vulnerabilities = [{ VulnerabilityID: 'CVE-2026-1', Severity, PkgName: 'a', InstalledVersion: '1' }];
  return { Target: 'a', Class: 'os-pkgs', Type: 'debian', Vulnerabilities };
}

const promotion = (spec: Readonly<Record<string, unknown>>) =>
  promotionObject('ImagePromotion', { tags: { semver: ['*'] }, ...spec });

/** The arguments of `pratique promote` for these documents, with more flags. */
async function promote(
  { folder }: Scene,
  documents: readonly object[],
  more: readonly string[] = [],
): Promise<readonly string[]> {
  const path = await folder.write(
    'documents.yaml',
    documents.map((one) => JSON.stringify(one)).join('\n---\n'),
  );
  return ['promote', '-f', path, '-o', 'json', ...more];
}

/** Runs until a person is needed, and adds the approval. */
async function promoteApproved(
  scene: Scene,
  given: object,
  { waive, more }: { readonly waive: readonly string[]; readonly more?: readonly string[] },
): Promise<readonly string[]> {
  const waiting = await scene.run(await promote(scene, [given, secret], more));
  const [{ digest, gateHash } = {}] = imagesOf(waiting.stdout);
  if (gateHash === undefined) throw new Error(`nothing waits: ${waiting.stdout}${waiting.stderr}`);
  const person = {
    approver: 'alice',
    decision: 'Approve',
    waive,
    reason: 'not reachable',
    until: '9999-12-31',
  };
  const approval = promotionObject('PromotionApproval', { runName: 'any', digest, gateHash, ...person });
  return promote(scene, [given, secret, approval], more);
}

interface Row {
  readonly digest?: string;
  readonly gateHash?: string;
}

function imagesOf(stdout: string): readonly Row[] {
  const { runs } = JSON.parse(stdout) as { readonly runs: readonly { readonly images: readonly Row[] }[] };
  return runs.flatMap(({ images }) => images);
}

/** A run from the command line has another name each time: its statements are others, and as true. */
const statementsMayRepeat = (line: string): boolean => /in-toto|dsse|sigstore\.bundle/.test(line);
const nothingMayRepeat = (): boolean => false;

/** An image that stands at the target before, and is superseded. */
const loadOlder = ({ place }: Scene): Promise<Pushed> =>
  pushImage({ ...place('own', 'golden/app'), tag: '1.4.1' }, { salt: 'older' });

const tidy = { supersede: { endOfLifeAfter: '24h' }, deleteSource: true };

const mirror = (hasApi: boolean): RunKind => ({
  name: `mirror, ${hasApi ? 'referrers API' : 'fallback tags'}`,
  hasApi,
  laws: { flagged: ['quarantine/app'], signed: [] },
  load: async ({ place }) => {
    await loadImages(place('public', 'app'));
    await pushImage({ ...place('public', 'app'), tag: '1.5.0' }, { salt: 'single' });
  },
  prepare: (scene) => {
    const [source, target] = [scene.side('public', 'app'), scene.side('own', 'quarantine/app')];
    const format = hasApi ? 'Bundle' : 'Both';
    return promote(scene, [promotion({ source, target, mirror: { sign: { ...sign, format } } }), secret]);
  },
  mayRepeat: statementsMayRepeat,
});

const byReport = (hasApi: boolean): RunKind => ({
  name: `promote by report, ${hasApi ? 'referrers API' : 'fallback tags'}`,
  hasApi,
  laws: { flagged: [], signed: ['golden/app'] },
  load: async (scene) => {
    await loadImages(scene.place('own', 'quarantine/app'), { flagged: true, reported: true });
    await loadOlder(scene);
  },
  prepare: (scene) => {
    const [source, target] = [scene.side('own', 'quarantine/app'), scene.side('own', 'golden/app')];
    const scan = { from: 'Report', authorities: [{ name: 'scanner', key: { pem: scanner.pem } }] };
    const rules = { scan, approval: 'Always', sign: { ...sign, format: 'Both' }, ...tidy };
    return promoteApproved(scene, promotion({ source, target, promote: rules }), { waive: [] });
  },
  mayRepeat: statementsMayRepeat,
});

const byScan: RunKind = {
  name: 'promote by scan, to another registry',
  hasApi: true,
  laws: { flagged: [], signed: ['golden/app'] },
  load: async (scene) => {
    await loadImages(scene.place('public', 'quarantine/app'), { flagged: true });
    await loadOlder(scene);
  },
  prepare: async (scene) => {
    const [source, target] = [scene.side('public', 'quarantine/app'), scene.side('own', 'golden/app')];
    const found = {
      SchemaVersion: 2,
      Metadata: { OS: { Family: 'debian', Name: '12' } },
      Results: [finding('HIGH')],
    };
    const { command } = await standIn({
      scan: `process.stdout.write(${JSON.stringify(JSON.stringify(found))})`,
      version: { Version: '0.74.0', VulnerabilityDB: { Version: 2, UpdatedAt: new Date().toISOString() } },
    });
    const settings = await scene.folder.write('settings.yaml', { scanner: { command, offline: true } });
    const rules = {
      scan: { failOn: 'High' },
      approval: 'OnBlock',
      sign: { ...sign, format: 'Both' },
      ...tidy,
    };
    const given = promotion({ source, target, promote: rules });
    return promoteApproved(scene, given, { waive: ['CVE-2026-1'], more: ['--settings', settings] });
  },
  mayRepeat: (line) => statementsMayRepeat(line) || line.includes('com.cssc.scan'),
};

const RUN = { resource: RESOURCES.promotionRuns, namespace: 'platform', name: 'app-1' };

/** `pratique run` as a Job calls it: its run has one name and one beginning, so that nothing is written twice. */
const asJob: RunKind = {
  name: 'pratique run, as a Job',
  hasApi: true,
  laws: { flagged: [], signed: ['golden/app'] },
  load: async (scene) => {
    await loadImages(scene.place('own', 'quarantine/app'), { flagged: true });
    await loadOlder(scene);
  },
  prepare: async ({ folder, api }) => {
    const kubeconfig = await folder.write('kubeconfig', {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      clusters: [{ name: 'here', cluster: { server: api.url } }],
      users: [{ name: 'job', user: {} }],
      contexts: [{ name: 'here', context: { cluster: 'here', user: 'job' } }],
    });
    const where = ['--namespace', 'platform', '--installation', 'pratique', '--kubeconfig', kubeconfig];
    return ['run', RUN.name, '--holder', 'job-1', ...where];
  },
  resetCluster: ({ api, side }) => {
    const [source, target] = [side('own', 'quarantine/app'), side('own', 'golden/app')];
    const rules = { sign: { ...sign, format: 'Both' }, ...tidy };
    const template = valueOf(parsePromotion(promotion({ source, target, promote: rules }))).spec;
    const about = { name: 'app', uid: 'promotion-1', generation: 1 };
    api.twin.put(RESOURCES.secrets, secret);
    api.twin.put(RESOURCES.promotionRuns, {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotionRun',
      metadata: { name: RUN.name, namespace: RUN.namespace },
      spec: { promotion: about, trigger: 'Change', attempt: 0, template },
    });
  },
  expireLease: ({ api }) => {
    const run = api.twin.peek(RUN);
    const status = run?.status as { readonly claim?: object } | undefined;
    if (!status?.claim) return;
    const claim = { ...status.claim, durationSeconds: 0 };
    api.twin.put(RESOURCES.promotionRuns, { ...run, status: { ...status, claim } });
  },
  ended: ({ api }) => {
    const status = (api.twin.peek(RUN)?.status ?? {}) as Readonly<Record<string, unknown>>;
    return `run ${JSON.stringify([status.phase, status.counts])}`;
  },
  mayRepeat: nothingMayRepeat,
};

/** All kinds, in the order of the table. */
export const KINDS: readonly RunKind[] = [
  mirror(true),
  mirror(false),
  byReport(true),
  byReport(false),
  byScan,
  asJob,
];
