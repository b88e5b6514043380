import { openProxies, type Proxies } from '../../../src/clients/http/index.ts';
import { parsed } from '../../../src/core/model/index.ts';
import { parseSettings, type SettingsInput } from '../../../src/core/settings/index.ts';

/** What {@link proxiesOf} reads besides the environment. */
interface Given {
  readonly settings?: SettingsInput['proxy'];
  /** The text of every file. */
  readonly login?: string;
  /** PEM of every list of authorities. */
  readonly ca?: string;
}

/** The proxies of an environment and settings. */
export async function proxiesOf(
  environment: Readonly<Record<string, string>>,
  { settings: proxy = {}, login = '', ca = '' }: Given = {},
): Promise<{ readonly proxies: Proxies | undefined }> {
  const settings = parseSettings({ proxy });
  if (!settings.ok) throw new Error(JSON.stringify(settings.problems));
  const proxies = await openProxies(settings.value.proxy, {
    environment,
    readText: () => Promise.resolve(parsed(login)),
    readCertificates: () => Promise.resolve(parsed(ca)),
  });
  if (!proxies.ok) throw new Error(JSON.stringify(proxies.problems));
  return { proxies: proxies.value };
}
