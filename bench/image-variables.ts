import { readFile } from 'node:fs/promises';

/** The variables that the image sets for Node.js and its memory. */
export async function imageVariables(): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(new URL('../Dockerfile', import.meta.url), 'utf8');
  const set = text.matchAll(/^ENV .*$/gm);
  const pairs = [...set].flatMap(([line]) => [
    ...line.matchAll(/((?:NODE|MALLOC)_\w+)=(?:"([^"]*)"|(\S+))/g),
  ]);
  return Object.fromEntries(pairs.map(([, name = '', quoted, plain = '']) => [name, quoted ?? plain]));
}
