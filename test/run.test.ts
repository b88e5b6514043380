import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PASSING = `describe('passing', () => { it('passes', () => undefined); });`;
const FILES: Readonly<Record<string, string>> = {
  exits: `describe('exits', () => { it('exits', () => { process.exit(0); }); });`,
  crashes: 'process.abort();',
  'cannot be loaded': `import './missing.ts';`,
  'is exclusive': `describe.only('only', () => { it('passes', () => undefined); });`,
};

describe('the run of the unit tests', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pratique-run-'));
    await mkdir(join(folder, 'test'));
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
    for (const file of ['run.ts', 'unfinished.ts'])
      await copyFile(join(ROOT, 'test', file), join(folder, 'test', file));
    await writeFile(join(folder, 'test', 'passing.test.ts'), PASSING);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const runWith = async (file: string): Promise<{ readonly code: number; readonly text: string }> => {
    await writeFile(join(folder, 'test', 'other.test.ts'), file);
    const ended = Promise.withResolvers<{ readonly code: number; readonly text: string }>();
    // Neither the folder for coverage of this run, nor the number that mocha gave to this process.
    const environment = { PATH: process.env.PATH, HOME: process.env.HOME };
    const child = execFile(
      process.execPath,
      [join(folder, 'test', 'run.ts')],
      { env: environment },
      (_, output, errors) => {
        ended.resolve({ code: child.exitCode ?? -1, text: output + errors });
      },
    );
    return ended.promise;
  };

  for (const [what, file] of Object.entries(FILES))
    it(`fails and names a file that ${what}`, async () => {
      const { code, text } = await runWith(file);
      expect(code).to.equal(1);
      expect(text).to.match(/^Did not run to its end: test\/other\.test\.ts$/m);
      expect(text).to.not.contain('passing.test.ts');
    });

  it('fails a test during which a rejection is handled by no code, in the second file of a process, too', async () => {
    // It never ends by itself: what ends it is the rejection, and mocha takes no second end.
    const rejecting = `it('rejects', () => { void Promise.reject(new Error('unheard')); return new Promise(() => undefined); });`;
    for (const name of ['again', 'and-again'])
      await writeFile(join(folder, 'test', `${name}.test.ts`), rejecting);
    const { code, text } = await runWith(rejecting);
    expect(code).to.equal(3);
    expect(text.match(/Error: unheard/g)).to.have.lengthOf(3);
  });

  it('fails where an error comes after the last test of a file', async () => {
    const late = `describe('late', () => { it('passes', () => { setTimeout(() => { throw new Error('late'); }, 5); }); });`;
    // It waits for the error: a process whose files have all ended is ended, too.
    const waiting = `
      import { readFileSync } from 'node:fs';
      const isNoted = () => readFileSync(process.env.PRATIQUE_TEST_NOTES ?? '', 'utf8').includes('late');
      it('waits', (done) => { const timer = setInterval(() => { if (isNoted()) { clearInterval(timer); done(); } }, 5); });`;
    await writeFile(join(folder, 'test', 'passing.test.ts'), waiting);
    const { code, text } = await runWith(late);
    expect(code).to.equal(1);
    expect(text).to.contain('Error: late');
  });

  it('passes where all files end', async () => {
    expect(await runWith(PASSING)).to.deep.include({ code: 0 });
  });
});
