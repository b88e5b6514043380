import { expect } from 'chai';
import { Readable } from 'node:stream';
import type { ImagePromotionRunStatus } from '../../src/core/promotion/index.ts';
import { parsePromotion } from '../../src/core/promotion/index.ts';
import { parseSettings } from '../../src/core/settings/index.ts';
import type { OpenRun, RunQuestion } from '../../src/cli/index.ts';
import { createTools } from '../../src/serve/index.ts';
import { RESOURCES } from '../../src/core/workload/index.ts';
import { startApiServer, type ApiServer } from '../support/api-server/index.ts';
import { refusal } from '../support/api-server/http.ts';
import { policyDocument } from '../support/policies.ts';
import { promotionObject } from '../support/promotions/promotions.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { listTags } from '../support/registry/listings.ts';
import { pushImage } from '../support/registry/push.ts';
import { pushBundleSignature } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const API_VERSION = 'pratique.dev/v1alpha1';
const NAME = 'app-1';
const RUN = { resource: RESOURCES.promotionRuns, namespace: 'platform', name: NAME };
const key = signingKey();

describe('pratique run, in a cluster', () => {
  let registry: EmbeddedRegistry;
  let api: ApiServer;
  let folder: TemporaryFolder;
  let kubeconfig: string;
  const log: string[] = [];
  const opened: OpenRun[] = [];

  beforeEach(async () => {
    log.length = 0;
    registry = await startRegistry();
    api = await startApiServer();
    folder = await temporaryFolder();
    kubeconfig = await folder.write('kubeconfig', {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      clusters: [{ name: 'here', cluster: { server: api.url } }],
      users: [{ name: 'job', user: {} }],
      contexts: [{ name: 'here', context: { cluster: 'here', user: 'job' } }],
    });
  });
  afterEach(async () => {
    for (const run of opened.splice(0)) await run.close();
    await api.close();
    await registry.close();
    await folder.remove();
  });

  const settings = () => {
    const read = parseSettings({});
    if (!read.ok) throw new Error('the defaults are no settings');
    return read.value;
  };
  const ask = async (question: Partial<RunQuestion>, environment = {}) => {
    const { openRun } = createTools({
      version: '1.2.3',
      environment: { DOCKER_CONFIG: '/nonexistent', ...environment },
      stdin: Readable.from([]),
      writeLog: (line) => log.push(line),
    });
    if (!openRun) throw new Error('there is no such command');
    return openRun({ namespace: 'platform', name: NAME, holder: 'job-1', settings: settings(), ...question });
  };
  const open = async (holder = 'job-1'): Promise<OpenRun> => {
    const run = await ask({ holder, installation: 'pratique', kubeconfig });
    if (!run.ok) throw new Error(JSON.stringify(run.problems));
    opened.push(run.value);
    return run.value;
  };
  const execute = async (holder?: string, signal = new AbortController().signal) => {
    const run = await open(holder);
    const answer = await run.execute(signal);
    await run.close();
    return answer;
  };
  const at = (path: string) => ({ registry: registry.host, repository: path });
  const put = (rules: Readonly<Record<string, unknown>>, more: object = {}): void => {
    const read = parsePromotion(
      promotionObject('ImagePromotion', {
        source: { repository: `${registry.host}/quarantine/app` },
        target: { repository: `${registry.host}/golden/app` },
        tags: { semver: ['*'] },
        maxParallelImages: 1,
        ...rules,
      }),
    );
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    api.twin.put(RESOURCES.promotionRuns, {
      apiVersion: API_VERSION,
      kind: 'ImagePromotionRun',
      metadata: { name: NAME, namespace: 'platform' },
      spec: {
        promotion: { name: 'app', uid: 'promotion-1', generation: 1 },
        trigger: 'Change',
        attempt: 0,
        template: read.value.spec,
      },
      ...more,
    });
  };
  const status = () => (api.twin.peek(RUN)?.status ?? {}) as ImagePromotionRunStatus;
  const failure = () =>
    status().conditions?.find(({ type, status: is }) => type === 'Failed' && is === 'True');
  const golden = () => listTags(at('golden/app')).catch(() => []);
  /** Requests to the API server, except those that every run sends. */
  const asked = () =>
    [...new Set(api.requests.map(({ method, url }) => `${method} ${url.pathname}`))]
      .filter((line) => !line.includes('/imagepromotionruns/') && !line.endsWith('/promotionapprovals'))
      .toSorted();

  it('executes a run to its end, and reports what the controller would report', async () => {
    await pushImage({ ...at('quarantine/app'), tag: '1.0.0' });
    put({ promote: {} });
    expect(await execute()).to.include({ end: 'over' });
    expect(await golden()).to.deep.equal(['1.0.0']);
    expect(status()).to.include({ phase: 'Succeeded' });
    expect(status().counts).to.include({ candidates: 1, promoted: 1 });
    expect(status().claim).to.include({ holder: '', epoch: 1 });
    expect(asked(), 'nothing that the promotion does not name').to.deep.equal([]);
    expect(await execute('job-2'), 'a later Job').to.deep.equal({ end: 'nothing' });
  });

  it('holds its lease with the name of the Job and a random name', async () => {
    await pushImage({ ...at('quarantine/app'), tag: '1.0.0' });
    put({ promote: {} });
    const holders = new Set<string>();
    api.intercept(({ method, body }) => {
      if (method !== 'PUT') return undefined;
      holders.add((JSON.parse(body) as { status: ImagePromotionRunStatus }).status.claim?.holder ?? '');
      return undefined;
    });
    await execute();
    const [first = '', ...rest] = holders;
    expect(first).to.match(/^job-1\/[0-9a-f-]{36}$/);
    expect(rest).to.deep.equal(['']);
  });

  it('requires the named policies, with keys from the namespace of the installation', async () => {
    const good = await pushImage({ ...at('quarantine/app'), tag: '1.0.0' }, { salt: 'good' });
    await pushBundleSignature(at('quarantine/app'), good, key);
    await pushImage({ ...at('quarantine/app'), tag: '2.0.0' }, { salt: 'unsigned' });
    const spec = {
      authorities: [{ name: 'release', key: { configMapRef: { name: 'release-key', key: 'cosign.pub' } } }],
      require: { signatures: { from: ['release'] } },
    };
    api.twin.put(RESOURCES.policies, policyDocument(spec, 'candidates'));
    api.twin.put(RESOURCES.policies, policyDocument({ require: { digest: {} } }, 'another'));
    api.twin.put(RESOURCES.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'release-key', namespace: 'pratique' },
      data: { 'cosign.pub': key.pem },
    });
    put({ promote: { policies: ['candidates'] } });
    expect(await execute()).to.include({ end: 'over' });
    expect(await golden()).to.deep.equal(['1.0.0']);
    const blocked = status().images?.find(({ tag }) => tag === '2.0.0');
    expect(blocked).to.include({ decision: 'Blocked', reason: 'Unsigned' });
    expect(asked()).to.deep.equal([
      'GET /api/v1/namespaces/pratique/configmaps/release-key',
      'GET /apis/pratique.dev/v1alpha1/imagepolicies/candidates',
    ]);
  });

  it('promotes nothing under a policy with a missing key', async () => {
    const good = await pushImage({ ...at('quarantine/app'), tag: '1.0.0' });
    await pushBundleSignature(at('quarantine/app'), good, key);
    const secretRef = { name: 'release-key', key: 'cosign.pub' };
    const spec = {
      authorities: [{ name: 'release', key: { secretRef } }],
      require: { signatures: { from: ['release'] } },
    };
    api.twin.put(RESOURCES.policies, policyDocument(spec, 'candidates'));
    put({ promote: { policies: ['candidates'] } });
    await execute();
    expect(status().images?.[0]).to.include({ decision: 'Blocked', reason: 'PolicyBroken' });
    expect(await golden()).to.deep.equal([]);
  });

  it('fails a run with a missing policy', async () => {
    put({ promote: { policies: ['candidates'] } });
    await execute();
    expect(failure()?.reason).to.equal('InvalidPromotion');
  });

  const rights: readonly (readonly [string, RegExp, Readonly<Record<string, unknown>>])[] = [
    [
      'the Secrets that it names',
      /\/platform\/secrets\/cosign-key$/,
      { sign: { secretRef: { name: 'cosign-key' } } },
    ],
    ['the approvals', /\/promotionapprovals$/, {}],
    ['the policies', /\/imagepolicies\/candidates$/, { policies: ['candidates'] }],
  ];
  for (const [what, path, promote] of rights)
    it(`fails with the missing permission when it may not read ${what}`, async () => {
      await pushImage({ ...at('quarantine/app'), tag: '1.0.0' });
      put({ promote });
      api.intercept(({ url }) =>
        path.test(url.pathname) ? refusal(403, 'Forbidden', 'it may not') : undefined,
      );
      expect(await execute()).to.include({ end: 'over' });
      expect(failure()?.reason).to.equal('ClusterDenied');
      expect(failure()?.message).to.include('it may not');
      expect(status().claim?.holder).to.equal('');
      expect(await golden()).to.deep.equal([]);
    });

  it('fails as a process, without a stored change, when it may not write its status', async () => {
    put({ promote: {} });
    api.intercept(({ method }) => (method === 'PUT' ? refusal(403, 'Forbidden') : undefined));
    const run = await open();
    const [answer] = await Promise.allSettled([run.execute(new AbortController().signal)]);
    expect(answer).to.deep.include({ status: 'rejected' });
    expect(answer.status === 'rejected' && answer.reason).to.include({ code: 'ClusterDenied' });
    expect(status()).to.deep.equal({});
  });

  it('stops on a signal, releases its lease, and the next Job continues to the same end', async () => {
    for (const tag of ['1.0.0', '2.0.0', '3.0.0'])
      await pushImage({ ...at('quarantine/app'), tag }, { salt: tag });
    put({ promote: {} });
    const reported = new AbortController();
    registry.intercept(({ method, url }) => {
      if (method === 'PUT' && url.pathname.endsWith('/golden/app/manifests/2.0.0')) reported.abort();
      return undefined;
    });
    expect(await execute('job-1', reported.signal)).to.deep.equal({ end: 'stopped' });
    expect(status()).to.include({ phase: 'Running' });
    expect(status().claim).to.include({ holder: '', epoch: 1 });
    registry.intercept(undefined);
    expect(await execute('job-2')).to.include({ end: 'over' });
    expect(status()).to.include({ phase: 'Succeeded' });
    expect(status().claim?.epoch).to.equal(2);
    const { promoted = 0, upToDate = 0 } = status().counts ?? {};
    expect(promoted + upToDate).to.equal(3);
    expect([...(await golden())].toSorted()).to.deep.equal(['1.0.0', '2.0.0', '3.0.0']);
  });

  it('does nothing for a deleted run', async () => {
    expect(await execute()).to.deep.equal({ end: 'nothing' });
  });

  it('does not start without a namespace for keys or, outside of a pod, without a kubeconfig', async () => {
    const run = await ask({});
    expect(run.ok ? [] : run.problems.map(({ path }) => path)).to.deep.equal([
      '--installation',
      '--kubeconfig',
    ]);
    const within = { ...settings(), cluster: { ...settings().cluster, namespace: 'pratique' } };
    const named = await ask({ settings: within, kubeconfig });
    if (named.ok) await named.value.close();
    expect(named.ok).to.equal(true);
  });
});
