import { access, constants } from 'node:fs/promises';
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
/** Runs a command where nodes can be started: it ends with all that it started, also when this process is killed. */
export const ENCLOSE: readonly string[] = [
  ...['env', `E2E_HOSTS=${CONTROL_PLANE} ${REGISTRY_NAME}`],
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
  if (await exists('/sys/fs/cgroup/cgroup.controllers'))
    return ['nodes are not tried with cgroup v2: the controllers have to be mounted as cgroup v1'];
  const tried = await runCommand({ command: 'unshare', args: [...NAMESPACES, 'true'] });
  return tried.code === 0 ? [] : [`nodes need namespaces, and unshare does not work: ${tried.stderr.trim()}`];
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
