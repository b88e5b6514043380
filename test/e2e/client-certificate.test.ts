import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { Agent, request } from 'undici';
import { createAuthority, type Authority, type KeyedCertificate } from '../support/certificates.ts';
import { podReview } from '../support/reviews.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { registerWebhook } from './support/installation/webhook-registration.ts';
import { freePort } from './support/programs/ports.ts';
import { startProcess } from './support/programs/process.ts';
import { PRODUCT } from './support/programs/product.ts';
import { openWorkspace, type Workspace } from './support/programs/workspace.ts';

const SECRET = 'a1'.repeat(32);
const IMAGE = 'registry.example.com/shop/web:1';

describe('an API server that shows a client certificate to webhooks', () => {
  let workspace: Workspace;
  let cluster: Cluster;
  let clients: Authority;
  let authority: Authority;
  let url: string;

  before(async () => {
    workspace = await openWorkspace('client-certificate');
    [clients, authority] = await Promise.all([createAuthority('clients'), createAuthority('webhook')]);
    const shown = await clients.issue({ commonName: 'webhook-caller', usage: 'client' });
    const leaf = await authority.issue({ commonName: 'localhost', ips: ['127.0.0.1'], usage: 'server' });
    const file = async (name: string, content: string | object): Promise<string> => {
      const path = join(workspace.folder, name);
      await writeFile(path, typeof content === 'string' ? content : stringify(content), { mode: 0o600 });
      return path;
    };
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const user = { 'client-certificate-data': base64(shown.cert), 'client-key-data': base64(shown.key) };
    const kubeConfigFile = await file('callers.kubeconfig', {
      ...{ apiVersion: 'v1', kind: 'Config' },
      users: [{ name: '*', user }],
    });
    const apiVersion = 'apiserver.config.k8s.io/v1';
    const configuration = { apiVersion, kind: 'WebhookAdmissionConfiguration', kubeConfigFile };
    const admission = await file('admission.yaml', {
      ...{ apiVersion, kind: 'AdmissionConfiguration' },
      plugins: [{ name: 'ValidatingAdmissionWebhook', configuration }],
    });
    await mkdir(join(workspace.folder, 'policies'));
    await file('policies/policy.yaml', {
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name: 'pinned' } },
      spec: { match: { images: ['**'] }, onUnknown: 'Allow', require: { digest: {} } },
    });
    const port = await freePort();
    url = `https://127.0.0.1:${port}`;
    const settings = {
      webhook: {
        listen: `127.0.0.1:${port}`,
        tlsCert: await file('tls.crt', leaf.cert),
        tlsKey: await file('tls.key', leaf.key),
        pathSecretFile: await file('path-secret', SECRET),
        clientCA: await file('client-ca.crt', clients.cert),
        clientNames: ['webhook-caller'],
      },
    };
    const args = ['serve', '--standalone', join(workspace.folder, 'policies'), '--settings'];
    await startProcess({
      ...{ workspace, name: 'webhook', command: process.execPath },
      args: [PRODUCT, ...args, await file('settings.yaml', settings)],
      env: { HOME: workspace.folder },
      ready: async () => (await ask('/readyz', undefined, 'GET')) === 200,
    });
    cluster = await startCluster({ apiserverArgs: [`--admission-control-config-file=${admission}`] });
    await registerWebhook(cluster, { url: `${url}/validate/${SECRET}`, caPem: authority.cert });
  });
  after(async () => {
    await cluster.stop();
    await workspace.close();
  });

  async function ask(
    path: string,
    from?: KeyedCertificate,
    method: 'GET' | 'POST' = 'POST',
  ): Promise<number> {
    const dispatcher = new Agent({ connect: { ca: authority.cert, ...from } });
    const body = method === 'POST' ? { body: JSON.stringify(podReview([IMAGE])) } : {};
    const answer = await request(`${url}${path}`, { method, dispatcher, ...body });
    await answer.body.dump();
    await dispatcher.close();
    return answer.statusCode;
  }

  it('C03 is answered: its pods are judged', async () => {
    const { code, stderr } = await cluster.kubectl(['run', 'web', `--image=${IMAGE}`]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('1 of 1 images refused');
  });

  it('C03 no other caller is, also with the secret in the path, and probes are', async () => {
    const by = (commonName: string) => clients.issue({ commonName, usage: 'client' });
    expect(await ask(`/validate/${SECRET}`)).to.equal(404);
    expect(await ask(`/validate/${SECRET}`, await by('system:node:worker'))).to.equal(404);
    expect(await ask('/validate', await by('webhook-caller'))).to.equal(404);
    expect(await ask(`/validate/${SECRET}`, await by('webhook-caller'))).to.equal(200);
    expect(await ask('/healthz', undefined, 'GET')).to.equal(200);
  });
});
