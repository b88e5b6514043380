import { expect } from 'chai';
import { createPullSecrets, MAX_PULL_SECRETS } from '../../../src/clients/kubernetes/pull-secrets.ts';
import { clusterFault, createClusterTwin, type ClusterTwin } from '../../support/twins/cluster.ts';

const SECRETS = { group: '', version: 'v1', plural: 'secrets' } as const;
const SERVICE_ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' } as const;
const LOGINS = { 'registry.example.com': { auth: Buffer.from('acme:hidden').toString('base64') } };
const CONFIG = JSON.stringify({ auths: LOGINS });

const base64 = (value: string | Buffer): string => Buffer.from(value).toString('base64');

interface LeaseFixture {
  readonly twin: ClusterTwin;
  /** Milliseconds of pauses that were made; none takes any. */
  readonly pauses: readonly number[];
  readonly pass: (ms: number) => void;
  readonly close: () => void;
  readonly read: (
    names?: readonly string[],
    serviceAccount?: string,
    signal?: AbortSignal,
  ) => Promise<{
    readonly texts: readonly (readonly [string, string])[];
    readonly unreadable: readonly (readonly [string, boolean])[];
    readonly all: string;
  }>;
}

/** A namespace `acme` with the service account `default`, which names `pull`, and the secret `pull`. */
function openFixture(): LeaseFixture {
  const twin = createClusterTwin();
  let now = 0;
  const pauses: number[] = [];
  const secrets = createPullSecrets({
    ...{ cluster: twin, clock: () => new Date(now), rememberMs: 10_000 },
    pause: async (ms) => pauses.push(ms),
  });
  putSecret(twin, 'pull');
  putAccount(twin, 'default', ['pull']);
  return {
    ...{ twin, pauses },
    pass: (ms) => {
      now += ms;
    },
    close: secrets.close,
    read: async (names = [], serviceAccount = '', signal = new AbortController().signal) => {
      const { configs, unreadable } = await secrets.read(
        { namespace: 'acme', names, serviceAccount },
        signal,
      );
      return {
        texts: configs.map(({ source, text }) => [source, text]),
        unreadable: unreadable.map(({ source, transient }) => [source, transient]),
        all: JSON.stringify(unreadable),
      };
    },
  };
}

function putSecret(
  twin: ClusterTwin,
  name: string,
  content: object = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64(CONFIG) } },
): void {
  twin.put(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'acme' }, ...content });
}

function putAccount(twin: ClusterTwin, name: string, names: readonly string[]): void {
  const imagePullSecrets = [{}, ...names.map((each) => ({ name: each }))];
  twin.put(SERVICE_ACCOUNTS, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'acme' },
    imagePullSecrets,
  });
}

const sources = (texts: readonly (readonly [string, string])[]): readonly string[] =>
  texts.map(([source]) => source);

