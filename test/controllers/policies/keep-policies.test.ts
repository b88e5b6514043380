import { expect } from 'chai';
import { watchCollection } from '../../../src/clients/kubernetes/index.ts';
import { keepPolicies } from '../../../src/controllers/policies/keep-policies.ts';
import { policyReader } from '../../../src/controllers/policies/read-policies.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { NO_ROOTS, NOW, policyDocument } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { createClusterTwin } from '../../support/twins/cluster.ts';

const NAMESPACE = 'pratique';
const key = signingKey();
const SIGNED = {
  authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
  require: { signatures: { from: ['release'] } },
};
const keySecret = (pem = key.pem) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'release-key', namespace: NAMESPACE },
  data: { 'cosign.pub': Buffer.from(pem).toString('base64') },
});

function fixture() {
  const cluster = createClusterTwin();
  const changed: string[][] = [];
  const secrets: string[] = [];
  const namespaces: string[] = [];
  const bugs: unknown[] = [];
  const open = () =>
    keepPolicies({
      ...{ cluster, watchCollection, namespace: NAMESPACE, roots: NO_ROOTS, clock: () => NOW },
      onPolicies: (names) => changed.push([...names].toSorted()),
      onSecret: (name) => secrets.push(name),
      onNamespace: (name) => namespaces.push(name),
      onError: () => undefined,
      report: (error) => bugs.push(error),
    });
  return { cluster, changed, secrets, namespaces, bugs, open };
}

/** Waits for what the watches bring. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the policies of a cluster', () => {
  it('are compiled once all collections are read, and never with half of what they name', async () => {
    const { cluster, changed, open, bugs } = fixture();
    cluster.put(RESOURCES.policies, policyDocument(SIGNED, 'signed'));
    cluster.put(RESOURCES.secrets, keySecret());
    const policies = open();
    expect(policies.caches.waitingFor()).to.have.lengthOf(5);
    await policies.caches.synced;
    expect(changed).to.deep.equal([['signed']]);
    expect(policies.store.states().get('signed')).to.include({ inForce: 'as written' });
    expect(policies.caches.waitingFor()).to.deep.equal([]);
    await policies.close();
    expect(bugs).to.deep.equal([]);
  });

  it('M39 are in force at the first moment at which nothing is waited for', async () => {
    const { cluster, open } = fixture();
    cluster.put(RESOURCES.policies, policyDocument({}, 'all'));
    const policies = open();
    await until(() => policies.caches.waitingFor().length === 0);
    expect([...policies.store.states().keys()]).to.deep.equal(['all']);
    await policies.close();
  });

  it('M40 are in force before the term of a leader judges by them', async () => {
    const { cluster, open } = fixture();
    const release = cluster.hold({ verb: 'list', resource: RESOURCES.policies.plural });
    cluster.put(RESOURCES.policies, policyDocument({}, 'all'));
    const policies = open();
    const term = new AbortController();
    const ended = policies.inForce(term.signal);
    term.abort();
    expect(await ended).to.equal(false);
    const next = policies.inForce(new AbortController().signal);
    release();
    expect(await next).to.equal(true);
    expect([...policies.store.states().keys()]).to.deep.equal(['all']);
    expect(await policies.inForce(term.signal)).to.equal(false);
    await policies.close();
  });

  it('M40 never are when they are closed before they were read', async () => {
    const { cluster, open } = fixture();
    cluster.hold({ verb: 'list', resource: RESOURCES.policies.plural });
    const policies = open();
    const waiting = policies.inForce(new AbortController().signal);
    await policies.close();
    expect(await waiting).to.equal(false);
  });

  it('follow the Secret with their key, and show in a gauge when they do not compile', async () => {
    const { cluster, changed, secrets, open } = fixture();
    cluster.put(RESOURCES.policies, policyDocument(SIGNED, 'signed'));
    const policies = open();
    await policies.caches.synced;
    await until(() => changed.length > 0);
    const stalled = () => policies.gauges[0]?.read();
    expect(stalled()).to.deep.equal([{ labels: { policy: 'signed' }, value: 1 }]);
    cluster.put(RESOURCES.secrets, keySecret());
    await until(() => changed.length > 1);
    expect(secrets).to.deep.equal(['release-key']);
    expect(stalled()).to.deep.equal([{ labels: { policy: 'signed' }, value: 0 }]);
    await policies.close();
  });

  it('always include the policy of the self-test', async () => {
    const { open } = fixture();
    const policies = open();
    expect(policies.store.current().map(({ name }) => name)).to.deep.equal(policies.builtIn);
    expect(policies.builtIn).to.have.lengthOf(1);
    await policies.close();
  });

  it('are selected by the labels of namespaces, which are read from the API server where the cache has none', async () => {
    const { cluster, namespaces, open } = fixture();
    const namespace = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { team: name } },
    });
    cluster.put(RESOURCES.namespaces, namespace('shop'));
    const policies = open();
    await policies.caches.synced;
    await until(() => namespaces.includes('shop'));
    const labels = async (name: string) => {
      const fact = await policies.namespaceLabels(name, AbortSignal.timeout(50_000));
      return fact.state === 'found' ? fact.value : fact.state;
    };
    const before = cluster.calls.length;
    expect(await labels('shop')).to.deep.equal({ team: 'shop', 'kubernetes.io/metadata.name': 'shop' });
    expect(cluster.calls.length, 'from the cache').to.equal(before);
    expect(await labels('gone')).to.equal('unknown');
    expect(cluster.calls.length, 'from the API server').to.equal(before + 1);
    await policies.close();
  });
});

describe('the policies of one run', () => {
  const read = (cluster: ReturnType<typeof createClusterTwin>, ...names: readonly string[]) =>
    policyReader({ cluster, installation: NAMESPACE, roots: NO_ROOTS, clock: () => NOW })(
      names,
      AbortSignal.timeout(50_000),
    );
  const asked = (cluster: ReturnType<typeof createClusterTwin>) => cluster.calls.map(({ name }) => name);

  it('are read with the Secrets that they name, and nothing else is', async () => {
    const cluster = createClusterTwin();
    cluster.put(RESOURCES.policies, policyDocument(SIGNED, 'signed'));
    cluster.put(RESOURCES.policies, policyDocument({}, 'other'));
    cluster.put(RESOURCES.secrets, keySecret());
    const policies = await read(cluster, 'signed');
    expect(policies.map(({ name }) => name)).to.deep.equal(['signed']);
    expect(policies[0]?.signatures?.from).to.have.lengthOf(1);
    expect(asked(cluster)).to.deep.equal(['signed', 'release-key']);
  });

  it('leave out one that does not exist, and keep one whose key is missing as broken', async () => {
    const cluster = createClusterTwin();
    cluster.put(RESOURCES.policies, policyDocument(SIGNED, 'signed'));
    const policies = await read(cluster, 'signed', 'gone');
    expect(policies.map(({ name }) => name)).to.deep.equal(['signed']);
    expect(policies[0]?.signatures?.from ?? []).to.deep.equal([]);
  });
});
