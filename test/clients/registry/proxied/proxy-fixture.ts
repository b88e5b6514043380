import type { Registry, RegistryOptions } from '../../../../src/clients/registry/index.ts';
import type { Digest } from '../../../../src/core/model/index.ts';
import type { SettingsInput } from '../../../../src/core/settings/index.ts';
import { createAuthority, type Authority } from '../../../support/certificates.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { startProxy, type ForwardProxy, type ProxyOptions } from '../../../support/registry/proxy.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { proxiesOf } from '../../http/proxies.ts';
import { client, closeClients, patient, tagged } from '../client.ts';

/** A registry that no name server knows, and a host that it sends to. */
export const NAME = 'registry.corp-only.example';
export const OTHER = 'storage.corp-only.example';
export const WHERE = { host: NAME };
export const LOGIN = 'acme:hush-hush';
export const PASSWORD = 'hush-hush';

/** A client's options, with the proxy of the settings, and the authorities that are trusted for it. */
type Options = Partial<RegistryOptions> & {
  readonly proxy?: SettingsInput['proxy'];
  readonly proxyCa?: string;
};

/** A registry with one image in `shop/web:1.0`, proxies before it, and clients behind them. */
export interface Lab {
  readonly registry: EmbeddedRegistry;
  readonly digest: string;
  readonly proxyTo: (options?: Partial<ProxyOptions>) => Promise<ForwardProxy>;
  readonly behind: (environment: Readonly<Record<string, string>>, options?: Options) => Promise<Registry>;
  readonly read: (one: Registry, tag?: string) => Promise<Digest | undefined>;
}

const knownHere: RegistryOptions['resolve'] = (name) =>
  name === '127.0.0.1'
    ? Promise.resolve([name])
    : Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }));

/** Registers hooks of mocha; what is handed to `started` counts for each test. */
export function useProxies(scheme: 'http' | 'https', started: (lab: Lab) => void): void {
  let authority: Authority;
  let registry: EmbeddedRegistry;
  const open: ForwardProxy[] = [];
  before(async () => {
    authority = await createAuthority('registries of acme');
    const dns = [NAME, OTHER];
    const tls = await authority.issue({ commonName: NAME, dns, ips: ['127.0.0.1'], usage: 'server' });
    registry = await startRegistry(scheme === 'https' ? { tls } : {});
  });
  after(() => registry.close());
  beforeEach(async () => {
    const other = await startRegistry();
    const { digest } = await pushImage({ registry: other.host, repository: 'shop/web', tag: '1.0' });
    registry.reset(other.content());
    await other.close();
    const port = Number(registry.host.replace(/^.*:/, ''));
    started({
      registry,
      digest,
      proxyTo: async (options = {}) => {
        const route = (host: string) => (host.includes('corp-only') ? port : undefined);
        const proxy = await startProxy({ route, ...options });
        open.push(proxy);
        return proxy;
      },
      behind: async (environment, { proxy = {}, proxyCa = '', ...options } = {}) => {
        const { proxies } = await proxiesOf(environment, { settings: proxy, login: LOGIN, ca: proxyCa });
        return client({ ca: authority.cert, resolve: knownHere, proxies, ...options });
      },
      read: (one, tag) => one.tagDigest(tagged(WHERE, tag), patient()),
    });
  });
  afterEach(async () => {
    await closeClients();
    registry.reset();
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
}
