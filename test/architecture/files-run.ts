// Counts the files of `src/` that run for one admission and for one promotion, and prints them as JSON. It is a process of its own:
// counting them resets the coverage of the process that does it. Run it by `node test/architecture/files-run.ts`.
import { deepEqual, ok } from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseSettings } from '../../src/core/settings/index.ts';
import { createTools } from '../../src/serve/index.ts';
import { createAuthority } from '../support/certificates.ts';
import { httpsClient } from '../support/https-request.ts';
import { openPolicyFixture } from '../support/policy-fixture.ts';
import { pathKeys, promotionPath, decisions } from '../support/promotions/promotion-path.ts';
import { openPromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { podReview } from '../support/reviews.ts';
import { pushStatement } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The files of `src/` of which a function ran while `work` did. */
async function filesRun(work: () => Promise<void>): Promise<readonly string[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  // What was taken is counted from zero again.
  await session.post('Profiler.takePreciseCoverage');
  await work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  return result
    .filter(({ url }) => url.startsWith('file://'))
    .map(({ url, functions }) => ({ path: relative(root, fileURLToPath(url)), functions }))
    .filter(({ path }) => path.startsWith('src/'))
    .filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
    .map(({ path }) => path)
    .toSorted();
}

async function filesOfAdmission(): Promise<readonly string[]> {
  const fixture = await openPolicyFixture();
  const authority = await createAuthority('acme authority');
  const leaf = await authority.issue({ commonName: 'webhook', ips: ['127.0.0.1'], usage: 'server' });
  const folder = await temporaryFolder({ 'tls.crt': leaf.cert, 'tls.key': leaf.key });
  const policies = await temporaryFolder({ 'policy.yaml': fixture.policy({}) });
  const tools = createTools({
    version: '1.2.3',
    environment: { DOCKER_CONFIG: '/nonexistent' },
    stdin: Readable.from([]),
    writeLog: () => undefined,
  });
  const webhook = {
    listen: '127.0.0.1:0',
    tlsCert: join(folder.path, 'tls.crt'),
    tlsKey: join(folder.path, 'tls.key'),
  };
  const settings = parseSettings({ webhook });
  const serving = settings.ok ? await tools.serve(settings.value, policies.path) : settings;
  if (!serving.ok) throw new Error(JSON.stringify(serving.problems));
  const client = httpsClient(serving.value.url, authority.cert);
  let answer = '';
  const files = await filesRun(async () => {
    answer = (await client.post('/validate?timeout=10s', JSON.stringify(podReview([fixture.image('good')]))))
      .text;
  });
  await Promise.all([client.close(), serving.value.close(), folder.remove(), policies.remove()]);
  await fixture.registry.close();
  ok(answer.includes('"allowed":true'), answer);
  return files;
}

async function filesOfPromotion(): Promise<readonly string[]> {
  const fixture = await openPromotionFixture();
  const { secrets, sign } = pathKeys();
  const { place, push, mirror, promote } = promotionPath(() => fixture);
  const image = await push('public/app', '1.4.0');
  await fixture.run({ spec: mirror() });
  const scanKey = signingKey();
  const now = new Date().toISOString();
  const os = { Family: 'alpine', Name: '3.99' };
  const results = [{ Target: 'alpine', Class: 'os-pkgs', Type: 'alpine', Packages: [] }];
  const result = { SchemaVersion: 2, CreatedAt: now, Metadata: { OS: os }, Results: results };
  await pushStatement(place('quarantine/app'), image, {
    key: scanKey,
    predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1',
    predicate: {
      scanner: { uri: 'trivy', version: '0.74.0', result },
      metadata: { scanFinishedOn: now },
    },
  });
  const authorities = [{ name: 'scanner', key: { pem: scanKey.pem } }];
  const scan = { from: 'Report', failOn: 'High', authorities };
  let ran: readonly unknown[] = [];
  const files = await filesRun(async () => {
    ran = decisions(await fixture.run({ spec: promote({ scan, approval: 'OnBlock', sign }), secrets }));
  });
  await fixture.close();
  deepEqual(ran, [['1.4.0', 'Promoted']]);
  return files;
}

const files = { admission: await filesOfAdmission(), promotion: await filesOfPromotion() };
process.stdout.write(`${JSON.stringify(files)}\n`);
