import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import {
  FIXED_OPENSSL,
  PROMOTIONS,
  TRIVY,
  TRIVY_TAG,
  type Installed,
} from '../../support/nodes/installed.ts';
import { pushAlpine } from '../../support/promotions/scans.ts';
import type { PromotionSeen, RunSeen } from '../../support/promotions/promotions.ts';
import { until } from '../../support/wait.ts';

const SAMPLE = join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  '..',
  'manifests',
  'samples',
  'promotion-jobs.yaml',
);
const ACCOUNT = 'promotion-runs';
const SETTINGS = 'promotion-settings';
/** An image is pulled, a program of 170 MB copied, a database downloaded. */
const DONE_WITHIN_MS = 90_000;
const TEST_WITHIN_MS = 180_000;
const BAD_OPENSSL = '3.3.0-r0';

interface Job {
  readonly status?: { readonly succeeded?: number };
  readonly spec: { readonly template: { readonly spec: { readonly initContainers?: readonly unknown[] } } };
}

/** Promotes two images, of which the scanner finds something in one: the other one is promoted. */
async function promoteScanned({ kubectl, real, release }: Installed, name: string): Promise<void> {
  const { cluster, registry } = real;
  const source = { registry: registry.host, repository: `quarantine/${name}` };
  await pushAlpine({ ...source, tag: '1.0.0' }, { openssl: FIXED_OPENSSL });
  await pushAlpine({ ...source, tag: '1.1.0' }, { openssl: BAD_OPENSSL });
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cosign-key', namespace: PROMOTIONS },
    stringData: { 'cosign.key': await readFile(release.privateKey, 'utf8'), 'cosign.password': '' },
  });
  await cluster.apply({
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotion',
    metadata: { name, namespace: PROMOTIONS },
    spec: {
      source: { repository: `${registry.host}/quarantine/${name}` },
      target: { repository: `${registry.host}/golden/${name}` },
      tags: { semver: ['*'] },
      promote: { scan: { failOn: 'High' }, sign: { secretRef: { name: 'cosign-key' } } },
    },
  });
  const read = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await kubectl('get', '-n', PROMOTIONS, ...args, '-o', 'json')) as T;
  let seen: PromotionSeen['status'];
  await until({
    what: `promotion ${name}`,
    withinMs: DONE_WITHIN_MS,
    everyMs: 500,
    check: async () => {
      ({ status: seen } = await read<PromotionSeen>('imagepromotion', name));
      if (seen?.counts?.promoted === 1) return true;
      const runs = await read<{ readonly items: readonly RunSeen[] }>('imagepromotionruns');
      throw new Error(JSON.stringify([seen, runs.items.map(({ status }) => status)]));
    },
  });
  expect(seen?.counts).to.include({ promoted: 1, blocked: 1, failed: 0 });
}

/** With Trivy copied, as the chart does without being asked. */
export function describeScannerCopy(installed: () => Installed): void {
  it('promotes what Trivy, copied out of its image, finds nothing in', async function () {
    this.timeout(TEST_WITHIN_MS);
    await promoteScanned(installed(), 'scanned-by-copy');
  });
}

/** After the upgrade to a mounted Trivy. */
export function describePromotions(installed: () => Installed): void {
  describe('promotions', function () {
    this.timeout(TEST_WITHIN_MS);

    it('scan with Trivy mounted as a volume of its image', () =>
      promoteScanned(installed(), 'scanned-by-mount'));

    it('are carried out by Jobs, which bring the scanner with them', async () => {
      const { kubectl, real, upgrade } = installed();
      const { cluster, registry } = real;
      const sample = parseAllDocuments(await readFile(SAMPLE, 'utf8')).map((one) => one.toJS() as object);
      const here = JSON.stringify(sample).replaceAll('"namespace":"default"', `"namespace":"${PROMOTIONS}"`);
      for (const object of JSON.parse(here) as readonly object[]) await cluster.apply(object);
      const settings = {
        registries: { insecure: [registry.host] },
        scanner: { databaseRepository: `${registry.host}/mirror/trivy-db:2` },
      };
      await cluster.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: SETTINGS, namespace: PROMOTIONS },
        data: { 'settings.yaml': JSON.stringify(settings) },
      });
      await upgrade({
        settings: {
          promotions: {
            execution: 'Job',
            jobTemplate: {
              image: `${registry.host}/platform/pratique:0.1.0`,
              serviceAccountName: ACCOUNT,
              settingsConfigMap: SETTINGS,
              scanner: { image: `${registry.host}/${TRIVY}:${TRIVY_TAG}` },
              resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
            },
          },
        },
      });
      await promoteScanned(installed(), 'scanned-by-job');
      const jobs = JSON.parse(await kubectl('get', 'jobs', '-n', PROMOTIONS, '-o', 'json')) as {
        readonly items: readonly Job[];
      };
      expect(jobs.items.map(({ spec }) => spec.template.spec.initContainers?.length)).to.deep.equal([1]);
    });
  });
}
