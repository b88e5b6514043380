import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, type Authority } from '../../../support/certificates.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../../support/sigstore/fulcio.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import { identityToken, startServers, type Servers } from '../../../support/sigstore/servers.ts';
import { openClusterFixture, type ClusterFixture } from '../../support/cluster/cluster-fixture.ts';
import { openPromotions, promotion, type Promotions } from '../../support/promotions/promotions.ts';
import { openSenders, type Senders } from '../../support/promotions/senders.ts';
import { openWorkspace } from '../../support/programs/workspace.ts';

/** A fixture with everything that promotions depend on. */
export interface Around {
  readonly fixture: ClusterFixture;
  readonly flow: Promotions;
  readonly senders: Senders;
  /** The CA of the certificate of `locked`. */
  readonly authority: Authority;
  /**
   * Speaks https, and accepts only jane with the password `right`. Its host is not loopback by its text, so that TLS is asked
   * of it as of any other, and leads to this machine all the same ("this host", RFC 1122 section 3.2.1.3).
   */
  readonly locked: Pick<EmbeddedRegistry, 'host'>;
  /** Accepts every client, over http. Holds `app:1.0.0`. */
  readonly open: EmbeddedRegistry;
  /** Fulcio and Rekor, which receive the token of {@link IDENTITY}, and their trust root. */
  readonly sigstore: Servers & Pick<Sigstore, 'rootJson'>;
  stop(): Promise<void>;
}

/** The identity that promotions may use. */
export const IDENTITY = 'release-job';
/** Milliseconds without an event after which a burst is over: longer than it takes to send a hundred. */
const QUIET_MS = 3_000;

/** Opens the whole fixture. */
export async function openAround(): Promise<Around> {
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends) await end();
  };
  try {
    const authority = await createAuthority('registries');
    const tls = await authority.issue({ commonName: 'registry', ips: ['0.0.0.0'], usage: 'server' });
    const secure = await startRegistry({ tls, auth: { kind: 'basic', username: 'jane', password: 'right' } });
    ends.unshift(() => secure.close());
    const locked = { host: secure.host.replace('127.0.0.1', '0.0.0.0') };
    const open = await startRegistry();
    ends.unshift(() => open.close());
    await pushImage({ registry: open.host, repository: 'app', tag: '1.0.0' });
    const senders = await openSenders(open.host);
    ends.unshift(() => senders.stop());
    const { rootJson, ...made } = await createSigstore();
    const servers = await startServers({ rootJson, ...made });
    ends.unshift(() => servers.stop());
    const workspace = await openWorkspace('identity');
    ends.unshift(() => workspace.close());
    const file = join(workspace.folder, 'token');
    await writeFile(file, identityToken({ iss: OPENID_ISSUER, sub: WORKFLOW }));
    const lent = { file, servers: [servers.url], namespaces: ['platform'] };
    const fixture = await openClusterFixture({
      replicas: 1,
      values: {
        settings: {
          registries: { allowedAddresses: ['0.0.0.0'] },
          events: { receivers: senders.receivers, quietMs: QUIET_MS },
          signing: { identityTokens: { [IDENTITY]: lent } },
        },
      },
      eventsListen: senders.listen,
      environment: senders.environment,
    });
    ends.unshift(() => fixture.stop());
    const flow = await openPromotions(fixture);
    const sigstore = { ...servers, rootJson };
    return { fixture, flow, senders, authority, locked, open, sigstore, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A side of a promotion. */
export function at(path: string, { host }: { readonly host: string }): { readonly repository: string } {
  return { repository: `${host}/${path}` };
}

/** A mirror of all versions. */
export function mirror(name: string, source: object, target: object): object {
  return promotion(name, { source, target, tags: { semver: ['*'] }, mirror: {} });
}

/** The condition of a promotion. */
export async function conditionOf({ flow }: Around, name: string, type: string) {
  return (await flow.promotion(name)).status?.conditions?.find((one) => one.type === type);
}

/** Waits until a promotion has this condition. */
export async function says(
  { flow }: Around,
  { name, type, said }: Readonly<Record<'name' | 'type' | 'said', string>>,
): Promise<void> {
  await flow.until(name, `${type} ${said}`, ({ status }) =>
    (status?.conditions ?? []).some(
      (one) => one.type === type && one.status === 'True' && `${one.reason}: ${one.message}`.includes(said),
    ),
  );
}
