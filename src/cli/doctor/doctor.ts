import { checkCrd, readCrd } from './crds.ts';
import { examine, failed, ok, textAt, type CheckResult, type Examination } from './check.ts';
import { checkLease, checkPolicies, checkSelfTest } from './controller.ts';
import { checkCertificate, checkNamespaces, checkPinning, checkRegistration } from './webhook.ts';
import { checkPath } from './path.ts';
import { checkTarget, readRegistration, webhookOf } from './webhook.ts';
import { checkPermissions } from './permissions.ts';
import { exitCodeOf, must } from '../exit.ts';
import { type OutputFormat, coloured, printDocument } from '../output.ts';
import { withOutput, withTimeout } from '../options.ts';
import type { AddCommand, Tools, Terminal } from '../ports.ts';

type DoctorTools = Required<Pick<Tools, 'clock' | 'doctor'>>;

interface DoctorCommandOptions {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly name: string;
  readonly secret?: string;
  readonly serviceAccount?: string;
  readonly canaryNamespace: string;
  readonly timeout: number;
  readonly output: OutputFormat;
}

/** Time for the whole command: canaries that time out are answered by then, too. */
const DEFAULT_TIMEOUT = '2m';
const API_SERVER = 'api server';

/** `pratique doctor`: whether an installation works, line by line, and what to do where it does not. */
export const addDoctor: AddCommand<DoctorTools> = (program, { clock, doctor }, terminal, exit) => {
  const command = program
    .command('doctor')
    .description('examine an installation in a cluster, and prove that images are refused')
    .option('--kubeconfig <file>', 'how to reach the API server (default: as kubectl does)')
    .option('-n, --namespace <name>', 'namespace of the installation', 'pratique')
    .option('--name <name>', 'name of its webhook configurations and Lease', 'pratique')
    .option('--secret <name>', "Secret with the webhook's certificate (default: NAME-webhook-tls)")
    .option('--service-account <name>', 'ServiceAccount of the controller (default: NAME)')
    .option('--canary-namespace <name>', 'namespace for canaries, which are dry runs', 'default');
  withTimeout(command, 'time for everything together', DEFAULT_TIMEOUT);
  withOutput(command).action(async ({ kubeconfig, timeout, output, ...options }: DoctorCommandOptions) => {
    const ports = must(await doctor({ kubeconfig }));
    try {
      const { name, secret = `${name}-webhook-tls`, serviceAccount = name } = options;
      const signal = AbortSignal.timeout(timeout);
      const results = await examineAll({ ...options, ports, secret, serviceAccount, now: clock(), signal });
      reportChecks(results, output, terminal);
      exit(
        exitCodeOf(
          results.map(({ status }) => status),
          ['failed'],
          'unknown',
        ),
      );
    } finally {
      await ports.close();
    }
  });
};

/** Runs all checks; ends early when later checks could not give a result. */
async function examineAll(given: Examination): Promise<readonly CheckResult[]> {
  const { ports, signal } = given;
  const server = await examine(API_SERVER, async () =>
    ok(API_SERVER, `${ports.server}, ${await ports.version(signal)}`),
  );
  if (server.some(({ status }) => status !== 'ok')) return server;
  const missing = await examine('installation', () => checkInstalled(given));
  if (missing.some(({ status }) => status === 'failed')) return [...server, ...missing];
  const parts = await Promise.all([
    ...[...ports.shippedCrds, ...ports.promotionCrds].map((crd) => {
      const isOptional = ports.promotionCrds.includes(crd);
      return examine(`crd ${textAt(crd, 'metadata', 'name')}`, () => checkCrd(given, crd, isOptional));
    }),
    examine('webhook', () => examineWebhook(given)),
    examine('pinning webhook', async () => checkPinning(await readRegistration(given, 'mutating'))),
    examine('leader', () => checkLease(given)),
    examine('policies', () => checkPolicies(given)),
    examine('permissions', () => checkPermissions(given)),
    examine('self-test', () => checkSelfTest(given)),
  ]);
  return [...server, ...parts.flat()];
}

/** One failure instead of twenty where there is nothing of Pratique at all. */
async function checkInstalled(given: Examination): Promise<readonly CheckResult[]> {
  const [registration, ...crds] = await Promise.all([
    readRegistration(given, 'validating'),
    ...given.ports.shippedCrds.map((crd) => readCrd(given, textAt(crd, 'metadata', 'name'))),
  ]);
  if (registration ?? crds.find((crd) => crd !== undefined)) return [];
  const next = 'install the chart, or name the installation by --name';
  return [failed('installation', `Pratique is not installed as "${given.name}"`, next)];
}

async function examineWebhook(given: Examination): Promise<readonly CheckResult[]> {
  const webhook = webhookOf(await readRegistration(given, 'validating'));
  if (webhook === undefined) return checkRegistration(webhook);
  const parts = await Promise.all([
    examine('webhook caBundle', () => checkCertificate(given, webhook)),
    examine('webhook path', () => checkPath(given, webhook)),
    examine('webhook target', () => checkTarget(given, webhook)),
    examine('exempt namespaces', () => checkNamespaces(given, webhook)),
  ]);
  return [...checkRegistration(webhook), ...parts.flat()];
}

type Status = CheckResult['status'];

const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, failed: 31, unknown: 35 };
const WIDTH = 'warning'.length;
/** Widest column of names; longer ones push their line to the right. */
const MAX_NAME = 36;

function reportChecks(
  results: readonly CheckResult[],
  format: OutputFormat,
  { out, colour }: Pick<Terminal, 'out' | 'colour'>,
): void {
  const summary = Object.fromEntries(
    Object.keys(COLOURS).map((status) => [status, results.filter((one) => one.status === status).length]),
  );
  if (format !== 'text') {
    out(printDocument({ checks: results, summary }, format));
    return;
  }
  const name = Math.min(MAX_NAME, Math.max(0, ...results.map(({ check }) => check.length)));
  const lines = results.flatMap(({ check, status, detail, next }) => {
    const line = `${coloured(status.padEnd(WIDTH), COLOURS[status], colour)}  ${check.padEnd(name)}  ${detail}`;
    return next === undefined ? [line] : [line, `${' '.repeat(WIDTH + 2 + name)}  → ${next}`];
  });
  const total = Object.entries(summary)
    .filter(([, many]) => many > 0)
    .map(([status, many]) => `${many} ${status}`)
    .join(', ');
  out(`${[...lines, total].join('\n')}\n`);
}
