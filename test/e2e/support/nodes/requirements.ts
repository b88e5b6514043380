import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runCommand } from '../programs/command.ts';
import { CNI_PLUGINS, CONTROL_PLANE, REGISTRY_NAME } from './node-files.ts';

/** What nodes, and clients that unpack images as they do, need of a machine: program → the package of Debian that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  buildah: 'buildah',
  skopeo: 'skopeo',
};
/** Where control groups are. */
const CGROUPS = '/sys/fs/cgroup';
/** Controllers that a kubelet refuses to start without. */
const CONTROLLERS: readonly string[] = ['cpu', 'cpuset', 'memory', 'pids'];
const ENABLED = CONTROLLERS.map((one) => `+${one}`).join(' ');

/** Runs a command where nodes can be started: it ends with all that it started, also when this process is killed. */
export const ENCLOSE: readonly string[] = [
  ...['env', `E2E_HOSTS=${CONTROL_PLANE} ${REGISTRY_NAME}`, `E2E_CONTROLLERS=${ENABLED}`],
  ...['setpriv', '--pdeathsig', 'KILL', 'bash', join(import.meta.dirname, 'enclose.sh')],
];
const PLUGINS_PACKAGE = 'containernetworking-plugins';
/** Kinds of namespaces that nodes are made of. */
const NAMESPACES = ['--mount', '--net', '--pid', '--cgroup', '--uts', '--ipc', '--fork'];

/** Why nodes cannot be started on this machine, one sentence each; empty if they can. */
export async function whyNoNodes(): Promise<readonly string[]> {
  if (process.platform !== 'linux') return ['nodes need Linux'];
  if (process.getuid?.() !== 0) return ['nodes need root, for namespaces, mounts and cgroups'];
  const missing = await missingPackages();
  if (missing.length > 0)
    return [`nodes need packages: apt-get install --no-install-recommends ${missing.join(' ')}`];
  const without = await whyNoControllers();
  if (without !== undefined) return [without];
  const tried = await runCommand({ command: 'unshare', args: [...NAMESPACES, 'true'] });
  return tried.code === 0 ? [] : [`nodes need namespaces, and unshare does not work: ${tried.stderr.trim()}`];
}

/**
 * Why groups of cgroup v2 would not get the controllers that a kubelet needs; `undefined` if they would, and with cgroup v1. Enables them
 * for groups at the top, as an init system does.
 */
export async function whyNoControllers(top = CGROUPS): Promise<string | undefined> {
  const file = join(top, 'cgroup.controllers');
  if (!(await exists(file))) return undefined;
  const found = (await readFile(file, 'utf8')).trim().split(' ');
  const missing = CONTROLLERS.filter((one) => !found.includes(one));
  if (missing.length > 0) return `nodes need the controllers ${missing.join(', ')} of cgroup v2 in ${top}`;
  try {
    await writeFile(join(top, 'cgroup.subtree_control'), ENABLED);
    return undefined;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return `nodes need a cgroup v2 in ${top} that passes controllers on, as that of a machine, not of a container: ${detail}`;
  }
}

/** Packages of Debian that nodes need and this machine lacks. */
async function missingPackages(): Promise<readonly string[]> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const wanted = Object.entries(PROGRAMS).map(async ([program, name]) => {
    const found = await Promise.all(folders.map((folder) => exists(join(folder, program), constants.X_OK)));
    return found.includes(true) ? [] : [name];
  });
  const plugins = (await exists(join(CNI_PLUGINS, 'bridge'), constants.X_OK)) ? [] : [PLUGINS_PACKAGE];
  return [...(await Promise.all(wanted)).flat(), ...plugins];
}

async function exists(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

// For `.ci/run`, which installs them.
if (import.meta.main) console.log((await missingPackages()).join(' '));
