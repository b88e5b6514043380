import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** To follow one decision, this many files are read at most; start-up is not counted. */
const MAX_FILES = { admission: 80, promotion: 120 };

const script = fileURLToPath(new URL('files-run.ts', import.meta.url));

describe('The files that run', () => {
  let files: Record<keyof typeof MAX_FILES, readonly string[]>;
  before(async function () {
    this.timeout(120_000);
    const environment = { ...process.env, NODE_V8_COVERAGE: undefined };
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env: environment });
    files = JSON.parse(stdout) as typeof files;
  });

  for (const what of ['admission', 'promotion'] as const) {
    it(`for one ${what} are at most ${String(MAX_FILES[what])}`, () => {
      expect(files[what].length, files[what].join('\n')).to.be.within(1, MAX_FILES[what]);
    });
  }
});
