// A company's registry that wants a login, the installation that has one, and the registry of another team.
import type { SettingsInput } from '../../../src/core/settings/index.ts';
import { failure } from '../registry/http.ts';
import { startRegistry, type EmbeddedRegistry, type Intercept } from '../registry/index.ts';
import { pushImage, type Pushed } from '../registry/push.ts';
import {
  openPromotionFixture,
  type InstallationOptions,
  type PromotionFixture,
} from './promotion-fixture.ts';

export type WrittenGrants = NonNullable<NonNullable<SettingsInput['promotions']>['grants']>;

/** The company's registry, and what promotions are opened with. */
export interface Company {
  readonly registry: EmbeddedRegistry;
  readonly fixture: PromotionFixture;
  /** Pushes an image to the company's registry, with its login. */
  readonly push: (repository: string, tag?: string) => Promise<Pushed>;
  /** The digest of a tag at a registry, as its owner sees it; `undefined` = there is none. */
  readonly at: (registry: EmbeddedRegistry, repository: string, tag?: string) => Promise<string | undefined>;
  /** Requests to the company's registry that carried a login. */
  readonly withLogin: () => number;
  readonly close: () => Promise<void>;
}

/** What an installation is opened with. */
interface CompanyOptions extends InstallationOptions {
  /** The grants of the settings, for the company's registry. */
  readonly grants?: (host: string) => WrittenGrants;
  readonly settings?: SettingsInput;
  /** Repositories below this path are shown to everyone. */
  readonly open?: string;
}

/** A login in a Docker config. */
export const auth = (username: string) => ({
  auth: Buffer.from(`${username}:of-${username}`).toString('base64'),
});
/** The entries of a Secret with logins. */
export const pullSecret = (auths: Readonly<Record<string, string>>) => ({
  '.dockerconfigjson': JSON.stringify({
    auths: Object.fromEntries(Object.entries(auths).map(([place, username]) => [place, auth(username)])),
  }),
});
export const basic = (username: string): string => `Basic ${auth(username).auth}`;

/** Opens a company whose registry wants the login `pratique`, which the installation has. */
export async function openCompany(options: CompanyOptions = {}): Promise<Company> {
  const { grants = () => [], settings = {}, open, ...installation } = options;
  const registry = await startRegistry({ intercept: guard(open) });
  const { host } = registry;
  const fixture = await openPromotionFixture(
    {},
    { ...settings, promotions: { ...settings.promotions, grants: grants(host) } },
    {
      dockerConfig: { auths: { [host]: auth('pratique') } },
      namespaceLabels: () => Promise.resolve({ state: 'found', value: {}, seenAt: new Date() }),
      ...installation,
    },
  );
  const headers = { authorization: basic('pratique') };
  return {
    ...{ registry, fixture },
    push: (repository, tag = '1.0') =>
      pushImage({ registry: host, repository, tag, headers }, { salt: repository }),
    at: async ({ url }, repository, tag = '1.0') => {
      const accept = 'application/vnd.oci.image.manifest.v1+json';
      const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
        headers: { ...headers, accept },
      });
      return answer.headers.get('docker-content-digest') ?? undefined;
    },
    withLogin: () => registry.requests.filter(({ authorized }) => authorized).length,
    close: async () => {
      await fixture.close();
      await registry.close();
    },
  };
}

/** Wants the login of the installation or that of a team for what is its own, and none for reading below `open`. */
function guard(open: string | undefined): Intercept {
  return ({ method, url, headers: { authorization = '' } }) => {
    const reads = method === 'GET' || method === 'HEAD';
    if (reads && open !== undefined && url.pathname.startsWith(`/v2/${open}/`)) return undefined;
    const [, , owner = ''] = url.pathname.split('/');
    if ([basic('pratique'), basic(owner)].includes(authorization)) return undefined;
    return failure(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="company"' });
  };
}
