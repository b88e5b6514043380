import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type Outcome } from './programs/command.ts';
import { requirePrograms } from './programs/ensure.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** The chart. */
export const chart = join(root, 'charts', 'pratique');
/** Release and namespace that the documentation uses, and the install manifest is rendered for. */
export const RELEASE = 'pratique';
const INSTALL = join(root, 'manifests', 'install.yaml');

export interface HelmOptions {
  /** Absent = commands without a cluster. */
  readonly kubeconfigPath?: string;
  /** A values file on standard input, for commands that are given `-f -`. */
  readonly values?: object;
  /** For commands that wait for pods. */
  readonly withinMs?: number;
}

/** Runs Helm; a code other than 0 is an answer. Nothing of the user's own Helm is read or written. */
export async function helm(args: readonly string[], options: HelmOptions = {}): Promise<Outcome> {
  const { helm: command } = await requirePrograms(['helm']);
  const { kubeconfigPath = '/nonexistent', values, withinMs } = options;
  const home = join(tmpdir(), 'pratique-e2e-helm');
  return runCommand({
    command,
    args,
    ...(values !== undefined && { input: JSON.stringify(values) }),
    ...(withinMs !== undefined && { withinMs }),
    env: {
      KUBECONFIG: kubeconfigPath,
      HELM_CACHE_HOME: join(home, 'cache'),
      HELM_CONFIG_HOME: join(home, 'config'),
      HELM_DATA_HOME: join(home, 'data'),
    },
  });
}

/** `helm template` of the chart with these values. */
export function renderChart(values: object = {}, args: readonly string[] = []): Promise<Outcome> {
  return helm(['template', RELEASE, chart, '--namespace', RELEASE, '-f', '-', ...args], { values });
}

/** Rendered documents without those that only `helm test` needs. */
export const withoutTests = (rendered: string): string =>
  rendered.replace(/^# Source: .*\/templates\/tests\/.*\n(?:(?!---$).*\n)*---\n/gm, '');

/**
 * The install manifest: the chart with its default values, and its namespace. Hooks and what `helm test` needs are left out, since
 * only Helm knows what they mean; so is the default policy, which one `kubectl apply` could not create beside its definition.
 */
export async function installManifest(): Promise<string> {
  const { code, stdout, stderr } = await renderChart({ defaultPolicy: { enabled: false } }, ['--no-hooks']);
  if (code !== 0) throw new Error(`helm template ended with ${code}: ${stderr}`);
  const unmanaged = withoutTests(stdout).replace(
    /^ +(?:helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n/gm,
    '',
  );
  const namespace = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${RELEASE}\n`;
  return `# Made by \`npm run generate:install\` from charts/pratique; do not edit.\n${namespace}${unmanaged}`;
}

/** The install manifest as it is in the repository. */
export const readInstallManifest = (): Promise<string> => readFile(INSTALL, 'utf8');

if (import.meta.main) {
  await mkdir(join(root, 'manifests'), { recursive: true });
  await writeFile(INSTALL, await installManifest());
}
