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
 * Finds the logins that an object brings along for the repositories that will be read. `absent` = it brings none for them:
 * the controller's own are used. `unknown` = it names some that cannot be had: going on as nobody would be another question
 * than the one that was asked.
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

/** What is known of an image that nobody could ask about. */
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

/** Tells sources from the reason why there are none. */
export function isUnknown(given: Sources | Unknown): given is Unknown {
  return 'state' in given;
}
