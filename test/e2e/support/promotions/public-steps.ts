// What the public mirror and promotion workflows (toddysm/cssc-framework) do in their steps, by the same calls of the real oras. Only
// what a step reads and writes in registries is here; issues and messages are not.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { runCommand, succeed, type Outcome } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import type { Workspace } from '../programs/workspace.ts';

const HISTORY = 'application/vnd.toddysm.mirror-history.v1+json';
const IN_TOTO = 'application/vnd.in-toto+json';
const PREDICATE = 'in-toto.io/predicate-type';
const TITLE = 'org.opencontainers.image.title';
export const VULNERABILITIES = 'https://cosign.sigstore.dev/attestation/vuln/v1';
export const ACQUISITION = 'https://toddysm.com/acquisition-provenance/v0.1';

/** One arrival as these workflows write it down. */
export interface Entry {
  readonly sourceTag: string;
  readonly sourceDigest: string;
  readonly runAttempt: string;
}

/** What their history says, as their dashboard reads it. */
export interface History {
  readonly image: string;
  readonly source: string;
  readonly entries: readonly Entry[];
}

/** An image that moves: repositories without tag, and the digest under the tag. */
export interface Move {
  readonly source: string;
  readonly target: string;
  readonly tag: string;
  readonly digest: string;
}

/** The steps, each over plain http with registries on loopback. */
export interface PublicSteps {
  /** The `check` of their history step; throws where that step would fail. */
  readonly isSynchronized: (move: Pick<Move, 'target' | 'tag' | 'digest'>) => Promise<boolean>;
  readonly history: (target: string) => Promise<History>;
  /** Copies with referrers, records where it came from, and writes it into the history. */
  readonly mirror: (move: Move) => Promise<void>;
  /** What `/approve` does: copies, and attaches the report that names who approved which findings. */
  readonly promoteByOverride: (
    move: Move,
    override: { readonly approver: string; readonly issue: string; readonly cves: readonly string[] },
  ) => Promise<void>;
  /** Every statement of this type beside an image: its annotations, and the file that oras pulls. */
  readonly statements: (
    image: string,
    type: string,
  ) => Promise<readonly { readonly annotations: Readonly<Record<string, string>>; readonly file: unknown }[]>;
}

