import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readDocuments, readText } from '../../../src/clients/files/index.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const NO_STDIN = { stdin: Readable.from([]) };
const TOO_LARGE = 16 * 1024 * 1024 + 1;

describe('readDocuments', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  const read = (path = folder.path) => readDocuments(path, NO_STDIN);
  const readFrom = (text: string) => readDocuments('-', { stdin: Readable.from([Buffer.from(text)]) });
  /** Problems of one file, without the folder. */
  const problemsIn = async (name: string, content: string) => {
    const { problems } = await read(await folder.write(name, content));
    return problems.map(({ path, message }) => `${path.replace(`${folder.path}/`, '')} ${message}`);
  };

  it('reads several documents of a file and numbers all but the first', async () => {
    const file = await folder.write('a.yaml', 'a: 1\n---\n# nothing here\n---\nb: 2\n');
    expect(await read(file)).to.deep.equal({
      documents: [
        { origin: file, value: { a: 1 } },
        { origin: `${file}#3`, value: { b: 2 } },
      ],
      problems: [],
    });
  });

  it('reads .yaml, .yml and .json files directly in a folder, in order of name, and no other files', async () => {
    for (const name of ['c.yaml', 'a.json', 'b.yml', '.hidden.yaml', 'notes.txt', 'd.yaml.bak', 'E.YAML~']) {
      await folder.write(name, { name });
    }
    await mkdir(join(folder.path, 'deeper'));
    const { documents, problems } = await read();
    expect(problems).to.deep.equal([]);
    expect(documents.map(({ value }) => value)).to.deep.equal([
      { name: 'a.json' },
      { name: 'b.yml' },
      { name: 'c.yaml' },
    ]);
  });

  it('reads a folder of a mounted ConfigMap, with links into a dot folder', async () => {
    await mkdir(join(folder.path, '..2026'));
    await folder.write('..2026/p.yaml', { a: 1 });
    await symlink('..2026', join(folder.path, '..data'));
    await symlink('..data/p.yaml', join(folder.path, 'p.yaml'));
    expect((await read()).documents).to.deep.equal([
      { origin: join(folder.path, 'p.yaml'), value: { a: 1 } },
    ]);
  });

  it('reads standard input', async () => {
    expect(await readFrom('{"a": [1, 2]}')).to.deep.equal({
      documents: [{ origin: '-', value: { a: [1, 2] } }],
      problems: [],
    });
    expect((await readFrom('')).documents).to.deep.equal([]);
  });

  it('returns plain values, with merge keys resolved', async () => {
    const { documents } = await readFrom('base: &b {x: 1}\nuse: {<<: *b, y: 2}\n');
    expect(documents[0]?.value).to.deep.equal({ base: { x: 1 }, use: { x: 1, y: 2 } });
  });

  it('names file and line of invalid YAML, once and in plain words', async () => {
    expect(await problemsIn('a.yaml', 'a: 1\nb: [1\nc: 2\n')).to.have.length(1);
    expect((await problemsIn('a.yaml', 'a: 1\nb: [1\nc: 2\n'))[0]).to.match(/^a\.yaml:3 /);
    expect(await problemsIn('twice.yaml', 'a: 1\na: 2\n')).to.deep.equal([
      'twice.yaml:2 Map keys must be unique',
    ]);
    expect((await problemsIn('later.yaml', 'a: 1\n---\nb: "\n'))[0]).to.match(/^later\.yaml:[34] /);
  });

  it('keeps readable documents next to unreadable ones, and reports both', async () => {
    await folder.write('a.yaml', { a: 1 });
    await folder.write('b.yaml', 'b: [');
    await folder.write('c.yaml', 'c: {');
    const { documents, problems } = await read();
    expect(documents).to.have.length(1);
    expect(new Set(problems.map(({ path }) => path.split('/').at(-1)?.split(':')[0]))).to.deep.equal(
      new Set(['b.yaml', 'c.yaml']),
    );
  });

  it('does not expand a few aliases into gigabytes', async () => {
    const lines = Array.from({ length: 9 }, (_, level) => {
      const ten = Array.from({ length: 10 }, () => `*a${level}`).join(', ');
      return `a${level + 1}: &a${level + 1} [${ten}]`;
    });
    const said = await problemsIn('laughs.yaml', ['a0: &a0 lol', ...lines].join('\n'));
    expect(said).to.deep.equal(['laughs.yaml uses too many YAML aliases, or one without its anchor']);
  });

  it('refuses an alias without anchor, and one inside its own anchor', async () => {
    expect(await problemsIn('a.yaml', 'a: *nowhere\n')).to.have.length(1);
    expect(await problemsIn('b.yaml', 'a: &a {self: *a}\n')).to.deep.equal([
      'b.yaml has a YAML alias inside its own anchor',
    ]);
  });

  it('reads no file, and no input, beyond its size limit', async () => {
    const file = await folder.write('large.yaml', '#'.repeat(TOO_LARGE));
    expect((await read(file)).problems).to.deep.equal([
      { path: file, message: 'is larger than 16777216 bytes' },
    ]);
    expect((await readText('/dev/zero')).ok).to.equal(false);
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(1024 * 1024, 0x20);
      })(),
    );
    const { problems } = await readDocuments('-', { stdin: endless });
    expect(problems).to.deep.equal([{ path: '-', message: 'is larger than 16777216 bytes' }]);
  });

  it('refuses a folder of more than a thousand files', async () => {
    await Promise.all(Array.from({ length: 1_001 }, (_, index) => folder.write(`${index}.yaml`, '')));
    expect((await read()).problems).to.deep.equal([
      { path: folder.path, message: 'holds more than 1000 files' },
    ]);
  });

  it('M09: refuses a pipe in a folder, which may never end, and names it', async () => {
    const pipe = join(folder.path, 'a.yaml');
    execFileSync('mkfifo', [pipe]);
    expect((await read()).problems).to.deep.equal([{ path: pipe, message: 'is no regular file' }]);
  });

  it('reports errors of the file system in words', async () => {
    const missing = join(folder.path, 'missing');
    expect((await read(missing)).problems).to.deep.equal([
      { path: missing, message: 'no such file or folder' },
    ]);
    const file = await folder.write('a.yaml', 'a: 1');
    expect((await read(join(file, 'b.yaml'))).problems[0]?.message).to.equal('is a file, a folder is needed');
    await mkdir(join(folder.path, 'b.yaml'));
    expect((await read()).problems[0]?.message).to.equal('is a folder, a file is needed');
  });

  it('reports a missing permission', async function () {
    const file = await folder.write('a.yaml', 'a: 1');
    await chmod(file, 0);
    const { problems, documents } = await read(file);
    // The superuser reads everything.
    if (process.getuid?.() === 0) expect(documents).to.have.length(1);
    else expect(problems).to.deep.equal([{ path: file, message: 'permission denied' }]);
  });
});
