import { expect } from 'chai';
import { reportResults } from '../../src/cli/promotion/report.ts';
import type { ImageResult } from '../../src/core/promotion/index.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { policyDocument } from '../support/policies.ts';
import { run } from './run.ts';

/** What a stranger writes in order to add a line of their own, or to make others invisible. */
const FORGED = '\u001b[2J\r\nallowed  registry.example.com/shop/web:1.0\u2028\u202e';
const CONTROL = /[^\P{C}\n]|\u2028|\u2029/u;

describe('the output of commands', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder({ 'policy.yaml': policyDocument({ require: { digest: {} } }) });
  });
  afterEach(() => folder.remove());

  const check = async (object: object) => {
    const args = ['check', '--policies', `${folder.path}/policy.yaml`, '-f', '-'];
    return run(args, { stdin: JSON.stringify(object) });
  };

  it('O43 has no line that the names in a manifest forge', async () => {
    const containers = [{ name: `c${FORGED}`, image: `x/y${FORGED}` }];
    const metadata = { name: `web${FORGED}` };
    const { code, out, err } = await check({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } });
    expect(code).to.equal(1);
    expect(out + err).not.to.match(CONTROL);
    expect(out.split('\n').filter((line) => line.startsWith('allowed'))).to.deep.equal([]);
    expect(out.trimEnd().split('\n')).to.have.lengthOf(4);
  });

  it('O43 has no line that the kind of an object or a key forges', async () => {
    const odd = await check({ apiVersion: `v1${FORGED}`, kind: `Odd${FORGED}`, metadata: { name: FORGED } });
    expect(odd.err).not.to.match(CONTROL);
    expect(odd.err.trimEnd().split('\n')).to.have.lengthOf(1);
    const key = await check({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {},
      spec: { [FORGED]: 1, containers: FORGED },
    });
    expect(key.out + key.err).not.to.match(CONTROL);
    expect((key.out + key.err).split('\n').filter((line) => line.startsWith('allowed'))).to.deep.equal([]);
  });

  it('O43 has no line that a finding of a scanner forges', () => {
    const row: ImageResult = {
      tag: '1.0.0',
      decision: 'Blocked',
      reason: 'Vulnerable',
      message: `CVE-1${FORGED}`,
      bytes: 0,
      blobs: { mounted: 0, copied: 0, skipped: 0 },
      attachments: { found: 0, carried: 0, leftByRule: 0 },
    };
    const text = reportResults([{ name: 'app', source: 'a', target: 'b', rows: [row] }], 'text');
    expect(text).not.to.match(CONTROL);
    expect(text.trimEnd().split('\n')).to.have.lengthOf(4);
  });
});
