import { chmod, readFile } from 'node:fs/promises';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

/** A run of a stand-in, as it recorded it. */
export interface SeenRun {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Text of the Docker config that it was given. */
  readonly dockerConfig?: string;
  readonly folder: string;
  /** Text of the file named last, where there is one. */
  readonly file?: string;
  readonly startedAt: number;
  readonly pid: number;
}

/** A program that stands in for Trivy. */
export interface StandIn {
  readonly command: string;
  /** Every run so far, in the order in which they began. */
  runs(): Promise<readonly SeenRun[]>;
  /** The runs that scanned. */
  scans(): Promise<readonly SeenRun[]>;
  remove(): Promise<void>;
}

/** When the database of stand-ins was built, by default. */
export const BUILT = '2026-03-01T06:00:00Z';

const VERSION = { Version: '0.74.0', VulnerabilityDB: { Version: 2, UpdatedAt: BUILT } };

/** What a stand-in does, each as the body of a script. `version` and an update succeed unless the script defines them. */
export interface Behaviour {
  readonly scan?: string;
  readonly version?: unknown;
  readonly update?: string;
}

/** Writes a program that does this; removed by `remove`. */
export async function standIn({
  scan = `process.stdout.write(JSON.stringify({ SchemaVersion: 2 }))`,
  version = VERSION,
  update = '',
}: Behaviour = {}): Promise<StandIn> {
  const folder: TemporaryFolder = await temporaryFolder({ 'runs.jsonl': '' });
  const runs = `${folder.path}/runs.jsonl`;
  const text = typeof version === 'string' ? version : JSON.stringify(version);
  const command = await folder.write(
    'trivy',
    `#!${process.execPath}
const fs = require('node:fs');
const args = process.argv.slice(2);
const read = (file) => { try { return fs.readFileSync(file, 'utf8'); } catch { return undefined; } };
fs.appendFileSync(${JSON.stringify(runs)}, JSON.stringify({
  args, environment: process.env, folder: process.cwd(), startedAt: Date.now(), pid: process.pid,
  dockerConfig: read((process.env.DOCKER_CONFIG ?? '') + '/config.json'),
  file: read(args.at(-1)),
}) + '\\n');
if (args[0] === 'version') process.stdout.write(${JSON.stringify(text)});
else if (args.some((arg) => arg.startsWith('--download-'))) { ${update} }
else { ${scan} }
`,
  );
  await chmod(command, 0o700);
  const seen = async (): Promise<readonly SeenRun[]> =>
    (await readFile(runs, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SeenRun);
  return {
    command,
    runs: seen,
    scans: async () => (await seen()).filter(({ args }) => args[0] !== 'version' && !isUpdate(args)),
    remove: () => folder.remove(),
  };
}

/** Whether a run with these arguments downloads a database. */
export function isUpdate(args: readonly string[]): boolean {
  return args.some((arg) => arg.startsWith('--download-'));
}
