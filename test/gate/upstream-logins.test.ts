import { expect } from 'chai';
import { startGate, type RunningGate } from './running-gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { failure } from '../support/registry/http.ts';
import { pushImage } from '../support/registry/push.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const basic = (text: string): string => Buffer.from(text).toString('base64');
const GOOD = 'robot:open sesame';
const STALE = 'team:of last year';

describe('logins of an upstream of the gate', () => {
  let registry: EmbeddedRegistry;
  let given: Set<string>;
  const undo: (() => Promise<void>)[] = [];
  const start = async (auths: Readonly<Record<string, string>>): Promise<RunningGate> => {
    const entries = Object.entries(auths).map(([key, login]) => [key, { auth: basic(login) }]);
    const folder = await temporaryFolder({ config: { auths: Object.fromEntries(entries) as object } });
    undo.push(folder.remove);
    const upstreams = [
      { match: ['docker.io/**'], registry: registry.host, loginFile: `${folder.path}/config` },
    ];
    const gate = await startGate({ upstreams }, [policyDocument({ require: { quarantine: {} } })]);
    undo.push(gate.close);
    return gate;
  };
  const pull = async (gate: RunningGate): Promise<number> => {
    const answer = await gate.get('docker.io/shop/web/manifests/1.0');
    await answer.text();
    return answer.status;
  };

  beforeEach(async () => {
    registry = await startRegistry();
    await pushImage({ registry: registry.host, repository: 'shop/web', tag: '1.0' });
    given = new Set();
    registry.intercept(({ headers }) => {
      const { authorization = 'none' } = headers;
      given.add(authorization);
      return authorization === `Basic ${basic(GOOD)}`
        ? undefined
        : failure(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="upstream"' });
    });
  });
  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one();
    await registry.close();
  });

  it('are tried in order, as the kubelet does, until one may read', async () => {
    const gate = await start({ [`${registry.host}/shop`]: STALE, [registry.host]: GOOD });
    expect(await pull(gate)).to.equal(200);
    expect([...given]).to.include.members([`Basic ${basic(STALE)}`, `Basic ${basic(GOOD)}`]);
  });

  it('G72 are sent only where their keys say, and a refusal of all of them is no absence', async () => {
    const gate = await start({
      [`${registry.host}/shop/web`]: STALE,
      [`${registry.host}/shop`]: 'other:stale',
      [`${registry.host}/elsewhere`]: GOOD,
    });
    expect(await pull(gate)).not.to.be.oneOf([200, 404]);
    expect([...given]).not.to.include(`Basic ${basic(GOOD)}`);
  });
});
