// Makes each situation of a mirror or a promotion, with a registry on loopback and a program that stands in for Trivy.
import type { Digest } from '../../src/core/model/index.ts';
import type { Approval } from '../../src/core/promotion/index.ts';
import { standIn, type Behaviour } from '../clients/scanner/stand-in.ts';
import {
  openPromotionFixture,
  type PromotionFixture,
  type PromotionInput,
} from '../support/promotions/promotion-fixture.ts';
import { promotionPath } from '../support/promotions/promotion-path.ts';
import { answer, refuse } from '../support/registry/misbehave.ts';
import type { Intercept } from '../support/registry/index.ts';
import { pushStatement } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import type { PromotionSituation } from './promotion-rows.ts';

/** A fixture in which the situation is made, and the promotion that is to be run in it. */
export interface Made {
  readonly fixture: PromotionFixture;
  readonly input: PromotionInput;
  readonly close: () => Promise<void>;
}
type Make = () => Promise<Made>;

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const LISTING = /\/referrers\/|\/manifests\/sha256-/;
const HOUR = 3_600_000;
const scanner = signingKey();

/** An image in quarantine (and outside, for mirrors), and a promotion of it. */
async function opened({ close = async () => undefined, ...settings }: Opened = {}) {
  const fixture = await openPromotionFixture({}, settings);
  const path = promotionPath(() => fixture);
  const image = await path.push('quarantine/app', '1.0.0');
  await path.push('public/app', '1.0.0');
  return {
    ...{ fixture, path, image },
    close: async () => {
      await fixture.close();
      await close();
    },
  };
}
type Opened = NonNullable<Parameters<typeof openPromotionFixture>[1]> & {
  readonly close?: () => Promise<void>;
};

const misbehaving =
  (intercept: Intercept, isMirror = false): Make =>
  async () => {
    const { fixture, path, close } = await opened();
    fixture.registry.intercept(intercept);
    return {
      fixture,
      close,
      input: {
        spec: isMirror
          ? path.mirror({ target: { repository: `${fixture.registry.host}/quarantine/mirrored` } })
          : path.promote(),
      },
    };
  };

/** A promotion that scans with a program that does this. */
const scanning =
  (behaviour: Behaviour, scan: object = { failOn: 'Low' }): Make =>
  async () => {
    const fresh = { Version: '0.74.0', VulnerabilityDB: { Version: 2, UpdatedAt: new Date().toISOString() } };
    const trivy = await standIn({ version: fresh, ...behaviour });
    const settings = { scanner: { command: trivy.command, offline: true } };
    const { fixture, path, close } = await opened({ ...settings, close: () => trivy.remove() });
    return { fixture, close, input: { spec: path.promote({ scan }) } };
  };

const printing = (report: object) => `process.stdout.write(${JSON.stringify(JSON.stringify(report))})`;
const alpine = (vulnerabilities: readonly object[]) => ({
  SchemaVersion: 2,
  CreatedAt: new Date().toISOString(),
  Metadata: { OS: { Family: 'alpine', Name: '3.22.0' } },
  Results: [{ Target: 'image', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: vulnerabilities }],
});
const finding = (Severity?: string) => ({ VulnerabilityID: 'CVE-2026-1', PkgName: 'openssl', Severity });

/** A promotion that goes by signed reports, with one of these findings and this age. */
async function withReport(findings: readonly object[], { ageMs = 0, by = scanner, approval = 'Never' } = {}) {
  const { fixture, path, image, close } = await opened();
  const finished = new Date(Date.now() - ageMs).toISOString();
  const predicate = {
    scanner: { uri: 'trivy', version: '0.74.0', result: { ...alpine(findings), CreatedAt: finished } },
    metadata: { scanFinishedOn: finished },
  };
  await pushStatement(path.place('quarantine/app'), image, { key: by, predicateType: VULN, predicate });
  const authorities = [{ name: 'scanner', key: { pem: scanner.pem } }];
  const scan = { from: 'Report', failOn: 'High', authorities };
  return { fixture, image, close, input: { spec: path.promote({ scan, approval }) } };
}

/** Makes a situation. */
export const PROMOTION_SETUPS: Readonly<Record<PromotionSituation, Make>> = {
  good: misbehaving(() => undefined),
  sourceFails: misbehaving(refuse('/quarantine/', 503)),
  targetRefuses: misbehaving(({ url, method }) =>
    url.pathname.includes('/golden/') && method !== 'GET' && method !== 'HEAD'
      ? { status: 403, headers: {}, body: '' }
      : undefined,
  ),
  listingOdd: misbehaving(answer(LISTING, { status: 200, headers: {}, body: Buffer.from('{"a":1}') })),
  listingFails: misbehaving(refuse(LISTING, 403)),
  unsigned: async () => {
    const { fixture, path, close } = await opened();
    const policy = fixture.policy({
      match: { images: ['**'] },
      authorities: [{ name: 'build', key: { pem: scanner.pem } }],
      require: { signatures: { from: ['build'] } },
    });
    return { fixture, close, input: { spec: path.promote({ policies: ['golden'] }), policies: [policy] } };
  },
  scannerMissing: async () => {
    const { fixture, path, close } = await opened({ scanner: { command: '/nonexistent/trivy' } });
    return { fixture, close, input: { spec: path.promote({ scan: {} }) } };
  },
  scannerFails: scanning({ scan: 'process.exit(1)' }),
  scannerGarbled: scanning({ scan: `process.stdout.write('all is well')` }),
  databaseOld: scanning({
    scan: printing(alpine([])),
    version: { Version: '0.74.0', VulnerabilityDB: { Version: 2, UpdatedAt: '2020-01-01T00:00:00Z' } },
  }),
  nothingExamined: scanning({ scan: printing({ SchemaVersion: 2, CreatedAt: new Date().toISOString() }) }),
  severityUnknown: scanning({ scan: printing(alpine([finding('UNKNOWN')])) }),
  reportMissing: async () => {
    const { fixture, path, close } = await opened();
    const authorities = [{ name: 'scanner', key: { pem: scanner.pem } }];
    return { fixture, close, input: { spec: path.promote({ scan: { from: 'Report', authorities } }) } };
  },
  reportByStranger: () => withReport([], { by: signingKey() }),
  reportTooOld: () => withReport([], { ageMs: 25 * HOUR }),
  approvalMissing: () => withReport([finding('CRITICAL')], { approval: 'OnBlock' }),
  approvalUnfit: async () => {
    const made = await withReport([finding('CRITICAL')], { approval: 'OnBlock' });
    const approval: Approval = {
      runName: 'run-1',
      digest: made.image.digest as Digest,
      gateHash: `sha256:${'0'.repeat(64)}`,
      approver: 'alice@acme.example',
      decision: 'Approve',
      waive: ['CVE-2026-1'],
      reason: 'not reachable',
      until: new Date(Date.now() + HOUR),
    };
    return { ...made, input: { ...made.input, approvals: [approval] } };
  },
  flagFails: misbehaving(async (request, handle) => {
    if (request.method !== 'PUT' || !request.url.pathname.includes('/manifests/')) return undefined;
    const bytes = await request.body();
    if (bytes.includes('"subject"')) return { status: 403, headers: {}, body: '' };
    return handle({ ...request, body: () => Promise.resolve(bytes) });
  }, true),
  historyUnreadable: misbehaving(refuse('/manifests/mirror-history', 500), true),
  referrerHidden: async () => {
    const made = await withReport([]);
    made.fixture.registry.intercept(refuse(LISTING, 404));
    const path = promotionPath(() => made.fixture);
    return { ...made, input: { spec: path.promote() } };
  },
};
