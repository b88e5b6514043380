import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../../../src/core/model/index.ts';
import { IMAGE, patient, program, removePrograms, trivy } from './fixture.ts';
import type { Behaviour } from './stand-in.ts';

describe('createTrivy throws a Fault when a scan has no result', () => {
  afterEach(removePrograms);

  const rows: readonly [what: string, behaviour: Behaviour, transient: boolean][] = [
    ['when it fails', { scan: 'process.exit(1)' }, true],
    [
      'when it is ended by a signal',
      { scan: `process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 9e3)` },
      true,
    ],
    ['when it prints nothing', { scan: '' }, false],
    ['when it prints rubbish', { scan: `process.stdout.write('Segmentation fault')` }, false],
    [
      'when its report is cut off',
      { scan: `process.stdout.write('{"SchemaVersion":2,"Results":[{')` },
      false,
    ],
    [
      'M11: when its report has more values than can be parsed',
      { scan: `process.stdout.write('{"SchemaVersion":2,"Results":[' + '0,'.repeat(700_000) + '0]}')` },
      false,
    ],
    [
      'M11: when its report is nested too deeply',
      {
        scan: `process.stdout.write('{"SchemaVersion":2,"Results":' + '['.repeat(500) + ']'.repeat(500) + '}')`,
      },
      false,
    ],
    ['when its JSON is no report', { scan: `process.stdout.write('{}')` }, false],
    ['when its text is no text', { scan: `process.stdout.write(Buffer.from([0x22, 0xff, 0x22]))` }, false],
    [
      'when it prints without end',
      { scan: `const more = () => process.stdout.write(Buffer.alloc(1 << 20, 32), more); more()` },
      false,
    ],
    ['when it has no database', { version: { Version: '0.74.0' } }, false],
    [
      'when its database has no time',
      { version: { Version: '1', VulnerabilityDB: { UpdatedAt: 'once' } } },
      false,
    ],
    ['when it reports no version', { version: 'trivy' }, false],
  ];
  for (const [what, behaviour, transient] of rows) {
    it(what, async () => {
      const { command } = await program(behaviour);
      const fault = await faultOf(trivy(command).scan(IMAGE, patient()));
      expect(fault.code, fault.message).to.equal('ScannerFailed');
      expect(fault.transient, fault.message).to.equal(transient);
    });
  }

  it('when Trivy is missing', async () => {
    const fault = await faultOf(trivy('/nowhere/trivy').scan(IMAGE, patient()));
    expect([fault.code, fault.transient]).to.deep.equal(['ScannerFailed', false]);
  });

  it('when the database cannot be updated', async () => {
    const { command, scans } = await program({ update: 'process.exit(1)' });
    const fault = await faultOf(trivy(command, { offline: false }).scan(IMAGE, patient()));
    expect([fault.code, fault.transient]).to.deep.equal(['ScannerFailed', true]);
    expect(await scans()).to.deep.equal([]);
  });

  it('when Trivy hangs, and kills it with its child processes', async () => {
    const { command, scans } = await program({
      scan: `const child = require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' });
          fs.writeFileSync(__dirname + '/child', String(child.pid)); setTimeout(() => {}, 6e4);`,
    });
    const hasChild = () => existsSync(join(dirname(command), 'child'));
    // On a busy machine it may not start its child in time. The test then gives it more time.
    for (let timeoutMs = 700; !hasChild(); timeoutMs *= 2) {
      const fault = await faultOf(trivy(command, { timeoutMs }).scan(IMAGE, patient()));
      expect([fault.code, fault.transient]).to.deep.equal(['ScannerFailed', true]);
    }
    const child = Number(await readFile(join(dirname(command), 'child'), 'utf8'));
    for (const pid of [...(await scans()).map((run) => run.pid), child]) await gone(pid);
  });

  it('when the deadline of the caller passes, and kills Trivy', async () => {
    const { command, scans } = await program({ scan: 'setTimeout(() => {}, 6e4)' });
    const ending = new AbortController();
    const failing = faultOf(trivy(command).scan(IMAGE, ending.signal));
    while ((await scans()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    ending.abort();
    const fault = await failing;
    expect([fault.code, fault.transient]).to.deep.equal(['DeadlineExceeded', true]);
    for (const run of await scans()) await gone(run.pid);
  });

  it('when the deadline passes before its turn', async () => {
    const { command, scans } = await program({ scan: 'setTimeout(() => {}, 1_500)' });
    const { scan } = trivy(command, { parallel: 1 });
    const first = scan(IMAGE, patient()).catch(() => undefined);
    const fault = await faultOf(scan(IMAGE, AbortSignal.timeout(50)));
    expect(fault.code).to.equal('DeadlineExceeded');
    await first;
    expect(await scans()).to.have.length(1);
  });

  it('and quotes the end of its output, but no secret', async () => {
    const { command } = await program({
      scan: `console.error('x'.repeat(1e5)); console.error('\\u001b[31mFATAL\\u001b[0m pull failed: pa55word Bearer abc.def ' +
          'https://user:pw@registry.example.com/blob?X-Signature=s3cret'); process.exit(1)`,
    });
    const login = { kind: 'password', username: 'acme', password: 'pa55word' } as const;
    const { scan } = trivy(command, { keychain: () => Promise.resolve(login) });
    const { message } = await faultOf(scan(IMAGE, patient()));
    expect(message).to.include('FATAL pull failed').and.to.have.length.below(800);
    for (const secret of ['pa55word', 'abc.def', 'user:pw', 's3cret', '\u001b']) {
      expect(message).not.to.include(secret);
    }
  });

  it('with the reason of the keychain when a login cannot be read', async () => {
    const { command, scans } = await program();
    const denied = new Fault({
      code: 'RegistryDenied',
      operation: 'read logins',
      side: 'source',
      transient: false,
      detail: 'no',
    });
    const { scan } = trivy(command, { keychain: () => Promise.reject(denied) });
    expect(await scan(IMAGE, patient()).catch((error: unknown) => error)).to.equal(denied);
    expect(await scans()).to.deep.equal([]);
  });
});

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(Fault);
  const fault = error as Fault;
  expect(fault.side).to.equal('scanner');
  return fault;
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until a killed process has gone; the time limit of mocha ends the wait. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
}
