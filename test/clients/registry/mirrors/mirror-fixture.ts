import type { PinnedRef } from '../../../../src/core/model/index.ts';
import {
  openMirrors,
  type MirrorEvent,
  type Registry,
  type RegistryOptions,
} from '../../../../src/clients/registry/index.ts';
import { parseSettings, type SettingsInput } from '../../../../src/core/settings/index.ts';
import type { EmbeddedRegistry } from '../../../support/registry/index.ts';
import { pushImage, type Pushed } from '../../../support/registry/push.ts';
import { client, pinned } from '../client.ts';
import { closeAfterEach, openRegistry } from '../two-registries.ts';

/** One rule as people write it. */
export type Written = NonNullable<NonNullable<SettingsInput['registries']>['mirrors']>[number];

/** A registry and a mirror of it that has `shop/web` below `hub`. */
export interface Mirrored {
  readonly upstream: EmbeddedRegistry;
  readonly mirror: EmbeddedRegistry;
  readonly image: Pushed;
  readonly pinnedImage: PinnedRef;
  readonly events: MirrorEvent[];
  /** The time, in milliseconds. */
  now: number;
  /** A rule for the whole registry, with this mirror. */
  readonly usual: (more?: Partial<Written>, complete?: boolean) => Written;
  /** A client by these rules; the usual one when not given. */
  readonly reader: (written?: readonly Written[], options?: Partial<RegistryOptions>) => Promise<Registry>;
}

/** Registers hooks of mocha: two registries for each test. */
export function useMirror(started: (at: Mirrored) => void): void {
  closeAfterEach();
  beforeEach(async () => {
    const [upstream, mirror] = [await openRegistry(), await openRegistry()];
    const image = await pushImage({ registry: upstream.host, repository: 'shop/web', tag: '1.0' });
    await pushImage({ registry: mirror.host, repository: 'hub/shop/web', tag: '1.0' });
    upstream.forgetLog();
    mirror.forgetLog();
    const usual: Mirrored['usual'] = (more = {}, complete = false) => ({
      ...{ prefix: upstream.host, endpoints: [{ location: `${mirror.host}/hub`, complete }] },
      ...more,
    });
    const at: Mirrored = {
      ...{ upstream, mirror, image, usual, events: [], now: Date.parse('2026-11-01T00:00:00Z') },
      pinnedImage: pinned(upstream, image.digest),
      reader: async (written = [usual()], options = {}) => {
        const parts = {
          now: () => new Date(at.now),
          onMirror: (event: MirrorEvent) => at.events.push(event),
        };
        return client({ mirrors: await openMirrors(rulesOf(written), parts), ...options });
      },
    };
    started(at);
  });
}

function rulesOf(written: readonly Written[]) {
  const read = parseSettings({ registries: { mirrors: [...written] } });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value.registries.mirrors;
}

/** The paths of the requests to a registry. */
export const paths = ({ requests }: EmbeddedRegistry): string[] => requests.map(({ path }) => path);

/** Why mirrors did not answer, in the order of the questions. */
export const reasons = ({ events }: Mirrored): string[] => events.map(({ reason }) => reason);
