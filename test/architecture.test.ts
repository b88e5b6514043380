import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  lines,
  RED,
  RED_LIBRARIES,
  RED_PURITY,
  RED_SHAPE,
  RED_TOGETHER,
} from './architecture/made-up-trees.ts';
import { violations } from './architecture/violations.ts';

const root = new URL('../', import.meta.url);

function readTree(): ReadonlyMap<string, string> {
  const paths = ['src', 'test', 'bench', 'demo'].flatMap((folder) => {
    try {
      const names = readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' });
      return names.map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // not every folder has to exist
      throw error;
    }
  });
  const files = paths.filter((path) => path.endsWith('.ts') && !path.includes('/node_modules/'));
  return new Map(files.map((path) => [path, readFileSync(new URL(path, root), 'utf8')]));
}

/** The findings for a made-up tree in which every used folder has its index.ts. */
function messages(files: Readonly<Record<string, string>>): readonly string[] {
  const indexes = Object.keys(files).flatMap((path) => {
    const room = /^src\/(?:(?:core|controllers|clients)\/[^/]+|webhook|cli|serve)/.exec(path)?.[0];
    return room === undefined ? [] : [[`${room}/index.ts`, '// A room.\n'] as const];
  });
  const tree = new Map([...indexes, ...Object.entries(files)]);
  return violations(tree).map(({ path, line, message }) => `${path}:${String(line)} ${message}`);
}

describe('The architecture test', () => {
  it('finds nothing to object to in this repository', function () {
    // It reads every file. During a build of the programs, and with coverage, that takes long.
    this.timeout(120_000);
    const found = violations(readTree()).map(
      ({ path, line, message }) => `${path}:${String(line)} ${message}`,
    );
    expect(found.join('\n')).to.equal('');
  });

  for (const { title, files, says } of [
    ...RED,
    ...RED_LIBRARIES,
    ...RED_PURITY,
    ...RED_SHAPE,
    ...RED_TOGETHER,
  ]) {
    it(`is red ${title}`, () => {
      expect(
        messages(files).some((message) => says.test(message)),
        messages(files).join('\n'),
      ).to.equal(true);
    });
  }

  it('is green on what the table allows', () => {
    const found = messages({
      'src/core/model/a.ts': `import { createHash } from 'node:crypto';\nimport * as z from 'zod';\n`,
      'src/core/policy/b.ts': `import type { A } from '../model/index.ts';\nexport const d = new Date(0);\n`,
      'src/core/policy/checks/c.ts': `import { b } from '../b.ts';\nexport const f = (now: Date) => now;\n`,
      'src/core/evidence/d.ts': `export async function d(port: { fetch(): Promise<1> }) { return port.fetch(); }\n`,
      'src/clients/registry/e.ts': `import { Pool } from 'undici';\nexport const now = Date.now();\n`,
      'src/clients/files/f.ts': `import { parse } from 'yaml';\nimport { readFile } from 'node:fs/promises';\n`,
      'src/cli/g.ts': `import { Command } from 'commander';\nimport { x } from '../core/policy/index.ts';\n`,
      'src/serve/index.ts': `// Joins.\nimport { x } from '../clients/registry/index.ts';\nimport { y } from '../cli/index.ts';\n`,
      'src/main.ts': `import { serve } from './serve/index.ts';\nexport const home = process.env.HOME;\n`,
      'src/controllers/certificates/make.ts': `import { isIP } from 'node:net';\n`,
      'src/webhook/h.ts': `import type { Cluster } from '../clients/kubernetes/index.ts';\nimport type { J } from '../core/evidence/index.ts';\n`,
      'src/clients/scanner/i.ts': `import type { Scanner } from '../../core/promotion/index.ts';\n`,
      'src/core/policy/service-account.ts': lines(300),
    });
    expect(found).to.deep.equal([]);
  });
});
