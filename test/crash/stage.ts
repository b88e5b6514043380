// One set of registries, an API server and a folder, on which one kind of run is carried out again and again by real processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer, type ApiServer } from '../support/api-server/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import type { Target } from '../support/registry/push.ts';
import type { Store } from '../support/registry/store.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { brokenLaws, endStateOf, type Content, type Laws } from './end-state.ts';
import { createKillSwitch, type Boundary } from './kill-switch.ts';
import { isImage, nodesIn } from './records.ts';

/** The two registries of a stage. */
export type RegistryName = 'public' | 'own';

/** What a kind of run finds and uses. */
export interface Scene {
  readonly place: (name: RegistryName, repository: string) => Target;
  /** A side of a promotion. */
  readonly side: (name: RegistryName, repository: string) => { readonly repository: string };
  readonly folder: TemporaryFolder;
  readonly api: ApiServer;
  /** Runs the program once on the registries as they are; for what has to be known before. */
  readonly run: (args: readonly string[]) => Promise<Ended>;
}

/** A process that has ended. */
export interface Ended {
  /** `null` = it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One kind of run. */
export interface RunKind {
  readonly name: string;
  /** Whether the registries have the referrers API. */
  readonly hasApi: boolean;
  readonly laws: Laws;
  /** Fills the registries. */
  readonly load: (scene: Scene) => Promise<void>;
  /** Writes what the command reads, and answers its arguments. */
  readonly prepare: (scene: Scene) => Promise<readonly string[]>;
  /** Sets the cluster back. */
  readonly resetCluster?: (scene: Scene) => void;
  /** Lets the lease of a process that was killed run out at once: otherwise each second run waits half a minute. */
  readonly expireLease?: (scene: Scene) => void;
  /** How a run of a cluster has ended. */
  readonly ended?: (scene: Scene) => string;
  /** Records that may lie there twice after a new run, because they are true twice. */
  readonly mayRepeat: (line: string) => boolean;
}

/** What was found at one boundary; without problems it is as it should be. */
export interface Outcome {
  readonly boundary: Boundary;
  readonly reached: boolean;
  readonly problems: readonly string[];
}

/** A stage that is open. */
export interface Stage {
  /** Runs without being killed: what it asked for, and how the registries are then. */
  readonly undisturbed: () => Promise<{ readonly seen: readonly string[]; readonly end: readonly string[] }>;
  /** Kills a run at a boundary, runs it again to its end, and compares. */
  readonly strike: (boundary: Boundary, end: readonly string[]) => Promise<Outcome>;
  readonly close: () => Promise<void>;
}

/** The bundled program. */
const PROGRAM = new URL('../../dist/bundle/pratique.js', import.meta.url).pathname;

/** Milliseconds after which a process that does not end is killed: the test fails then. */
const HUNG_MS = 60_000;

/** Lines of a difference that are shown. */
const SHOWN = 6;

/** Opens a stage for one kind of run. */
export async function openStage(kind: RunKind): Promise<Stage> {
  const options = { referrersApi: kind.hasApi };
  const registries: Readonly<Record<RegistryName, EmbeddedRegistry>> = {
    public: await startRegistry(options),
    own: await startRegistry(options),
  };
  const names = Object.keys(registries) as readonly RegistryName[];
  const api = await startApiServer();
  const folder = await temporaryFolder();
  const control = createKillSwitch();
  const start = (args: readonly string[]) => startProgram(args, folder.path);
  const scene: Scene = {
    ...{ folder, api },
    place: (name, repository) => ({ registry: registries[name].host, repository }),
    side: (name, repository) => ({ repository: `${registries[name].host}/${repository}` }),
    run: (args) => start(args).ended,
  };
  const contents = (): readonly Content[] =>
    names.map((name) => ({ name, store: registries[name].content(), hasApi: kind.hasApi }));

  await kind.load(scene);
  const before = contents();
  const args = await kind.prepare(scene);
  const hosts = new Map(names.map((name) => [registries[name].host, name]));
  const common = { hosts, images: imagesIn(before.map(({ store }) => store)) };
  const reset = (): void => {
    for (const { name, store } of before) registries[name as RegistryName].reset(store);
    for (const name of names) registries[name].intercept(control.registry(name));
    kind.resetCluster?.(scene);
    api.intercept(control.api);
  };
  const endState = (): readonly string[] => [
    ...endStateOf(contents(), common, kind.mayRepeat),
    ...(kind.ended ? [kind.ended(scene)] : []),
  ];
  const laws = (when: string): readonly string[] =>
    brokenLaws(contents(), before, kind.laws).map((one) => `${when}: ${one}`);
  const runOn = async (boundary: Boundary | undefined, isFirst = true): Promise<Ended> => {
    if (isFirst) reset();
    const process = start(args);
    control.arm(boundary, process.kill);
    return process.ended;
  };

  return {
    undisturbed: async () => {
      const { code, stdout, stderr } = await runOn(undefined);
      if (code !== 0) throw new Error(`${kind.name} ended with ${String(code)}: ${stdout}${stderr}`);
      const broken = laws('at the end');
      if (broken.length > 0) throw new Error(`${kind.name}: ${broken.join('; ')}`);
      return { seen: [...control.seen], end: endState() };
    },
    strike: async (chosen, end) => {
      let boundary = chosen;
      let killed = await runOn(boundary);
      // A run may send some requests less, as its transfers come at the same time: then the one before.
      for (; !control.hasKilled() && boundary.ordinal > 0; killed = await runOn(boundary))
        boundary = { ...boundary, ordinal: boundary.ordinal - 1 };
      const reached = control.hasKilled();
      const inBetween = laws('killed');
      kind.expireLease?.(scene);
      const { code, stdout, stderr } = await runOn(undefined, false);
      const problems = [
        ...inBetween,
        ...(reached ? [] : [`was not reached; the run ended with ${String(killed.code)}`]),
        ...(code === 0 ? [] : [`the second run ended with ${String(code)}: ${stdout}${stderr}`]),
        ...laws('after the second run'),
        ...difference(end, endState()),
      ];
      return { boundary, reached, problems };
    },
    close: async () => {
      await Promise.all([...names.map((name) => registries[name].close()), api.close(), folder.remove()]);
    },
  };
}

/** Digests of all that can be run: the same in every run. */
function imagesIn(stores: readonly Store[]): ReadonlySet<string> {
  const repositories = stores.flatMap((store) => [...store.values()]);
  const images = repositories.flatMap((one) => nodesIn(one).filter((node) => isImage(one, node)));
  return new Set(images.map(({ digest }) => digest));
}

/** Shared by all processes: each starts in half the time. */
const COMPILED = join(tmpdir(), 'pratique-crash-compiled');

function startProgram(args: readonly string[], home: string) {
  const env = { PATH: process.env.PATH, HOME: home, NODE_COMPILE_CACHE: COMPILED, USER: 'alice' };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => (said[name] += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), HUNG_MS);
  const ended = once(child, 'close').then(([code]: unknown[]): Ended => {
    clearTimeout(timer);
    return { code: code as number | null, ...said };
  });
  const kill = () => {
    child.kill('SIGKILL');
    return ended;
  };
  return { ended, kill };
}

/** Lines that one state has and the other has not, as often as they are there. */
function difference(wanted: readonly string[], found: readonly string[]): readonly string[] {
  const less = (all: readonly string[], taken: readonly string[]): readonly string[] => {
    const left = [...taken];
    return all.filter((line) => {
      const at = left.indexOf(line);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  return [
    ...less(wanted, found).map((line) => `the end lacks: ${line}`),
    ...less(found, wanted).map((line) => `the end has, too: ${line}`),
  ].slice(0, SHOWN);
}
