import { expect } from 'chai';
import { blobsOf, AMD64, useGates } from './bench.ts';
import { startGate, type RunningGate } from './running-gate.ts';
import { pushImage, pushIndex } from '../support/registry/push.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Port 1 of loopback: nothing listens there. */
const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'here', cluster: { server: 'http://127.0.0.1:1' } }],
  users: [{ name: 'gate', user: {} }],
  contexts: [{ name: 'here', context: { cluster: 'here', user: 'gate' } }],
  'current-context': 'here',
};

describe('the gate while its cluster cannot be reached', () => {
  const bench = useGates();
  const startUnready = async (gate: object, test: (gate: RunningGate) => Promise<void>): Promise<void> => {
    const folder = await temporaryFolder({ kubeconfig: KUBECONFIG });
    const cluster = { kubeconfig: `${folder.path}/kubeconfig`, namespace: 'pratique' };
    const running = await startGate({ upstreams: [{ match: ['**'] }], ...gate }, 'of the cluster', {
      cluster,
    });
    try {
      await test(running);
    } finally {
      await running.close();
      await folder.remove();
    }
  };

  it('G60 it hands out what is exempt, and nothing else, whatever the settings let pass', async () => {
    const image = await pushImage(bench.place('kube/dns', '1.0'), { layers: ['dns'] });
    const other = await bench.pushSigned('kube/other', '1.0');
    for (const lenient of [{}, { unjudged: 'Allow' }, { unjudged: 'Warn' }, { dryRun: true }])
      await startUnready(
        { ...lenient, exempt: [`${bench.registry.host}/kube/dns@${image.digest}`] },
        async (gate) => {
          for (const path of ['manifests/1.0', `manifests/${image.digest}`])
            expect(await bench.status(gate, `kube/dns/${path}`)).to.equal(200);
          for (const digest of blobsOf(image))
            expect(await bench.status(gate, `kube/dns/blobs/${digest}`)).to.equal(200);
          for (const path of ['manifests/1.0', `manifests/${other.digest}`, `referrers/${other.digest}`]) {
            const answer = await gate.get(`${bench.registry.host}/kube/other/${path}`);
            expect(answer.status, path).to.equal(503);
            expect(answer.headers.get('retry-after')).to.equal('5');
            expect(await answer.text()).to.include('ClusterUnavailable: read the policies');
          }
          expect(await bench.status(gate, 'kube/other/tags/list')).to.equal(503);
          for (const digest of blobsOf(other))
            expect(await bench.status(gate, `kube/other/blobs/${digest}`)).to.equal(503);
        },
      );
  });

  it('G60 so it is with an exempt platform of an index that is not exempt', async () => {
    const platform = await pushImage(bench.place('kube/dns'), { platform: AMD64 });
    await pushIndex(bench.place('kube/dns', '1.0'), { manifests: [{ ...platform, platform: AMD64 }] });
    await startUnready({ exempt: [`${bench.registry.host}/kube/dns@${platform.digest}`] }, async (gate) => {
      expect(await bench.status(gate, 'kube/dns/manifests/1.0')).to.equal(503);
      expect(await bench.status(gate, `kube/dns/manifests/${platform.digest}`)).to.equal(200);
    });
  });

  it('G60 a layer of what is exempt is served also where other images list it', async () => {
    const image = await pushImage(bench.place('kube/dns', '1.0'), { layers: ['base'] });
    const newer = await pushImage(bench.place('kube/dns', '2.0'), { salt: 'newer', layers: ['base'] });
    await startUnready({ exempt: [`${bench.registry.host}/kube/dns@${image.digest}`] }, async (gate) => {
      expect(await bench.status(gate, 'kube/dns/manifests/1.0')).to.equal(200);
      expect(await bench.status(gate, `kube/dns/manifests/${newer.digest}`)).to.equal(503);
      for (const digest of blobsOf(image))
        expect(await bench.status(gate, `kube/dns/blobs/${digest}`)).to.equal(200);
      for (const digest of blobsOf(newer).filter((one) => !blobsOf(image).includes(one)))
        expect(await bench.status(gate, `kube/dns/blobs/${digest}`)).to.equal(503);
    });
  });

  it('G60 so is an exempt platform that another index lists, and its layers', async () => {
    const platform = await pushImage(bench.place('kube/dns'), { platform: AMD64, layers: ['base'] });
    const manifests = [{ ...platform, platform: AMD64 }];
    const exempt = await pushIndex(bench.place('kube/dns', '1.0'), { manifests });
    const other = await pushIndex(bench.place('kube/dns', '2.0'), {
      ...{ manifests, annotations: { 'com.example.other': 'true' } },
    });
    await startUnready({ exempt: [`${bench.registry.host}/kube/dns@${exempt.digest}`] }, async (gate) => {
      expect(await bench.status(gate, 'kube/dns/manifests/1.0')).to.equal(200);
      expect(await bench.status(gate, `kube/dns/manifests/${other.digest}`)).to.equal(503);
      expect(await bench.status(gate, `kube/dns/manifests/${platform.digest}`)).to.equal(200);
      for (const digest of blobsOf(platform))
        expect(await bench.status(gate, `kube/dns/blobs/${digest}`)).to.equal(200);
    });
  });

  it('G64 a tag that moves while it is read brings nothing but what is exempt', async () => {
    const image = await pushImage(bench.place('kube/dns', '1.0'), { salt: 'good' });
    const exempt = [`${bench.registry.host}/kube/dns@${image.digest}`];
    const evil = await pushImage(bench.place('kube/dns', 'evil'), { salt: 'evil' });
    // The digest of the tag is asked for by HEAD, and then what it names is read.
    bench.registry.intercept((request, handle) =>
      request.method === 'GET' && request.url.pathname.endsWith('/manifests/1.0')
        ? handle({ ...request, url: new URL(request.url.href.replace('/manifests/1.0', '/manifests/evil')) })
        : undefined,
    );
    const expectGood = async (gate: RunningGate): Promise<void> => {
      const answer = await gate.get(`${bench.registry.host}/kube/dns/manifests/1.0`);
      await answer.arrayBuffer();
      expect(answer.headers.get('docker-content-digest')).to.not.equal(evil.digest);
      expect(answer.headers.get('docker-content-digest')).to.equal(image.digest);
    };
    await startUnready({ exempt }, expectGood);
    const elsewhere = bench.signed({}, { match: { images: ['registry.example.com/**'] } });
    await expectGood(await bench.start([elsewhere], { exempt }));
  });

  it('G34 an exempt platform is served also where its index has a flag', async () => {
    const platform = await pushImage(bench.place('kube/dns'), { platform: AMD64 });
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const manifests = [{ ...platform, platform: AMD64 }];
    await pushIndex(bench.place('kube/dns', '1.0'), { manifests, annotations });
    const gate = await bench.start([bench.flags()], {
      exempt: [`${bench.registry.host}/kube/dns@${platform.digest}`],
    });
    expect(await bench.status(gate, 'kube/dns/manifests/1.0')).to.equal(403);
    expect(await bench.status(gate, `kube/dns/manifests/${platform.digest}`)).to.equal(200);
  });
});