/** Opens the steps with the real oras, at home in this workspace. */
export async function openPublicSteps(workspace: Workspace): Promise<PublicSteps> {
  const { oras } = await requirePrograms(['oras']);
  const env = { HOME: workspace.folder, DOCKER_CONFIG: workspace.folder };
  const folder = () => mkdtemp(join(workspace.folder, 'step-'));
  const run = (args: readonly string[], cwd?: string): Promise<Outcome> =>
    runCommand({ command: oras, args, env, ...(cwd !== undefined && { cwd }) });
  const must = (args: readonly string[], cwd?: string): Promise<string> =>
    succeed({ command: oras, args, env, ...(cwd !== undefined && { cwd }) });

  const pulled = async (reference: string, file: string): Promise<unknown> => {
    const into = await folder();
    // Their own statements are named by the whole path of a file that is gone on other machines.
    const anywhere = isAbsolute(file) ? ['--allow-path-traversal'] : [];
    await must(['pull', '--plain-http', ...anywhere, reference, '-o', into]);
    return JSON.parse(await readFile(resolve(into, file), 'utf8')) as unknown;
  };
  const history = async (target: string, source = ''): Promise<History> => {
    const reference = `${target}:mirror-history`;
    const found = await run(['manifest', 'fetch', '--plain-http', reference]);
    if (found.code === 0) return (await pulled(reference, 'mirror-history.json')) as History;
    if (/not found|manifest unknown|name unknown|404/i.test(found.stderr))
      return { image: target, source, entries: [] };
    throw new Error(found.stderr);
  };
  const has = ({ entries }: History, { tag, digest }: Pick<Move, 'tag' | 'digest'>): boolean =>
    entries.some(({ sourceTag, sourceDigest }) => sourceTag === tag && sourceDigest === digest);

  const record = async ({ source, target, tag, digest }: Move): Promise<void> => {
    const at = new Date().toISOString();
    const now = await history(target, source);
    const runs = { runUrl: 'https://ci.example.com/runs/7', runId: '7', runAttempt: '1', force: false };
    const entry = { sourceTag: tag, sourceDigest: digest, destTag: tag, syncedAt: at, ...runs };
    const entries = [...now.entries, entry];
    const [about, count] = [{ schemaVersion: 1, image: target, source }, entries.length];
    const cwd = await folder();
    await writeFile(join(cwd, 'mirror-history.json'), JSON.stringify({ ...now, ...about, entries }));
    await writeFile(join(cwd, 'config.json'), JSON.stringify({ ...about, count, updated: at }));
    const marks = {
      [TITLE]: 'mirror-history.json',
      'com.toddysm.mirror-history.count': String(count),
      'com.toddysm.mirror-history.updated': at,
    };
    const push = ['push', '--plain-http', `${target}:mirror-history`, `--artifact-type=${HISTORY}`];
    await must(
      [...push, `--config=config.json:${HISTORY}`, ...flags(marks), `mirror-history.json:${HISTORY}`],
      cwd,
    );
  };
  const attach = async (
    image: string,
    file: string,
    { statement, marks }: { readonly statement: object; readonly marks: Readonly<Record<string, string>> },
  ): Promise<void> => {
    const path = join(await folder(), file);
    await writeFile(path, JSON.stringify(statement));
    // By its whole path, as they do: oras then gives the layer that name.
    const options = [
      '--plain-http',
      '--disable-path-validation',
      `--artifact-type=${IN_TOTO}`,
      ...flags(marks),
    ];
    // It leaves the manifest in its working directory, under the title.
    await must(['attach', ...options, image, `${path}:${IN_TOTO}`], await folder());
  };
  const copy = ({ source, target, tag }: Move) =>
    must(['cp', '-r', '--from-plain-http', '--to-plain-http', `${source}:${tag}`, `${target}:${tag}`]);

  return {
    isSynchronized: async ({ target, ...move }) => has(await history(target), move),
    history,
    mirror: async (move) => {
      const { source, target, tag, digest } = move;
      if (has(await history(target), move)) return;
      await copy(move);
      const at = new Date().toISOString();
      const [registry = '', ...path] = source.split('/');
      const from = { reference: `${source}:${tag}`, registry, repository: path.join('/'), tag, digest };
      const statement = statementAbout(target, digest, ACQUISITION, {
        source: from,
        destination: { reference: `${target}:${tag}`, digest },
        acquiredAt: at,
        workflow: { name: 'mirror', runId: '7', runAttempt: '1' },
      });
      const marks = {
        [PREDICATE]: ACQUISITION,
        [TITLE]: 'acquisition-provenance.json',
        'com.toddysm.acquisition.source': `${source}:${tag}`,
        'com.toddysm.acquisition.source-digest': digest,
        'com.toddysm.acquisition.timestamp': at,
      };
      await attach(`${target}@${digest}`, 'acquisition-provenance.json', { statement, marks });
      await record(move);
    },
    promoteByOverride: async (move, { approver, issue, cves }) => {
      const { source, target, tag, digest } = move;
      await copy(move);
      const predicate = {
        scanner: { name: 'cssc-override', version: 'n/a' },
        override: { approved: true, approver, issue, cves },
      };
      const scan = 'com.cssc.scan';
      const marks = {
        [PREDICATE]: VULNERABILITIES,
        [`${scan}.source`]: source,
        [`${scan}.tag`]: tag,
        [`${scan}.threshold`]: 'HIGH',
        [`${scan}.exceptions`]: '',
        [`${scan}.scanner`]: 'trivy',
        [`${scan}.scanner-version`]: 'v0.71.0',
        [`${scan}.method`]: 'image',
        [`${scan}.override`]: 'true',
        [`${scan}.override-approver`]: approver,
        [`${scan}.override-issue`]: issue,
        [`${scan}.override-cves`]: cves.join('|'),
      };
      const statement = statementAbout(target, digest, VULNERABILITIES, predicate);
      await attach(`${target}:${tag}`, 'override-attestation.json', { statement, marks });
    },
    statements: async (image, type) => {
      const options = ['--plain-http', '--format', 'json', '--depth', '1'];
      const printed = await must(['discover', ...options, image]);
      const { referrers = [] } = JSON.parse(printed) as {
        referrers?: readonly {
          reference: string;
          artifactType: string;
          annotations?: Record<string, string>;
        }[];
      };
      const wanted = referrers.filter(
        ({ artifactType, annotations }) => artifactType === IN_TOTO && annotations?.[PREDICATE] === type,
      );
      return Promise.all(
        wanted.map(async ({ reference, annotations = {} }) => {
          const manifest = JSON.parse(await must(['manifest', 'fetch', '--plain-http', reference])) as {
            layers: readonly { annotations?: Record<string, string> }[];
          };
          const file = manifest.layers[0]?.annotations?.[TITLE] ?? '';
          return { annotations, file: await pulled(reference, file) };
        }),
      );
    },
  };
}

function flags(marks: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(marks).map(([key, value]) => `--annotation=${key}=${value}`);
}

function statementAbout(name: string, digest: string, predicateType: string, predicate: object): object {
  const [algorithm = '', hex = ''] = digest.split(':');
  const subject = [{ name, digest: { [algorithm]: hex } }];
  return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate };
}
