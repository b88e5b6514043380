import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import { cacheIn, writeDatabase, type Advisory } from './scans.ts';
import { PRODUCT } from '../programs/product.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** One image of a plan or of a run, as `-o json` shows it. */
export interface Row {
  readonly tag: string;
  readonly digest?: string;
  readonly action?: string;
  readonly decision?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly gateHash?: string;
  readonly blocking?: readonly string[];
  readonly reportDigest?: string;
}

/** The output of a command, and its result for each image. */
export interface Ran extends Outcome {
  readonly rows: readonly Row[];
}

/** Options of a command. */
export interface Order {
  /** Files for `--policies`. */
  readonly policies?: readonly object[];
  /** Default: `json`. */
  readonly output?: 'text' | 'json';
  readonly flags?: readonly string[];
}

/** The built product's command line, which carries out promotions with the real Trivy on a test database. */
export interface Promoter {
  /** `pratique promote -f`, or another command, with these documents in one file. */
  promote(documents: readonly object[], order?: Order, command?: 'plan' | 'promote'): Promise<Ran>;
  stop(): Promise<void>;
}

/** Milliseconds that the database is old. */
const DATABASE_AGE_MS = 3_600_000;

/** Writes a database with these advisories and makes a folder for documents; `stop` removes both. */
export async function openPromoter(advisories: readonly Advisory[] = []): Promise<Promoter> {
  const { trivy } = await requirePrograms(['trivy']);
  const workspace = await openWorkspace('promote');
  const cacheDirectory = cacheIn(workspace.folder);
  await writeDatabase(cacheDirectory, { updatedAt: new Date(Date.now() - DATABASE_AGE_MS), advisories });
  let written = 0;
  const write = async (documents: readonly object[]): Promise<string> => {
    written += 1;
    const path = join(workspace.folder, `documents-${written}.yaml`);
    // JSON is YAML.
    await writeFile(path, documents.map((each) => JSON.stringify(each)).join('\n---\n'));
    return path;
  };
  const settings = await write([{ scanner: { command: trivy, cacheDirectory, offline: true } }]);
  return {
    promote: async (documents, { policies, output = 'json', flags = [] } = {}, command = 'promote') => {
      const rules = policies ? [`--policies=${await write(policies)}`] : [];
      const options = [`--settings=${settings}`, `--output=${output}`, ...rules, ...flags];
      const outcome = await runCommand({
        command: process.execPath,
        args: [PRODUCT, command, '-f', await write(documents), ...options],
        // A separate home folder, without the registry logins of the developer.
        env: { HOME: workspace.folder, DOCKER_CONFIG: join(workspace.folder, 'docker'), USER: 'alice' },
      });
      return { ...outcome, rows: rowsOf(outcome.stdout) };
    },
    stop: () => workspace.close(),
  };
}

/** Rows of everything that was planned or run; empty when it is no JSON. */
function rowsOf(stdout: string): readonly Row[] {
  if (!stdout.startsWith('{')) return [];
  const { runs, plans } = JSON.parse(stdout) as Record<'runs' | 'plans', { images: Row[] }[] | undefined>;
  return (runs ?? plans ?? []).flatMap(({ images }) => images);
}

/** An ImagePromotion of the version tags. */
export function promotion(spec: Readonly<Record<string, unknown>>, name = 'app'): object {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotion',
    metadata: { name, namespace: 'platform' },
    spec: { tags: { semver: ['*'] }, ...spec },
  };
}

/** Decision and reason of every row, by tag, in short: `1.0.0 Blocked Vulnerable`. */
export function inShort({ rows }: Ran): readonly string[] {
  return rows.map(({ tag, decision, action, reason }) =>
    [tag, decision ?? action, reason].filter((word) => word !== undefined).join(' '),
  );
}
