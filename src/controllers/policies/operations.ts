import type { Clock, Gauge } from '../../core/model/index.ts';
import type { PolicySet } from './compile-documents.ts';
import type { PublicRootStatus } from './public-root.ts';

/** The state of policies and trust while the webhook runs, for readiness and metrics. */
export interface Operations {
  readonly gauges: readonly Gauge[];
  /** What there is to say besides being ready, one line each. */
  readonly details: () => readonly string[];
  /** The body of `/readyz`: `ok`, then the details. */
  readonly readiness: () => string;
}

/** Shows people and Prometheus which policies and trust roots are in force. */
export function operationsOf(given: {
  readonly policies: () => Pick<PolicySet, 'policies' | 'roots'>;
  readonly publicRoot: () => PublicRootStatus;
  readonly clock: Clock;
}): Operations {
  const { policies, publicRoot, clock } = given;
  const details = () => {
    const roots = rootsOf(policies(), publicRoot()).map(
      ({ source, fingerprint, since }) =>
        `trust root ${fingerprint.slice(0, 12)}: ${source}, since ${since.toISOString()}`,
    );
    const { lastFailure } = publicRoot();
    const failure = lastFailure === undefined ? [] : [`trust root refresh failed: ${lastFailure}`];
    return [`policies: ${String(policies().policies.length)}`, ...roots, ...failure];
  };
  return {
    gauges: [
      {
        name: 'pratique_policies',
        help: 'Policies in force.',
        labels: [],
        read: () => [{ labels: {}, value: policies().policies.length }],
      },
      {
        name: 'pratique_trust_root_age_seconds',
        help: 'Seconds since a trust root was loaded or last refreshed, by where it came from.',
        labels: ['source', 'fingerprint'],
        read: () =>
          rootsOf(policies(), publicRoot()).map(({ source, fingerprint, since }) => ({
            labels: { source, fingerprint },
            value: Math.max(0, (clock().getTime() - since.getTime()) / 1_000),
          })),
      },
    ],
    details,
    readiness: () => `${['ok', ...details()].join('\n')}\n`,
  };
}

function rootsOf({ roots }: Pick<PolicySet, 'roots'>, { source, fingerprint, since }: PublicRootStatus) {
  return [{ source: `public-good (${source})`, fingerprint, since }, ...roots];
}
