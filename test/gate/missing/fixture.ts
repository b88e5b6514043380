// Promotions of a cluster in memory, and callers who miss an image.
import { createMissing, type AskForMissing, type Miss } from '../../../src/gate/missing/ask.ts';
import type { Caller } from '../../../src/gate/ports.ts';
import { readPromotions } from '../../../src/gate/missing/promotions.ts';
import { parseReference } from '../../../src/core/model/index.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { createClusterTwin } from '../../support/twins/cluster.ts';

export const NAMESPACE = 'platform';
export const ASKED_AT = 'pratique.dev/asked-at';
export const GOLDEN = 'registry.example.com/golden';
export const QUARANTINE = 'registry.example.com/quarantine';
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const START = Date.parse('2026-11-29T12:00:00Z');

export const CI: Caller = { kind: 'token', name: 'repo:acme/web of https://issuer.example.com', groups: [] };
export const ANONYMOUS: Caller = { kind: 'anonymous', name: 'anonymous', groups: [] };
export const LOGIN: Caller = {
  kind: 'login',
  name: 'jane',
  groups: [],
  login: { username: 'jane', password: 'x' },
};

export type Fields = Readonly<Record<string, unknown>>;

/** A mirror into quarantine and a promotion to golden, of an API server in memory, with time that the test moves. */
export function fixture({ anonymous = true }: { readonly anonymous?: boolean } = {}) {
  const time = { now: START };
  const clock = () => new Date(time.now);
  const twin = createClusterTwin({ now: clock });
  const warnings: unknown[] = [];
  const put = (name: string, spec: Fields, status?: Fields, annotations: Fields = {}): void => {
    const metadata = { name, namespace: NAMESPACE, uid: `uid-${name}`, generation: 1, annotations };
    const object = { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotion', metadata, spec };
    twin.put(RESOURCES.promotions, { ...object, ...(status && { status }) });
  };
  const mirror = (status?: Fields, annotations: Fields = {}, spec: Fields = {}): void =>
    put(
      'node-mirror',
      {
        source: { repository: 'docker.io/library/node' },
        target: { repository: `${QUARANTINE}/node` },
        ...{ tags: { semver: ['>=20'] }, mirror: {}, ...spec },
      },
      status,
      annotations,
    );
  const promotion = (status?: Fields, spec: Fields = {}): void =>
    put(
      'node-to-golden',
      {
        source: { repository: `${QUARANTINE}/node` },
        target: { repository: `${GOLDEN}/docker.io/library/node` },
        ...{ tags: { semver: ['*'] }, promote: { approval: 'Always' }, ...spec },
      },
      status,
    );
  const run = (name: string, status: Fields): void => {
    twin.put(RESOURCES.promotionRuns, {
      ...{ apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePromotionRun' },
      ...{ metadata: { name, namespace: NAMESPACE }, spec: {}, status },
    });
  };
  const replica = (): AskForMissing =>
    createMissing({
      promotions: readPromotions(twin, NAMESPACE, clock),
      ...{ request: 'node-mirror', anonymous, clock, onError: (_, error) => void warnings.push(error) },
    });
  const askedAt = (): string | undefined =>
    twin.peek({ resource: RESOURCES.promotions, namespace: NAMESPACE, name: 'node-mirror' })?.metadata
      .annotations?.[ASKED_AT];
  const after = (milliseconds: number): Date => {
    time.now += milliseconds;
    return clock();
  };
  const writes = (): number => twin.calls.filter(({ verb }) => verb === 'patch').length;
  return { twin, warnings, put, mirror, promotion, run, replica, askedAt, after, writes };
}

export const refOf = (text: string) => {
  const read = parseReference(text);
  if (!read.ok) throw new Error(text);
  return read.value;
};

export const missOf = (tag = '22.1.0', more: Partial<Miss> = {}): Miss => ({
  asked: refOf(`node:${tag}`),
  place: refOf(`${GOLDEN}/docker.io/library/node:${tag}`),
  ...{ isThere: false, caller: CI, mayRead: () => Promise.resolve([]) },
  ...more,
});

export const at = (minutes: number): string =>
  new Date(START + minutes * MINUTE).toISOString().slice(0, 19) + 'Z';
/** The status of a promotion whose last run began and ended so many minutes after the start. */
export const ran = (name: string, began: number, ended = began, more: Fields = {}): Fields => ({
  lastRunTime: at(began),
  lastRun: { name, generation: 1, completionTime: at(ended) },
  ...more,
});
/** The row of the image that {@link missOf} asks for. */
export const row = (decision: string, more: Fields = {}): Fields => ({ tag: '22.1.0', decision, ...more });
