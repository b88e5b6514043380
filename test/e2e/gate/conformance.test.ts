import { once } from 'node:events';
import { createServer, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { pushImage } from '../../support/registry/push.ts';
import { startRegistry as startEmbedded } from '../../support/registry/index.ts';
import { startGate, type RunningGate } from '../../gate/running-gate.ts';
import { policyDocument } from '../../support/policies.ts';
import { runCommand } from '../support/programs/command.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { startOlareg } from '../support/promotions/registries.ts';

/** By this name the images are asked for at the gate. */
const NAME = 'registry.example.com';

/** What the suite pushes goes to the registry itself, and everything that it pulls through the gate. */
async function startSplitter(registry: string, gate: string): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming;
    const isPull =
      ['GET', 'HEAD'].includes(method) &&
      (url === '/v2/' || url.includes(NAME)) &&
      !url.includes('/blobs/uploads/');
    const to = new URL(isPull ? url : url.replaceAll(`${NAME}/`, ''), isPull ? gate : `http://${registry}`);
    const headers = { ...incoming.headers, host: to.host };
    const forwarded = send(to, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const REGISTRIES = {
  olareg: startOlareg,
  'the embedded registry': async () => {
    const { host, close } = await startEmbedded();
    return { host, stop: close };
  },
};

/** What the suite reports for these parts of the API: `Pass`, `FAIL`, `Disabled`, `Unknown`. */
function resultsOf(printed: string, parts: readonly string[]): readonly string[] {
  const lines = printed.split('\n').map((line) => line.trim());
  return parts.map((part) => {
    const result = /\s(\w+)$/.exec(lines.find((line) => line.startsWith(`${part}..`)) ?? '')?.[1];
    return `${part}: ${result ?? 'none'}`;
  });
}

describe('the conformance tests of the distribution spec', () => {
  let workspace: Workspace;
  let program: string;
  before(async () => {
    workspace = await openWorkspace('conformance');
    ({ conformance: program } = await requirePrograms(['conformance']));
  });
  after(() => workspace.close());

  const run = async (registry: string, parts: readonly string[], env: Readonly<Record<string, string>>) => {
    const { stdout, stderr } = await runCommand({
      command: program,
      args: [],
      cwd: workspace.folder,
      env: {
        OCI_REGISTRY: registry,
        OCI_TLS: 'disabled',
        OCI_REPO1: `${NAME}/conformance/repo1`,
        OCI_REPO2: `${NAME}/conformance/repo2`,
        OCI_API_BLOBS_DELETE: 'false',
        OCI_API_MANIFESTS_DELETE: 'false',
        OCI_API_TAGS_DELETE: 'false',
        ...env,
      },
    });
    expect(resultsOf(stdout, parts), stderr).to.deep.equal(parts.map((part) => `${part}: Pass`));
  };

  for (const [kind, start] of Object.entries(REGISTRIES))
    describe(`with ${kind}`, () => {
      let registry: { readonly host: string; stop(): Promise<void> };
      let gate: RunningGate;
      beforeEach(async () => {
        registry = await start();
        // The suite signs nothing.
        const elsewhere = policyDocument({
          match: { images: ['other.example.com/**'] },
          require: { quarantine: {} },
        });
        const upstreams = [{ match: [`${NAME}/**`], registry: registry.host }];
        gate = await startGate({ upstreams, unjudged: 'Allow' }, [elsewhere]);
      });
      afterEach(async () => {
        await gate.close();
        await registry.stop();
      });

      // It also asks for blobs that no manifest lists: the gate does not hand them out.
      const PARTS = [
        ...['Ping', 'Tag listing', 'Referrers'],
        ...[
          'Manifest get by digest',
          'Manifest get by tag',
          'Manifest head by digest',
          'Manifest head by tag',
        ],
      ];
      it('pass for pulls through the gate of everything that they push to the registry', async () => {
        const splitter = await startSplitter(registry.host, gate.url);
        const { port } = splitter.address() as AddressInfo;
        await run(`127.0.0.1:${String(port)}`, PARTS, {}).finally(() => splitter.close());
      });

      it('pass for pulls through the gate, which is read-only', async () => {
        const target = { registry: registry.host, repository: 'conformance/repo1' };
        const image = await pushImage({ ...target, tag: 'one' }, { layers: ['a', 'b'] });
        const { config, layers } = image.body as { config: { digest: string }; layers: { digest: string }[] };
        await run(
          new URL(gate.url).host,
          ['Ping', 'Tag listing', 'Blob get', 'Blob head', 'Referrers', 'Manifest get by tag'],
          {
            OCI_API_PUSH: 'false',
            OCI_RO_DATA_TAGS: 'one',
            OCI_RO_DATA_MANIFESTS: image.digest,
            OCI_RO_DATA_BLOBS: [config, ...layers].map(({ digest }) => digest).join(' '),
            OCI_RO_DATA_REFERRERS: image.digest,
          },
        );
      });
    });
});
