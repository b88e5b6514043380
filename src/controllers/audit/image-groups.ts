import type { Credentials } from '../../core/evidence/index.ts';
import { formatReference, type Digest, type ImageRef, type Reason } from '../../core/model/index.ts';
import { runningImage, type RunningImage, type PodRuns, type RunningPod } from './running-pods.ts';

/** One thing to judge: an image as it runs in one namespace, pulled with certain logins, by however many pods. */
export interface Unit {
  readonly key: string;
  /** The reference to judge: with the digest that runs, where that is known. `reference` = the same, parsed. */
  readonly image: string;
  readonly reference?: ImageRef;
  /** As the spec names it; absent when that cannot be read. */
  readonly use?: ImageRef;
  readonly pulledAs?: string;
  readonly credentials: Credentials;
  /** Why the running digest is unknown. */
  readonly unclear?: Reason;
  /** Then: the digest of its configuration, or of its manifest. */
  readonly id?: Digest;
  /** Why another manifest may run than that of `reference`. */
  readonly doubt?: Reason;
  /** The pods that run it, each with its first container that does. */
  readonly pods: ReadonlyMap<string, PodUse>;
}

/** A pod that runs a unit. */
export interface PodUse {
  readonly pod: RunningPod;
  readonly container: string;
}

/** The units of all pods, kept current change by change. */
export type Units = ReturnType<typeof createUnits>;

interface OpenUnit extends Unit {
  readonly pods: Map<string, PodUse>;
}

/** What a container runs, as far as all pods that are alike share it. */
interface Use extends Pick<Unit, 'image' | 'reference' | 'use' | 'pulledAs' | 'unclear' | 'id' | 'doubt'> {
  readonly container: string;
  /** A digest in the spec and a digest that only the node knows are two cases: a policy may demand the first. */
  readonly identity: readonly string[];
}

/** What a kind of pods amounts to: read once, whatever the number of replicas. */
interface Reading {
  readonly uses: readonly Use[];
  readonly waiting: number;
}

/** Starts with no pods. */
export function createUnits() {
  const units = new Map<string, OpenUnit>();
  const pods = new Map<string, RunningPod>();
  const readings = new WeakMap<PodRuns, Reading>();
  let waiting = 0;

  const read = (runs: PodRuns): Reading => {
    const known = readings.get(runs);
    if (known) return known;
    const reading = readRuns(runs);
    readings.set(runs, reading);
    return reading;
  };
  const usesOf = ({ namespace, runs }: RunningPod) =>
    read(runs).uses.map((use) => ({ ...use, key: keyOf(namespace, runs, use) }));
  const leave = (id: string, pod: RunningPod): readonly string[] => {
    pods.delete(id);
    waiting -= read(pod.runs).waiting;
    return usesOf(pod).flatMap(({ key }) => {
      const unit = units.get(key);
      return unit?.pods.delete(id) === true && unit.pods.size === 0 ? [key] : [];
    });
  };
  const enter = (id: string, pod: RunningPod): readonly string[] => {
    pods.set(id, pod);
    waiting += read(pod.runs).waiting;
    const { namespace, runs } = pod;
    const { serviceAccount, pullSecrets } = runs;
    return usesOf(pod).flatMap(({ container, identity: _, ...use }) => {
      const known = units.get(use.key);
      const credentials = { namespace, serviceAccount, pullSecrets };
      const unit = known ?? { ...use, credentials, pods: new Map<string, PodUse>() };
      if (!unit.pods.has(id)) unit.pods.set(id, { pod, container });
      units.set(use.key, unit);
      return known ? [] : [use.key];
    });
  };

  return {
    /** A pod as it is now; nothing for one that is gone or has finished. The answer is the keys of units. */
    set: (namespace: string, name: string, pod: RunningPod | undefined) => {
      const id = `${namespace}/${name}`;
      const before = pods.get(id);
      // A pod's status changes all the time; what it runs hardly ever does.
      if (before?.uid === pod?.uid && before?.runs === pod?.runs) return { appeared: [], gone: [] };
      const left = before ? leave(id, before) : [];
      const appeared = pod ? enter(id, pod) : [];
      const gone = left.filter((key) => units.get(key)?.pods.size === 0);
      for (const key of gone) units.delete(key);
      return { appeared, gone };
    },
    get: (key: string): Unit | undefined => units.get(key),
    all: (): Iterable<Unit> => units.values(),
    /** How many units, pods, and images of pods that have not been started yet. */
    counts: () => ({ units: units.size, pods: pods.size, waiting }),
  };
}

function readRuns({ containers, unreadable }: PodRuns): Reading {
  if (unreadable !== undefined)
    return { uses: [{ container: '', image: unreadable, identity: [unreadable] }], waiting: 0 };
  const uses = containers.flatMap((one) => useOf(one.container, runningImage(one)) ?? []);
  return { uses, waiting: containers.length - uses.length };
}

function useOf(container: string, running: RunningImage): Use | undefined {
  switch (running.state) {
    case 'waiting':
      return undefined;
    case 'known': {
      const { use, image, pulledAs, doubt } = running;
      const identity = [formatReference(use), image.digest, doubt?.detail ?? ''];
      return { container, use, image: formatReference(image), reference: image, pulledAs, doubt, identity };
    }
    case 'unclear': {
      const { use, reason, id } = running;
      const image = formatReference(use);
      return { container, use, image, unclear: reason, id, identity: [image, id ?? reason.detail] };
    }
    case 'unreadable':
      return { container, image: running.text, identity: [running.text] };
  }
}

function keyOf(namespace: string, { serviceAccount, pullSecrets }: PodRuns, { identity }: Use): string {
  return JSON.stringify([namespace, serviceAccount, ...pullSecrets, '', ...identity]);
}
