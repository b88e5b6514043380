// A knob is one way in which a registry misbehaves, and what every operation must answer while it does.
import type { Authority } from '../certificates.ts';
import type { EmbeddedRegistry, Intercept, RegistryOptions, RegistryRequest } from '../registry/index.ts';
import type { Pushed, Target } from '../registry/push.ts';

/** What is done with a registry that misbehaves. */
export const OPERATIONS = ['admission', 'audit', 'mirror', 'promotion'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The registries of one operation under one knob. */
export interface Stage {
  readonly operation: Operation;
  /** The one that misbehaves. It wants a login, which the installation has. */
  readonly bad: EmbeddedRegistry;
  /** Another host, which must never see a credential; it answers `bad`'s requests when it is made to. */
  readonly foreign: EmbeddedRegistry;
  readonly serveForeign: (intercept: Intercept) => void;
  /** What was pushed to `bad`, or is to be written there. */
  readonly image: Pushed;
}

/** Whether `bad` is read, written to, or has an image deleted. A mirror reads its source, a promotion its target. */
export type Side = 'read' | 'write' | 'delete';

/** The operations in which a registry is on this side. */
export const OPERATIONS_OF: Readonly<Record<Side, readonly Operation[]>> = {
  read: OPERATIONS,
  write: ['mirror', 'promotion'],
  delete: ['promotion'],
};

/** One way to misbehave. */
export interface Knob {
  /** Of docs/security-checklist.md. */
  readonly id: string;
  readonly name: string;
  readonly side: Side;
  /** Source and target are both the registry that misbehaves, so that blobs are mounted. */
  readonly mounts?: true;
  /** Is slow or repeats itself, so that the limits of time end it: they are short then. */
  readonly hangs?: true;
  /** Keeps this process busy, in which the registries are, too: nothing else runs beside it. */
  readonly heavy?: true;
  /** The target confirms what it does not keep, by all that there is to ask; then nothing holds of what it shows. */
  readonly believed?: true;
  readonly options?: RegistryOptions;
  /** How the other host is started; the authority is one that the installation trusts. */
  readonly foreign?: (authority: Authority) => Promise<RegistryOptions>;
  /** Pushes something else than a small signed image. */
  readonly push?: (place: Target) => Promise<Pushed>;
  /** Answers in place of the registry, once the client has logged in. */
  readonly misbehave?: (stage: Stage) => Intercept;
  /** Answers in place of the registry before that. */
  readonly login?: (stage: Stage) => Intercept;
}

/** The parts of a registry that are read. */
export const PARTS = { manifest: '/manifests/', listing: '/referrers/', blob: '/blobs/sha256' } as const;
export type Part = keyof typeof PARTS;

/** Whether the registry that misbehaves has the image; else it is to get it. */
export function isSource({ side }: Pick<Knob, 'side'>, operation: Operation): boolean {
  return side === 'delete' || (side === 'read' && operation !== 'promotion');
}

/** Requests that read this part. */
export function reading(part: string): (request: RegistryRequest) => boolean {
  return ({ method, url }) => (method === 'GET' || method === 'HEAD') && url.pathname.includes(part);
}

/** Requests by a method whose path has this part. */
export function asking(method: string, part: string): (request: RegistryRequest) => boolean {
  return (request) => request.method === method && request.url.pathname.includes(part);
}

/** A knob that is turned under short limits of time. */
export function hanging(knob: Knob): Knob {
  return { ...knob, hangs: true };
}

/** A knob that nothing else runs beside. */
export function heavy(knob: Knob): Knob {
  return { ...knob, heavy: true };
}

/** The same misbehaviour at every part that is read, each as its own knob. */
export function everywhere(
  id: string,
  name: string,
  misbehave: (which: (request: RegistryRequest) => boolean, stage: Stage) => Intercept,
): readonly Knob[] {
  return (Object.keys(PARTS) as Part[]).map((part) => ({
    ...{ id, name: `${name}/${part}`, side: 'read' },
    misbehave: (stage) => misbehave(reading(PARTS[part]), stage),
  }));
}
