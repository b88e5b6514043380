import { access, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { KubeConfig, loadYaml, type Cluster } from '@kubernetes/client-node';
import { parsed, problem, type Parsed, isObject, errorCode } from '../../core/model/index.ts';
import { SERVICE_ACCOUNT_FOLDER } from './login.ts';

/** `http` and unverified TLS would show the token to an attacker on the network; loopback has no network in between. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Reads a kubeconfig. No message repeats what is in it, for tokens stand there. */
export async function readKubeconfig(file: string): Promise<Parsed<KubeConfig>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => ({ unreadable: errorCode(error) }));
  if (typeof text !== 'string') return problem(file, `cannot be read (${text.unreadable})`);
  const folder = dirname(resolve(file));
  const config = new KubeConfig();
  try {
    config.loadFromString(JSON.stringify(withTokenFiles(loadYaml(text), folder)));
    config.makePathsAbsolute(folder);
  } catch {
    return problem(file, 'is no kubeconfig'); // the parser's own message quotes the lines it failed at
  }
  return sound(file, config);
}

/** The login of the pod we run in. `root` stands before all paths, for a folder that is mounted elsewhere. */
export async function readInCluster(root = ''): Promise<Parsed<KubeConfig>> {
  const missing = await Promise.all(
    ['token', 'ca.crt'].map((name) => objection(`${root}${SERVICE_ACCOUNT_FOLDER}/${name}`)),
  );
  const problems = missing.filter((one) => one !== undefined);
  if (problems.length > 0) return { ok: false, problems };
  const config = new KubeConfig();
  config.loadFromCluster(root);
  if (!URL.canParse(config.getCurrentCluster()?.server ?? ''))
    return problem('KUBERNETES_SERVICE_HOST', 'and KUBERNETES_SERVICE_PORT name no API server');
  return sound('KUBERNETES_SERVICE_HOST', config);
}

async function objection(file: string): Promise<{ path: string; message: string } | undefined> {
  try {
    await access(file);
    return undefined;
  } catch (error) {
    const message = `cannot be read (${errorCode(error)}): outside a cluster, name a kubeconfig`;
    return { path: file, message };
  }
}

/** `tokenFile`, which the library does not know under this name, as the form of it that is read again and again. */
function withTokenFiles(document: unknown, folder: string): unknown {
  if (!isObject(document) || !Array.isArray(document.users)) return document;
  const users: unknown[] = document.users.map((entry: unknown) => {
    if (!isObject(entry) || !isObject(entry.user) || typeof entry.user.tokenFile !== 'string') return entry;
    const { tokenFile, ...user } = entry.user;
    const config = { tokenFile: resolve(folder, tokenFile) };
    return { ...entry, user: { ...user, token: undefined, 'auth-provider': { name: 'tokenFile', config } } }; // the file wins
  });
  return { ...document, users };
}

/** What is wrong with a configuration; otherwise itself, fit for the library. */
function sound(path: string, config: KubeConfig): Parsed<KubeConfig> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) return problem(path, 'names no cluster in its current context');
  // Without a user the library forgets the CA too.
  if (config.getCurrentUser() === null) return problem(path, 'names no user in its current context');
  const message = objectionToServer(cluster);
  if (message !== undefined) return problem(path, message);
  if (cluster.server.startsWith('https:')) return parsed(config);
  // The field of the library that allows plain http.
  const plain = { ...cluster, skipTLSVerify: true };
  config.clusters = config.clusters.map((each) => (each.name === cluster.name ? plain : each));
  return parsed(config);
}

function objectionToServer({ server, skipTLSVerify, proxyUrl }: Cluster): string | undefined {
  if (!URL.canParse(server)) return 'names a server that is no URL';
  const { protocol, hostname, username, password, search } = new URL(server);
  if (username + password + search !== '') return 'names a server with a login or a query in its URL';
  if (proxyUrl?.startsWith('socks') === true) return 'names a SOCKS proxy; only HTTP proxies can be used';
  if (protocol !== 'https:' && protocol !== 'http:') return 'names a server that is not reached by https';
  if (LOOPBACK.test(hostname)) return undefined;
  if (protocol === 'http:') return 'names a server without TLS, which is for loopback only';
  return skipTLSVerify ? 'switches the verification of TLS off, which is for loopback only' : undefined;
}