describe('kubernetes: pull secrets', () => {
  it('come first as the pod names them and then from the service account, each once', async () => {
    const { read, twin } = openFixture();
    for (const name of ['a', 'b']) putSecret(twin, name);
    putAccount(twin, 'web', ['b', 'pull']);
    const { texts, unreadable } = await read(['b', 'a'], 'web');
    expect(sources(texts)).to.deep.equal(['Secret acme/b', 'Secret acme/a', 'Secret acme/pull']);
    expect(texts[0]?.[1]).to.equal(CONFIG);
    expect(unreadable).to.deep.equal([]);
  });

  it('come from the service account default when none is named', async () => {
    expect(sources((await openFixture().read()).texts)).to.deep.equal(['Secret acme/pull']);
  });

  it('are converted from the old format to the current one', async () => {
    const { read, twin } = openFixture();
    putSecret(twin, 'old', {
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': base64(JSON.stringify(LOGINS)) },
    });
    const { texts } = await read(['old']);
    expect(JSON.parse(texts[0]?.[1] ?? '')).to.deep.equal({ auths: LOGINS });
  });

  const type = 'kubernetes.io/dockerconfigjson';
  const key = '.dockerconfigjson';
  const BROKEN: Readonly<Record<string, object>> = {
    'of another type': { type: 'Opaque', data: { [key]: base64(CONFIG) } },
    'of the other form': { type: 'kubernetes.io/dockercfg', data: { [key]: base64(CONFIG) } },
    'without its key': { type, data: {} },
    'without data': { type },
    'that is not base64': { type, data: { [key]: `${base64(CONFIG)}!` } },
    'that is not UTF-8': { type, data: { [key]: base64(Buffer.from([0x22, 0xff, 0x22])) } },
    'that is not JSON': { type, data: { [key]: base64('{"auths": hidden') } },
    'that is no object': { type, data: { [key]: base64('["hidden"]') } },
  };
  for (const [what, content] of Object.entries(BROKEN)) {
    it(`list one ${what} as unreadable, and repeat nothing of it`, async () => {
      const { read, twin } = openFixture();
      putSecret(twin, 'broken', content);
      const { texts, unreadable, all } = await read(['broken']);
      expect(sources(texts)).to.deep.equal(['Secret acme/pull']);
      expect(unreadable).to.deep.equal([['Secret acme/broken', false]]);
      expect(all).to.not.match(/hidden|auths/);
    });
  }

  it('list a Secret that does not exist, which trying again does not create', async () => {
    const { unreadable } = await openFixture().read(['gone']);
    expect(unreadable).to.deep.equal([['Secret acme/gone', false]]);
  });

  it('a service account that does not exist (yet) names none', async () => {
    const { unreadable, texts } = await openFixture().read([], 'missing');
    expect(unreadable).to.be.empty;
    expect(sources(texts)).to.be.empty;
  });

  for (const [what, code, transient] of [
    ['is forbidden', 'ClusterDenied', false],
    ['fails', 'ClusterUnavailable', true],
  ] as const) {
    it(`list what ${what}`, async () => {
      const { read, twin } = openFixture();
      twin.fail({ verb: 'get', name: 'a' }, clusterFault(code));
      const { texts, unreadable } = await read(['a']);
      expect(sources(texts)).to.deep.equal(['Secret acme/pull']);
      expect(unreadable).to.deep.equal([['Secret acme/a', transient]]);
    });
  }

  for (const name of ['default', 'pull']) {
    it(`survive a short failure: ${name} is read again once, after a pause`, async () => {
      const { read, twin, pauses } = openFixture();
      twin.fail({ verb: 'get', name }, clusterFault('ClusterUnavailable'), 1);
      const { texts, unreadable } = await read();
      expect(sources(texts)).to.deep.equal(['Secret acme/pull']);
      expect(unreadable).to.be.empty;
      expect(pauses).to.deep.equal([200]);
      expect(twin.count({ verb: 'get', name })).to.equal(2);
    });
  }

  it('are read again only once, and not where the answer is no', async () => {
    const { read, twin, pauses } = openFixture();
    twin.fail({ verb: 'get', name: 'a' }, clusterFault('ClusterUnavailable'));
    twin.fail({ verb: 'get', name: 'b' }, clusterFault('ClusterDenied'));
    await read(['a', 'b', 'gone']);
    const count = (name: string): number => twin.count({ verb: 'get', name });
    expect(['a', 'b', 'gone'].map(count)).to.deep.equal([2, 1, 1]);
    expect(pauses).to.deep.equal([200]);
  });

  it('C08 have the same words where a Secret is not there and where it may not be read', async () => {
    const { read, twin } = openFixture();
    twin.fail({ verb: 'get', name: 'b' }, clusterFault('ClusterDenied'));
    const { all } = await read(['b', 'gone']);
    const details = (JSON.parse(all) as { detail: string }[]).map(({ detail }) => detail);
    expect(details).to.deep.equal(Array(2).fill('does not exist or may not be read'));
  });

  it('rethrow an error that is not a Fault', async () => {
    const { read, twin } = openFixture();
    const mistake = new TypeError('a mistake');
    twin.fail({ verb: 'get', name: 'pull' }, mistake);
    expect(await read().catch((error: unknown) => error)).to.equal(mistake);
  });

  it('list those beyond the limit', async () => {
    const { read, twin } = openFixture();
    const names = Array.from({ length: MAX_PULL_SECRETS }, (_, n) => `s${n}`);
    for (const name of names) putSecret(twin, name);
    const { texts, unreadable } = await read(names);
    expect(texts.length).to.equal(MAX_PULL_SECRETS);
    expect(unreadable).to.deep.equal([['Secret acme/pull', false]]);
  });

  it('are remembered for a while, failures at most a second', async () => {
    const { read, twin, pass } = openFixture();
    for (const ms of [0, 500, 501]) {
      pass(ms);
      await read(['gone']);
    }
    const count = (name: string): number => twin.count({ verb: 'get', name });
    expect(['gone', 'pull', 'default'].map(count)).to.deep.equal([2, 1, 1]);
    pass(9_000);
    await read();
    expect(['pull', 'default'].map(count)).to.deep.equal([2, 2]);
  });

  it('are read once for many callers at the same time', async () => {
    const { read, twin } = openFixture();
    await Promise.all([read(), read(['pull']), read()]);
    expect(twin.calls.length).to.equal(2);
  });

  it('end the wait of one caller without ending that of another', async () => {
    const { read, twin } = openFixture();
    const release = twin.hold({ verb: 'get', name: 'pull' });
    const patience = new AbortController();
    const [short, long] = [read(['pull'], '', patience.signal), read(['pull'])];
    await new Promise(setImmediate);
    patience.abort();
    expect((await short).unreadable).to.deep.equal([['Secret acme/pull', true]]);
    release();
    expect(sources((await long).texts)).to.deep.equal(['Secret acme/pull']);
  });

  it('are removed from memory on close', async () => {
    const { read, twin, close } = openFixture();
    await read();
    close();
    await read();
    expect(twin.calls.length).to.equal(4);
  });
});
