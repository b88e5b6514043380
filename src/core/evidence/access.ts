import type { Evidence, Fact, ImageRef, Unknown } from '../model/index.ts';
import { learn } from './learn.ts';
import type { RegistrySource, Sources } from './sources.ts';

/** A registry read with certain logins. */
export interface Login {
  /** Names the logins without containing them; facts learned with them answer only under the same name. */
  readonly scope: string;
  readonly registry: RegistrySource;
}

/**
 * Finds the logins that an object names for the repositories that will be read. `absent` = it names none for them: the
 * controller's own logins are used. `unknown` = it names logins that cannot be read: to continue anonymously would answer
 * another question than the one that was asked.
 */
export type Access = (places: readonly ImageRef[]) => Promise<Fact<Login>>;

/** The sources to read these places with, or why they cannot be read. */
export async function sourcesFor(
  places: readonly ImageRef[],
  access: Access | undefined,
  sources: Sources,
): Promise<Sources | Unknown> {
  if (!access) return sources;
  const asked = await learn(() => access(places), sources);
  const login = asked.state === 'found' ? asked.value : asked;
  if (login.state === 'absent') return sources;
  if (login.state === 'unknown') return login;
  const { scope, registry } = login.value;
  return { ...sources, registry, memory: sources.memory.scoped(scope) };
}

/** The evidence of an image that could not be read. */
export function unreadable(image: ImageRef, why: Unknown): Evidence {
  return {
    image,
    manifest: why,
    referrers: why,
    signatures: why,
    children: why,
    successor: why,
  };
}

/** Distinguishes sources from the reason why there are none. */
export function isUnknown(given: Sources | Unknown): given is Unknown {
  return 'state' in given;
}
